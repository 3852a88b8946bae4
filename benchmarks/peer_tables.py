"""The results of bench_peers.py as Markdown: the measurements and what the machine allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any

Result = dict[str, Any]
PEER = "rclip"
OURS = "imgsearch"
QUERIES = ("new words", "known words", "new example", "help")


def markdown(results: Result) -> str:
    """The whole section of docs/benchmarks.md."""
    parts = [
        heading(results),
        targets(results),
        *(index_table(results, name) for name in results["photos"]),
        query_table(results),
        limits_table(results),
    ]
    parts += results.get("notes", [])
    parts += [f"{name} is left out: {why}" for name, why in results.get("left_out", {}).items()]
    return "\n\n".join(parts) + "\n"


def heading(results: Result) -> str:
    machine, versions = results["machine"], results["versions"]
    before, after = results["others_busy_cores"]
    named = ", ".join(f"{name} {number}" for name, number in versions.items())
    agreement = results["agreement"]
    rounds = len(next(iter(results["measured"].values()))[OURS]["wall_s"])
    busy = max(before, after) > 0.2
    note = (
        f" Other work kept {before:g} cores busy before the run and {after:g} after it: only the "
        "ratios of such a run are meaningful."
    )
    return (
        f"Measured {results['date']} on {machine['cores']} cores of an {machine['cpu']}, "
        f"{machine['memory_gib']} GiB, {machine['system']}, no GPU, Python {machine['python']}; "
        f"{f'medians of {rounds} rounds' if rounds > 1 else 'one round'} in which all take turns."
        f"{note if busy else ''} "
        f"Versions: {named}. Encoder of imgsearch: `{agreement['encoder_id']}`. Its vectors and "
        f"rclip's of the same small photos have a cosine of {agreement['mean_cosine']:.4f} in the "
        f"mean, {agreement['least_cosine']:.4f} at least (different photos: "
        f"{agreement['others_cosine']:.4f})."
    )


# ---------------------------------------------------------------------- the goals


def targets(results: Result) -> str:
    """The goals that this benchmark measures, met or not."""
    help_ms = 1e3 * middle(results, "help", OURS, "wall_s")
    rows = [
        ("first index, camera JPEGs", "≥ 3 × rclip's speed", "index large", 3.0),
        ("first index, small JPEGs", "≥ 2.3 × rclip's speed", "index small", 2.3),
        ("one-shot text query, new words", "≤ 0.5 × rclip's time", "new words", 0.5),
        ("… the same again", "≤ 0.25 × rclip's time", "known words", 0.25),
    ]
    lines = ["| what | goal | here | | by processor time |", "|---|---|---|---|---|"]
    for what, goal, task, bound in rows:
        wall, cores = (times(results, task, kind) for kind in ("wall_s", "cpu_s"))
        if bound > 1:
            wall, cores = 1 / wall, 1 / cores
        outcome = at_least(wall, bound) if bound > 1 else at_most(wall, bound)
        lines.append(f"| {what} | {goal} | {wall:.2f} × | {outcome} | {cores:.2f} × |")
    lines.append(f"| `--help` | ≤ 150 ms | {help_ms:.0f} ms | {at_most(help_ms, 150)} | |")
    return "\n".join(lines)


def at_least(value: float, bound: float) -> str:
    return "met" if value >= bound else f"missed by {100 * (1 - value / bound):.0f} %"


def at_most(value: float, bound: float) -> str:
    return "met" if value <= bound else f"missed by {100 * (value / bound - 1):.0f} %"


# ---------------------------------------------------------------------- tables


def index_table(results: Result, name: str) -> str:
    """First index and second run of one set of photos, and the rates that the machine allows."""
    facts = results["photos"][name]
    first, again = (results["measured"].get(f"{task} {name}", {}) for task in ("index", "again"))
    made = f", {facts['made']} of them made by enlarging small ones" if facts["made"] else ""
    title = (
        f"**First index of {facts['photos']:,} {name} photos** ({facts['megapixels']} Mpx and "
        f"{facts['size_mb']} MB in the mean{made}), and a second run with nothing changed"
    )
    head = (
        "| | photos/s | × rclip's speed | core ms a photo | peak memory | second run |",
        "|---|---|---|---|---|---|",
    )
    lines = []
    for program, costs in first.items():
        rate = facts["photos"] / median(costs["wall_s"])
        core_ms = 1e3 * median(costs["cpu_s"]) / facts["photos"]
        speed = 1 / times(results, f"index {name}", "wall_s", program)
        second = f"{median(again[program]['wall_s']):.2f} s" if program in again else "as the first"
        lines.append(
            f"| {bold(program)} | {rate:.1f} | {speed:.2f} | {core_ms:.0f} | "
            f"{max(costs['peak_mb']):.0f} MB | {second} |"
        )
    ours = facts["photos"] / median(first[OURS]["wall_s"])
    for what, rate in bounds(results, name):
        reached = f", of which {OURS} reaches {100 * ours / rate:.0f} %" if "int8" in what else ""
        lines.append(f"| *{what}{reached}* | *{rate:,.0f}* | | | | |")
    return "\n".join([title, "", *head, *lines])


def bounds(results: Result, name: str) -> Iterator[tuple[str, float]]:
    """Photos per second of the decoder and the model alone, each using all cores in turn."""
    limits = results["limits"]
    decoded = limits["jpeg_photos_s"][name]
    for kind, gflop_s in limits["gemm_gflop_s"].items():
        embedded = gflop_s / limits["model_gflop"]
        both = 1 / (1 / embedded + 1 / decoded["scaled"])
        yield f"limit: libjpeg scaling, then the model at {kind} peak", both
    yield "limit: libjpeg alone, scaling", decoded["scaled"]
    yield "limit: libjpeg alone, whole", decoded["whole"]


def query_table(results: Result) -> str:
    """One-shot queries as whole processes."""
    measured = results["measured"]
    programs = dict.fromkeys(name for task in QUERIES for name in measured.get(task, {}))
    title = (
        f"**One query as a whole process**, over {results['photos']['small']['photos']:,} photos: "
        "seconds from start to end, and by rclip's"
    )
    head = (
        "| | new words | known words | new example image | `--help` | peak memory, words |",
        "|---|---|---|---|---|---|",
    )
    lines = []
    for name in programs:
        cells = [seconds(results, task, name) for task in QUERIES]
        memory = measured.get("new words", {}).get(name)
        peak = f"{max(memory['peak_mb']):.0f} MB" if memory else "–"
        lines.append(f"| {bold(name)} | {' | '.join(cells)} | {peak} |")
    return "\n".join([title, "", *head, *lines])


def limits_table(results: Result) -> str:
    limits = results["limits"]
    peaks = " / ".join(f"{rate:.0f}" for rate in limits["gemm_gflop_s"].values())
    rates = "; ".join(
        f"{name} {rate['whole']:,.0f} whole, {rate['scaled']:,.0f} scaled"
        for name, rate in limits["jpeg_photos_s"].items()
    )
    rows = [
        (f"matrix products, {' / '.join(limits['gemm_gflop_s'])}", f"{peaks} Gflop/s"),
        ("image tower of ViT-B-32-256", f"{limits['model_gflop']} Gflop a photo"),
        ("libjpeg-turbo, photos a second on all cores", rates),
        ("reading the large photos, not cached", f"{limits['disk_mb_s']:.0f} MB/s"),
    ]
    floors = limits["query_s"]
    known, new = (middle(results, f"{kind} words", PEER, "wall_s") for kind in ("known", "new"))
    rows.append(
        (
            f"a process: {', with '.join(floors)} embedded",
            f"{', '.join(f'{1e3 * s:.0f}' for s in floors.values())} ms: for known words at least "
            f"{floors['NumPy'] / known:.2f} × rclip, for new words {floors['a text'] / new:.2f} ×",
        )
    )
    lines = ["**What the machine allows**", "", "| what | measured |", "|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {value} |" for what, value in rows)])


# ---------------------------------------------------------------------- numbers


def middle(results: Result, task: str, program: str, kind: str) -> float:
    return float(median(results["measured"][task][program][kind]))


def times(results: Result, task: str, kind: str, program: str = OURS) -> float:
    """A program's cost divided by rclip's: the median over the rounds.

    What slows both down in one round cancels out.
    """
    measured = results["measured"][task]
    return median(paired(measured[program][kind], measured[PEER][kind]))


def paired(ours: Iterable[float], theirs: Iterable[float]) -> list[float]:
    return [mine / other for mine, other in zip(ours, theirs, strict=False)]


def seconds(results: Result, task: str, program: str) -> str:
    if program not in results["measured"].get(task, {}):
        return "–"
    wall_s = middle(results, task, program, "wall_s")
    if program == PEER or PEER not in results["measured"][task]:
        return f"{wall_s:.2f}"
    return f"{wall_s:.2f} ({times(results, task, 'wall_s', program):.2f} ×)"


def bold(program: str) -> str:
    return f"**{program}**" if program.startswith(OURS) else program
