"""The table of a run, in Markdown: medians, the smallest and largest round, goals."""
import os
import re
import statistics

# section, figure, what it is, digits, goal. A goal is (kind, bound):
#   ratio   median of the rounds' own ratios to nginx
#   plus    nginx's median and so much more
#   most    an absolute bound
ROWS = [
    ("cpu2k", "us", "CPU µs a request, 2 KB", 2, ("ratio", 1.0)),
    ("cpu2k", "per_second", "requests/s on one core, 2 KB", 0, None),
    ("cpu20k", "us", "CPU µs a request, 20 KB", 2, ("ratio", 1.15)),
    ("cpu20k", "per_second", "requests/s on one core, 20 KB", 0, None),
    ("tls_h1", "us", "CPU µs a request, 2 KB, HTTP/1.1 over TLS", 2, ("ratio", 1.1)),
    ("tls_h2", "us", "CPU µs a request, 2 KB, HTTP/2 over TLS", 2, ("ratio", 1.1)),
    ("tls_new", "us", "CPU µs a TLS connection with one request", 0, ("ratio", 1.1)),
    ("lat200", "added_p50", "added p50 µs at 200/s", 0, ("plus", 50)),
    ("lat200", "added_p99", "added p99 µs at 200/s", 0, ("ratio", 1.25)),
    ("lat2000", "added_p50", "added p50 µs at 2,000/s", 0, ("plus", 50)),
    ("lat2000", "added_p99", "added p99 µs at 2,000/s", 0, ("ratio", 1.25)),
    ("once", "us", "CPU µs an event, 100 events at once", 2, None),
    ("paced", "us", "CPU µs an event, 1,000 streams of 1 event/s", 2, ("ratio", 1.0)),
    ("first_paced", "p50_us", "first event µs (p50), paced stream", 0, ("ratio", 1.1)),
    ("first_once", "p50_us", "first event µs (p50), stream at once", 0, ("ratio", 1.1)),
    ("slow", "kb_a_stream", "KB a slow stream, {streams:,} of them", 1, ("most", 16)),
    ("rest", "mb", "MB at rest", 1, ("most", 12)),
    ("cold", "ms", "cold start to first answer, ms", 1, ("most", 20)),
]


def command_of(argv):
    """The command as a reader would type it: no folder of this machine."""
    words = [os.path.basename(word) if word.startswith("/") else word for word in argv[1:]]
    words = [re.sub(r"=/\S*/", "=", word) for word in words]
    return " ".join(["bench/run"] + words)


def figures(result, section, figure):
    """{column: [a value a round]}; added_... is over going direct, in the same round."""
    rounds = result["sections"].get(section)
    if rounds is None:
        return None
    if not figure.startswith("added_"):
        return {name: [values[figure] for values in all_values if figure in values]
                for name, all_values in rounds.items()}
    key = figure.removeprefix("added_") + "_us"
    return {name: [values[key] - direct[key]
                   for values, direct in zip(all_values, rounds["direct"])]
            for name, all_values in rounds.items() if name != "direct"}


def spread(values, digits):
    if not values:
        return "–"
    middle = f"{statistics.median(values):,.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def ratios(values, base, figure):
    """Round by round; of differences, which come near zero, only the medians' ratio means much."""
    if figure.startswith("added_"):
        other = statistics.median(base) if base else 0
        return [statistics.median(values) / other] if values and other > 0 else []
    return [mine / other for mine, other in zip(values, base) if other > 0]


def goal_text(goal):
    if goal is None:
        return ""
    kind, bound = goal
    return {"ratio": f"{bound} × nginx", "plus": f"nginx + {bound}", "most": f"{bound}"}[kind]


def goal_met(goal, values, base, figure):
    if goal is None or not values:
        return None
    kind, bound = goal
    if kind == "most":
        return statistics.median(values) <= bound
    if not base:
        return None
    if kind == "plus":
        return statistics.median(values) <= statistics.median(base) + bound
    share = ratios(values, base, figure)
    return statistics.median(share) <= bound if share else None


def table(result):
    columns = [column for column in result["columns"]]
    sluices = [column for column in columns if column["label"].startswith("sluice")]
    head = ["", *(column["label"] for column in columns)]
    for column in sluices:
        head += [f"{column['label']} ÷ nginx"]
    head += ["goal", "met"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for section, figure, what, digits, goal in ROWS:
        all_values = figures(result, section, figure)
        if all_values is None:
            continue
        base = all_values.get("nginx", [])
        cells = [what.format(streams=result["options"]["streams"])]
        cells += [spread(all_values.get(column["name"], []), digits) for column in columns]
        verdicts = []
        for column in sluices:
            values = all_values.get(column["name"], [])
            cells.append(spread(ratios(values, base, figure), 2))
            met = goal_met(goal, values, base, figure)
            verdicts.append("" if met is None else "yes" if met else "**no**")
        cells += [goal_text(goal), ", ".join(verdict for verdict in verdicts if verdict)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def doubts(result):
    """What a reader should know before believing the figures."""
    lines = []
    for section in ("cpu2k", "cpu20k", "tls_h1", "tls_h2", "once"):
        for name, rounds in result["sections"].get(section, {}).items():
            idle = sum(values["core_share"] < 0.95 for values in rounds)
            if idle:
                least = min(values["core_share"] for values in rounds)
                lines.append(f"- {section}, {name}: its core was less than 95 % busy in {idle} of "
                             f"{len(rounds)} rounds (least {least:.0%}).")
            tools = statistics.median(values["tools_us"] for values in rounds)
            gateway = statistics.median(values["us"] for values in rounds)
            if tools > gateway:
                lines.append(f"- {section}, {name}: mock and load together cost {tools:.2f} µs, "
                             f"more than the gateway's {gateway:.2f}.")
    for section, columns in result["sections"].items():
        for name, rounds in columns.items():
            disturbed = sum(values.get("foreign", 0) > 0.1 for values in rounds)
            if disturbed and name != "direct":
                lines.append(f"- {section}, {name}: others used more than 10 % of the gateway's "
                             f"core in {disturbed} of {len(rounds)} rounds.")
    return lines


def cross_checks(result):
    lines = []
    for section in ("cpu2k", "cpu20k", "tls_h1", "tls_h2", "once", "paced"):
        for name, rounds in result["sections"].get(section, {}).items():
            middle = {key: statistics.median(values[key] for values in rounds)
                      for key in ("us", "us_by_ticks", "system_share", "core_share", "tools_us")}
            lines.append(f"| {section} | {name} | {middle['us']:.2f} | {middle['us_by_ticks']:.2f} "
                         f"| {middle['system_share']:.0%} | {middle['core_share']:.0%} "
                         f"| {middle['tools_us']:.2f} |")
    if not lines:
        return []
    return ["", "CPU twice: by the scheduler's nanoseconds, which the table uses, and by clock "
                "ticks. `mock + load` is what the tools took on their own core.", "",
            "| section | gateway | µs by schedstat | µs by ticks | of it kernel | share of core "
            "| mock + load µs |", "|---|---|---|---|---|---|---|", *lines]


def markdown(result):
    machine = result["machine"]
    versions = ", ".join(f"{column['name']} {column['version']}" for column in result["columns"])
    counts = sorted({len(rounds) for columns in result["sections"].values()
                     for rounds in columns.values()})
    small, large = result["options"]["body_bytes"]
    lines = [
        f"Date: {result['date']}. Machine: {machine['cpu']}, {machine['cores']} cores"
        + (f", {machine['memory_gb']} GB" if "memory_gb" in machine else "")
        + f", {machine['system']}, Linux {machine['kernel']}. Versions: {versions}. "
        f"Command: `{result['command']}`.",
        "",
        f"Medians of {' or '.join(str(count) for count in counts)} interleaved rounds; in brackets "
        "the smallest and the largest round. Ratios are taken round by round. Requests of "
        f"{small:,} and {large:,} bytes, answers of 625 bytes or events of 290; clients of streams "
        f"have {'' if result['options']['stream_usage'] == 'asked' else 'not '}asked for usage. "
        "The gateway alone on one core, mock and load on another"
        + (f", all at nice {result['options']['nice']}" if result["options"]["nice"] else "")
        + ". sluice: key check, model rewrite, usage, prices, ledger, log and metrics on. "
        "nginx: one worker, connections kept on both sides, access log and buffering off.",
        "",
        *table(result),
    ]
    notes = doubts(result)
    if notes:
        lines += ["", "Doubts:", *notes]
    lines += cross_checks(result)
    return "\n".join(lines) + "\n"


BEGIN, END = "<!-- bench/run: begin -->", "<!-- bench/run: end -->"


def write(path, text):
    """Into the file's marked part, if it has one; else as a file of its own."""
    block = f"{BEGIN}\n{text}{END}\n"
    if path.exists():
        old = path.read_text(encoding="utf-8")
        if BEGIN in old and END in old:
            before, rest = old.split(BEGIN, 1)
            block = before + block + rest.split(END, 1)[1].lstrip("\n")
        else:
            raise ValueError(f"{path.name} is there and has no part that is marked for the table")
    else:
        block = "# Benchmarks\n\n" + block
    path.write_text(block, encoding="utf-8")
