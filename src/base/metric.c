#include "base/metric.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAMILIES_MAX 256
#define BOUNDS_MAX   32
#define BUCKETS      64

struct metric_series {
    struct metric_series *next; /* in its hash bucket */
    struct family *family;
    char *labels;     /* the label values, one behind the other, each ended by a NUL */
    size_t labels_n;  /* their bytes, NULs included */
    int64_t value;    /* counter, gauge; histogram: sum, in stored units */
    uint64_t count;   /* histogram: observations */
    bool hidden;      /* until the next metric_put */
    uint64_t below[]; /* histogram: those in each interval, bounds_n + 1 of them */
};

/* All series of one description. */
struct family {
    const struct metric_desc *desc;
    unsigned labels_n, bounds_n, series_n;
    unsigned places; /* decimals that the scale shifts by; PLACES_NONE for an odd scale */
    int64_t bounds[BOUNDS_MAX]; /* in stored units */
    struct metric_series *bucket[BUCKETS];
    struct metric_series *other; /* what did not fit; all of a family without labels */
    bool other_used;
};

#define PLACES_NONE 99

struct metric_set {
    unsigned families_n;
    struct family *families[FAMILIES_MAX];
    struct family *lost; /* swallows what there is no family for, for lack of memory */
};

/* clang-format off */
static const struct metric_desc lost_desc = {.name = "lost", .help = "never shown"};
/* clang-format on */

/* 1e-6 shifts by six places; exact decimals are written where it is a power of ten. */
static unsigned places_of(double scale)
{
    double power = 1;
    for (unsigned places = 0; places <= 9; places++, power /= 10)
        if (scale == 0 ? places == 0 : fabs(scale / power - 1) < 1e-9)
            return places;
    return PLACES_NONE;
}

static struct metric_series *series_new(struct family *f, struct str labels)
{
    struct metric_series *s = calloc(1, sizeof(*s) + (f->bounds_n + 1) * sizeof(s->below[0]));
    char *copy = malloc(labels.n + 1);
    if (!s || !copy) {
        free(s);
        free(copy);
        return NULL;
    }
    if (labels.n)
        memcpy(copy, labels.p, labels.n);
    s->family = f;
    s->labels = copy;
    s->labels_n = labels.n;
    return s;
}

static void series_free(struct metric_series *s)
{
    free(s->labels);
    free(s);
}

static struct family *family_new(const struct metric_desc *desc)
{
    static const char others[] = "other\0other\0other\0other";
    struct family *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->desc = desc;
    f->places = places_of(desc->scale);
    double scale = desc->scale == 0 ? 1 : desc->scale;
    while (f->labels_n < METRIC_LABELS_MAX && desc->labels[f->labels_n])
        f->labels_n++;
    for (const double *b = desc->bounds; b && *b != 0 && f->bounds_n < BOUNDS_MAX; b++)
        f->bounds[f->bounds_n++] = (int64_t)llround(*b / scale);
    f->other = series_new(f, str_of(others, f->labels_n * sizeof("other")));
    if (!f->other) {
        free(f);
        return NULL;
    }
    return f;
}

static void family_free(struct family *f)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        while (f->bucket[i]) {
            struct metric_series *s = f->bucket[i];
            f->bucket[i] = s->next;
            series_free(s);
        }
    }
    series_free(f->other);
    free(f);
}

struct metric_set *metric_set_new(void)
{
    struct metric_set *set = calloc(1, sizeof(*set));
    if (!set)
        return NULL;
    set->lost = family_new(&lost_desc);
    if (!set->lost) {
        free(set);
        return NULL;
    }
    return set;
}

void metric_set_free(struct metric_set *set)
{
    if (!set)
        return;
    for (unsigned i = 0; i < set->families_n; i++)
        family_free(set->families[i]);
    family_free(set->lost);
    free(set);
}

static struct family *family_get(struct metric_set *set, const struct metric_desc *desc)
{
    for (unsigned i = 0; i < set->families_n; i++)
        if (set->families[i]->desc == desc)
            return set->families[i];
    struct family *f = set->families_n < FAMILIES_MAX ? family_new(desc) : NULL;
    if (f)
        set->families[set->families_n++] = f;
    return f;
}

/*
 * One label value as it is kept: cut, ended by a NUL, and with '?' for what is no UTF-8 or a
 * control character other than the end of a line. Returns its bytes, the NUL included.
 */
static size_t label_clean(char *out, struct str value)
{
    struct str rest = str_head_utf8(value, METRIC_LABEL_BYTES_MAX);
    size_t n = 0;
    while (rest.n > 0) {
        size_t length = str_utf8_len(rest);
        unsigned char c = (unsigned char)rest.p[0];
        if (length == 0 || (c < 0x20 && c != '\n') || c == 0x7f) {
            out[n++] = '?';
            length = 1;
        } else {
            memcpy(out + n, rest.p, length);
            n += length;
        }
        rest = str_tail(rest, length);
    }
    out[n++] = '\0';
    return n;
}

/* FNV-1a */
static uint32_t hash_of(struct str s)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < s.n; i++)
        hash = (hash ^ (unsigned char)s.p[i]) * 16777619u;
    return hash;
}

static bool has_labels(const struct metric_series *s, struct str labels)
{
    return str_eq(str_of(s->labels, s->labels_n), labels);
}

/* The series with these labels; NULL where it is, or has to be, the family's other one. */
static struct metric_series *series_get(struct family *f, struct str labels)
{
    if (has_labels(f->other, labels))
        return NULL;
    struct metric_series **bucket = &f->bucket[hash_of(labels) % BUCKETS];
    for (struct metric_series *s = *bucket; s; s = s->next)
        if (has_labels(s, labels))
            return s;
    struct metric_series *s = f->series_n < METRIC_SERIES_MAX ? series_new(f, labels) : NULL;
    if (!s)
        return NULL;
    f->series_n++;
    s->next = *bucket;
    *bucket = s;
    return s;
}

struct metric_series *metric_get(struct metric_set *set, const struct metric_desc *desc,
                                 const struct str *label_values)
{
    struct family *f = family_get(set, desc);
    if (!f)
        return set->lost->other;
    char room[METRIC_LABELS_MAX * (METRIC_LABEL_BYTES_MAX + 1)];
    struct str labels = {room, 0};
    for (unsigned i = 0; i < f->labels_n; i++)
        labels.n += label_clean(room + labels.n, label_values[i]);
    struct metric_series *s = series_get(f, labels);
    if (s)
        return s;
    f->other_used = true;
    return f->other;
}

void metric_add(struct metric_series *s, int64_t n)
{
    s->value += n;
}

void metric_put(struct metric_series *s, int64_t value)
{
    s->value = value;
    s->hidden = false;
}

/* They stay where they are: who holds one, or goes through all of them, is not disturbed. */
void metric_hide(struct metric_set *set, const struct metric_desc *desc)
{
    struct family *f = family_get(set, desc);
    if (!f)
        return;
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct metric_series *s = f->bucket[i]; s; s = s->next)
            s->hidden = true;
    f->other->hidden = true;
}

bool metric_is_hidden(const struct metric_series *s)
{
    return s->hidden;
}

void metric_observe(struct metric_series *s, int64_t value)
{
    const struct family *f = s->family;
    unsigned i = 0;
    while (i < f->bounds_n && value > f->bounds[i])
        i++;
    s->below[i]++;
    s->count++;
    s->value += value;
}

int64_t metric_value(const struct metric_series *s)
{
    return s->family->desc->kind == METRIC_HISTOGRAM ? (int64_t)s->count : s->value;
}

/* A label's value escapes the quote too; a help text does not. */
static void escaped(struct buf *out, const char *text, bool quoted)
{
    for (; *text; text++) {
        if (*text == '\n') {
            buf_str(out, STR("\\n"));
            continue;
        }
        if (*text == '\\' || (quoted && *text == '"'))
            buf_char(out, '\\');
        buf_char(out, *text);
    }
}

/* name_suffix{a="x",le="0.5"} and a space; no braces where there are no labels. */
static void name_write(struct buf *out, const struct metric_series *s, const char *suffix,
                       const char *le)
{
    const struct family *f = s->family;
    buf_str(out, str_from(f->desc->name));
    buf_str(out, str_from(suffix));
    const char *value = s->labels;
    char before = '{';
    for (unsigned i = 0; i < f->labels_n; i++, value += strlen(value) + 1, before = ',') {
        buf_char(out, before);
        buf_str(out, str_from(f->desc->labels[i]));
        buf_str(out, STR("=\""));
        escaped(out, value, true);
        buf_char(out, '"');
    }
    if (le) {
        buf_printf(out, "%cle=\"%s\"", before, le);
        before = ',';
    }
    buf_str(out, before == ',' ? STR("} ") : STR(" "));
}

static void value_write(struct buf *out, int64_t value, unsigned places, double scale)
{
    if (places != PLACES_NONE)
        buf_decimal(out, value, places, 0);
    else
        buf_printf(out, "%.15g", (double)value * scale);
}

static void scaled_write(struct buf *out, const struct metric_series *s)
{
    value_write(out, s->value, s->family->places, s->family->desc->scale);
    buf_char(out, '\n');
}

static void histogram_write(struct buf *out, const struct metric_series *s)
{
    const struct family *f = s->family;
    uint64_t sum = 0;
    for (unsigned i = 0; i <= f->bounds_n; i++) {
        char le[32] = "+Inf";
        if (i < f->bounds_n)
            snprintf(le, sizeof(le), "%.15g", f->desc->bounds[i]);
        sum += s->below[i];
        name_write(out, s, "_bucket", le);
        buf_u64(out, sum);
        buf_char(out, '\n');
    }
    name_write(out, s, "_sum", NULL);
    scaled_write(out, s);
    name_write(out, s, "_count", NULL);
    buf_u64(out, s->count);
    buf_char(out, '\n');
}

static void series_write(struct buf *out, const struct metric_series *s)
{
    if (s->hidden)
        return;
    if (s->family->desc->kind == METRIC_HISTOGRAM) {
        histogram_write(out, s);
        return;
    }
    name_write(out, s, "", NULL);
    scaled_write(out, s);
}

static void family_write(struct buf *out, const struct family *f)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    buf_printf(out, "# HELP %s ", f->desc->name);
    escaped(out, f->desc->help, false);
    buf_printf(out, "\n# TYPE %s %s\n", f->desc->name, kinds[f->desc->kind]);
    for (unsigned b = 0; b < BUCKETS; b++)
        for (const struct metric_series *s = f->bucket[b]; s; s = s->next)
            series_write(out, s);
    if (f->other_used)
        series_write(out, f->other);
}

int metric_render(const struct metric_set *set, struct buf *out)
{
    for (unsigned i = 0; i < set->families_n; i++)
        family_write(out, set->families[i]);
    return out->failed;
}

/* ---- one after the other ---- */

/* Behind the last bucket stands the family's other series, where it is used. */
static const struct metric_series *series_behind(const struct family *f, struct metric_cursor *at)
{
    const struct metric_series *s = at->last;
    do {
        s = s ? s->next : NULL;
        while (!s && at->bucket < BUCKETS)
            s = f->bucket[at->bucket++];
    } while (s && s->hidden);
    if (s || at->bucket > BUCKETS)
        return s;
    at->bucket++;
    return f->other_used && !f->other->hidden ? f->other : NULL;
}

bool metric_next(const struct metric_set *set, struct metric_cursor *at, struct metric_view *v)
{
    for (; at->family < set->families_n; at->family++, at->bucket = 0) {
        const struct family *f = set->families[at->family];
        const struct metric_series *s = at->last = series_behind(f, at);
        if (!s)
            continue;
        *v = (struct metric_view){.desc = f->desc,
                                  .labels_n = f->labels_n,
                                  .bounds_n = f->bounds_n,
                                  .places = f->places,
                                  .value = s->value,
                                  .count = s->count,
                                  .below = s->below};
        const char *text = s->labels;
        for (unsigned i = 0; i < f->labels_n; i++, text += strlen(text) + 1)
            v->labels[i] = str_from(text);
        return true;
    }
    return false;
}

void metric_write_value(struct buf *out, const struct metric_view *v)
{
    value_write(out, v->value, v->places, v->desc->scale);
}
