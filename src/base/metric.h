/*
 * metric.h: counters, gauges and histograms in Prometheus' text form.
 *
 * A metric is a static struct with its help text; a labelled family owns up to `series_max`
 * series, found by their label values, the rest counted under "other" so that labels made by
 * clients cannot eat the memory. Updating is an addition; loop thread only (other threads keep
 * their own numbers and the loop copies them when it is asked). Nothing here yields.
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/macros.h"
#include "base/str.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

#define METRIC_LABELS_MAX      4
#define METRIC_SERIES_MAX      512
#define METRIC_LABEL_BYTES_MAX 128 /* a longer value is cut */

struct metric_series; /* one set of label values */
struct metric_set;    /* all metrics of a process, or of a test */

struct metric_desc {
    const char *name; /* "sluice_requests_total" */
    const char *help;
    enum metric_kind kind;
    const char *labels[METRIC_LABELS_MAX]; /* unused ones NULL */
    const double *bounds;                  /* histogram: upper bounds in the unit shown, ascending,
                                              at most 32, ends with 0 */
    double scale;                          /* a stored unit in the unit shown; 0 means 1.
                                              1e-6 for microseconds shown as seconds */
    const char *unit;                      /* of what is shown, as UCUM has it: "s", "{token}";
                                              NULL: as the name says. Not in Prometheus' form */
};

MUSTCHECK struct metric_set *metric_set_new(void);
void metric_set_free(struct metric_set *set);

/*
 * The series of `desc` with these label values (as many as desc has labels), made on first use.
 * Never NULL: past METRIC_SERIES_MAX, or without memory, it is the family's "other" series.
 * The pointer stays valid as long as the set, so callers keep it where it is used often.
 */
struct metric_series *metric_get(struct metric_set *set, const struct metric_desc *desc,
                                 const struct str *label_values);
void metric_add(struct metric_series *s, int64_t n);         /* counter, gauge */
void metric_put(struct metric_series *s, int64_t value);     /* gauge */
void metric_observe(struct metric_series *s, int64_t value); /* histogram, in stored units */
/* Of what may be gone: no series of `desc` is shown until a value is put into it again. */
void metric_hide(struct metric_set *set, const struct metric_desc *desc);
bool metric_is_hidden(const struct metric_series *s);
int64_t metric_value(const struct metric_series *s); /* counter, gauge; histogram: count */

/* One series as it is now, for those who write another form than Prometheus'. */
struct metric_view {
    const struct metric_desc *desc;
    struct str labels[METRIC_LABELS_MAX]; /* values; n == 0 where it has none */
    unsigned labels_n, bounds_n;
    unsigned places;       /* for metric_write_value */
    int64_t value;         /* counter, gauge; histogram: the sum; in stored units */
    uint64_t count;        /* histogram: observations */
    const uint64_t *below; /* histogram: those in each interval, bounds_n + 1 of them */
};
struct metric_cursor {
    unsigned family, bucket;
    const struct metric_series *last;
};
/*
 * The next series, those of a family one behind the other; false at the end. Zero the cursor to
 * begin. Series may be made meanwhile; whether they are met is open.
 */
MUSTCHECK bool metric_next(const struct metric_set *set, struct metric_cursor *at,
                           struct metric_view *ret_view);
/* Its value in the unit shown, exact where the scale is a power of ten. */
void metric_write_value(struct buf *out, const struct metric_view *view);

/* The whole set in Prometheus' text format 0.0.4, escaped as it says. */
MUSTCHECK int metric_render(const struct metric_set *set, struct buf *out);

#endif
