"""How often intervals hold the truth and verdicts are right, where the truth is known.

Yes/no scores exactly, from the binomial; the rest by `simulate` with fixed seeds, so that the same
rounds give the same figures.
"""

import collections
import json
import os
import subprocess

import numpy as np
import scipy.stats
from compare import BUILD, ask

rounds_factor = 1


def simulate(what, rounds):
    program = os.path.join(BUILD, "test", "stats", "simulate")
    done = subprocess.run([program, what, str(max(1, int(rounds * rounds_factor)))],
                          stdout=subprocess.PIPE, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def told(rows):
    """A line a name with the coverage at each size; the means by name, and of all."""
    groups = collections.defaultdict(list)
    for row in rows:
        groups[row["name"]].append(row)
    means = {}
    for name, group in groups.items():
        means[name] = mean(row["coverage"] for row in group)
        sizes = "  ".join(f"n {row['n']}: {row['coverage']:.3f}" for row in group)
        print(f"       {name:32} {sizes}   mean {means[name]:.3f}")
    return means, mean(row["coverage"] for row in rows)


def test_coverage_of_shares():
    """Mean coverage of Wilson's interval over p from .05 to .95 and n from 50 to 500."""
    sizes, shares = range(50, 501, 10), np.arange(0.05, 0.9501, 0.01)
    by_size = []
    for n in sizes:
        ends = np.array(ask([["wilson", k, n, 0.95] for k in range(n + 1)]))
        masses = scipy.stats.binom.pmf(np.arange(n + 1)[:, None], n, shares[None, :])
        holds = (ends[:, 1:2] <= shares) & (shares <= ends[:, 2:3])
        by_size.append((masses * holds).sum(0))
    coverage = np.array(by_size)
    assert 0.94 < coverage.mean() < 0.96, coverage.mean()
    assert all(0.94 < each < 0.96 for each in coverage.mean(1)), coverage.mean(1)
    assert coverage.min() > 0.90, coverage.min()
    return (f"mean {coverage.mean():.4f}; by size {coverage.mean(1).min():.4f} to "
            f"{coverage.mean(1).max():.4f}; worst of all {coverage.min():.3f}")


def scores(what, lowest, highest):
    means, overall = told(simulate(what, 150))
    assert lowest < overall < highest, overall
    assert min(means.values()) > 0.92, means
    return f"mean {overall:.4f}"


def test_coverage_of_scores():
    return scores("scores", 0.94, 0.97)


def test_coverage_of_weighted_scores():
    return scores("weights", 0.94, 0.97)


def test_coverage_of_repeated_scores():
    """Three answers a case that are alike: as cases, not as answers, they hold what they say."""
    return scores("repeats", 0.94, 0.97)


def test_coverage_of_changed_scores():
    """Where few cases change, too wide is what remains."""
    return scores("changes", 0.945, 0.985)


def test_coverage_of_costs():
    means, overall = told(simulate("costs", 500))
    assert 0.94 < overall < 0.96, overall
    assert min(means.values()) > 0.925, means
    return f"mean {overall:.4f}"


def test_coverage_of_latencies():
    """A distribution-free interval holds what it says, or more."""
    means, overall = told(simulate("latencies", 1000))
    assert min(means.values()) > 0.95, means
    return f"mean {overall:.4f}"


def test_coverage_of_differences():
    rows = simulate("differences", 2000)
    newcombe, tango = mean(row["newcombe"] for row in rows), mean(row["tango"] for row in rows)
    assert 0.94 < tango < 0.965 and 0.94 < newcombe < 0.975, (newcombe, tango)
    assert min(row["tango"] for row in rows) > 0.93
    return f"mean of Newcombe's {newcombe:.4f}, of Tango's {tango:.4f}"


def test_margin():
    """The brake: 5 points worse rarely passes at 2 points, an equal one does with enough cases."""
    rows = simulate("margin", 1000)
    worse, edge = max(row["worse"] for row in rows), max(row["edge"] for row in rows)
    recommended = [row for row in rows if row["recommended"]]
    equal = min(row["equal"] for row in recommended)
    for row in recommended:
        print(f"       pass rate {row['share']:.2f}, {row['changing']:.0%} change: recommended "
              f"{row['n']:5}   equal passes {row['equal']:.3f}, 2 points worse {row['edge']:.3f}, "
              f"5 points worse {row['worse']:.3f}")
    assert worse < 0.05, worse
    assert edge < 0.05, edge
    assert equal >= 0.8, equal
    return (f"{len(rows)} settings; 5 points worse passes in {worse:.2%} at most, 2 points worse "
            f"in {edge:.2%} at most, an equal one in {equal:.1%} at least of its recommended size")


def test_speed():
    seconds = simulate("speed", 5)[0]["seconds"] / float(os.environ.get("SLUICE_SLOWDOWN", 1))
    assert seconds < 0.2, seconds
    return f"the mean of 10,000 cases in {seconds * 1000:.0f} ms"
