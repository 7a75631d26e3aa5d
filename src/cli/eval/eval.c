/* eval.c: `sluice eval`: the commands behind it. */
#include "cli/eval/eval.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"

/* In the order in which a newcomer meets them. */
static const struct command *const subs[] = {
    &eval_init,    &eval_import,      &eval_from_traffic, &eval_coverage,
    &eval_check,   &eval_run_command, &eval_show,         &eval_list,
    &eval_regrade, &eval_graders,     &eval_judge_check,  NULL,
};

static int run(int argc, char **argv)
{
    int code = options_sub(&command_eval, argc, argv);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "sluice eval: not all could be shown: %s\n", strerror(errno));
    return code == EXIT_DONE ? EXIT_COULD_NOT : code;
}

const struct command command_eval = {
    .name = "eval",
    .summary = "say with evals whether answers are good enough",
    .usage = "eval COMMAND [OPTIONS]",
    .about =
        "Suites of cases, asked through a configuration and graded: whether it is good enough, "
        "what a\nsuccess costs, and whether it is worse than another.\n",
    .notes = "`sluice eval COMMAND --help` says more.\n\n"
             "Exit codes: 0 done, or passed, 1 under the bar, 2 wrong use, 3 it could not run.\n",
    .subs = subs,
    .run = run,
};
