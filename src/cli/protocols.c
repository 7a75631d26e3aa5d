/*
 * protocols.c: `sluice protocols`: what each protocol can carry, and who speaks which.
 *
 * All of it is read from the tables that decide (llm/wire.h, llm/provider.h), so that what is told
 * is what happens; docs/providers.md is its --markdown.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "llm/provider.h"
#include "llm/wire.h"

#define OUTPUT_BYTES_MAX (1u << 20)
#define NOTES_MAX        512

struct wish {
    bool json, markdown;
};

static const struct command_option options[] = {
    {"--json", NULL, offsetof(struct wish, json), "as JSON", VALUE_ANY, NULL},
    {"--markdown", NULL, offsetof(struct wish, markdown), "as a page of the documentation",
     VALUE_ANY, NULL},
    {0},
};

static const char *const how_words[] = {[WIRE_REFUSES] = "refused",
                                        [WIRE_CARRIES] = "yes",
                                        [WIRE_CHANGES] = "changed",
                                        [WIRE_LEAVES] = "left out"};

/* ---- for people ---- */

static void kinds_text(struct buf *out)
{
    buf_str(out, STR("Kinds of providers, and the protocols that they speak:\n"));
    for (const struct provider_kind *const *k = provider_kinds; *k; k++) {
        buf_printf(out, "  %-10s", (*k)->name);
        for (const struct wire *const *w = (*k)->wires; *w; w++)
            buf_printf(out, "%s%s", w == (*k)->wires ? "" : ", ", (*w)->name);
        buf_char(out, '\n');
    }
}

/* Which of them clients speak, whose table of parts says what they get. */
static bool is_spoken(const struct wire *w)
{
    return w->answer_write != NULL;
}

static void answers_text(struct buf *out)
{
    buf_printf(out, "\n%-40s", "An answer that has");
    for (const struct wire *const *w = wires; *w; w++)
        if (is_spoken(*w))
            buf_printf(out, w[1] ? " %-16s" : " %s", (*w)->name);
    for (unsigned p = 0; p < ANSWER_PART_COUNT; p++) {
        buf_printf(out, "\n%-40s", chat_answer_text(p));
        for (const struct wire *const *w = wires; *w; w++)
            if (is_spoken(*w))
                buf_printf(out, w[1] ? " %-16s" : " %s", how_words[(*w)->parts[p].how]);
    }
    buf_char(out, '\n');
}

static void table_text(struct buf *out)
{
    kinds_text(out);
    buf_printf(out, "\n%-40s", "A request that has");
    for (const struct wire *const *w = wires; *w; w++)
        buf_printf(out, w[1] ? " %-16s" : " %s", (*w)->name);
    buf_char(out, '\n');
    for (unsigned f = 0; f < CHAT_FEATURE_COUNT; f++) {
        buf_printf(out, "%-40s", chat_feature_text(f));
        for (const struct wire *const *w = wires; *w; w++)
            buf_printf(out, w[1] ? " %-16s" : " %s", how_words[(*w)->carries[f].how]);
        buf_char(out, '\n');
    }
    answers_text(out);
    buf_str(out, STR("\nThe notes to these: sluice protocols --markdown\n"));
}

static void quote_or_null(struct buf *out, const char *text)
{
    if (text)
        json_quote(out, str_from(text));
    else
        buf_str(out, STR("null"));
}

/* "answers": {"openai.chat": {"text": {"said": ..., "how": ..., "note": ...}, ... */
static void answers_json(struct buf *out)
{
    buf_str(out, STR("},\"answers\":{"));
    for (const struct wire *const *w = wires; *w; w++) {
        buf_printf(out, "%s\"%s\":{", w == wires ? "" : ",", (*w)->name);
        for (unsigned p = 0; p < ANSWER_PART_COUNT; p++) {
            const struct wire_part *part = &(*w)->parts[p];
            buf_char(out, p ? ',' : '\n');
            json_quote(out, str_from(chat_answer_text(p)));
            buf_str(out, STR(":{\"said\":"));
            quote_or_null(out, part->said);
            buf_str(out, STR(",\"how\":"));
            quote_or_null(out, is_spoken(*w) ? how_words[part->how] : NULL);
            buf_str(out, STR(",\"note\":"));
            quote_or_null(out, part->note);
            buf_char(out, '}');
        }
        buf_char(out, '}');
    }
}

static void json_write(struct buf *out)
{
    buf_str(out, STR("{\"providers\":{"));
    for (const struct provider_kind *const *k = provider_kinds; *k; k++) {
        buf_printf(out, "%s\"%s\":[", k == provider_kinds ? "" : ",", (*k)->name);
        for (const struct wire *const *w = (*k)->wires; *w; w++)
            buf_printf(out, "%s\"%s\"", w == (*k)->wires ? "" : ",", (*w)->name);
        buf_char(out, ']');
    }
    buf_str(out, STR("},\"protocols\":{"));
    for (const struct wire *const *w = wires; *w; w++) {
        buf_printf(out, "%s\"%s\":{", w == wires ? "" : ",", (*w)->name);
        for (unsigned f = 0; f < CHAT_FEATURE_COUNT; f++) {
            const struct wire_carriage *c = &(*w)->carries[f];
            buf_char(out, f ? ',' : '\n');
            json_quote(out, str_from(chat_feature_text(f)));
            buf_printf(out, ":{\"how\":\"%s\",\"note\":", how_words[c->how]);
            quote_or_null(out, c->note);
            buf_char(out, '}');
        }
        buf_char(out, '}');
    }
    answers_json(out);
    buf_str(out, STR("}}\n"));
}

/* ---- the page ---- */

static const char intro[] =
    "# Protocols and providers\n"
    "\n"
    "This page is made by `sluice protocols --markdown` from the tables that the code goes by.\n"
    "\n"
    "Where an application and a provider speak the same protocol, the bytes go on as they came, "
    "and\n"
    "nothing on this page matters. Where they do not, the request is read with the application's\n"
    "protocol and written with the provider's, and the answer the other way, event by event.\n"
    "\n"
    "## Who speaks what\n"
    "\n"
    "| application asks | protocol |\n"
    "|---|---|\n"
    "| `POST /v1/chat/completions` | `openai.chat` |\n"
    "| `POST /v1/responses` | `openai.responses` |\n"
    "| `POST /v1/messages`, `/anthropic/v1/messages` | `anthropic` |\n"
    "\n";

static const char meaning[] =
    "\n"
    "A chat in a protocol that its provider does not speak is carried over into the first of\n"
    "these.\n"
    "\n"
    "## What each can carry\n"
    "\n"
    "**yes**: there is a counterpart, and nothing is lost. **changed**: carried in another form; "
    "the\n"
    "note says how. **left out**: it does not shape the answer; the request goes on without it, "
    "and\n"
    "the header `x-sluice-left-out` names it. **refused**: 400 `unsupported_by_provider`, with "
    "the\n"
    "feature's name, before anything is sent.\n"
    "\n"
    "What says nothing is no feature: texts that a provider refuses as empty, and messages of "
    "nothing\n"
    "else, leave no trace, unless it is the message to be answered, which is refused. Where a "
    "call's\n"
    "id stands in an earlier message, too, it gets its message's number in front, and so does its\n"
    "result. `test/trip/run` holds all of this against requests made by chance.\n"
    "\n";

static const char answers_meaning[] =
    "\n"
    "## What answers carry\n"
    "\n"
    "The same for answers: what a part is where a provider sends it, and what a client of another\n"
    "protocol gets. Of an answer that is whole, the header `x-sluice-left-out` names what was left "
    "out;\n"
    "a stream's headers are gone by then, so the event that tells why it ended has the member\n"
    "`" LEFT_OUT_MEMBER "` with the same words: the chunk with the `finish_reason`, "
    "`message_delta`,\n"
    "or the object `response` of `response.completed`. An answer of which nothing else is left "
    "(only an\n"
    "image, say) is 502 `upstream_unsupported_answer`, or a stream's error event, unless it says "
    "itself\n"
    "that it was cut off or refused. A tool call whose arguments are no JSON object is 502\n"
    "`upstream_bad_body`, unless a limit of tokens cut it off.\n"
    "\n";

struct notes {
    unsigned n;
    const char *at[NOTES_MAX];
};

/* Its number on the page, from 1. */
static unsigned note_number(struct notes *notes, const char *text)
{
    unsigned i = 0;
    while (i < notes->n && strcmp(notes->at[i], text) != 0)
        i++;
    if (i == notes->n && i < NOTES_MAX)
        notes->at[notes->n++] = text;
    return i + 1;
}

/* What becomes of something, and the number of the note to it. */
static void cell_page(struct buf *out, struct notes *notes, enum wire_how how, const char *note)
{
    buf_printf(out, " %s", how_words[how]);
    if (note)
        buf_printf(out, " (%u)", note_number(notes, note));
    buf_str(out, STR(" |"));
}

static void notes_page(struct buf *out, const struct notes *notes)
{
    buf_str(out, STR("\n\n"));
    for (unsigned i = 0; i < notes->n; i++)
        buf_printf(out, "%u. %s\n", i + 1, notes->at[i]);
}

static void kinds_page(struct buf *out)
{
    buf_str(out, STR("| provider's `kind` | | protocols |\n|---|---|---|\n"));
    for (const struct provider_kind *const *k = provider_kinds; *k; k++) {
        buf_printf(out, "| `%s` | %s |", (*k)->name, (*k)->summary);
        for (const struct wire *const *w = (*k)->wires; *w; w++)
            buf_printf(out, "%s `%s`", w == (*k)->wires ? "" : ",", (*w)->name);
        buf_str(out, STR(" |\n"));
    }
}

/* Where it comes from: "`gemini`: `inlineData`". */
static void said_page(struct buf *out, unsigned p)
{
    bool any = false;
    for (const struct wire *const *w = wires; *w; w++) {
        const char *said = (*w)->parts[p].said;
        if (said)
            buf_printf(out, "%s%s: %s", any ? "; " : " ", (*w)->name, said);
        any = any || said;
    }
    buf_str(out, STR(" |"));
}

static void answers_page(struct buf *out)
{
    struct notes notes = {0};
    buf_str(out, STR(answers_meaning));
    buf_str(out, STR("| an answer that has | which is |"));
    for (const struct wire *const *w = wires; *w; w++)
        if (is_spoken(*w))
            buf_printf(out, " `%s` |", (*w)->name);
    buf_str(out, STR("\n|---|---|"));
    for (const struct wire *const *w = wires; *w; w++)
        buf_str(out, is_spoken(*w) ? STR("---|") : STR(""));
    for (unsigned p = 0; p < ANSWER_PART_COUNT; p++) {
        buf_printf(out, "\n| %s |", chat_answer_text(p));
        said_page(out, p);
        for (const struct wire *const *w = wires; *w; w++) {
            const struct wire_part *part = &(*w)->parts[p];
            if (is_spoken(*w))
                cell_page(out, &notes, part->how, part->note);
        }
    }
    notes_page(out, &notes);
}

static void page(struct buf *out)
{
    struct notes notes = {0};
    buf_str(out, STR(intro));
    kinds_page(out);
    buf_str(out, STR(meaning));
    buf_str(out, STR("| a request that has |"));
    for (const struct wire *const *w = wires; *w; w++)
        buf_printf(out, " `%s` |", (*w)->name);
    buf_str(out, STR("\n|---|"));
    for (const struct wire *const *w = wires; *w; w++)
        buf_str(out, STR("---|"));
    for (unsigned f = 0; f < CHAT_FEATURE_COUNT; f++) {
        buf_printf(out, "\n| %s |", chat_feature_text(f));
        for (const struct wire *const *w = wires; *w; w++) {
            const struct wire_carriage *c = &(*w)->carries[f];
            cell_page(out, &notes, c->how, c->note);
        }
    }
    notes_page(out, &notes);
    answers_page(out);
}

static int run(int argc, char **argv)
{
    struct wish w = {0};
    int words = 0;
    int code = options_read(&command_protocols, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    if (words > 0)
        return options_too_much(&command_protocols, argv[1]);
    if (w.json && w.markdown)
        return options_wrong(&command_protocols, "--json or --markdown, not both");
    struct buf out;
    buf_init(&out, OUTPUT_BYTES_MAX);
    (w.json ? json_write : w.markdown ? page : table_text)(&out);
    code = out.failed ? EXIT_COULD_NOT : EXIT_DONE;
    if (!out.failed)
        printf("%.*s", STR_ARGS(buf_view(&out)));
    buf_fini(&out);
    return code;
}

const struct command command_protocols = {
    .name = "protocols",
    .summary = "tell what each protocol can carry",
    .usage = "protocols [--json | --markdown]",
    .about =
        "Tells which protocols applications and providers may speak, and what of a request\n"
        "and of an answer is carried over, changed, left out or refused where the two differ.\n"
        "Nothing is connected to and nothing is written.\n",
    .options = options,
    .notes = "Exit codes: 0 done, 2 wrong use.\n",
    .run = run,
};
