"""Measures how long a trained model takes from a model hub to its first answer.

    .venv/bin/python -m benchmarks.bench_getting FOLDER
    .venv/bin/python -m benchmarks.bench_getting FOLDER --encoder openclip:ViT-B-16/… --mb-per-s 10

Makes a recommended CLIP model with random weights in its true size, offers it on a hub on the
loopback interface, at a given speed, and runs `imgsearch index FOLDER --encoder NAME` with an empty
home and an empty library. Its files have no trained weights, so what is found means nothing; times
and sizes do. It needs the packages of the extra `models` and 10 bytes of memory for each byte of
weights. Prints the lines of the command, each with the seconds since its start, then when the first
photo could be searched and with which encoder, and the disk that was used.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from imgsearch import Library, Settings
from imgsearch.encoders.openclip import catalogue
from tests.model_hub import Fault, ModelHub, range_start
from tests.small_models import clip_vocabulary, safetensors_of

PIECE_BYTES = 1_000_000


def weights_of(name: str) -> bytes:
    """The weights file of a model of open_clip, with random values."""
    import open_clip

    arch, _ = catalogue.split(name)
    return safetensors_of(open_clip.create_model(arch).eval())


def slowly(data: bytes, bytes_per_s: float) -> Fault:
    """A fault of the storage that sends a file in pieces, at a speed."""

    def fault(request: BaseHTTPRequestHandler) -> bool:
        if request.command != "GET":
            return False
        start = range_start(request)
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        request.send_header("Content-Length", str(len(data) - start))
        request.end_headers()
        for at in range(start, len(data), PIECE_BYTES):
            request.wfile.write(data[at : at + PIECE_BYTES])
            time.sleep(PIECE_BYTES / bytes_per_s)
        return True

    return fault


def watch_answers(data: Path, started: float, stop: threading.Event) -> None:
    """Say when the library first finds a photo, and with which encoder after each change."""
    before = None
    while not stop.wait(0.5):
        settings = Settings.load(data_dir=data)
        with Library.open(settings) as library:
            if not library.exists() or not library.status().photos:
                continue
            encoder = library.encoders.in_use().name
        if encoder != before:
            say(started, f"searches use {encoder}")
            before = encoder


def say(started: float, line: str) -> None:
    """Print a line with the seconds since the start."""
    sys.stdout.write(f"{time.monotonic() - started:6.1f} s  {line}\n")
    sys.stdout.flush()


def disk_mb(folder: Path) -> float:
    """The size of all files in a folder, without links."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


def main() -> None:
    """Run the command against the hub."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="photos to index")
    parser.add_argument("--encoder", default=catalogue.CPU_DEFAULT, help="a recommended CLIP model")
    parser.add_argument("--mb-per-s", type=float, default=50.0, help="speed of the hub")
    options = parser.parse_args()
    model = catalogue.find(options.encoder)
    if model is None or model.layout != "clip":
        parser.error("--encoder takes a recommended model with CLIP's layout")
    hub = ModelHub()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        weights = weights_of(model.name)
        hub.files[f"{model.repo}/open_clip_model.safetensors"] = weights
        vocabulary = home / "vocabulary"
        vocabulary.mkdir()
        hub.files[f"{model.repo}/tokenizer.json"] = clip_vocabulary(vocabulary)
        hub.small.add(f"{model.repo}/tokenizer.json")
        hub.storage_fault = slowly(weights, options.mb_per_s * 1e6)
        environment = os.environ | {
            "IMGSEARCH_DATA": str(home / "library"),
            "IMGSEARCH_CACHE": str(home / "cache"),
            "HF_HOME": str(home / "hub"),
            "HF_ENDPOINT": hub.address,
            "HF_HUB_OFFLINE": "0",
            "no_proxy": "127.0.0.1",
        }
        started, stop = time.monotonic(), threading.Event()
        watcher = threading.Thread(target=watch_answers, args=(home / "library", started, stop))
        watcher.start()
        command = [sys.executable, "-m", "imgsearch", "index", str(options.folder)]
        with subprocess.Popen(
            [*command, "--encoder", model.name],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                say(started, line.rstrip())
        time.sleep(1)
        stop.set()
        watcher.join()
        for name in ("hub", "cache", "library"):
            sys.stdout.write(f"{disk_mb(home / name):8.0f} MB  {name}\n")
    hub.close()


if __name__ == "__main__":
    main()
