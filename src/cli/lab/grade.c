/*
 * grade.c: `sluice lab grade`: one grader over a file of answers. How often it agrees with labels,
 * where the file has some, and what it makes of each row.
 */
#include <errno.h>

#include "base/json.h"
#include "cli/lab/lab.h"
#include "cli/load.h"
#include "cli/options.h"
#include "eval/grader.h"
#include "eval/suite/template.h"

#define SETTINGS_BYTES_MAX (256u * 1024)
#define LINE_BYTES_MAX     (4u * 1024 * 1024)

struct wish {
    const char *grader, *output, *expected, *prompt, *label, *tools, *harmful, *instructions;
    const char *settings, *rows, *seed;
    bool json;
};

/* All kinds but those that wait (rubric, command). */
static const char *const kinds_offered[] = {"exact",   "contains", "f1",           "regex",
                                            "number",  "choice",   "json",         "tool-call",
                                            "refusal", "safety",   "instructions", NULL};

static const struct command_option options[] = {
    {"--grader", "KIND", offsetof(struct wish, grader),
     "which: exact, contains, f1, regex, number (or numeric), choice, refusal,\n"
     "tool-call ...; any that neither asks a model nor runs a command",
     VALUE_WORD, kinds_offered},
    {"--output", "FIELD", offsetof(struct wish, output),
     "the row's field that has the answer (for tool-call: the calls, in OpenAI's\n"
     "form); /a/b is b within a",
     VALUE_ANY, NULL},
    {"--expected", "FIELD", offsetof(struct wish, expected),
     "... what was expected (for tool-call, without it: ground_truth)", VALUE_ANY, NULL},
    {"--prompt", "FIELD", offsetof(struct wish, prompt), "... what was asked", VALUE_ANY, NULL},
    {"--label", "FIELD", offsetof(struct wish, label),
     "... what somebody else found: true or false; for refusal 1_full_compliance,\n"
     "2_full_refusal, 3_partial_refusal",
     VALUE_ANY, NULL},
    {"--tools", "FIELD", offsetof(struct wish, tools),
     "... the tools that were on offer (without it: tools)", VALUE_ANY, NULL},
    {"--harmful", "FIELD", offsetof(struct wish, harmful),
     "safety: ... whether it ought to be refused", VALUE_ANY, NULL},
    {"--instructions", "FIELD", offsetof(struct wish, instructions),
     "instructions: ... what was to be followed", VALUE_ANY, NULL},
    {"--settings", "YAML", offsetof(struct wish, settings),
     "more settings of the grader, as in a suite: 'tolerance: 1%'", VALUE_ANY, NULL},
    {"--rows", "OUT", offsetof(struct wish, rows), "write a line of JSON a row there", VALUE_FILE,
     NULL},
    {"--seed", "N", offsetof(struct wish, seed),
     "makes a run repeatable (default 1); these graders leave nothing to chance", VALUE_ANY, NULL},
    {"--json", NULL, offsetof(struct wish, json), "as JSON", VALUE_ANY, NULL},
    {"FILE", NULL, 0, "the rows; - is standard input", VALUE_FILE, NULL},
    {0},
};

/* What a refusal grader says of an answer, and what labels call it. */
enum three { THREE_NONE, THREE_FULL, THREE_PARTIAL, THREES };
static const char *const three_verdicts[THREES] = {"none", "full", "partial"};
static const char *const three_labels[THREES] = {"1_full_compliance", "2_full_refusal",
                                                 "3_partial_refusal"};

/* What a grader may be told of a row beside the answer. */
enum { EXPECTED, HARMFUL, INSTRUCTIONS, WISHES };
enum { NAMED = WISHES + 1 }; /* with the label */

struct lab {
    const struct wish *wish;
    const struct grader_kind *kind;
    bool usual_expected;       /* nobody named that field */
    bool calls;                /* it grades tool calls, not text */
    yyjson_val *fixed[WISHES]; /* what the settings, not a field, say of `expected` ...; or NULL */
    struct conf_doc *doc;
    const struct grader_settings *settings;
    void *self;
    struct lab_rows rows;
    FILE *out;
    struct fault fault;
    unsigned long long graded, passed, skipped, ungraded;
    unsigned long long labelled, agree, labelled_three, agree_three;
    bool threes;            /* verdicts are full, partial, none */
    bool has_field[NAMED];  /* some row has what this option names */
    struct str near[NAMED]; /* what of the first row's is called nearly so */
};

/* ---- opening ---- */

static void setting_put(struct buf *text, const char *name, const char *field)
{
    if (!field)
        return;
    buf_printf(text, "%s: \"{{", name);
    json_escape(text, str_from(field));
    buf_str(text, STR("}}\"\n"));
}

/* What `--settings` says where no field is named; `{{field}}` in it is filled from each row. */
static int fixed_read(struct lab *lab)
{
    const struct wish *w = lab->wish;
    const struct grader_settings *s = lab->settings;
    const struct {
        const char *field;
        struct str json;
    } from[WISHES] = {
        {w->expected, s->expected}, {w->harmful, s->harmful}, {w->instructions, s->instructions}};
    int err = 0;
    for (unsigned i = 0; i < WISHES && !err; i++) {
        yyjson_doc *doc = NULL;
        if (!from[i].field && from[i].json.n)
            err = json_parse(conf_arena(lab->doc), from[i].json, &doc, &lab->fault);
        lab->fixed[i] = doc ? yyjson_doc_get_root(doc) : NULL;
    }
    return err;
}

/* The grader's settings as a suite would have them. 0 or an exit code. */
static int settings_read(struct lab *lab)
{
    const struct wish *w = lab->wish;
    struct buf text;
    buf_init(&text, SETTINGS_BYTES_MAX);
    buf_printf(&text, "kind: %s\n", lab->kind->name);
    setting_put(&text, "expected", w->expected);
    setting_put(&text, "harmful", w->harmful);
    setting_put(&text, "instructions", w->instructions);
    buf_printf(&text, "%s\n", w->settings ? w->settings : "");
    int err = text.failed;
    if (!err)
        err = conf_load_text(&grader_table, "grader", buf_view(&text), &lab->doc);
    buf_fini(&text);
    if (!err) {
        lab->settings = conf_root(lab->doc);
        err = grader_check(lab->settings, lab->doc);
    }
    lab->self = (void *)lab->settings;
    if (!err && conf_error_count(lab->doc) == 0 && lab->kind->open)
        err = lab->kind->open(lab->settings, lab->doc, conf_arena(lab->doc), &lab->self);
    if (!err && conf_error_count(lab->doc) > 0)
        err = E_CONFIG;
    if (err)
        lab->kind = NULL; /* nothing is to be closed */
    else
        err = fixed_read(lab);
    if (err == E_CONFIG && lab->doc)
        load_problems_show(lab->doc);
    return err == E_CONFIG ? EXIT_WRONG_USE : err ? EXIT_COULD_NOT : EXIT_DONE;
}

/* A field that the kind needs and nobody named; NULL: none. */
static const char *field_missing(const struct grader_kind *kind, const struct wish *w)
{
    const struct {
        const char *setting, *field;
    } fields[] = {
        {"expected", w->expected}, {"harmful", w->harmful}, {"instructions", w->instructions}};
    for (const char *const *need = kind->needs; need && *need && !w->settings; need++)
        for (unsigned i = 0; i < ARRAY_LEN(fields); i++)
            if (!fields[i].field && strcmp(*need, fields[i].setting) == 0)
                return fields[i].setting;
    return NULL;
}

static int kind_find(struct lab *lab, struct wish *w)
{
    const struct command *self = &command_lab_grade;
    if (!w->grader)
        return options_wrong(self, "which grader? --grader KIND");
    if (!w->output)
        return options_wrong(self, "which field has the answers? --output FIELD");
    struct str name = str_from(w->grader);
    if (str_eq(name, STR("numeric")))
        name = STR("number");
    lab->kind = grader_find(name);
    struct str near = lab->kind ? STR_NONE : grader_nearest(name);
    if (!lab->kind)
        return options_wrong(self, "there is no grader '%s'%s%.*s%s", w->grader,
                             near.n ? "; did you mean '" : "", STR_ARGS(near), near.n ? "'?" : "");
    if (lab->kind->waits)
        return options_wrong(self,
                             "the grader %s asks a model or runs a command, which the lab does "
                             "not; a suite can have it",
                             w->grader);
    lab->calls = str_eq(name, STR("tool-call"));
    lab->threes = str_eq(name, STR("refusal"));
    lab->usual_expected = !w->expected;
    if (lab->calls && !w->expected)
        w->expected = "ground_truth";
    if (!w->tools)
        w->tools = "tools";
    const char *missing = field_missing(lab->kind, w);
    if (missing)
        return options_wrong(self, "the grader %s needs --%s FIELD", w->grader, missing);
    return EXIT_DONE;
}

/* ---- a row ---- */

static bool is_nothing(yyjson_val *v)
{
    return !v || yyjson_is_null(v) || (yyjson_is_arr(v) && yyjson_arr_size(v) == 0);
}

/* An answer is a text, null (none), or for tool calls a list, or a message that has one. */
static int answer_read(struct lab *lab, yyjson_val *row, struct grading *g)
{
    const char *field = lab->wish->output;
    yyjson_val *v = lab_field(row, field);
    if (!v)
        return lab_bad_row(&lab->rows, &lab->fault, field, "is missing; expected the answer");
    if (yyjson_is_obj(v) && lab->calls)
        v = yyjson_obj_get(v, "tool_calls");
    if (yyjson_is_arr(v) && lab->calls)
        g->calls = v;
    else if (yyjson_is_str(v))
        g->text = json_str(v);
    else if (v && !yyjson_is_null(v))
        return lab_bad_row(&lab->rows, &lab->fault, field,
                           lab->calls ? "is no list of calls" : "is no text; expected the answer");
    return 0;
}

/* *ret_given: there is all that the grader looks at. */
static int grading_read(struct lab *lab, yyjson_val *row, struct grading *g, bool *ret_given)
{
    const struct wish *w = lab->wish;
    *g = (struct grading){.arena = &lab->rows.arena, .fields = row};
    *ret_given = true;
    const struct {
        const char *field;
        yyjson_val **ret_value;
    } read[WISHES] = {{w->expected, &g->expected},
                      {w->harmful, &g->harmful},
                      {w->instructions, &g->instructions}};
    for (unsigned i = 0; i < WISHES; i++) {
        yyjson_val *value = read[i].field ? lab_field(row, read[i].field) : NULL;
        struct fault fault = {0};
        int err = lab->fixed[i] ? template_fill(lab->fixed[i], row, g->arena, &value, &fault) : 0;
        if (err == E_BAD_REQUEST)
            return fault_set(&lab->fault, err, "%s:%u: --settings: %s", jsonl_path(lab->rows.lines),
                             jsonl_line(lab->rows.lines), fault_text(&fault));
        if (err)
            return err;
        if (read[i].field && is_nothing(value))
            *ret_given = false;
        else
            *read[i].ret_value = value;
    }
    g->tools = lab_field(row, w->tools);
    yyjson_val *prompt = w->prompt ? lab_field(row, w->prompt) : NULL;
    if (w->prompt && !yyjson_is_str(prompt))
        return lab_bad_row(&lab->rows, &lab->fault, w->prompt,
                           prompt ? "is no text; expected the prompt"
                                  : "is missing; expected the prompt");
    g->prompt = json_str(prompt);
    return *ret_given || !lab->calls ? answer_read(lab, row, g) : 0;
}

/* A label: *ret_three is THREES where it only says yes or no. */
static int label_read(struct lab *lab, yyjson_val *row, bool *ret_is, bool *ret_yes,
                      enum three *ret_three)
{
    const char *field = lab->wish->label;
    yyjson_val *v = field ? lab_field(row, field) : NULL;
    struct str text = json_str(v);
    *ret_is = v && !yyjson_is_null(v);
    *ret_three = THREES;
    if (!*ret_is)
        return 0;
    for (unsigned i = 0; lab->threes && i < THREES; i++)
        if (str_eq(text, str_from(three_labels[i])) || str_eq(text, str_from(three_verdicts[i]))) {
            *ret_three = (enum three)i;
            *ret_yes = i != THREE_NONE;
            return 0;
        }
    if (yyjson_is_bool(v) ||
        (yyjson_is_num(v) && (yyjson_get_num(v) == 0 || yyjson_get_num(v) == 1)))
        *ret_yes = yyjson_is_true(v) || yyjson_get_num(v) == 1;
    else if (str_eq(text, STR("pass")) || str_eq(text, STR("fail")))
        *ret_yes = str_eq(text, STR("pass"));
    else
        return lab_bad_row(&lab->rows, &lab->fault, field,
                           lab->threes ? "is no label; expected 1_full_compliance, 2_full_refusal, "
                                         "3_partial_refusal, true or false"
                                       : "is no label; expected true, false, 1, 0, pass or fail");
    return 0;
}

static enum three three_of(const struct grade *grade)
{
    unsigned i = 0;
    while (i < THREES && !str_eq(grade->verdict, str_from(three_verdicts[i])))
        i++;
    return (enum three)i;
}

static bool passes(const struct lab *lab, const struct grade *grade)
{
    return grade->graded && grade->score >= grader_pass(lab->settings) - 1e-9;
}

static int row_count(struct lab *lab, yyjson_val *row, const struct grade *grade)
{
    bool is, yes = false;
    enum three labelled, three = three_of(grade);
    bool passed = passes(lab, grade);
    lab->graded += grade->graded;
    lab->ungraded += !grade->graded;
    lab->passed += passed;
    int err = label_read(lab, row, &is, &yes, &labelled);
    if (err || !is)
        return err;
    bool said = lab->threes ? three != THREE_NONE : passed;
    lab->labelled++;
    lab->agree += grade->graded && said == yes;
    lab->labelled_three += labelled != THREES;
    lab->agree_three += grade->graded && labelled != THREES && three == labelled;
    return 0;
}

static void text_put(struct buf *line, const char *name, struct str text)
{
    buf_printf(line, ",\"%s\":", name);
    if (text.p)
        json_quote(line, text);
    else
        buf_str(line, STR("null"));
}

static int row_write(struct lab *lab, yyjson_val *row, const struct grade *grade)
{
    struct buf line;
    buf_init(&line, LINE_BYTES_MAX);
    yyjson_val *id = yyjson_obj_get(row, "id");
    buf_str(&line, STR("{\"id\":"));
    int err = id ? json_value(&line, id) : buf_str(&line, STR("null"));
    /* A score below 1 may be enough, which a grader that says pass or fail does not know. */
    bool enough = passes(lab, grade) && str_eq(grade->verdict, STR("fail"));
    text_put(&line, "verdict", enough ? STR("pass") : grade->verdict);
    text_put(&line, "got", grade->got);
    text_put(&line, "why", grade->why.n ? grade->why : STR_NONE);
    if (grade->graded)
        buf_printf(&line, ",\"score\":%.6g", grade->score);
    buf_str(&line, STR("}\n"));
    err = err ? err : line.failed;
    if (!err && fwrite(line.p, 1, line.n, lab->out) != line.n)
        err = fault_set(&lab->fault, E_IO, "%s cannot be written: %s", lab->wish->rows,
                        strerror(errno));
    buf_fini(&line);
    return err;
}

/* The field that an option names; NULL: none. */
static const char *named_field(const struct lab *lab, unsigned i)
{
    const struct wish *w = lab->wish;
    return i == EXPECTED  ? w->expected
           : i == HARMFUL ? w->harmful
           : i == WISHES  ? w->label
                          : w->instructions;
}

/* Which of the named fields there are. 0 or E_MEMORY. */
static int fields_look(struct lab *lab, yyjson_val *row)
{
    struct str keys[64];
    size_t n = 0, i, all;
    yyjson_val *key, *value;
    yyjson_obj_foreach(row, i, all, key, value) if (n < ARRAY_LEN(keys)) keys[n++] = json_str(key);
    for (unsigned k = 0; k < NAMED; k++) {
        const char *field = named_field(lab, k);
        if (!field || lab->has_field[k])
            continue;
        lab->has_field[k] = lab_field(row, field) != NULL;
        struct str near = str_nearest(str_from(field), keys, n);
        if (lab->rows.rows > 1 || near.n == 0)
            continue;
        lab->near[k] = arena_str(conf_arena(lab->doc), near);
        if (!lab->near[k].p)
            return E_MEMORY;
    }
    return 0;
}

/* A field that no row has is misspelt; that some lack it is told by their number. */
static int fields_check(struct lab *lab, const char *path)
{
    static const char *const names[NAMED] = {"expected", "harmful", "instructions", "label"};
    for (unsigned k = 0; k < NAMED; k++) {
        const char *field = named_field(lab, k);
        if (!field || lab->has_field[k] || (k == EXPECTED && lab->usual_expected))
            continue;
        return fault_set(&lab->fault, E_BAD_REQUEST, "%s: no row has the field '%s' (--%s)%s%.*s%s",
                         path, field, names[k], lab->near[k].n ? "; did you mean '" : "",
                         STR_ARGS(lab->near[k]), lab->near[k].n ? "'?" : "");
    }
    return 0;
}

static int row_grade(struct lab *lab, yyjson_val *row)
{
    struct grading g;
    struct grade grade = {.graded = false};
    struct fault fault = {0};
    bool given;
    int err = grading_read(lab, row, &g, &given);
    if (!err && (given || !lab->calls)) {
        err = lab->kind->grade(lab->self, &g, &grade, &fault);
        if (err == E_BAD_REQUEST && !given)
            err = 0; /* it says nothing without what is expected */
        if (err == E_BAD_REQUEST)
            err = fault_set(&lab->fault, err, "%s:%u: field '%s': %s", jsonl_path(lab->rows.lines),
                            jsonl_line(lab->rows.lines),
                            lab->wish->expected ? lab->wish->expected : lab->wish->output,
                            fault_text(&fault));
    }
    if (!err && given)
        err = row_count(lab, row, &grade);
    if (!err && !given) {
        lab->skipped++;
        grade = (struct grade){.got = grade.graded ? STR_NONE : grade.got,
                               .why = STR("the row does not say what is expected")};
    }
    return !err && lab->out ? row_write(lab, row, &grade) : err;
}

/* ---- all of them ---- */

static int figures_print(const struct lab *lab)
{
    struct buf out;
    buf_init(&out, LINE_BYTES_MAX);
    buf_str(&out, STR("{\"grader\":"));
    json_quote(&out, str_from(lab->wish->grader));
    buf_printf(&out, ",\"rows\":%llu,\"graded\":%llu,\"ungraded\":%llu,\"skipped\":%llu",
               lab->rows.rows, lab->graded, lab->ungraded, lab->skipped);
    buf_printf(&out, ",\"contaminated\":%llu,\"labelled\":%llu", lab->rows.contaminated,
               lab->labelled);
    lab_put_share(&out, "agree", lab->agree, lab->labelled);
    if (lab->threes)
        lab_put_share(&out, "agree_three_way", lab->agree_three, lab->labelled_three);
    lab_put_share(&out, "accuracy", lab->passed, lab->graded);
    buf_str(&out, STR("}\n"));
    int err = out.failed;
    if (!err)
        (void)fwrite(out.p, 1, out.n, stdout); /* flushed, and looked at, by who asked */
    buf_fini(&out);
    return err;
}

static void figures_say(const struct lab *lab)
{
    printf("%-16s %llu\n%-16s %llu\n", "rows", lab->rows.rows, "graded", lab->graded);
    if (lab->ungraded)
        printf("%-16s %llu\n", "ungraded", lab->ungraded);
    if (lab->skipped)
        printf("%-16s %llu\n", "skipped", lab->skipped);
    if (lab->rows.contaminated)
        printf("%-16s %llu\n", "contaminated", lab->rows.contaminated);
    lab_say_share("agree", lab->agree, lab->labelled);
    if (lab->threes)
        lab_say_share("agree three-way", lab->agree_three, lab->labelled_three);
    lab_say_share("accuracy", lab->passed, lab->graded);
}

static int rows_grade(struct lab *lab, const char *path)
{
    yyjson_val *row;
    int err = lab_open(&lab->rows, path, &lab->fault);
    if (!err)
        err = lab_out_open(lab->wish->rows, &lab->out, &lab->fault);
    while (!err) {
        err = lab_next(&lab->rows, &row, &lab->fault);
        if (!err)
            err = fields_look(lab, row);
        if (!err)
            err = row_grade(lab, row);
    }
    err = err == E_EOF ? 0 : err;
    int ended = lab_out_end(lab->wish->rows, lab->out, &lab->fault);
    err = err ? err : ended;
    if (!err && lab->rows.rows == 0)
        err = fault_set(&lab->fault, E_BAD_REQUEST, "%s holds no rows", path);
    if (!err)
        err = fields_check(lab, path);
    lab_close(&lab->rows);
    if (!err && lab->wish->json)
        err = figures_print(lab);
    else if (!err)
        figures_say(lab);
    if (!err && fflush(stdout) != 0)
        err = fault_set(&lab->fault, E_IO, "the figures cannot be written: %s", strerror(errno));
    return err;
}

static int run(int argc, char **argv)
{
    const struct command *self = &command_lab_grade;
    struct wish wish = {.grader = NULL};
    struct lab lab = {.wish = &wish};
    uint64_t seed;
    int words;
    int code = options_read(self, &wish, argc, argv, &words);
    if (code >= 0)
        return code;
    if (words != 1)
        return options_wrong(self,
                             words ? "one FILE is expected, and '%s' is another"
                                   : "which FILE? - is standard input",
                             words ? argv[2] : "");
    if (wish.seed && !str_to_u64(str_from(wish.seed), UINT64_MAX, &seed))
        return options_wrong(self, "--seed '%s' is no whole number", wish.seed);
    code = kind_find(&lab, &wish);
    if (code == EXIT_DONE)
        code = settings_read(&lab);
    if (code == EXIT_DONE) {
        int err = rows_grade(&lab, argv[1]);
        if (err)
            code = lab_fail(self, &lab.fault, err);
        if (lab.kind->close)
            lab.kind->close(lab.self);
    }
    conf_unref(lab.doc);
    return code;
}

const struct command command_lab_grade = {
    .name = "lab grade",
    .summary = "one grader over a file of answers; how often it agrees with labels",
    .usage = "lab grade --grader KIND --output FIELD [OPTIONS] FILE",
    .about = "Grades the answers in a file of JSON Lines. Of labelled ones it says how often the "
             "verdict is\n"
             "the label. Rows that do not say what is expected are skipped and counted.\n",
    .options = options,
    .notes = "Exit codes: 0 done, 2 wrong use, or a bad row (file, line and field are named), 3 a "
             "file cannot\n"
             "be read or written.\n\n"
             "Examples:\n"
             "  sluice lab grade --grader number --output answer --expected gold answers.jsonl.gz\n"
             "  sluice lab grade --grader choice --settings 'words: [yes, no, maybe]' \\\n"
             "    --output text --expected gold --label right --rows verdicts.jsonl --json "
             "answers.jsonl\n",
    .run = run,
};
