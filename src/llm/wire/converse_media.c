/* wire/converse_media.c: images, documents and sounds. */
#include "llm/wire/converse.h"
#include "llm/wire/parts.h"

/* ---- formats ---- */

/* A medium by its type, by how names end, and as Converse calls it. */
struct format {
    enum chat_block_kind kind;
    struct str type, ending, name;
};

static const struct format formats[] = {
#define FORMAT(kind, type, ending, name)                                                           \
    {                                                                                              \
        kind, NAME(type), NAME(ending), NAME(name)                                                 \
    }
#define OFFICE "application/vnd.openxmlformats-officedocument."
    FORMAT(BLOCK_IMAGE, "image/png", ".png", "png"),
    FORMAT(BLOCK_IMAGE, "image/jpeg", ".jpeg", "jpeg"),
    FORMAT(BLOCK_IMAGE, "image/jpg", ".jpg", "jpeg"),
    FORMAT(BLOCK_IMAGE, "image/gif", ".gif", "gif"),
    FORMAT(BLOCK_IMAGE, "image/webp", ".webp", "webp"),
    FORMAT(BLOCK_DOCUMENT, "application/pdf", ".pdf", "pdf"),
    FORMAT(BLOCK_DOCUMENT, "text/csv", ".csv", "csv"),
    FORMAT(BLOCK_DOCUMENT, "application/msword", ".doc", "doc"),
    FORMAT(BLOCK_DOCUMENT, OFFICE "wordprocessingml.document", ".docx", "docx"),
    FORMAT(BLOCK_DOCUMENT, "application/vnd.ms-excel", ".xls", "xls"),
    FORMAT(BLOCK_DOCUMENT, OFFICE "spreadsheetml.sheet", ".xlsx", "xlsx"),
    FORMAT(BLOCK_DOCUMENT, "text/html", ".html", "html"),
    FORMAT(BLOCK_DOCUMENT, "text/plain", ".txt", "txt"),
    FORMAT(BLOCK_DOCUMENT, "text/markdown", ".md", "md"),
    FORMAT(BLOCK_AUDIO, "audio/mpeg", ".mp3", "mp3"),
    FORMAT(BLOCK_AUDIO, "audio/mp3", ".mp3", "mp3"),
    FORMAT(BLOCK_AUDIO, "mp3", ".mp3", "mp3"),
    FORMAT(BLOCK_AUDIO, "audio/wav", ".wav", "wav"),
    FORMAT(BLOCK_AUDIO, "audio/x-wav", ".wav", "wav"),
    FORMAT(BLOCK_AUDIO, "wav", ".wav", "wav"),
    FORMAT(BLOCK_AUDIO, "audio/flac", ".flac", "flac"),
    FORMAT(BLOCK_AUDIO, "audio/ogg", ".ogg", "ogg"),
    FORMAT(BLOCK_AUDIO, "audio/aac", ".aac", "aac"),
    FORMAT(BLOCK_AUDIO, "audio/mp4", ".m4a", "m4a"),
#undef OFFICE
#undef FORMAT
};

static bool ends_nocase(struct str s, struct str ending)
{
    return s.n > ending.n && str_eq_nocase(str_tail(s, s.n - ending.n), ending);
}

static const struct format *format_of_type(enum chat_block_kind kind, struct str type)
{
    type = str_trim(str_cut(&type, ';'));
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (formats[i].kind == kind && str_eq_nocase(formats[i].type, type))
            return &formats[i];
    return NULL;
}

static const struct format *format_of_name(enum chat_block_kind kind, struct str string)
{
    struct str name = string.n ? json_string_raw(string) : STR_NONE;
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (formats[i].kind == kind && ends_nocase(name, formats[i].ending))
            return &formats[i];
    return NULL;
}

static const char *word_of(enum chat_block_kind kind)
{
    return kind == BLOCK_IMAGE ? "an image" : kind == BLOCK_DOCUMENT ? "a document" : "a sound";
}

/* By its type; where none is said, by its name, or its URL. */
static int format_find(const struct chat_block *b, const struct format **ret_format,
                       struct fault *f)
{
    const struct chat_media *m = &b->media;
    *ret_format = NULL;
    if (m->form == MEDIA_TEXT)
        *ret_format = format_of_type(b->kind, STR("text/plain"));
    else if (m->type.n)
        *ret_format = format_of_type(b->kind, m->type);
    else
        *ret_format = format_of_name(b->kind, m->name);
    if (!*ret_format && !m->type.n && m->form == MEDIA_URL)
        *ret_format = format_of_name(b->kind, m->data);
    if (*ret_format)
        return 0;
    if (m->type.n)
        return fault_set(f, E_UNSUPPORTED, "converse has nothing for %s of type %.*s",
                         word_of(b->kind), STR_ARGS(str_head(m->type, 80)));
    return fault_set(f, E_BAD_REQUEST, "%s does not say its media type", word_of(b->kind));
}

/* ---- names of documents ---- */

#define NAME_BYTES_MAX   180 /* of 200, with room for a number */
#define NAMES_COMPARED   64  /* what comes behind so many gets a number in any case */
#define NAME_OF_NAMELESS "document"

struct converse_name {
    struct converse_name *next;
    struct str name;
};

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '(' || c == ')' || c == '[' || c == ']';
}

/* Letters, digits, hyphens and brackets; all else is one space. A file's ending is left out, since
 * the format says it. */
static int name_clean(struct str string, const struct format *format, struct arena *a,
                      struct str *ret_name)
{
    struct str name = STR_NONE;
    int err = string.n ? json_unquote(a, string, &name) : 0;
    char *to = err ? NULL : arena_alloc(a, NAME_BYTES_MAX);
    if (!to)
        return err == E_BAD_JSON ? E_BAD_REQUEST : E_MEMORY;
    if (ends_nocase(name, format->ending))
        name.n -= format->ending.n;
    size_t n = 0;
    for (size_t i = 0; i < name.n && n < NAME_BYTES_MAX; i++) {
        if (is_plain(name.p[i]))
            to[n++] = name.p[i];
        else if (n > 0 && to[n - 1] != ' ')
            to[n++] = ' ';
    }
    *ret_name = str_trim(str_of(to, n));
    if (ret_name->n == 0)
        *ret_name = STR(NAME_OF_NAMELESS);
    return 0;
}

static bool is_taken(const struct converse_documents *docs, struct str name)
{
    if (docs->n > NAMES_COMPARED)
        return true;
    for (const struct converse_name *at = docs->names; at; at = at->next)
        if (str_eq_nocase(at->name, name))
            return true;
    return false;
}

/* A name that stands twice in a request is refused by Bedrock: a later one has its number, which is
 * the same in every turn of the conversation. */
static int name_put(const struct chat_block *b, const struct format *format,
                    struct converse_documents *docs, struct arena *a, struct buf *out)
{
    struct converse_name *own = ARENA_NEW(a, struct converse_name);
    int err = own ? name_clean(b->media.name, format, a, &own->name) : E_MEMORY;
    if (err)
        return err;
    docs->n++;
    if (is_taken(docs, own->name))
        own->name = arena_printf(a, "%.*s %u", STR_ARGS(own->name), docs->n);
    if (!own->name.p)
        return E_MEMORY;
    own->next = docs->names;
    docs->names = own;
    member_put(out, STR("name"));
    return json_quote(out, own->name);
}

/* ---- blocks ---- */

static int text_source_put(const struct chat_media *m, struct arena *a, struct buf *out,
                           struct fault *f)
{
    struct str plain;
    int err = json_unquote(a, m->data, &plain);
    if (err == E_BAD_JSON)
        return fault_set(f, E_BAD_REQUEST, "a document's text is not valid Unicode");
    if (err)
        return err;
    buf_str(out, STR("{\"bytes\":\""));
    base64_put(out, plain);
    buf_str(out, STR("\"}"));
    return 0;
}

static int source_put(const struct chat_block *b, struct arena *a, struct buf *out, struct fault *f)
{
    const struct chat_media *m = &b->media;
    struct str raw = m->form == MEDIA_URL ? json_string_raw(m->data) : STR_NONE;
    member_put(out, STR("source"));
    if (m->form == MEDIA_TEXT)
        return text_source_put(m, a, out, f);
    if (m->form == MEDIA_URL && !str_starts(raw, STR("s3://")) &&
        !str_starts(raw, STR("s3:\\/\\/")))
        return fault_set(f, E_UNSUPPORTED,
                         "converse takes %s by URL only from S3 (s3://BUCKET/KEY); send its bytes",
                         word_of(b->kind));
    buf_str(out, m->form == MEDIA_URL ? STR("{\"s3Location\":{\"uri\":") : STR("{\"bytes\":"));
    buf_str(out, m->data);
    buf_str(out, m->form == MEDIA_URL ? STR("}}") : STR("}"));
    return 0;
}

int converse_put_media(const struct chat_block *block, struct converse_documents *docs,
                       struct arena *arena, struct buf *out, struct fault *f)
{
    const struct format *format;
    if (block->media.form == MEDIA_FILE_ID || block->media.form == MEDIA_NONE)
        return fault_set(f, E_UNSUPPORTED, "converse has nothing for files of a provider by id");
    int err = format_find(block, &format, f);
    if (err)
        return err;
    buf_str(out, block->kind == BLOCK_IMAGE      ? STR("{\"image\":{")
                 : block->kind == BLOCK_DOCUMENT ? STR("{\"document\":{")
                                                 : STR("{\"audio\":{"));
    member_put(out, STR("format"));
    json_quote(out, format->name);
    if (block->kind == BLOCK_DOCUMENT)
        err = name_put(block, format, docs, arena, out);
    if (err == E_BAD_REQUEST)
        return fault_set(f, err, "a document's name is not valid Unicode");
    if (!err)
        err = source_put(block, arena, out, f);
    buf_str(out, STR("}}"));
    return err;
}
