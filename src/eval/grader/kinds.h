/*
 * kinds.h: the kinds of graders, a line each; graders.c has them in order.
 */
#ifndef EVAL_GRADER_KINDS_H
#define EVAL_GRADER_KINDS_H

#include "eval/grader.h"

extern const struct grader_kind grader_exact;
extern const struct grader_kind grader_contains;
extern const struct grader_kind grader_f1;
extern const struct grader_kind grader_regex;
extern const struct grader_kind grader_number;
extern const struct grader_kind grader_choice;
extern const struct grader_kind grader_json;
extern const struct grader_kind grader_tool_call;
extern const struct grader_kind grader_refusal;
extern const struct grader_kind grader_safety;
extern const struct grader_kind grader_instructions;
extern const struct grader_kind grader_rubric;
extern const struct grader_kind grader_command;

#endif
