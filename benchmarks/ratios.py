"""Ratios that tell whether imgsearch has become slower, measured in seconds and without a peer.

Each divides what imgsearch takes by what the same machine takes at the same time for the least
that the job needs, both in processor time of all threads. So a slow or busy machine changes both,
and the ratio little.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

from benchmarks.processes import Command, Cost, run

OFFLINE = {"HF_HUB_OFFLINE": "1"}
NOTEWORTHY = 1.5  # times what was committed: below that it may be chance

# The model and the decoder, with nothing around them: the least an index of these photos needs.
BARE_INDEX = """
import sys
from pathlib import Path
import numpy as np
from imgsearch.decode.reading import decode_bytes
from imgsearch.encoders.registry import open_encoder
encoder = open_encoder("lite", Path(sys.argv[2]), "cpu")
for path in sorted(Path(sys.argv[1]).iterdir()):
    image = decode_bytes(path.read_bytes(), encoder.side_px).image
    encoder.encode_pixels(encoder.prepare(image)[None])
"""

MEANING = {
    "help": "`imgsearch --help`, by a Python that starts and ends",
    "new words": "`imgsearch search` of words not asked before (`lite`), by importing ONNX Runtime",
    "known words": "the same words again, by a Python that starts and ends",
    "index": "`imgsearch index` of 21 photos (`lite`), by decoder and model alone",
    "nothing new": "`imgsearch index` with nothing changed, by a Python that starts and ends",
}


def measure(place: Path, photos: Path, cache: Path, rounds: int = 3) -> dict[str, float]:
    """All ratios, each the median of a few, taken in turn. `photos` are those of the demo; `place`
    is for the libraries, `cache` holds the exported model."""
    program = str(Path(sys.executable).with_name("imgsearch"))
    found: dict[str, list[float]] = {name: [] for name in MEANING}
    python(place, BARE_INDEX, photos, cache)  # exports the model if that is still to be done
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
        # Words that no library has been asked: what was asked lies in the cache.
        words = f"a boat near {place.name} and {number} bridges"
        search = ("search", "--all", words)
        found["help"].append(imgsearch("--help").cpu_s / bare_s)
        new_s = imgsearch(*search).cpu_s
        found["new words"].append(new_s / python(place, "import onnxruntime").cpu_s)
        found["known words"].append(imgsearch(*search).cpu_s / bare_s)
        found["index"].append(index.cpu_s / bare.cpu_s)
        found["nothing new"].append(imgsearch("index").cpu_s / bare_s)
    return {name: round(median(values), 2) for name, values in found.items()}


def python(place: Path, program: str, *arguments: Path) -> Cost:
    """What a Python of this environment takes for a program."""
    argv = [sys.executable, "-c", program, *map(str, arguments)]
    return run(Command(argv, place, OFFLINE))


def comparison(now: dict[str, float], committed: dict[str, float]) -> str:
    """Both side by side, with a word where one has grown by more than chance explains."""
    lines = [f"{'ratio':12} {'now':>7} {'before':>7}"]
    for name, meaning in MEANING.items():
        growth = now[name] / committed[name]
        note = f"   {growth:.1f} times as slow as before" if growth > NOTEWORTHY else ""
        lines.append(f"{name:12} {now[name]:7.1f} {committed[name]:7.1f}   {meaning}{note}")
    return "\n".join(lines)
