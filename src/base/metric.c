#include "base/metric.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define BOUNDS_MAX 32
#define FAMILIES_MAX 256
#define LABEL_BYTES_MAX 128

struct metric_series {
    struct metric_series *next; /* in its bucket */
    struct family *family;
    char *labels[METRIC_LABELS_MAX];
    int64_t value;     /* counter, gauge; histogram: sum */
    uint64_t count;    /* histogram */
    int64_t bounds[BOUNDS_MAX]; /* histogram: in stored units */
    uint64_t buckets[];         /* histogram: bounds_n + 1 */
};

#define BUCKETS 64

struct family {
    const struct metric_desc *desc;
    unsigned labels_n, bounds_n, series_n;
    struct metric_series *bucket[BUCKETS];
    struct metric_series *other; /* what did not fit */
};

struct metric_set {
    unsigned families_n;
    struct family *families[FAMILIES_MAX];
    struct family *nowhere; /* takes what cannot be had for lack of memory */
};

static const struct metric_desc nowhere_desc = {
    .name = "sluice_metrics_lost", .help = "Updates that found no memory.", .kind = METRIC_COUNTER};

static struct metric_series *series_new(struct family *f, const struct str *values)
{
    struct metric_series *s =
        calloc(1, sizeof(*s) + (f->bounds_n + 1) * sizeof(s->buckets[0]));
    if (!s)
        return NULL;
    s->family = f;
    double scale = f->desc->scale != 0 ? f->desc->scale : 1;
    for (unsigned i = 0; i < f->bounds_n; i++)
        s->bounds[i] = (int64_t)(f->desc->bounds[i] / scale + 0.5);
    for (unsigned i = 0; i < f->labels_n; i++) {
        struct str v = values ? str_head(values[i], LABEL_BYTES_MAX) : STR("other");
        s->labels[i] = strndup(v.p ? v.p : "", v.n);
    }
    return s;
}

static struct family *family_new(const struct metric_desc *desc)
{
    struct family *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->desc = desc;
    while (f->labels_n < METRIC_LABELS_MAX && desc->labels[f->labels_n])
        f->labels_n++;
    while (desc->bounds && f->bounds_n < BOUNDS_MAX && desc->bounds[f->bounds_n] != 0)
        f->bounds_n++;
    f->other = series_new(f, NULL);
    if (!f->other) {
        free(f);
        return NULL;
    }
    return f;
}

struct metric_set *metric_set_new(void)
{
    struct metric_set *set = calloc(1, sizeof(*set));
    if (!set)
        return NULL;
    set->nowhere = family_new(&nowhere_desc);
    if (!set->nowhere) {
        free(set);
        return NULL;
    }
    return set;
}

static void series_free(struct metric_series *s)
{
    for (unsigned i = 0; i < METRIC_LABELS_MAX; i++)
        free(s->labels[i]);
    free(s);
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

void metric_set_free(struct metric_set *set)
{
    if (!set)
        return;
    for (unsigned i = 0; i < set->families_n; i++)
        family_free(set->families[i]);
    family_free(set->nowhere);
    free(set);
}

static struct family *family_get(struct metric_set *set, const struct metric_desc *desc)
{
    for (unsigned i = 0; i < set->families_n; i++)
        if (set->families[i]->desc == desc)
            return set->families[i];
    struct family *f = set->families_n < FAMILIES_MAX ? family_new(desc) : NULL;
    if (!f)
        return set->nowhere;
    set->families[set->families_n++] = f;
    return f;
}

/* FNV-1a over the labels. */
static unsigned bucket_of(const struct str *values, unsigned n)
{
    uint32_t hash = 2166136261u;
    for (unsigned i = 0; i < n; i++) {
        struct str v = str_head(values[i], LABEL_BYTES_MAX);
        for (size_t k = 0; k < v.n; k++)
            hash = (hash ^ (unsigned char)v.p[k]) * 16777619u;
        hash = (hash ^ 0xffu) * 16777619u;
    }
    return hash % BUCKETS;
}

static bool has_labels(const struct metric_series *s, const struct str *values, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!s->labels[i] ||
            !str_eq(str_from(s->labels[i]), str_head(values[i], LABEL_BYTES_MAX)))
            return false;
    return true;
}

struct metric_series *metric_get(struct metric_set *set, const struct metric_desc *desc,
                                 const struct str *label_values)
{
    struct family *f = family_get(set, desc);
    if (f == set->nowhere)
        return f->other;
    unsigned b = f->labels_n ? bucket_of(label_values, f->labels_n) : 0;
    for (struct metric_series *s = f->bucket[b]; s; s = s->next)
        if (has_labels(s, label_values, f->labels_n))
            return s;
    struct metric_series *s = f->series_n < METRIC_SERIES_MAX ? series_new(f, label_values) : NULL;
    if (!s)
        return f->other;
    f->series_n++;
    s->next = f->bucket[b];
    f->bucket[b] = s;
    return s;
}

void metric_add(struct metric_series *s, int64_t n)
{
    s->value += n;
}

void metric_put(struct metric_series *s, int64_t value)
{
    s->value = value;
}

void metric_observe(struct metric_series *s, int64_t value)
{
    unsigned i = 0;
    while (i < s->family->bounds_n && value > s->bounds[i])
        i++;
    s->buckets[i]++;
    s->count++;
    s->value += value;
}

int64_t metric_value(const struct metric_series *s)
{
    return s->family->desc->kind == METRIC_HISTOGRAM ? (int64_t)s->count : s->value;
}

static void escaped(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"')
            buf_char(out, '\\');
        if (*text == '\n')
            buf_str(out, STR("\\n"));
        else
            buf_char(out, *text);
    }
}

/* {a="x",le="0.5"}; nothing when there are no labels. */
static void labels_write(struct buf *out, const struct metric_series *s, const char *le)
{
    const struct metric_desc *d = s->family->desc;
    if (s->family->labels_n == 0 && !le)
        return;
    buf_char(out, '{');
    for (unsigned i = 0; i < s->family->labels_n; i++) {
        buf_printf(out, "%s%s=\"", i ? "," : "", d->labels[i]);
        escaped(out, s->labels[i] ? s->labels[i] : "");
        buf_char(out, '"');
    }
    if (le)
        buf_printf(out, "%sle=\"%s\"", s->family->labels_n ? "," : "", le);
    buf_char(out, '}');
}

static void number_write(struct buf *out, double value)
{
    buf_printf(out, " %.17g\n", value);
}

static void scaled_write(struct buf *out, int64_t value, double scale)
{
    if (scale == 0 || scale == 1) {
        buf_char(out, ' ');
        buf_i64(out, value);
        buf_char(out, '\n');
    } else {
        buf_printf(out, " %.15g\n", (double)value * scale);
    }
}

static void histogram_write(struct buf *out, const struct metric_series *s)
{
    const struct metric_desc *d = s->family->desc;
    uint64_t below = 0;
    for (unsigned i = 0; i <= s->family->bounds_n; i++) {
        char le[32] = "+Inf";
        if (i < s->family->bounds_n)
            snprintf(le, sizeof(le), "%g", d->bounds[i]);
        below += s->buckets[i];
        buf_printf(out, "%s_bucket", d->name);
        labels_write(out, s, le);
        number_write(out, (double)below);
    }
    buf_printf(out, "%s_sum", d->name);
    labels_write(out, s, NULL);
    scaled_write(out, s->value, d->scale);
    buf_printf(out, "%s_count", d->name);
    labels_write(out, s, NULL);
    number_write(out, (double)s->count);
}

static void series_write(struct buf *out, const struct metric_series *s)
{
    const struct metric_desc *d = s->family->desc;
    if (d->kind == METRIC_HISTOGRAM) {
        histogram_write(out, s);
        return;
    }
    buf_str(out, str_from(d->name));
    labels_write(out, s, NULL);
    scaled_write(out, s->value, d->scale);
}

int metric_render(const struct metric_set *set, struct buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    for (unsigned i = 0; i < set->families_n; i++) {
        const struct family *f = set->families[i];
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->desc->name, f->desc->help,
                   f->desc->name, kinds[f->desc->kind]);
        for (unsigned b = 0; b < BUCKETS; b++)
            for (const struct metric_series *s = f->bucket[b]; s; s = s->next)
                series_write(out, s);
        if (f->other->value || f->other->count)
            series_write(out, f->other);
    }
    return out->failed;
}
