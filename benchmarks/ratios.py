"""Ratios that show whether imgsearch has become slower; measured in seconds, without other tools.

Each divides the processor time of imgsearch by that of the least that the job needs, on the same
machine at the same time. A slow or busy machine changes both, and the ratio little.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

from benchmarks.processes import Command, Cost, run

OFFLINE = {"HF_HUB_OFFLINE": "1"}
NOTEWORTHY = 1.5  # times the published ratio; less may be chance

# The decoder and the model alone: the least that indexing these photos needs.
BARE_INDEX = """
import sys
from pathlib import Path
import numpy as np
from imgsearch.decode.reader import decode_bytes, side_to_embed
from imgsearch.encoders.registry import open_encoder
encoder = open_encoder("lite", Path(sys.argv[2]), "cpu")
for path in sorted(Path(sys.argv[1]).iterdir()):
    image = decode_bytes(path.read_bytes(), side_to_embed(encoder.side_px)).image
    encoder.encode_pixels(encoder.prepare(image)[None])
"""

MEANING = {
    "help": "`imgsearch --help` / Python that starts and ends",
    "new words": "`imgsearch search` for new words (`lite`) / importing ONNX Runtime",
    "known words": "`imgsearch search` for the same words again / Python that starts and ends",
    "index": "`imgsearch index` of 21 photos (`lite`) / decoder and model alone",
    "nothing new": "`imgsearch index` with nothing changed / Python that starts and ends",
}


def measure(place: Path, photos: Path, cache: Path, rounds: int = 3) -> dict[str, float]:
    """All ratios, each the median of some rounds.

    `photos` are those of the demo, `place` is a folder for the libraries, and `cache` has the
    exported model.
    """
    program = str(Path(sys.executable).with_name("imgsearch"))
    measured: dict[str, list[float]] = {name: [] for name in MEANING}
    python(place, BARE_INDEX, photos, cache)  # exports the model if necessary
    for number in range(rounds):
        env = {
            **OFFLINE,
            "IMGSEARCH_DATA": str(place / f"library-{number}"),
            "IMGSEARCH_CACHE": str(cache),
            "IMGSEARCH_ENCODER": "lite",
            "IMGSEARCH_DEVICE": "cpu",
        }

        def imgsearch(*arguments: str, env: dict[str, str] = env) -> Cost:
            return run(Command([program, *arguments], place, env))

        index = imgsearch("index", str(photos))
        bare = python(place, BARE_INDEX, photos, cache)
        bare_s = python(place, "pass").cpu_s
        # Words that no library has searched for: the cache keeps the vectors of queries.
        words = f"a boat near {place.name} and {number} bridges"
        search = ("search", "--all", words)
        measured["help"].append(imgsearch("--help").cpu_s / bare_s)
        new_s = imgsearch(*search).cpu_s
        measured["new words"].append(new_s / python(place, "import onnxruntime").cpu_s)
        measured["known words"].append(imgsearch(*search).cpu_s / bare_s)
        measured["index"].append(index.cpu_s / bare.cpu_s)
        measured["nothing new"].append(imgsearch("index").cpu_s / bare_s)
    return {name: round(median(values), 2) for name, values in measured.items()}


def python(place: Path, program: str, *arguments: Path) -> Cost:
    """The cost of a program in a Python of this environment."""
    argv = [sys.executable, "-c", program, *map(str, arguments)]
    return run(Command(argv, place, OFFLINE))


def comparison(now: dict[str, float], committed: dict[str, float]) -> str:
    """Both side by side; marks those that have grown by more than chance explains."""
    lines = [f"{'ratio':12} {'now':>7} {'before':>7}"]
    for name, meaning in MEANING.items():
        growth = now[name] / committed[name]
        note = f"   {growth:.1f} times as slow as before" if growth > NOTEWORTHY else ""
        lines.append(f"{name:12} {now[name]:7.1f} {committed[name]:7.1f}   {meaning}{note}")
    return "\n".join(lines)
