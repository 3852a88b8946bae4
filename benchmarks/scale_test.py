"""`make scale-test`: a fleet on two nodes and object storage, with everything killed once.

    python -m benchmarks.scale_test run [--photos 2000] [--work DIR]
    python -m benchmarks.scale_test overhead [--photos 2000] [--work DIR]

Starts an S3 server (Ceph where it is installed, otherwise moto) and two nodes of Ray on the
loopback interface. The fleet embeds the photos (with copies, and files that cannot be read) into a
catalogue in object storage. Meanwhile a worker is killed with -9, then the driver, which is started
again, and then the S3 server is away for ten seconds. The catalogue has to end equal to a library
on this machine, vector by vector. Two fleets at once with overlapping folders, into another
catalogue, have to end the same. Then `find` is timed through the storage, in a process that has
just been started and in one that has answered before, and has to find what the library finds.

At last two people give stars to photos, each in a copy of the archive, some of them to the same
ones. One of them is killed in the first copy and again while stars are sent, and the S3 server is
away for ten seconds. In the end both copies, and a new one, have to have all stars, each once.

`overhead` measures how long an archive takes beside a library on this machine, without a cluster
and with the two nodes, and how much of it passes before the first photos are done.
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from imgsearch import Library, Settings
from imgsearch.archive.fleet.cluster import ray_workers
from imgsearch.archive.fleet.embedding import FleetRun, embed_photos
from imgsearch.archive.fleet.worker import WorkPlan
from imgsearch.archive.items.table import ArchiveItems
from imgsearch.archive.lance.writer import LanceWriter
from imgsearch.archive.replica.replica import Replica
from imgsearch.encoders.registry import open_encoder
from imgsearch.opened.replicas import open_replica
from imgsearch.progress import Job, SyncReport
from imgsearch.records.index import EncoderRow
from imgsearch.store.store import Store
from imgsearch.text import path_text
from tests.archive_photos import ArchivePhotos
from tests.object_storage import S3Server, is_ceph_there, s3_server

HOUSE = Path(__file__).parent.parent
DATA = Path(os.environ.get("IMGSEARCH_TEST_DATA", HOUSE.parent / "shared" / "data"))
# Addresses of their own: Ray takes 127.0.0.1 for the outer one.
HEAD, NODE, PORT = "127.0.0.2", "127.0.0.3", 6399
PHOTOS, INDEX = "photos", "index"
AWAY_S = 10.0
FOUND = 20  # photos of an answer
ALMOST_FOUND = 2  # of these may come just after them
STARRED = 80  # photos, by each of two people, half of them the same
STAR_EVERY_S = 0.2
SEARCHES = (
    "a dog on a beach",
    "two children with a ball",
    "a man on a bicycle",
    "snow on a mountain",
    "a red car before a house",
    "camera:canon",
    "people -dog",
    "sunset over the sea",
)
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
}


def say(what: object) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


# ------------------------------------------------------------------------- the driver


def drive(address: str, sources: list[str], work: Path, ray: str, every: int) -> SyncReport:
    """Embed sources into a catalogue, as a command does; prints how far it is."""
    settings = Settings.load(data_dir=work, encoder="lite")
    open_encoder_here = partial(open_encoder, "lite", settings.cache_dir)
    encoder = open_encoder_here()
    row = EncoderRow(1, encoder.id, "lite", encoder.dim)
    writer = LanceWriter.open(address, row, encoder.encode_texts)
    plan = WorkPlan(
        encoder.id,
        open_encoder_here,
        partial(LanceWriter, address),
        settings.max_megapixels,
        settings.cache_dir,
    )
    run = FleetRun(writer, plan, work, notify=say, address=address, rows_per_commit=every)
    job = Job(embed_photos(run, sources, partial(ray_workers, address=ray)))
    started = time.monotonic()
    for step in job:
        seconds = time.monotonic() - started
        say(f"{seconds:7.1f} s {step.part or 'Embedding'} {step.done} {step.total}")
    say(f"report {job.report}")
    return job.report


class Driver:
    """`drive` in a process of its own."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self._log = log
        with log.open("a") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.scale_test", "drive", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=HOUSE,
            )

    def wait_for(self, photos: int) -> int:
        """Wait until this many photos are embedded; returns how many are."""
        while True:
            lines = self._log.read_text().splitlines()
            steps = [line.split() for line in lines if " Embedding " in line]
            if steps and int(steps[-1][-2]) >= photos:
                return int(steps[-1][-2])
            if self._process.poll() is not None:
                raise SystemExit(f"the driver ended: {lines[-20:]}")
            time.sleep(0.2)

    def kill(self) -> None:
        """End it as a power failure does."""
        if sys.platform == "win32":
            raise NotImplementedError("needs Unix")
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def wait(self) -> None:
        """Wait for its end, and stop with its output if that is none."""
        if self._process.wait():
            raise SystemExit(self._log.read_text()[-5000:])


# ------------------------------------------------------------------------- servers


@contextmanager
def two_nodes() -> Iterator[str]:
    """A cluster of Ray with a CPU on each of two nodes; its address."""
    ray = Path(sys.executable).with_name("ray")
    usual = [str(ray), "start", "--num-cpus=1", "--object-store-memory=150000000", "--block"]
    head = ["--head", f"--node-ip-address={HEAD}", f"--port={PORT}", "--include-dashboard=false"]
    node = [f"--address={HEAD}:{PORT}", f"--node-ip-address={NODE}"]
    processes = []
    try:
        for options in (head, node):
            node_process = subprocess.Popen([*usual, *options], stdout=subprocess.PIPE, text=True)
            processes.append(node_process)
            assert node_process.stdout is not None
            while "Ray runtime started" not in (line := node_process.stdout.readline()):
                if not line:
                    raise SystemExit("a node of Ray did not start")
        yield f"{HEAD}:{PORT}"
    finally:
        for process in reversed(processes):
            tree = psutil.Process(process.pid).children(recursive=True)
            process.terminate()
            process.wait(60)
            for each in tree:
                with suppress(psutil.NoSuchProcess):
                    each.kill()


def worker_processes() -> list[psutil.Process]:
    """The processes that embed: those of our nodes that Ray has named after the actor."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        name = " ".join(process.info["cmdline"] or ())
        if name.startswith("ray::") and "MapWorker" in name:
            found.append(process)
    return found


# ------------------------------------------------------------------------- photos and results


def make_photos(folder: Path, count: int) -> None:
    """Photos of the test data in folders, with copies, an XMP file, and files that cannot be read.

    The folders are of different sizes, so that fleets can share some of them.
    """
    flickr = sorted((DATA / "flickr8k" / "images").glob("*.jpg"))
    camera = sorted(path for path in (DATA / "camera").rglob("*") if path.is_file())
    chosen = [*camera[: count // 10], *flickr][:count]
    for number, path in enumerate(chosen):
        target = folder / f"{number % 7}" / f"{number:05}{path.suffix.lower()}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    for number, path in enumerate(chosen[::100]):
        shutil.copyfile(path, folder / "6" / f"copy-{number}{path.suffix.lower()}")
    for number in range(5):
        (folder / "5" / f"text-{number}.jpg").write_text(f"no photo {number}")


def of_library(data_dir: Path, folder: Path) -> dict[str, Any]:
    """The contents of a library: vectors, facts and paths by content, and failures."""
    with Store.open(data_dir) as store:
        photos = store.packs.photos(store.reads.photos.live_ids().tolist(), str(folder))
        failed = {
            str(failure.path.relative_to(folder)): failure.reason.value
            for failure in store.failures.of_files()
        }
    return {
        "vectors": {
            photo.content_hash.hex(): b"".join(photo.vectors[0].vectors) for photo in photos
        },
        "facts": {photo.content_hash.hex(): photo.facts for photo in photos},
        "paths": {
            photo.content_hash.hex(): sorted(file.path for file in photo.files) for photo in photos
        },
        "failures": failed,
    }


def of_catalogue(address: str, source: str) -> dict[str, Any]:
    """The same of a catalogue."""
    archive = ArchivePhotos(address)
    photos, vectors, files = archive.photos(), archive.vectors(), archive.files()
    if len(photos) != archive.count().photos:
        raise SystemExit("the catalogue lists photos twice")
    return {
        "vectors": {
            each.photo.content_hash: vectors[photo_id].vectors.astype("<f2").tobytes()
            for photo_id, each in photos.items()
        },
        "facts": {each.photo.content_hash: each.photo.facts for each in photos.values()},
        "paths": {
            each.photo.content_hash: sorted(
                path_text(file.path).partition(f"{source}/")[2] for file in each.files
            )
            for each in photos.values()
        },
        "failures": {
            path.partition(f"{source}/")[2]: row["reason"]
            for path, row in files.items()
            if row["reason"] is not None
        },
    }


def compare(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """The differences between two of these, one per line; none where they are equal."""
    lines = []
    for kind, values in expected.items():
        others = found[kind]
        lacking, extra = values.keys() - others.keys(), others.keys() - values.keys()
        differing = [key for key in values.keys() & others.keys() if values[key] != others[key]]
        if lacking or extra or differing:
            example = next(iter([*lacking, *extra, *differing]))
            lines.append(
                f"{kind}: {len(lacking)} lacking, {len(extra)} too many, {len(differing)} differ, "
                f"such as {example}: {values.get(example)!r:.200} {others.get(example)!r:.200}"
            )
    return lines


# ------------------------------------------------------------------------- the test


def timed(what: str, action: Callable[[], object]) -> float:
    """Do something, and print how long it took."""
    started = time.monotonic()
    action()
    seconds = time.monotonic() - started
    say(f"{what}: {seconds:.1f} s")
    return seconds


def run(count: int, work: Path) -> None:
    """The whole test. Ends the process with what is wrong, if anything is."""
    if sys.platform == "win32":
        raise NotImplementedError("needs Unix")
    os.environ.update(ENVIRONMENT)
    shutil.rmtree(work, ignore_errors=True)
    folder = work / "photos"
    make_photos(folder, count)
    files = sum(path.is_file() for path in folder.rglob("*"))
    say(f"{files} files; load {os.getloadavg()[0]:.1f}")
    library = work / "library"
    answers: dict[str, list[str]] = {}

    def index() -> None:
        with Library.open(Settings.load(data_dir=library, encoder="lite")) as opened:
            say(opened.index([folder]).run())
            answers.update({line: _names_found(opened, line) for line in SEARCHES})

    timed("the indexer of this machine", index)
    expected = of_library(library, folder)
    kind = "ceph" if is_ceph_there() else "moto"
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # moto writes a line for every request
    with s3_server(kind) as s3:
        timed(f"photos into object storage ({kind})", lambda: s3.put_files(folder, PHOTOS))
        s3.put({}, bucket=INDEX)
        wrong = _fleets(s3, work, count, expected)
        wrong += _find(f"s3://{INDEX}/archive", work, answers)
        timed("people and their copies, killed", lambda: wrong.extend(_shared_stars(s3, work)))
    say("\n".join(wrong) or "equal: none lost, none doubled, vector by vector")
    sys.exit(1 if wrong else 0)


def _fleets(s3: S3Server, work: Path, count: int, expected: dict[str, Any]) -> list[str]:
    """One fleet with everything killed once, and two at once; how their archives differ."""
    wrong: list[str] = []
    with two_nodes() as ray:
        address = f"s3://{INDEX}/archive"
        arguments = (address, "--work", str(work / "fleet"), "--ray", ray, f"s3://{PHOTOS}")
        timed("the fleet, killed", lambda: _killed_fleet(s3, work, arguments, count))
        wrong += compare(expected, of_catalogue(address, f"s3://{PHOTOS}"))
        again = Driver(work / "again.log", *arguments)
        timed("a second run", again.wait)
        say((work / "again.log").read_text().splitlines()[-1])
        two = f"s3://{INDEX}/two"

        def both() -> None:
            parts = [[f"s3://{PHOTOS}/{n}" for n in numbers] for numbers in ("01234", "23456")]
            drivers = [
                Driver(work / f"two-{number}.log", two, "--work", str(work / f"two-{number}"),
                       "--ray", ray, *sources)
                for number, sources in enumerate(parts)
            ]  # fmt: skip
            for driver in drivers:
                driver.wait()

        timed("two fleets at once, three of seven folders in common", both)
        wrong += compare(expected, of_catalogue(two, f"s3://{PHOTOS}"))
    return wrong


def _find(address: str, work: Path, answers: dict[str, list[str]]) -> list[str]:
    """Time `find` through the storage; how the answers differ from those of the library."""
    wrong = []
    settings = Settings.load(data_dir=work / "searching", cache_dir=work / "cache", encoder="lite")
    with Library.open_archive(address, settings) as archive:
        # The drivers above have written no score baseline, on which words depend.
        timed("settling", lambda: archive.fleet.settle().run())
        for process in ("just started", "that has answered before"):
            times_ms = []
            for number, line in enumerate(SEARCHES):
                started = time.monotonic()
                # Another number of photos: answers are kept.
                found = _names_found(archive, line, FOUND + (process != "just started"))
                times_ms.append(1000 * (time.monotonic() - started))
                # Baselines are of other photos, so photos of nearly one score change places.
                if len(set(answers[line]) - set(found)) > ALMOST_FOUND:
                    wrong.append(f"find {line!r}: {found} instead of {answers[line]}")
                if number == 0:
                    say(f"find, by a process {process}: the first in {times_ms[0]:.0f} ms")
            median = sorted(times_ms)[len(times_ms) // 2]
            say(f"find, by a process {process}: {median:.0f} ms (median), {max(times_ms):.0f} most")
    return wrong


def _names_found(library: Library, line: str, k: int = FOUND) -> list[str]:
    return [hit.path.name for hit in library.find(line, k).hits]


# ------------------------------------------------------------------------- people


class ReplicaUser:
    """`share` in a process of its own: somebody who gives stars to photos in a copy."""

    def __init__(self, work: Path, name: str, first: int) -> None:
        self.folder = work / name
        self._log = work / f"{name}.log"
        self._arguments = (f"s3://{INDEX}/archive", str(self.folder), str(first))
        self._start()

    def _start(self) -> None:
        with self._log.open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.scale_test", "share", *self._arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=HOUSE,
            )

    def wait_for(self, line: str) -> None:
        """Wait until it has said this."""
        while line not in self._log.read_text().splitlines():
            if self._process.poll() is not None:
                raise SystemExit(f"{self.folder.name} ended: {self._log.read_text()[-5000:]}")
            time.sleep(0.05)

    def kill_and_start(self) -> None:
        """End it as a power failure does, and let it begin anew."""
        if sys.platform == "win32":
            raise NotImplementedError("needs Unix")
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._start()

    def wait(self) -> None:
        """Wait for its end, and stop with its output if that is none."""
        if self._process.wait():
            raise SystemExit(self._log.read_text()[-5000:])


def share(address: str, folder: Path, first: int) -> None:
    """Give stars to photos of a copy, from this one on by path, as slowly as a person does."""
    with _copy_in(folder, address) as (library, replica):
        say("copying")
        hits = library.find("sort:path width:>0", 10_000).hits
        for number in range(first, first + STARRED):
            library.marks.set([hits[number].photo.id], rating=_stars(number))
            say(f"starred {number}")
            time.sleep(STAR_EVERY_S)
        # What was made while the storage was away is sent half a minute later.
        while replica.waiting_changes():
            library.photo_count()
            time.sleep(1.0)


@contextmanager
def _copy_in(folder: Path, address: str) -> Iterator[tuple[Library, Replica]]:
    settings = Settings.load(data_dir=folder, cache_dir=folder / "cache", encoder="lite")
    engine, replica = open_replica(address, settings, say, folder=folder / "replica")
    with Library(engine) as library:
        yield library, replica


def _stars(number: int) -> int:
    return number % 5 + 1


def _shared_stars(s3: S3Server, work: Path) -> list[str]:
    """Let two people give stars; how their copies, and a new one, differ from what they did."""
    address = f"s3://{INDEX}/archive"
    anna, ben = ReplicaUser(work, "anna", 0), ReplicaUser(work, "ben", STARRED // 2)
    anna.wait_for("copying")
    anna.kill_and_start()
    say("killed a copy that was begun")
    anna.wait_for(f"starred {STARRED // 4}")
    anna.kill_and_start()
    say("killed somebody who had just given stars")
    ben.wait_for(f"starred {STARRED // 2 + 5}")
    s3.stop()
    time.sleep(AWAY_S)
    s3.start()
    say(f"the S3 server was away for {AWAY_S:.0f} s")
    anna.wait()
    ben.wait()
    wrong = []
    last = STARRED // 2 + STARRED
    for folder in (anna.folder, ben.folder, work / "carl"):
        with _copy_in(folder, address) as (library, _):
            hits = library.find("sort:path width:>0", 10_000).hits
            wanted = {stars: set[str]() for stars in range(1, 6)}
            for number, hit in enumerate(hits[:last]):
                wanted[_stars(number)].add(hit.path.name)
            for stars, names in wanted.items():
                found = set(_names_found(library, f"rating:{stars}", 10_000))
                if found != names:
                    wrong.append(f"{folder.name}, rating:{stars}: {found} instead of {names}")
    items = [item for part in ArchiveItems(address).since(0).parts for item in part]
    if len(items) != last or len({item.name for item in items}) != last:
        wrong.append(f"{len(items)} items of {last} photos")
    return wrong


def _killed_fleet(s3: S3Server, work: Path, arguments: tuple[str, ...], count: int) -> None:
    log = work / "fleet.log"
    driver = Driver(log, *arguments)
    done = driver.wait_for(count // 8)
    victim = worker_processes()[0]
    victim.kill()
    say(f"after {done}: killed worker {victim.pid}")
    done = driver.wait_for(done + count // 5)
    driver.kill()
    say(f"after {done}: killed the driver")
    log.unlink()
    driver = Driver(log, *arguments)
    done = driver.wait_for(count // 5)
    s3.stop()
    time.sleep(AWAY_S)
    s3.start()
    say(f"after {done} more: the S3 server was away for {AWAY_S:.0f} s")
    driver.wait()
    say(log.read_text().splitlines()[-1])


def overhead(count: int, work: Path) -> None:
    """Index the same photos into a library and into archives, and print how long each took."""
    shutil.rmtree(work, ignore_errors=True)
    photos = work / "photos"
    make_photos(photos, count)
    os.environ |= ENVIRONMENT

    def library(name: str) -> None:
        settings = Settings.load(data_dir=work / name, encoder="lite")
        with Library.open(settings) as opened:
            _say_how_long(name, opened.index([photos]))

    def archive(name: str, ray: str | None = None) -> None:
        settings = Settings.load(data_dir=work / name / "data", encoder="lite")
        with Library.open_archive(work / name / "archive", settings) as opened:
            _say_how_long(name, opened.index([photos], ray=ray))

    library("library")
    archive("archive")
    with two_nodes() as address:
        archive("archive by two nodes", address)
    library("library again")


def _say_how_long(what: str, job: Job[SyncReport]) -> None:
    started = time.monotonic()
    first = ""
    for step in job:
        if not first and step.part is None and step.done:
            first = f", the first {step.done} after {time.monotonic() - started:.1f} s"
    say(f"{what}: {time.monotonic() - started:.1f} s{first}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("run", "overhead"):
        whole = commands.add_parser(name)
        whole.add_argument("--photos", type=int, default=2000)
        whole.add_argument("--work", type=Path, default=HOUSE / "build" / "scale-test")
    driver = commands.add_parser("drive")
    driver.add_argument("address")
    driver.add_argument("sources", nargs="+")
    driver.add_argument("--work", type=Path, required=True)
    driver.add_argument("--ray", required=True)
    driver.add_argument("--every", type=int, default=500)
    person = commands.add_parser("share")
    person.add_argument("address")
    person.add_argument("folder", type=Path)
    person.add_argument("first", type=int)
    given = parser.parse_args()
    if given.command == "run":
        run(given.photos, given.work.absolute())
    elif given.command == "overhead":
        overhead(given.photos, given.work.absolute())
    elif given.command == "share":
        share(given.address, given.folder, given.first)
    else:
        drive(given.address, given.sources, given.work, given.ray, given.every)


if __name__ == "__main__":
    main()
