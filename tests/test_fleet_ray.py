"""The fleet on Ray: its processes do what a worker here does, and may die."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest
from msgspec.structs import replace

from imgsearch.archive.fleet.base import Workers
from imgsearch.archive.fleet.cluster import (
    WorkerShape,
    _without_log_lines,
    index_vectors,
    ray_workers,
    shape_of,
)
from imgsearch.archive.fleet.embedding import embed_photos
from imgsearch.archive.fleet.worker import WorkPlan
from imgsearch.decode.reader import decode
from imgsearch.errors import EncoderMismatch, FleetError, UsageError
from imgsearch.indexer.reading import PhotoDecoder
from imgsearch.progress import Job
from imgsearch.records.files import Decoded
from imgsearch.records.index import EncoderRow
from tests.factories import PATIENCE_S, run_python, wait_until, write_photos
from tests.fleets import plan_for, run_in, workers_here
from tests.small_catalogue import SmallCatalogue

if find_spec("ray") is None:  # not imported here: it would read its environment too early
    pytest.skip("needs the extra scale", allow_module_level=True)

from imgsearch.archive.lance.contents import ArchiveContents
from imgsearch.archive.lance.nearest import LancePolicy
from imgsearch.archive.lance.rows import id_of
from imgsearch.archive.lance.writer import LanceWriter
from tests.archive_photos import ArchivePhotos
from tests.catalogue_writer import DIM, content_of, photo, vectors_of

HEAD = "127.0.0.1:6379"
pytestmark = pytest.mark.alone  # a cluster of Ray is a dozen processes that start at once


@dataclass(frozen=True)
class GatedDecoder:
    """Decodes as usual, but waits at photos of one name until the gate is open.

    It leaves a file with its process id while it waits.
    """

    gate: Path
    name: str

    def __call__(
        self, path: Path, min_side_px: int, max_megapixels: float, *, all_frames: bool
    ) -> Decoded:
        if path.name == self.name:
            (self.gate / f"held-{os.getpid()}").touch()
            until = time.monotonic() + PATIENCE_S
            while not (self.gate / "open").exists() and time.monotonic() < until:
                time.sleep(0.05)
        return decode(path, min_side_px, max_megapixels, all_frames=all_frames)


@contextmanager
def cluster(cpus: int) -> Iterator[tuple[str, list[psutil.Process]]]:
    """A cluster of one node on the loopback interface: its address and its processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.2", 0))  # Ray takes 127.0.0.1 for the outer address
        port = free.getsockname()[1]
    variables = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "ab" * 32,
    }
    command = [
        str(Path(sys.executable).with_name("ray")),
        *("start", "--head", "--block", f"--num-cpus={cpus}"),
        *(f"--port={port}", "--node-ip-address=127.0.0.2", "--include-dashboard=false"),
        "--object-store-memory=100000000",
    ]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as head:
            assert head.stdout is not None
            assert any("Ray runtime started" in line for line in head.stdout)
            processes = psutil.Process(head.pid).children(recursive=True)
            try:
                yield f"127.0.0.2:{port}", processes
            finally:
                for process in processes:
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
                head.kill()


@pytest.fixture(scope="module")
def ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[psutil.Process]]:
    """The processes of a cluster that this process stays connected to; what follows uses it."""
    folder = tmp_path_factory.mktemp("ray")
    plan = plan_for(folder / "catalogue.db", folder)
    with cluster(cpus=2) as (address, processes), ray_workers(plan, address):
        yield processes


def start(plan: WorkPlan) -> AbstractContextManager[Workers]:
    return ray_workers(plan, "auto")  # it is connected already


def test_workers_are_made_for_what_the_nodes_have() -> None:
    assert shape_of([(4, 0)], HEAD) == WorkerShape(1, 4, 0)
    assert shape_of([(4, 0), (16, 0), (0, 0)], HEAD) == WorkerShape(5, 4, 0)
    assert shape_of([(32, 2), (16, 1), (64, 0)], HEAD) == WorkerShape(3, 16, 1)
    with pytest.raises(FleetError, match=f"has no CPUs.*--address {HEAD}"):
        shape_of([(0, 0)], HEAD)


def test_ray_embeds_what_a_worker_here_embeds(tmp_path: Path, ray: list[psutil.Process]) -> None:
    photos = write_photos(tmp_path / "photos", 60)
    (photos / "text.jpg").write_text("no photo")
    for name in ("here", "ray"):
        (tmp_path / name).mkdir()
    here, there = run_in(tmp_path / "here"), run_in(tmp_path / "ray")
    Job(embed_photos(here, [str(photos)], workers_here)).run()
    job = Job(embed_photos(there, [str(photos)], start))
    steps = [step for step in job if step.part is None]
    assert (job.report.new, job.report.failed) == (60, 1)
    assert steps[-1].done == steps[-1].total == 61
    expected, found = SmallCatalogue(tmp_path / "here" / "catalogue.db"), there.writer
    assert isinstance(found, SmallCatalogue)
    assert found.paths == expected.paths
    assert found.failures == expected.failures
    assert all(
        abs(photo.vectors - expected.photos[key].vectors).max() < 1e-6
        for key, photo in found.photos.items()
    )
    again = Job(embed_photos(there, [str(photos)], start)).run()
    assert (again.new, again.unchanged) == (0, 61)


def test_a_killed_worker_loses_and_doubles_nothing(
    tmp_path: Path, ray: list[psutil.Process]
) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    photos = write_photos(tmp_path / "photos", 40)
    gate = tmp_path / "gate"
    gate.mkdir()
    run = run_in(tmp_path, PhotoDecoder(GatedDecoder(gate, "0033.png")))
    with ThreadPoolExecutor(1) as driver:
        job = driver.submit(lambda: Job(embed_photos(run, [str(photos)], start)).run())
        wait_until(lambda: list(gate.glob("held-*")) or job.done())
        (held,) = gate.glob("held-*")
        os.kill(int(held.name.removeprefix("held-")), signal.SIGKILL)
        (gate / "open").touch()
        report = job.result()
    assert (report.new, report.failed) == (40, 0)
    catalogue = run.writer
    assert isinstance(catalogue, SmallCatalogue)
    assert len(catalogue.photos) == len(catalogue.paths) == 40
    assert sum(catalogue.rows_put) == 40
    assert len(list(gate.glob("held-*"))) == 2  # another process did it again


def test_what_a_worker_refuses_is_said_in_its_sentence(
    tmp_path: Path, ray: list[psutil.Process]
) -> None:
    photos = write_photos(tmp_path / "photos", 1)
    run = run_in(tmp_path)
    other = replace(run, plan=replace(run.plan, encoder_id="lite/other"))
    with pytest.raises(EncoderMismatch, match="a machine of the fleet has lite/stand-in"):
        Job(embed_photos(other, [str(photos)], start)).run()


def test_a_process_that_is_connected_reports_nothing(ray: list[psutil.Process]) -> None:
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    raylets = [process for process in ray if process.name() == "raylet"]
    assert raylets
    for process in raylets:
        assert process.environ().get("RAY_USAGE_STATS_ENABLED") == "0"
    from ray._common.usage.usage_lib import usage_stats_enabled

    assert not usage_stats_enabled()


EMBEDDING = """
import sys
import warnings
warnings.simplefilter("ignore")  # those of Ray
from functools import partial
from pathlib import Path
from imgsearch.errors import FleetError
from imgsearch.archive.fleet.cluster import ray_workers
from imgsearch.archive.fleet.embedding import embed_photos
from imgsearch.indexer.reading import PhotoDecoder
from imgsearch.progress import Job
from tests.fleets import run_in
from tests.test_fleet_ray import GatedDecoder
folder, address = Path(sys.argv[1]), sys.argv[2]
run = run_in(folder, PhotoDecoder(GatedDecoder(folder / "gate", "0033.png")))
job = Job(embed_photos(run, [str(folder / "photos")], partial(ray_workers, address=address)))
try:
    print(job.run().new)
except FleetError as error:
    print(error)
"""


def test_the_cluster_indexes_vectors_that_are_then_searched(
    tmp_path: Path, ray: list[psutil.Process]
) -> None:
    policy = LancePolicy(
        index_from=500, exact_filter_rows=10, scalar_index_from=1, rows_per_fragment=400
    )
    indexed: list[int] = []

    def build_index(dataset: Any, name: str, bits: int) -> None:
        index_vectors("auto", dataset, name, bits)  # it is connected already
        indexed.append(bits)

    address = tmp_path / "catalogue"
    writer = LanceWriter.open(
        address, EncoderRow(1, "test/1", "test", DIM), policy=policy, build_large_index=build_index
    )
    for first in range(0, 900, 300):
        writer.put([photo(each, f"/photos/{each}.jpg") for each in range(first, first + 300)])
    writer.settle()
    assert indexed == [policy.bits]
    contents, photos = ArchiveContents(str(address)), ArchivePhotos(address, policy)
    assert contents.indexed_vectors() == sum(len(vectors_of(each)) for each in range(900))
    settings = contents.search_settings()
    assert settings is not None and settings.image.recall >= 0.95
    for number in range(0, 900, 100):
        best = photos.nearest(vectors_of(number)[0], 1, kind="image")
        assert best.ids.tolist() == [id_of(content_of(number).hex())]


@pytest.mark.slow
def test_a_cluster_that_goes_away_ends_the_run_in_a_sentence(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 40)
    gate = tmp_path / "gate"
    gate.mkdir()
    with cluster(cpus=1) as (address, processes), ThreadPoolExecutor(1) as thread:
        driver = thread.submit(run_python, EMBEDDING, tmp_path, address)
        wait_until(lambda: list(gate.glob("held-*")) or driver.done())
        for process in processes:
            process.kill()
        done = driver.result()
    assert done.stdout.startswith("The Ray cluster went away. What was written is kept")
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)


@pytest.mark.slow
def test_ray_itself_says_nothing_of_a_worker_that_died(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    write_photos(tmp_path / "photos", 40)
    gate = tmp_path / "gate"
    gate.mkdir()
    with cluster(cpus=1) as (address, _), ThreadPoolExecutor(1) as thread:
        driver = thread.submit(run_python, EMBEDDING, tmp_path, address)
        wait_until(lambda: list(gate.glob("held-*")) or driver.done())
        (held,) = gate.glob("held-*")
        os.kill(int(held.name.removeprefix("held-")), signal.SIGKILL)
        (gate / "open").touch()
        done = driver.result()
    assert (done.returncode, done.stdout, done.stderr) == (0, "40\n", "")


def test_lines_of_others_are_not_lost(capfd: pytest.CaptureFixture[str]) -> None:
    line = "[2026-11-30 17:50:46,077 I 7032 7032] logging.cc:303: Set ray log level\n"
    with _without_log_lines():
        os.write(2, f"before\n{line}after\n".encode())
    assert capfd.readouterr() == ("", "before\nafter\n")


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        ("127.0.0.1:9", FleetError, "No Ray cluster answers at 127.0.0.1:9. Start one"),
        ("nonsense", UsageError, "is no address of a Ray cluster"),
    ],
)
def test_a_cluster_that_is_not_there_is_named(
    tmp_path: Path, address: str, error: type[Exception], message: str
) -> None:
    code = (
        "import sys\n"
        "from imgsearch.errors import ImgsearchError\n"
        "from imgsearch.archive.fleet.cluster import ray_workers\n"
        "try:\n"
        "    with ray_workers(None, sys.argv[1]): pass\n"
        "except ImgsearchError as error: print(type(error).__name__, error)\n"
    )
    done = run_python(code, address, PYTHONWARNINGS="ignore")
    assert done.stdout.startswith(error.__name__) and message in done.stdout, done.stderr
