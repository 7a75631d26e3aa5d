/*
 * sample.h: a draw of turns that stands for all of them.
 *
 * Turns fall into strata: whose they are, by which protocol, for which model, with which tags and
 * prompt (their group), and how long they are. Within a group, turns that ask nearly the same
 * (near.h) are one cluster, of which only the first is ever drawn and stands for all. A stratum
 * gets places by its share of the turns (Sainte-Laguë's rounding), but `floor` of them at least, or
 * all its clusters; where that is too much, the smallest strata are put together as one. Within a
 * stratum clusters are drawn with chances in proportion to their turns, by systematic sampling in
 * random order (W. G. Madow, "On the theory of systematic sampling, II", 1949), those that would
 * have more than one chance for certain. So each cluster drawn weighs by what it stands for
 * (Horvitz and Thompson 1952: its turns divided by its chance), the weights of a stratum add up to
 * its turns exactly, and a mean over cases by their weights is an unbiased estimate of the mean
 * over the traffic, if what is near were the same.
 *
 * The same turns in the same order, with the same seed, give the same draw. Memory is bounded by
 * what it is born with. Nothing yields.
 */
#ifndef EVAL_SAMPLE_H
#define EVAL_SAMPLE_H

#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "eval/traffic/near.h"

#define SAMPLE_ID_BYTES   32
#define SAMPLE_STRATA_MAX 4096 /* more are counted with the last */

struct sample;

struct sample_settings {
    unsigned cases; /* to draw, at most */
    unsigned floor; /* of each stratum, 1 at least, so that each one is stood for */
    double near;    /* from which likeness on two texts are one cluster */
    uint64_t seed;
    size_t bytes_max;
};
MUSTCHECK int sample_new(const struct sample_settings *settings, struct sample **ret_sample);
void sample_free(struct sample *s);

/* One turn more. `group` is of the group, `stratum` names its stratum; both, and the id, are
 * copied. E_TOO_LARGE past the ceiling, E_MEMORY. */
MUSTCHECK int sample_add(struct sample *s, struct str id, uint64_t group, struct str stratum,
                         const struct near_mark *mark);

/* Once, when all are there. */
MUSTCHECK int sample_draw(struct sample *s);

/* The case's weight, in turns; 0: that turn was not drawn, or was taken before (a line that is
 * there twice is one case). */
double sample_take(struct sample *s, struct str id);

struct sample_stats {
    uint64_t turns;
    uint32_t clusters;      /* different ones among them */
    unsigned drawn;         /* of those */
    uint64_t drawn_turns;   /* in the clusters that were drawn */
    unsigned strata, small; /* ... of which so many were put together */
};
struct sample_stats sample_stats(const struct sample *s);

/* What a stratum got, by the number of its turns, the largest first. */
struct sample_stratum {
    struct str name;
    uint64_t turns;
    uint32_t clusters;
    unsigned drawn;
};
unsigned sample_strata(const struct sample *s);
struct sample_stratum sample_stratum_at(const struct sample *s, unsigned at);

#endif
