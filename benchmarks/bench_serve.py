"""Compares commands that use the service with the same commands without it.

    .venv/bin/python -m benchmarks.bench_serve
    .venv/bin/python -m benchmarks.bench_serve --library DIR --photos 1000000

On the demo photos and `lite`: the library is small, so that the time measured is for starting,
loading and communicating. With `--library`, on that of `bench_page` in this folder, which is made
if it is not there: then the index has its share. Prints a table and, with --json FILE, writes it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import psutil

from benchmarks import bench_page
from imgsearch import Library, Settings
from imgsearch.cli.demo import copy_photos
from imgsearch.language.grammar import parse
from imgsearch.operations.bodies import query_form
from imgsearch.service.client import ANSWER_S, Client, ServiceUnavailable, connect

COMMAND = [sys.executable, "-m", "imgsearch"]
CLIENTS = 16
LOAD_S = 10.0
KNOWN = 100  # different words under load
# With each of the numbers below `KNOWN`: words that are asked for once.
THINGS = (
    *("cats", "boats", "bicycles", "children", "houses", "bridges", "flowers", "trains", "horses"),
    *("mountains", "cakes", "chairs", "birds", "cars", "trees", "windows", "lamps", "hats"),
    *("umbrellas", "books"),
)


def timed(run: Callable[[int], object], times: int) -> tuple[float, float]:
    """The median wall time, and the mean CPU time of child processes, in ms."""
    if sys.platform == "win32":
        raise NotImplementedError("needs Unix")
    walls = []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for number in range(times):
        started = time.perf_counter()
        run(number)
        walls.append((time.perf_counter() - started) * 1000)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return statistics.median(walls), cpu_s * 1000 / times


def one_shot(
    environment: dict[str, str], line: Callable[[int], str], times: int = 7
) -> list[float]:
    """Wall and CPU time of a whole process, in ms."""

    def run(number: int) -> None:
        command = [*COMMAND, "search", line(number), "--all", "--json"]
        subprocess.run(command, env=environment, check=True, capture_output=True)

    run(-1)
    return [round(value, 1) for value in timed(run, times)]


def new(number: int) -> str:
    """Words that were never searched for before."""
    return f"a photo of {number} {time.time_ns()} dogs beside a lake"


def inside_ms(settings: Settings, line: str) -> float:
    """The time the library took, as the service reports it, in ms."""
    form = json.dumps({"query": query_form(parse(line))}).encode()
    with connect(settings.data_dir) as opened:
        connection = opened.http
        connection.sock.settimeout(ANSWER_S)
        connection.request("POST", "/search", form)
        response = connection.getresponse()
        response.read()
        return float(response.headers["Server-Timing"].partition("dur=")[2])


def is_answered(client: Client, line: str) -> bool:
    """Whether the service answered; otherwise a command would have opened the library."""
    try:
        return client.call(Library.find, line) is not None
    except ServiceUnavailable:
        return False


def known_words(k: int = 20, thing: str = "dogs") -> list[bytes]:
    """Requests for the k best photos for known words."""
    return [
        json.dumps({"query": query_form(parse(line)), "k": k}).encode() for line in lines_of(thing)
    ]


def lines_of(thing: str) -> list[str]:
    return [f"a photo of {number} {thing}" for number in range(KNOWN)]


def embed_words(settings: Settings) -> None:
    """Put the vectors of the words that are asked for once into the cache of this machine."""
    with Library.open(settings) as library:
        for line in itertools.chain.from_iterable(map(lines_of, THINGS)):
            library.find(line)


def under_load(
    settings: Settings,
    path: str,
    bodies: Sequence[bytes | None],
    before: Sequence[bytes | None],
    is_once: bool = False,
) -> list[float]:
    """Clients that keep their connections: answers a second, and the median and p95 in ms.

    Each client has requests of its own, which it asks again and again for `LOAD_S`, or only once.
    Those in `before` are asked first, without counting.
    """

    def ask(connection: HTTPConnection, body: bytes | None) -> float:
        started = time.perf_counter()
        connection.request("GET" if body is None else "POST", path, body)
        response = connection.getresponse()
        content = response.read()
        assert response.status == 200, content
        return (time.perf_counter() - started) * 1000

    with ExitStack() as opened, ThreadPoolExecutor(CLIENTS) as pool:
        connections = [
            opened.enter_context(connect(settings.data_dir)).http for number in range(CLIENTS)
        ]
        for connection in connections:
            connection.sock.settimeout(ANSWER_S)
        for body in before:
            ask(connections[0], body)
        started = time.perf_counter()

        def client(number: int) -> list[float]:
            own = bodies[number::CLIENTS] or bodies
            took_ms = []
            for body in own if is_once else itertools.cycle(own):
                took_ms.append(ask(connections[number], body))
                if time.perf_counter() >= started + LOAD_S:
                    break
            return took_ms

        took_ms = np.concatenate(list(pool.map(client, range(CLIENTS))))
        seconds = time.perf_counter() - started
    return [round(len(took_ms) / seconds, 1), *np.percentile(took_ms, (50, 95)).round(1).tolist()]


def measure(settings: Settings, environment: dict[str, str]) -> dict[str, object]:
    without = {**environment, "IMGSEARCH_SERVICE": "off"}
    results: dict[str, object] = {
        "one shot, new words, without [wall, CPU ms]": one_shot(without, new),
        "one shot, new words, with": one_shot(environment, new),
        "one shot, known words, without": one_shot(without, lambda number: "a dog"),
        "one shot, known words, with": one_shot(environment, lambda number: "a dog"),
    }
    client = Client(settings)

    def round_trip_ms(words: Callable[[int], str]) -> float:
        return round(timed(lambda number: client.call(Library.find, words(number)), 40)[0], 1)

    results["round trip, new words, ms"] = round_trip_ms(new)
    results["round trip, known words, ms"] = round_trip_ms(lambda number: "a dog")
    for name, line in (("new", new), ("known", lambda number: "a dog")):
        inside = [inside_ms(settings, line(number)) for number in range(40)]
        results[f"inside, {name} words, ms"] = round(statistics.median(inside), 1)
    with ThreadPoolExecutor(CLIENTS) as pool:
        started = time.perf_counter()
        answered = list(pool.map(lambda number: is_answered(client, new(number)), range(200)))
        rate = sum(answered) / (time.perf_counter() - started)
    results[f"{CLIENTS} clients, new words, queries/s"] = round(rate, 1)
    results["of these not answered in time"] = f"{answered.count(False) / 2:.1f} %"
    clients = f"{CLIENTS} clients,"
    # An answer for another number of photos is another answer. Each is asked for once only.
    known = known_words()
    not_answered = list(itertools.chain.from_iterable(map(known_words, range(21, 21 + KNOWN))))
    results[f"{clients} known words, other answers"] = under_load(
        settings, "/search", not_answered, known
    )
    # Nothing of these is in memory: neither the words nor, of most photos, their facts.
    asked_once = list(itertools.chain.from_iterable(known_words(thing=each) for each in THINGS))
    results[f"{clients} known words, each once"] = under_load(
        settings, "/search", asked_once, known, is_once=True
    )
    results[f"{clients} known answers [a second, p50, p95 ms]"] = under_load(
        settings, "/search", known, known
    )
    # What the requests and the answers alone cost the service and its clients.
    results[f"{clients} nothing searched"] = under_load(settings, "/hello", [None], [None])
    missing = Client(Settings.load(data_dir=settings.data_dir / "none"))
    no_service_ms, _ = timed(lambda number: is_answered(missing, "a dog"), 200)
    results["finding out that there is no service, ms"] = round(no_service_ms, 3)
    return results


def memory_mb(pid: int) -> float:
    """The memory of a process and of those that it started; what they share counts once (PSS)."""
    if sys.platform != "linux":
        raise NotImplementedError("needs Linux")
    process = psutil.Process(pid)
    each = [process, *process.children(recursive=True)]
    return float(sum(one.memory_full_info().pss for one in each)) / 1e6


def demo_library(place: Path) -> Path:
    """A library of the demo photos."""
    photos, data = place / "photos", place / "library"
    photos.mkdir()
    copy_photos(photos)
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        library.index([photos]).run()
    return data


def main() -> None:
    """Create the library, start the service and measure with and without it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--library", type=Path)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=1, help="processes that answer")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        if options.library is None:
            data = demo_library(Path(place))
        else:
            data = bench_page.library_in(options.library, options.photos)
        settings = Settings.load(data_dir=data, encoder="lite")
        environment = {**os.environ, "IMGSEARCH_DATA": str(data), "IMGSEARCH_ENCODER": "lite"}
        command = [*COMMAND, "serve", "--workers", str(options.workers)]
        embed_words(settings)
        service = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
        assert service.stderr is not None
        service.stderr.readline()  # printed when it is ready
        try:
            results = measure(settings, environment)
            results["memory, MB"] = round(memory_mb(service.pid))
        finally:
            service.terminate()
            service.wait()
    results["machine"] = (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    )
    for name, value in results.items():
        sys.stdout.write(f"{name:50} {value}\n")
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
