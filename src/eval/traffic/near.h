/*
 * near.h: which texts are nearly the same.
 *
 * A text is the set of its words and of its pairs of neighbouring words (shingles); two texts are
 * as alike as their sets are, by Jaccard: what they share, of all that they have. Letters' case,
 * punctuation and space do not count; a character of Chinese, Japanese or Korean is a word.
 *
 * Of each text a sketch is kept, its NEAR_LEAST least hashes, from which the likeness is exact
 * where both texts have no more shingles than that, and an estimate with a standard error of at
 * most 0.045 where they have (A. Broder, "On the resemblance and containment of documents", 1997).
 * Which sketches to compare at all is found by bands of minima over NEAR_MINIMA hash functions: an
 * index has as many rows a band as still lets 99 of 100 pairs at its threshold meet (P. Indyk and
 * R. Motwani, "Approximate nearest neighbors", 1998; the bands as in Leskovec, Rajaraman and
 * Ullman, "Mining of Massive Datasets", chapter 3).
 *
 * Near in words is not alike in meaning: "to India" and "to China" differ by a word.
 *
 * Everything is a pure function of texts: no seed, no clock. Nothing yields. E_TOO_LARGE past a
 * ceiling, E_MEMORY.
 */
#ifndef EVAL_NEAR_H
#define EVAL_NEAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

#define NEAR_LEAST      128
#define NEAR_MINIMA     128
#define NEAR_TEXT_BYTES 65536 /* of a longer text its two ends count, half as much each */

struct near_sketch {
    unsigned n;
    bool whole; /* it has all of the text's shingles */
    uint32_t least[NEAR_LEAST];
};

/* A text, ready to be looked for and kept. n == 0: it has no words, and is near nothing. */
struct near_mark {
    struct near_sketch sketch;
    uint32_t minima[NEAR_MINIMA];
};

/*
 * What an application writes around each of its texts, and so says nothing of one: shingles that
 * stand in more than half of at least NEAR_COMMON_TEXTS different texts of a group (an
 * application's), and runs of thirty pairs or more that each stand in a twentieth of them: it may
 * have several templates, or get another one. See texts, settle once, then mark with it.
 */
#define NEAR_COMMON_TEXTS 20
struct near_common;
MUSTCHECK int near_common_new(struct near_common **ret_common);
void near_common_free(struct near_common *c);
MUSTCHECK int near_common_see(struct near_common *c, uint64_t group, struct str text);
MUSTCHECK int near_common_settle(struct near_common *c);
unsigned near_common_count(const struct near_common *c);
/* The text from its first word on that is not common; all of it where each one is. */
struct str near_own(const struct near_common *c, struct str text);

/* `common` may be NULL. A text that has nothing else is marked with all that it has. E_MEMORY. */
MUSTCHECK int near_mark(const struct near_common *common, struct str text,
                        struct near_mark *ret_mark);
/* 0 to 1. */
double near_alike(const struct near_sketch *a, const struct near_sketch *b);

struct near_index;

#define NEAR_NONE UINT32_MAX

/* For texts that are alike by `threshold` (0.3 to 1) or more; holds bytes_max at most. */
MUSTCHECK int near_index_new(double threshold, size_t bytes_max, struct near_index **ret_index);
void near_index_free(struct near_index *x);
/* The text gets the next number, from 0. Texts of different groups never meet. */
MUSTCHECK int near_index_add(struct near_index *x, uint64_t group, const struct near_mark *mark);
/* The text of the group that is most alike, of equals the first; NEAR_NONE: none is, by the
 * threshold. *ret_alike (may be NULL) is how much. */
uint32_t near_index_find(struct near_index *x, uint64_t group, const struct near_mark *mark,
                         double *ret_alike);
uint32_t near_index_count(const struct near_index *x);
size_t near_index_bytes(const struct near_index *x);
/* Of its bands: rows a band, and how many. */
unsigned near_index_rows(const struct near_index *x);
unsigned near_index_bands(const struct near_index *x);

#endif
