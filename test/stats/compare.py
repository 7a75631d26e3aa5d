"""Figures with a closed form, against SciPy and statsmodels, over random tables.

Where neither has a method, it is held against a plain implementation from the paper, written apart
from the one in C: Newcombe's and Tango's paired intervals, the interval of the cost of a success,
Bonett and Wright's of Spearman's correlation, and the powers of both paired tests.
"""

import gc
import json
import math
import os
import random
import subprocess

import numpy as np
import scipy.optimize
import scipy.special
import scipy.stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("SLUICE_BUILD", os.path.join(ROOT, "build", "release"))
DIGITS = 5e-7  # six of them
LEVELS = [0.8, 0.9, 0.95, 0.95, 0.99]


def ask(questions):
    """[["wilson", 3, 10, 0.95], ...] -> their answers: lists of numbers, or what was wrong."""
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    done = subprocess.run([os.path.join(BUILD, "test", "stats", "answer")], input=lines,
                          stdout=subprocess.PIPE, check=True, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(questions), f"{len(answers)} answers to {len(questions)} questions"
    return answers


class Worst:
    """The largest difference of all figures that were compared, as a share where they are above 1."""

    def __init__(self):
        self.worst, self.figures = 0, 0

    def compare(self, got, wanted, question):
        assert isinstance(got, list), f"{question}: {got}"
        assert len(got) == len(wanted), f"{question}: {got}, and not {wanted}"
        for one, other in zip(got, wanted):
            self.figures += 1
            other = None if other is None or not math.isfinite(other) else float(other)
            if one is None or other is None:
                assert one is None and other is None, f"{question}: {got}, and not {wanted}"
                continue
            # A p-value of 1e-30 has six digits too.
            scale = abs(other) if 0 < abs(other) < 1 else max(1, abs(other))
            off = abs(one - other)
            if off > 1e-12:
                off /= scale
            self.worst = max(self.worst, off)
            assert off <= DIGITS, f"{question}: {got}, and not {wanted}"

    def __str__(self):
        return f"{self.figures} figures, differing by {self.worst:.1e} at most"


def check(questions, wanted):
    worst = Worst()
    for question, got in zip(questions, ask(questions)):
        worst.compare(got, wanted(*question[1:]), question)
    return worst


def test_normal():
    chance = random.Random(1)
    return check([["normal", chance.uniform(-6, 6)] for _ in range(2000)],
                 lambda z: [scipy.stats.norm.cdf(z), z])


def test_student():
    chance = random.Random(2)
    return check([["student", chance.choice(LEVELS), chance.choice([1, 2, 3, 10, 49, 999, 99999])]
                  for _ in range(500)],
                 lambda level, freedom: [scipy.stats.t.ppf((1 + level) / 2, freedom)])


def test_beta_and_binomial():
    chance = random.Random(3)
    betas = [["beta", chance.random(), 10 ** chance.uniform(-1, 5), 10 ** chance.uniform(-1, 5)]
             for _ in range(3000)]
    tries = [10 ** chance.randint(1, 6) for _ in range(3000)]
    binomials = []
    for n in tries:
        p = chance.random()
        k = int(scipy.stats.binom.ppf(chance.uniform(1e-6, 1 - 1e-6), n, p))
        binomials.append(["binomial", k, n, p])
    worst = check(betas, lambda x, a, b: [scipy.special.betainc(a, b, x)])
    return (f"{worst}; " + str(check(binomials, lambda k, n, p: [scipy.stats.binom.cdf(k, n, p),
                                                                 scipy.stats.binom.pmf(k, n, p)])))


def test_wilson():
    chance = random.Random(4)
    questions = []
    for _ in range(4000):
        n = chance.choice([1, 2, 10, chance.randint(1, 500), chance.randint(500, 1000000)])
        questions.append(["wilson", chance.choice([0, n, chance.randint(0, n)]), n,
                          chance.choice(LEVELS)])
    return check(questions, lambda passes, n, level: [
        passes / n, *proportion_confint(passes, n, 1 - level, method="wilson")])


def newcombe(both, neither, gained, lost, level):
    """Method 10, in the paper's letters e, f, g, h."""
    e, f, g, h = both, gained, lost, neither
    n = e + f + g + h
    p1, p2 = (e + f) / n, (e + g) / n
    l1, u1 = proportion_confint(e + f, n, 1 - level, method="wilson")
    l2, u2 = proportion_confint(e + g, n, 1 - level, method="wilson")
    margins = (e + f) * (g + h) * (e + g) * (f + h)
    if margins == 0:
        phi = 0
    elif e * h > f * g:
        phi = max(e * h - f * g - n / 2, 0) / math.sqrt(margins)
    else:
        phi = (e * h - f * g) / math.sqrt(margins)
    down = (p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2
    up = (p2 - l2) ** 2 - 2 * phi * (p2 - l2) * (u1 - p1) + (u1 - p1) ** 2
    return p1 - p2 - math.sqrt(max(0, down)), p1 - p2 + math.sqrt(max(0, up))


def tango_z(gained, lost, n, delta):
    """The score test of "the difference is delta": the likelihood's maximum found by bisection.

    Works on arrays. P(lost) is q, P(gained) is q + delta.
    """
    gained, lost, n, delta = np.broadcast_arrays(*(np.asarray(x, float)
                                                   for x in (gained, lost, n, delta)))
    low, high = np.maximum(0, -delta), (1 - delta) / 2
    for _ in range(60):
        q = (low + high) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = (np.where(gained > 0, gained / (q + delta), 0) +
                     np.where(lost > 0, lost / q, 0) -
                     2 * np.where(n > gained + lost, (n - gained - lost) / (1 - 2 * q - delta), 0))
        low, high = np.where(slope > 0, q, low), np.where(slope > 0, high, q)
    variance = n * (2 * q + delta - delta ** 2)
    over = gained - lost - n * delta
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(over == 0, 0, over / np.sqrt(variance))


def random_pairs(chance):
    n = chance.choice([1, 2, 5, 20, 50, 100, 300, 1000, 5000])
    changed = min(n, chance.choice([0, 1, n, chance.randint(0, n), chance.randint(0, n // 5 + 1)]))
    gained = chance.choice([0, changed, chance.randint(0, changed)])
    both = chance.randint(0, n - changed)
    return both, n - changed - both, gained, changed - gained


def test_paired():
    """Tango's ends: his statistic passes the normal quantile within the sixth digit of them."""
    chance = random.Random(5)
    questions = [["paired", *random_pairs(chance), chance.choice([0.01, 0.02, 0.05, 0.2]),
                  chance.choice(LEVELS)] for _ in range(3000)]
    answers = ask(questions)
    both, neither, gained, lost, margin, level = np.array([q[1:] for q in questions]).T
    n, limit = both + neither + gained + lost, scipy.stats.norm.ppf((1 + level) / 2)
    z = tango_z(gained, lost, n, -margin)
    worst = Worst()
    for i, (question, got) in enumerate(zip(questions, answers)):
        table = [[both[i], gained[i]], [lost[i], neither[i]]]
        difference = (gained[i] - lost[i]) / n[i]
        worst.compare(got, [difference, *newcombe(*question[1:5], level[i]), difference, *got[4:6],
                            mcnemar(table, exact=True).pvalue, scipy.stats.norm.sf(z[i]),
                            z[i] > limit[i]], question)
        assert bool(got[8]) == (got[4] > -margin[i]), "the verdict contradicts the interval"
    ends = 0
    for column, sign in ((4, 1), (5, -1)):
        end = np.array([got[column] for got in answers])
        edge = np.abs(end) == 1
        assert (np.abs(gained - lost) == n)[edge].all(), "an end at the edge of what is possible"
        inner, outer = end + sign * DIGITS, np.clip(end - sign * DIGITS, -1, 1)
        held = np.abs(tango_z(gained, lost, n, inner)) < limit
        passed = (np.abs(outer) == 1) | (np.abs(tango_z(gained, lost, n, outer)) > limit)
        for i in np.flatnonzero(~edge & ~(held & passed)):
            raise AssertionError(f"{questions[i]}: {answers[i]}")
        ends += int((~edge).sum())
    return f"{worst}; {ends} ends of Tango's interval"


def test_paired_published():
    """Worked examples of Fagerland, Lydersen and Laake, "Statistical Analysis of Contingency
    Tables" (2017), chapter 8: Bentur et al. (2009) and Cavo et al. (2012)."""
    bentur, cavo = ask([["paired", 1, 12, 1, 7, 0.02, 0.95], ["paired", 59, 80, 6, 16, 0.02, 0.95]])
    assert [round(x, 3) for x in bentur[:6]] == [-0.286, -0.507, -0.026, -0.286, -0.517, -0.026]
    assert [round(x, 4) for x in cavo[:3]] == [-0.0621, -0.1186, -0.0046], cavo
    return "two tables"


def test_holm():
    chance = random.Random(6)
    gc.freeze()  # multipletests collects garbage each time, which takes 40 ms of all these modules
    questions = []
    for _ in range(2000):
        p = [chance.choice([0, 1, 0.01, chance.random() ** 4]) for _ in range(chance.randint(1, 30))]
        questions.append(["holm", *p])
    return check(questions, lambda *p: multipletests(p, method="holm")[1])


def test_kappa():
    chance = random.Random(7)
    questions = []
    for _ in range(2000):
        labels = chance.randint(2, 6)
        table = np.array([[chance.randint(0, 30) + (i == j) * chance.randint(0, 90)
                           for j in range(labels)] for i in range(labels)])
        table[chance.randrange(labels)] *= chance.randint(0, 1)  # a label that is not used
        if table.sum() > 1 and table.sum() > np.trace(table):
            questions.append(["labels", chance.choice(LEVELS), labels,
                              *(int(x) for x in table.flat)])

    def wanted(level, labels, *counts):
        table = np.array(counts).reshape(labels, labels)
        n, same = table.sum(), np.trace(table)
        share = [same / n, *proportion_confint(same, n, 1 - level, method="wilson")]
        if min(np.count_nonzero(table.sum(0)), np.count_nonzero(table.sum(1))) == 1:
            return share + [0, None, None]  # one of them says the same of all
        result = cohens_kappa(table)
        half = scipy.stats.norm.ppf((1 + level) / 2) * result.std_kappa
        return share + [result.kappa, max(-1, result.kappa - half), min(1, result.kappa + half)]

    return check(questions, wanted)


def test_spearman():
    chance = random.Random(8)
    questions = []
    for _ in range(1500):
        n = chance.choice([4, 5, 10, 50, 200])
        one = [chance.randint(1, 5) for _ in range(n)]
        other = [x + chance.choice([0, 0, 1, -1, chance.gauss(0, 3)]) for x in one]
        if len(set(one)) > 1 and len(set(other)) > 1:
            questions.append(["scores", chance.choice(LEVELS), *one, *other])

    def wanted(level, *both):
        n = len(both) // 2
        r = scipy.stats.spearmanr(both[:n], both[n:]).statistic
        if abs(r) > 1 - 1e-12:
            return [r, None, None]
        half = scipy.stats.norm.ppf((1 + level) / 2) * math.sqrt((1 + r * r / 2) / (n - 3))
        return [r, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)]

    return check(questions, wanted)


def test_quantiles():
    chance = random.Random(9)
    questions = []
    for _ in range(1500):
        n = chance.choice([1, 2, 5, 20, 58, 59, 71, 72, chance.randint(1, 400)])
        # At these levels no binomial's tail is just as large as what is allowed.
        questions.append(["quantile", chance.choice([0.5, 0.9, 0.95, 0.99]),
                          chance.choice([0.85, 0.93, 0.95]),
                          *(chance.randint(1, 2000) for _ in range(n))])

    def wanted(q, level, *values):
        interval = scipy.stats.quantile_test(values, p=q).confidence_interval(level)
        return [np.quantile(values, q, method="inverted_cdf"), *interval]

    return check(questions, wanted)


def cost_of_success(level, *rows):
    """The ends of the ratio's interval as roots of what defines them, found by search."""
    k, s, c = (np.array(rows[i::3], float) for i in range(3))
    n, total = len(k), k.sum()
    cost, share = c.sum() / total, s.sum() / total
    off_c, off_s = c - cost * k, s - share * k
    half = (scipy.stats.t.ppf((1 + level) / 2, n - 1) *
            math.sqrt((off_c ** 2).sum() * n / (n - 1)) / total)
    spread = (off_s ** 2).sum() / total ** 2
    worth = min(max(share * (1 - share) / spread, 1), total) if spread > 0 and 0 < share < 1 else n
    low, high = proportion_confint(share * worth, worth, 1 - level, method="wilson")
    both = math.sqrt((off_c ** 2).sum() * (off_s ** 2).sum())
    r = (off_c * off_s).sum() / both if both > 0 else 0

    def root(a, b, begin, factor):
        def beyond(x):
            return (cost - x * share) ** 2 - (a * a + x * x * b * b - 2 * r * x * a * b)
        far = begin * factor
        while beyond(far) < 0:
            far *= factor
            if not 1e-300 < far < 1e300:
                return None
        return scipy.optimize.brentq(beyond, min(begin, far), max(begin, far), xtol=1e-12)

    a_low = cost - max(0, cost - half)
    if share == 0:
        return [None, math.sqrt(cost ** 2 - a_low ** 2) / high, None]
    value = cost / share
    lower = 0 if a_low == cost else root(a_low, high - share, value, 0.9)
    return [value, lower, root(half, share - low, value, 1.1)]


def test_cost_of_success():
    chance = random.Random(10)
    questions = []
    for _ in range(1500):
        rows, share = [], chance.choice([0, 0.05, 0.5, 0.9, 1])
        spread = chance.choice([0.2, 0.5, 1.5])
        for _ in range(chance.choice([2, 10, 50, 200])):
            answers = chance.choice([1, 1, 3])
            passes = sum(chance.random() < share for _ in range(answers))
            rows += [answers, passes, int(1e6 * answers * chance.lognormvariate(0, spread)) + 1]
        questions.append(["cost", chance.choice(LEVELS), *rows])
    worst = check(questions, cost_of_success)
    equal = [["cost", 0.95, *([1, 1, 700] * k + [1, 0, 700] * (40 - k))] for k in range(1, 41)]
    for question, got in zip(equal, ask(equal)):
        k = sum(question[3::3])
        low, high = proportion_confint(k, 40, 0.05, method="wilson")
        worst.compare(got, [700 * 40 / k, 700 / high, 700 / low], question)
    return worst


def test_bootstrap():
    """Against a bootstrap-t of NumPy's: ends are the same but for the resamples' own chance."""
    chance = np.random.default_rng(11)
    worst = 0
    for n in (30, 100, 400):
        values = chance.lognormal(0, 1, n)
        for weights in (np.ones(n), chance.choice([1.0, 2.0, 5.0], n)):
            got = ask([["mean", 0.95, 1, *values, *weights]])[0]
            mean = np.average(values, weights=weights)
            drawn = chance.integers(0, n, (40000, n))
            w, off = weights[drawn], (weights * (values - mean))[drawn]
            shift = off.sum(1) / w.sum(1)
            error = np.sqrt(((off - shift[:, None] * w) ** 2).sum(1) * n / (n - 1)) / w.sum(1)
            own = math.sqrt(((weights * (values - mean)) ** 2).sum() * n / (n - 1)) / weights.sum()
            low, high = np.quantile(shift / error, [0.025, 0.975])
            wanted = [mean, mean - high * own, mean - low * own]
            off = max(abs(x - y) for x, y in zip(got, wanted)) / (wanted[2] - wanted[1])
            assert off < 0.06, f"n {n}: {got}, and not {wanted}"
            assert abs(got[0] - mean) < 1e-12
            worst = max(worst, off)
    return f"six samples, ends apart by {worst:.1%} of the interval's width at most"


def powers(n, discordant, difference, level):
    """Both powers as sums over all tables of gains and losses."""
    gained, lost = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    possible = gained + lost <= n
    fewer, changed = np.minimum(gained, lost), gained + lost
    seen = (2 * scipy.stats.binom.cdf(fewer, changed, 0.5) <= 1 - level) & (lost > gained)
    shown = tango_z(gained, np.where(possible, lost, 0), n, -difference) > \
        scipy.stats.norm.ppf((1 + level) / 2)

    def chance(gain, loss, outcome):
        table = scipy.special.gammaln(n + 1) - scipy.special.gammaln(gained + 1) - \
            scipy.special.gammaln(lost + 1) - \
            scipy.special.gammaln(np.where(possible, n - changed, 0) + 1) + \
            scipy.special.xlogy(gained, gain) + scipy.special.xlogy(lost, loss) + \
            scipy.special.xlogy(np.where(possible, n - changed, 0), max(0, 1 - gain - loss))
        return np.exp(table)[possible & outcome].sum()

    changes = max(discordant, difference)
    return [chance((changes - difference) / 2, (changes + difference) / 2, seen),
            chance(discordant / 2, discordant / 2, shown)]


def test_power():
    chance = random.Random(12)
    return check([["power", chance.choice([1, 5, 20, 60, 150, 300]),
                   chance.choice([0, 0.02, 0.1, 0.3, 1]), chance.choice([0.01, 0.05, 0.1, 0.3]),
                   chance.choice([0.9, 0.95])] for _ in range(120)], powers)


def test_plan():
    """The cases that are said to be enough are, and one less is not; the drop fits them."""
    plans = [["plan", discordant, difference, 0.95, power]
             for discordant in (0, 0.02, 0.05, 0.1, 0.2, 0.4)
             for difference in (0.01, 0.02, 0.05, 0.1) for power in (0.8, 0.85, 0.9)]
    answers = ask(plans)
    for (_, discordant, difference, level, power), (drop, margin, smallest) in zip(plans, answers):
        asked = [["power", n, discordant, difference, level]
                 for n in (drop, drop - 1, margin, margin - 1)]
        got = ask(asked)
        assert got[0][0] >= power > got[1][0], (discordant, difference, power, got)
        assert got[2][1] >= power > got[3][1], (discordant, difference, power, got)
        # Approximations of Connor (Biometrics 43, 1987) and Lachenbruch and Lynch (Statistics in
        # Medicine 17, 1998), where they hold.
        if discordant >= 4 * difference:
            one, other = scipy.stats.norm.ppf((1 + level) / 2), scipy.stats.norm.ppf(power)
            spread = math.sqrt(discordant - difference ** 2)
            connor = ((one * math.sqrt(discordant) + other * spread) / difference) ** 2
            assert 1 <= drop / connor < 1.15, (discordant, difference, drop, connor)
            lynch = (one + other) ** 2 * discordant / difference ** 2
            assert 0.9 < margin / lynch < 1.1, (discordant, difference, margin, lynch)
        assert difference - 0.005 < smallest <= difference + 1e-6, (difference, smallest)
    return f"{len(plans)} plans"
