/* init.c: `sluice eval init`: a first suite, to be run as it is and then made one's own. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/eval/eval.h"
#include "cli/options.h"
#include "eval/suite/newfile.h"

#define COMMAND "eval init"

struct wish {
    const char *name, *model, *config;
};

static const struct command_option options[] = {
    {"FOLDER", NULL, 0, "where the files are written; without it: evals", VALUE_FILE, NULL},
    {"--name", "NAME", offsetof(struct wish, name), "what the suite is called; without it: first",
     VALUE_ANY, NULL},
    {"--model", "NAME", offsetof(struct wish, model),
     "the model that is asked; without it: the configuration's first alias", VALUE_ANY, NULL},
    {"--config", "FILE", offsetof(struct wish, config),
     "the configuration whose first alias is taken (default: as for sluice serve)", VALUE_FILE,
     NULL},
    {0},
};

/* The suite, around the names of its cases and of its model. */
static const char suite_before[] =
    "# A suite of evals: cases, what is asked of each, who grades the answers, and the bar.\n"
    "# Run it with `sluice eval run`, then put cases of your own in the place of these.\n"
    "\n"
    "about: A first suite; small tasks of three kinds.\n"
    "\n"
    "# One JSON object a line, with whatever fields the request and the graders name. `id` is the\n"
    "# case's name from run to run, and `tags` are words by which results are shown apart.\n"
    "cases: ";
static const char suite_middle[] =
    "\n"
    "\n"
    "# What is asked of each case: a chat request as an application sends it. {{field}} stands "
    "for\n"
    "# the case's field. The model is a name of sluice.yaml; --model of `sluice eval run` asks\n"
    "# another one.\n"
    "request:\n"
    "  model: ";
static const char suite_behind[] =
    "\n"
    "  max_tokens: 100\n"
    "  messages:\n"
    "    - {role: system, content: \"Answer with the word, value or number asked for, and nothing "
    "else.\"}\n"
    "    - {role: user, content: \"{{question}}\"}\n"
    "\n"
    "# Who says whether an answer is good. `where` makes a grader look only at the cases that "
    "have\n"
    "# that field; a case passes where all graders that look at it pass it. The other kinds, and\n"
    "# what each can be told, are listed by `sluice eval graders`.\n"
    "graders:\n"
    "  - {kind: exact, name: class, where: class, expected: \"{{class}}\", normalise: on}\n"
    "  - {kind: contains, name: value, where: value, expected: \"{{value}}\"}\n"
    "  - {kind: number, where: number, expected: \"{{number}}\"}\n"
    "\n"
    "# What a run has to reach; under it `sluice eval run` ends with exit code 1. There are, too,\n"
    "# wrong_refusals, unsafe_answers, p95, cost_per_success, and `certain: on`, which asks the\n"
    "# interval's worse end instead of what was seen.\n"
    "bar: {quality: 80%}\n"
    "\n"
    "# A run compared with an earlier one (--baseline) may be this much worse and still counts as\n"
    "# not worse. A dozen cases cannot show so little; a run says how many would.\n"
    "margin: 5%\n"
    "\n"
    "# How many requests are under way at once, and the dollars that a run may cost.\n"
    "concurrency: 4\n"
    "# spend: 0.50\n";

static const char cases_text[] =
    "{\"id\": \"class-1\", \"tags\": [\"class\"], \"question\": \"Is this message about delivery, "
    "refund or account? 'My parcel has not come yet.'\", \"class\": \"delivery\"}\n"
    "{\"id\": \"class-2\", \"tags\": [\"class\"], \"question\": \"Is this message about delivery, "
    "refund or account? 'I forgot my password.'\", \"class\": \"account\"}\n"
    "{\"id\": \"class-3\", \"tags\": [\"class\"], \"question\": \"Is this message about delivery, "
    "refund or account? 'I would like my money back.'\", \"class\": \"refund\"}\n"
    "{\"id\": \"class-4\", \"tags\": [\"class\"], \"question\": \"Is this message about delivery, "
    "refund or account? 'The courier rang at the wrong door.'\", \"class\": \"delivery\"}\n"
    "{\"id\": \"value-1\", \"tags\": [\"value\"], \"question\": \"Which order number is in this "
    "sentence? 'Order B-20417 came without its lid.'\", \"value\": \"B-20417\"}\n"
    "{\"id\": \"value-2\", \"tags\": [\"value\"], \"question\": \"Which e-mail address is in this "
    "sentence? 'Write to kim@example.com before noon.'\", \"value\": \"kim@example.com\"}\n"
    "{\"id\": \"value-3\", \"tags\": [\"value\"], \"question\": \"Which amount of money is in this "
    "sentence? 'The repair came to $48.20 in the end.'\", \"value\": \"48.20\"}\n"
    "{\"id\": \"value-4\", \"tags\": [\"value\"], \"question\": \"Which city is in this sentence? "
    "'The parcel left Lisbon on Monday.'\", \"value\": \"Lisbon\"}\n"
    "{\"id\": \"sum-1\", \"tags\": [\"sum\"], \"question\": \"Tom has 7 apples and gets 5 more. "
    "How "
    "many has he now?\", \"number\": 12}\n"
    "{\"id\": \"sum-2\", \"tags\": [\"sum\"], \"question\": \"A ticket costs 8 dollars. How many "
    "dollars do 6 tickets cost?\", \"number\": 48}\n"
    "{\"id\": \"sum-3\", \"tags\": [\"sum\"], \"question\": \"Mia had 20 coins and gave 13 away. "
    "How "
    "many are left?\", \"number\": 7}\n"
    "{\"id\": \"sum-4\", \"tags\": [\"sum\"], \"question\": \"A shelf holds 9 books, and half of "
    "18 more are put on it. How many books are on it?\", \"number\": 18}\n";

/* JSON is YAML, but for the dollar signs, which a suite doubles. */
static void text_put(struct buf *out, const char *text)
{
    size_t from = out->n;
    json_quote(out, str_from(text));
    for (size_t i = from; i < out->n && !out->failed; i++)
        if (out->p[i] == '$' && buf_char(out, '$') == 0) {
            memmove(out->p + i + 1, out->p + i, out->n - 1 - i);
            i++;
        }
}

static int suite_put(struct buf *out, const char *cases, const char *model)
{
    buf_str(out, STR(suite_before));
    text_put(out, cases);
    buf_str(out, STR(suite_middle));
    text_put(out, model);
    return buf_str(out, STR(suite_behind));
}

static int files_write(struct arena *a, const char *folder, const char *name, const char *model,
                       struct str *ret_suite, struct fault *f)
{
    struct buf suite;
    struct str cases_name = arena_printf(a, "%s.jsonl", name);
    struct str cases = arena_printf(a, "%s/%s.jsonl", folder, name);
    *ret_suite = arena_printf(a, "%s/%s.yaml", folder, name);
    int err = cases_name.p && cases.p && ret_suite->p ? newfile_folders(str_from(folder), f)
                                                      : E_MEMORY;
    buf_init(&suite, 65536);
    if (!err)
        err = suite_put(&suite, cases_name.p, model);
    if (!err) /* neither is written where one of them is there */
        err = newfile_check(ret_suite->p, f);
    if (!err)
        err = newfile_write(cases.p, STR(cases_text), f);
    if (!err)
        err = newfile_write(ret_suite->p, buf_view(&suite), f);
    buf_fini(&suite);
    return err;
}

static int init(struct arena *a, const char *folder, const struct wish *w)
{
    struct fault f = {0};
    struct str path;
    struct suite *suite = NULL;
    const char *model;
    const char *name = w->name ? w->name : "first";
    if (!*name || strchr(name, '/'))
        return options_wrong(&eval_init, "--name is a file's name without its ending");
    int code = model_choose(&eval_init, a, w->config, w->model, &model);
    if (code)
        return code;
    int err = files_write(a, folder, name, model, &path, &f);
    if (err) {
        fprintf(stderr, "sluice %s: %s\n", COMMAND, why_text(&f, err));
        return EXIT_COULD_NOT;
    }
    code = suite_take(COMMAND, path.p, &suite);
    if (!code)
        printf("wrote %s and its %u cases, which ask the model %s\nnext: sluice eval run %s\n",
               path.p, suite->cases_n, model, path.p);
    suite_free(suite);
    return code;
}

static int run(int argc, char **argv)
{
    struct wish w = {0};
    struct arena arena;
    int words = 0;
    int code = options_read(&eval_init, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    if (words > 1)
        return options_too_much(&eval_init, argv[2]);
    arena_init_private(&arena, 65536);
    code = init(&arena, words ? argv[1] : "evals", &w);
    arena_fini(&arena);
    return code;
}

const struct command eval_init = {
    .name = COMMAND,
    .summary = "write a first suite",
    .usage = "eval init [OPTIONS] [FOLDER]",
    .about =
        "Writes a suite that can be run at once, FOLDER/first.yaml, which explains its parts, and\n"
        "a dozen cases beside it. Files that are there already are never written over.\n",
    .options = options,
    .notes = "Exit codes: 0 done, 2 wrong use, or no model is named, 3 a file cannot be "
             "written.\n",
    .run = run,
};
