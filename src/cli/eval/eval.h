/*
 * eval.h: what the commands of `sluice eval` share.
 */
#ifndef CLI_EVAL_EVAL_H
#define CLI_EVAL_EVAL_H

#include "api/gateway.h"
#include "cli/command.h"
#include "eval/run/ask.h"
#include "eval/run/folder.h"
#include "eval/run/results.h"
#include "eval/run/verdict.h"
#include "eval/suite/suite.h"

/* A line each; eval.c lists them. */
extern const struct command eval_check;
extern const struct command eval_coverage;
extern const struct command eval_from_traffic;
extern const struct command eval_graders;
extern const struct command eval_import;
extern const struct command eval_init;
extern const struct command eval_judge_check;
extern const struct command eval_list;
extern const struct command eval_regrade;
extern const struct command eval_run_command;
extern const struct command eval_show;

/* ---- home.c: a gateway without a door ---- */

/* What the configuration makes, for turns that no client asks for. */
struct eval_home {
    struct conf_doc *doc;
    struct snapshot *snapshot;
    struct upstreams *upstreams;
    struct ledger *ledger; /* NULL: the configuration has none */
    struct metric_set *metrics;
    struct turn_house house;
    int (*work)(struct eval_home *home, void *arg); /* under way */
    void *arg;
    struct task *worker;
    bool interrupted;
    int err;
};

/* An exit code; what is wrong is on standard error, and home_close is due in any case. */
MUSTCHECK int home_open(struct eval_home *home, const char *config, const char *command);
/* The same for who asks nobody: without any configuration where there is none. */
MUSTCHECK int home_open_alone(struct eval_home *home, const char *config, const char *command);
void home_close(struct eval_home *home);
/* Runs work(home, arg) as a task on the loop until it returns; Ctrl-C cancels it (E_CANCELED). */
MUSTCHECK int home_run(struct eval_home *home, int (*work)(struct eval_home *home, void *arg),
                       void *arg);
/* Whose questions go the configuration's way. */
void home_asker(struct eval_home *home, struct eval_asker *ret_asker);
/* The hash of what shapes answers, in the arena; STR_NONE without memory. */
struct str home_answers_hash(const struct eval_home *home, struct arena *arena);

/* A run ends where so many answers, the first, came to nothing in one way. */
#define ALIKE_MOST 10

/* ---- suites and runs ---- */

/* The model that a new suite asks: `model`, or the first alias of the configuration, in the arena.
 * An exit code after the complaint. */
MUSTCHECK int model_choose(const struct command *command, struct arena *arena, const char *config,
                           const char *model, const char **ret_model);

/* Loads a suite; an exit code after the complaints. */
MUSTCHECK int suite_take(const char *command, const char *path, struct suite **ret_suite);
/* Where runs are kept: `given`, else beside the suite. */
struct str runs_folder(struct arena *a, const char *given, struct str suite_file);
/* The same where no suite is known: `given`, else "runs" or "evals/runs", whichever there is. */
struct str runs_usual(const char *given);
#define RUNS_USUAL_HELP "where runs are kept; without it: runs, or evals/runs where that is none"
/* A run with its results; an exit code after the complaint. */
struct loaded_run {
    struct run_folder folder;
    struct results results;
};
MUSTCHECK int run_take(const char *command, struct arena *a, struct str runs, const char *what,
                       struct loaded_run *ret_run);

/* The same; "last" is the last complete run of `suite` that there is by now. */
MUSTCHECK int run_take_before(const char *command, struct arena *a, struct str runs,
                              struct str suite, const char *what, struct loaded_run *ret_run);

/* ---- what a verdict is shown as ---- */

/* One suite's run, judged. */
struct judged {
    struct arena *arena;
    const struct run_folder *run, *baseline; /* baseline NULL: none */
    const struct results *results, *baseline_results;
    const struct suite *suite; /* NULL: it is not at hand, and so there is no bar */
    struct verdict verdict;
};

/* Files that a verdict is written to beside what is shown. */
struct judged_files {
    const char *junit, *html;
};
#define JUDGED_FILE_OPTIONS(type, member)                                                          \
    {"--junit",  "FILE", offsetof(type, member.junit), "write a JUnit report, a test a case",      \
     VALUE_FILE, NULL},                                                                            \
    {                                                                                              \
        "--html", "FILE", offsetof(type, member.html),                                             \
            "write a page to look at: verdict, cost against quality, changed cases", VALUE_FILE,   \
            NULL                                                                                   \
    }

/* Fills in the verdict, by the suite's bar, margin and seed. */
MUSTCHECK int judged_make(struct judged *j, struct fault *f);
/*
 * Writes the verdict into the configuration's file of records, which is said on standard error. Not
 * where the configuration does not name the suite, or what was asked is not what the suite asks:
 * a case lacks its result, or it was another model or fewer samples. That is no evidence for the
 * brake. Without a bar nothing can pass.
 */
MUSTCHECK int judged_remember(const char *command, const struct judged *j,
                              const struct conf_doc *doc, struct fault *f);
/* Writes what it was judged as into the run's own run.json, for who lists runs. */
MUSTCHECK int judged_keep(const struct judged *j, struct run_folder *run, struct fault *f);
/* Can a run of this suite be recorded afterwards? E_CONFIG, with file and line, where the records
 * are broken; E_IO. 0 where the configuration does not name the suite. */
MUSTCHECK int records_check(struct arena *a, const struct conf_doc *doc, struct str suite_file,
                            struct fault *f);
/* Shows all of them and writes the files; the exit code: EXIT_BAR where one has not passed. */
MUSTCHECK int judged_show(const char *command, struct judged *const *all, unsigned n, bool json,
                          const struct judged_files *files);

MUSTCHECK int judged_table(const struct judged *j, bool colors);    /* table.c */
MUSTCHECK int judged_json(const struct judged *j, struct buf *out); /* json.c */
/* Each writes a whole document of all suites. */
MUSTCHECK int judged_junit(struct judged *const *all, unsigned n, struct buf *out); /* junit.c */
MUSTCHECK int judged_html(struct judged *const *all, unsigned n, struct buf *out);  /* html.c */

#endif
