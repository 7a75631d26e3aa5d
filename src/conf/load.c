/* load.c: a file or a text into a document. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "conf/doc.h"

static int text_read(struct conf_doc *doc, struct str text, const struct conf_doc *in_force)
{
    struct arena scratch;
    struct node *node = NULL;
    arena_init_private(&scratch, DOC_TREE_BYTES_MAX);
    int err = yaml_read(doc, &scratch, text, &node);
    if (!err)
        err = parse_root(doc, &scratch, node);
    if (!err)
        err = secrets_keep(doc, in_force);
    arena_fini(&scratch);
    return err;
}

static int hash_set(struct conf_doc *doc, struct str text)
{
    XXH128_canonical_t sum;
    XXH128_canonicalFromHash(&sum, XXH3_128bits(text.p ? text.p : "", text.n));
    static const char hex[] = "0123456789abcdef";
    char *out = arena_alloc(&doc->arena, sizeof(sum.digest) * 2 + 1);
    if (!out)
        return E_MEMORY;
    for (size_t i = 0; i < sizeof(sum.digest); i++) {
        out[2 * i] = hex[sum.digest[i] >> 4];
        out[2 * i + 1] = hex[sum.digest[i] & 15];
    }
    out[sizeof(sum.digest) * 2] = '\0';
    doc->hash = str_of(out, sizeof(sum.digest) * 2);
    return 0;
}

static int doc_read(struct conf_doc *doc, struct str text, const struct conf_doc *in_force)
{
    if (text.n > DOC_FILE_BYTES_MAX) {
        doc_problem(doc, false, 0, 0, STR_NONE, "is %zu bytes large; expected at most %u MiB",
                    text.n, DOC_FILE_BYTES_MAX >> 20);
        return E_CONFIG;
    }
    int err = hash_set(doc, text);
    if (str_starts(text, STR("\xEF\xBB\xBF"))) /* a byte order mark */
        text = str_tail(text, 3);
    doc->text = arena_str(&doc->arena, text);
    if (!doc->text.p)
        err = E_MEMORY;
    if (!err)
        err = text_read(doc, doc->text, in_force);
    if (err == E_MEMORY)
        doc_problem(doc, false, 0, 0, STR_NONE,
                    "needs more than the %u MiB that a "
                    "configuration may have",
                    DOC_ARENA_BYTES_MAX >> 20);
    return err;
}

int conf_load_over(const struct conf_doc *in_force, const struct conf_table *root, const char *path,
                   struct str text, struct conf_doc **ret_doc)
{
    *ret_doc = doc_new(root, path);
    return *ret_doc ? doc_read(*ret_doc, text, in_force) : E_MEMORY;
}

int conf_load_text(const struct conf_table *root, const char *path, struct str text,
                   struct conf_doc **ret_doc)
{
    return conf_load_over(NULL, root, path, text, ret_doc);
}

/* Everything that `fd` has, up to one byte more than allowed. 0 or an errno. */
static int file_read(int fd, struct buf *out)
{
    for (;;) {
        size_t room = (size_t)DOC_FILE_BYTES_MAX + 1 - out->n;
        if (room == 0)
            return 0;
        if (room > 65536)
            room = 65536;
        if (buf_reserve(out, room))
            return ENOMEM;
        ssize_t n = read(fd, out->p + out->n, room);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0)
            out->n += (size_t)n;
    }
}

int doc_file_read(struct conf_doc *doc, const char *path, struct buf *out)
{
    bool standard_input = strcmp(path, "-") == 0;
    int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 ? errno : file_read(fd, out);
    if (fd >= 0 && !standard_input)
        close(fd);
    if (!error)
        return 0;
    doc_problem(doc, false, 0, 0, STR_NONE, "cannot be read: %s", strerror(error));
    return E_IO;
}

int conf_load(const struct conf_table *root, const char *path, struct conf_doc **ret_doc)
{
    bool standard_input = strcmp(path, "-") == 0;
    struct conf_doc *doc = doc_new(root, standard_input ? "standard input" : path);
    *ret_doc = doc;
    if (!doc)
        return E_MEMORY;
    doc->is_file = !standard_input;
    struct buf text;
    buf_init(&text, (size_t)DOC_FILE_BYTES_MAX * 2);
    int err = doc_file_read(doc, path, &text);
    if (!err)
        err = doc_read(doc, buf_view(&text), NULL);
    buf_fini(&text);
    return err;
}
