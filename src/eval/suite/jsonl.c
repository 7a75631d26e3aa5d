/* jsonl.c: heap: a reader outlives the arenas of its lines. */
#include "eval/suite/jsonl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/json.h"

#define PIECE_BYTES (64u * 1024)

struct jsonl {
    gzFile file;
    char *path;
    struct buf bytes; /* at .. n: read, and not taken yet */
    size_t at;
    int64_t offset; /* of bytes.p */
    unsigned line;
    bool ended, torn;
};

int jsonl_open(const char *path, struct jsonl **ret_lines, struct fault *f)
{
    struct jsonl *lines = calloc(1, sizeof(*lines));
    if (!lines)
        return E_MEMORY;
    buf_init(&lines->bytes, JSONL_LINE_BYTES_MAX + PIECE_BYTES);
    lines->path = strdup(path);
    errno = 0;
    /* gzip's reader hands on what is not compressed as it is. */
    lines->file = strcmp(path, "-") == 0 ? gzdopen(dup(STDIN_FILENO), "rb") : gzopen(path, "rbe");
    int err = lines->path && lines->file ? 0 : errno ? E_IO : E_MEMORY;
    if (!err) {
        (void)gzbuffer(lines->file, PIECE_BYTES);
        *ret_lines = lines;
        return 0;
    }
    if (err == E_IO)
        fault_set(f, err, "%s cannot be read: %s", path, strerror(errno));
    jsonl_close(lines);
    return err;
}

void jsonl_close(struct jsonl *lines)
{
    if (!lines)
        return;
    if (lines->file)
        (void)gzclose(lines->file);
    buf_fini(&lines->bytes);
    free(lines->path);
    free(lines);
}

/* Reads a piece more. */
static int more_read(struct jsonl *lines, struct fault *f)
{
    buf_drop(&lines->bytes, lines->at);
    lines->offset += (int64_t)lines->at;
    lines->at = 0;
    if (lines->bytes.n >= JSONL_LINE_BYTES_MAX)
        return fault_set(f, E_TOO_LARGE, "%s:%u: the line is over %u bytes", lines->path,
                         lines->line + 1, JSONL_LINE_BYTES_MAX);
    int err = buf_reserve(&lines->bytes, PIECE_BYTES);
    if (err)
        return err;
    int n = gzread(lines->file, lines->bytes.p + lines->bytes.n, PIECE_BYTES);
    int zerr = Z_OK;
    const char *words = gzerror(lines->file, &zerr);
    if (n < 0 || (zerr != Z_OK && zerr != Z_STREAM_END))
        return fault_set(f, E_IO, "%s cannot be read: %s", lines->path,
                         zerr == Z_ERRNO ? strerror(errno) : words);
    lines->bytes.n += (size_t)n;
    lines->ended = n == 0;
    return 0;
}

/* The next line, empty or not. */
static int line_take(struct jsonl *lines, struct str *ret_line, struct fault *f)
{
    size_t looked = lines->at;
    for (;;) {
        const char *from = lines->bytes.p + looked;
        size_t n = lines->bytes.n - looked;
        const char *end = n ? memchr(from, '\n', n) : NULL;
        if (end || lines->ended) {
            const char *begin = lines->bytes.p + lines->at;
            if (!end && lines->bytes.n == lines->at)
                return E_EOF;
            lines->torn = !end;
            end = end ? end : lines->bytes.p + lines->bytes.n;
            *ret_line = str_of(begin, (size_t)(end - begin));
            lines->at += ret_line->n + !lines->torn;
            lines->line++;
            return 0;
        }
        size_t held = lines->bytes.n - lines->at;
        int err = more_read(lines, f);
        if (err)
            return err;
        looked = held;
    }
}

int jsonl_next(struct jsonl *lines, struct str *ret_line, struct fault *f)
{
    struct str line;
    int err;
    do {
        err = line_take(lines, &line, f);
        line = err ? STR_NONE : str_trim(line);
    } while (!err && line.n == 0);
    if (!err)
        *ret_line = line;
    return err;
}

int jsonl_next_object(struct jsonl *lines, struct arena *arena, yyjson_val **ret_object,
                      struct fault *f)
{
    struct str line;
    int err = jsonl_next(lines, &line, f);
    if (err)
        return err;
    yyjson_doc *doc = NULL;
    struct fault why = {0};
    err = json_parse(arena, line, &doc, &why);
    if (err)
        return fault_set(f, err, "%s:%u: %s", lines->path, lines->line, why_text(&why, err));
    if (!yyjson_is_obj(yyjson_doc_get_root(doc)))
        return fault_set(f, E_BAD_JSON, "%s:%u: a line has to be a JSON object", lines->path,
                         lines->line);
    *ret_object = yyjson_doc_get_root(doc);
    return 0;
}

unsigned jsonl_line(const struct jsonl *lines)
{
    return lines->line;
}

bool jsonl_is_torn(const struct jsonl *lines)
{
    return lines->torn;
}

int64_t jsonl_offset(const struct jsonl *lines)
{
    return lines->offset + (int64_t)lines->at;
}

const char *jsonl_path(const struct jsonl *lines)
{
    return lines->path;
}

void jsonl_member(struct buf *out, const char *name, struct str text)
{
    if (!text.n)
        return;
    buf_printf(out, ",\"%s\":", name);
    json_quote(out, text);
}
