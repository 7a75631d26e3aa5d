"""Which kind of bootstrap: the share of 95 % intervals that hold the truth, by distribution.

    build/venv-stats/bin/python test/stats/kinds.py [ROUNDS]

Percentile, BCa (Efron 1987), studentised with equal tails, studentised and symmetric (Hall 1988),
and the last two kept within Wilson's and Tango's intervals as the program does; over samples of 50,
100, 200 and 500. This chose the kind (src/eval/stats/mean.h); what the program does now is measured
by coverage.py. A minute or two for the 1,600 rounds that it does unless told otherwise.
"""

import sys

import numpy as np
import scipy.stats
from compare import tango_z

RESAMPLES = 999
SIZES = (50, 100, 200, 500)
KINDS = ["percentile", "BCa", "equal tails", "symmetric", "equal, kept", "symm., kept"]

SHAPES = {
    "uniform": (lambda r, n: r.random(n), 0.5),
    "mostly good, beta(8,1)": (lambda r, n: r.beta(8, 1, n), 8 / 9),
    "0, 1/2 or 1": (lambda r, n: r.choice([1, 0.5, 0], p=[0.6, 0.3, 0.1], size=n), 0.75),
    "90 % full marks": (lambda r, n: np.where(r.random(n) < 0.9, 1, r.random(n)), 0.95),
    "97 % full marks": (lambda r, n: np.where(r.random(n) < 0.97, 1, r.random(n)), 0.985),
    "six steps": (lambda r, n: r.choice([0, 0.2, 0.4, 0.6, 0.8, 1], size=n,
                                        p=[0.05, 0.05, 0.1, 0.2, 0.3, 0.3]), 0.71),
}


def intervals(chance, x):
    n, mean, spread = len(x), x.mean(), x.std(ddof=1)
    error = spread / np.sqrt(n)
    drawn = x[chance.integers(0, n, (RESAMPLES, n))]
    means, errors = drawn.mean(1), drawn.std(1, ddof=1) / np.sqrt(n)
    yield np.quantile(means, [0.025, 0.975])
    below = ((means < mean).mean() + (means <= mean).mean()) / 2
    bias = scipy.stats.norm.ppf(np.clip(below, 1e-6, 1 - 1e-6))
    off = x - mean
    skew = (off ** 3).sum() / (6 * (off ** 2).sum() ** 1.5)
    yield np.quantile(means, [scipy.stats.norm.cdf(bias + (bias + z) / (1 - skew * (bias + z)))
                              for z in (-1.96, 1.96)])
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(errors > 1e-9, (means - mean) / errors,
                     np.where(abs(means - mean) < 1e-12, 0, np.sign(means - mean) * np.inf))
    t = np.sort(t)
    yield mean - t[974] * error, mean - t[24] * error
    far = np.sort(abs(t))[949]
    yield mean - far * error, mean + far * error


def kept(x, truth, changes):
    """Does Wilson's interval of scores, or Tango's of differences, hold the truth? Both are what a
    score test does not reject."""
    if not changes:
        z = (x.mean() - truth) / np.sqrt(truth * (1 - truth) / len(x))
    else:
        z = tango_z(x[x > 0].sum(), -x[x < 0].sum(), len(x), truth)
    return abs(z) <= 1.96


def coverage(chance, draw, truth, changes, rounds):
    held = []
    for n in SIZES:
        for _ in range(rounds // len(SIZES)):
            x, mean = draw(chance, n), truth
            if changes:  # a fifth of the answers is drawn anew
                x, mean = x - np.where(chance.random(n) < 0.2, draw(chance, n), x), 0
            if x.std() < 1e-12:
                continue
            holds = [low <= mean <= high for low, high in intervals(chance, x)]
            held.append(holds + [hold and kept(x, mean, changes) for hold in holds[2:]])
    return np.mean(held, 0)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1600
    chance = np.random.default_rng(1)
    for changes in (False, True):
        print(f"{'differences' if changes else 'scores':24}" + "".join(f"{k:>13}" for k in KINDS))
        for name, (draw, truth) in SHAPES.items():
            shares = coverage(chance, draw, truth, changes, rounds)
            print(f"{name:24}" + "".join(f"{share:13.3f}" for share in shares), flush=True)


main()
