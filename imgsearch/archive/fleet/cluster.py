"""The processes of a Ray cluster as workers. Hides ray.

imgsearch only uses a cluster that is running already: Ray asks the metadata services of clouds when
it starts, even with its usage statistics switched off.
"""

from __future__ import annotations

import logging
import os
import pickle
import queue
import re
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from imgsearch.archive.fleet.base import FILES_PER_TASK, FileOutcome, ListedFile
from imgsearch.archive.fleet.worker import PhotoWorker, WorkPlan
from imgsearch.errors import FleetError, ImgsearchError, MissingPackage, UsageError
from imgsearch.installation import install_command
from imgsearch.version import VERSION

if TYPE_CHECKING:
    import pyarrow as pa

_Step = TypeVar("_Step")
_Result = TypeVar("_Result")

AUTO = "auto"
_COLUMN = "pickled"
_LOOK_EVERY_S = 2.0  # between two checks that the cluster answers
_PATIENCE_S = 20.0
_ROWS_PER_PARTITION = 4_096  # of an index of vectors, as Lance chooses in one process
_SWITCH = "_worker_logs_enabled"
_STDERR = 2  # its file descriptor
# "[2026-11-30 17:50:46,077 I 7032 7032] logging.cc:303: …"
_LOG_LINE = re.compile(rb"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ [A-Z] \d+ \d+\] \S+\.(cc|h):\d+:")
_STEPS_WAITING = 4  # results that wait to be taken; beyond, the workers wait
# Read by Ray when it is imported, and by the processes that it starts.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # for its messages on standard error
}


class WorkerShape(Struct, frozen=True):
    """The number of workers of a cluster, and the resources of each."""

    count: int
    cpus: int
    gpus: int


def shape_of(nodes: Sequence[tuple[int, int]], head: str) -> WorkerShape:
    """Return the workers for a cluster whose nodes have these numbers of CPUs and GPUs.

    Each GPU gets a worker with a share of its node's CPUs; without GPUs, each node gets one. All
    workers are alike: the smallest share decides. `head` is the address of the cluster, for the
    message. Raises FleetError for a cluster without CPUs.
    """
    with_gpus = [(cpus, gpus) for cpus, gpus in nodes if gpus and cpus >= gpus]
    if with_gpus:
        cpus = min(cpus // gpus for cpus, gpus in with_gpus)
        return WorkerShape(sum(gpus for _, gpus in with_gpus), cpus, 1)
    with_cpus = [cpus for cpus, _ in nodes if cpus]
    if not with_cpus:
        raise FleetError(f"The Ray cluster has no CPUs. Start a node: ray start --address {head}")
    cpus = min(with_cpus)
    return WorkerShape(sum(each // cpus for each in with_cpus), cpus, 0)


def require_ray() -> None:
    """Raise MissingPackage unless Ray is installed."""
    if find_spec("ray") is None:
        raise MissingPackage(f"A fleet needs more packages: {install_command('scale')}")


@contextmanager
def ray_workers(plan: WorkPlan, address: str) -> Iterator[RayWorkers]:
    """Provide workers on the cluster at an address until the block ends.

    The address `auto` is the cluster of this machine. A worker that dies is replaced, and its files
    are done again. Raises FleetError, MissingPackage.
    """
    with _connected(address):
        yield RayWorkers(plan)


def index_vectors(address: str, dataset: Any, name: str, bits: int) -> None:
    """Index the column `vector` of a Lance dataset on the cluster at an address.

    The index has this name and the kind IVF_RQ with this number of bits. This process trains it;
    the machines of the cluster encode the vectors, each for some fragments of the dataset. Raises
    FleetError, MissingPackage, and the errors of Lance.
    """
    with _connected(address):
        for _ in _watched(_index_vectors(dataset, name, bits)):
            pass


def _index_vectors(dataset: Any, name: str, bits: int) -> Iterator[None]:
    import lance_ray

    shape = _shape()
    lance_ray.create_index(
        dataset,
        "vector",
        "IVF_RQ",
        name=name,
        metric="cosine",
        num_bits=bits,
        num_partitions=max(1, dataset.count_rows() // _ROWS_PER_PARTITION),
        num_workers=shape.count,
        ray_remote_args={"num_cpus": shape.cpus},
    )
    yield


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """Connect to the cluster at an address until the block ends, unless connected already."""
    require_ray()
    with _environment(_ENVIRONMENT), warnings.catch_warnings():
        # Ray starts new programs and never forks this process.
        warnings.filterwarnings("ignore", message="lance is not fork-safe")
        with _without_log_lines():
            import ray

            is_connected = ray.is_initialized()
            if not is_connected:
                logging.getLogger("ray").setLevel(logging.ERROR)
                _silence_messages()
                _connect(address)
        if is_connected:
            yield
            return
        try:
            yield
        finally:
            with suppress(Exception), _without_log_lines():  # the cluster may be gone
                ray.shutdown()


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _silence_messages() -> None:
    """Keep what Ray prints about workers that have died off standard output.

    It does so in every program that has called `ray.init`, whether logs of workers are wanted or
    not. The switch is that of Ray's own debugger; a Ray without it prints them.
    """
    import ray._private.worker as ray_worker

    if hasattr(ray_worker, _SWITCH):
        setattr(ray_worker, _SWITCH, False)


@contextmanager
def _without_log_lines() -> Iterator[None]:
    """Keep the log lines of Ray's C++ parts from the terminal while it connects and leaves.

    They go to standard error itself, past Python, and no variable switches off the first of them.
    Everything else that is written there meanwhile follows at the end of the block.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as written:
        stderr = os.dup(_STDERR)
        os.dup2(written.fileno(), _STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, _STDERR)
            os.close(stderr)
            written.seek(0)
            others = [line for line in written if not _LOG_LINE.match(line)]
            with suppress(OSError):  # nobody reads it any more
                os.write(_STDERR, b"".join(others))


def _connect(address: str) -> None:
    import ray

    address = _current_cluster() if address == AUTO else address
    if not _answers(address.removeprefix("ray://")):  # Ray itself would try for minutes
        raise _no_cluster(address)
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except ray.exceptions.AuthenticationError as error:
        raise FleetError(
            "The Ray cluster asks for a token. Set RAY_AUTH_MODE=token, and copy ~/.ray/auth_token "
            "from its head to this machine."
        ) from error
    except (ConnectionError, ray.exceptions.RayError, TimeoutError) as error:
        raise _no_cluster(address, str(error)) from error
    except RuntimeError as error:
        raise FleetError(
            f"Ray cannot connect ({str(error).splitlines()[0]}). Every node needs the same "
            "versions of Python and Ray."
        ) from error


def _current_cluster() -> str:
    """Return the address of the cluster of this machine, as recorded by `ray start`."""
    if address := os.environ.get("RAY_ADDRESS"):
        return address
    folder = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    try:
        return Path(folder, "ray", "ray_current_cluster").read_text().strip()
    except OSError as error:
        raise _no_cluster(AUTO) from error


def _no_cluster(address: str, reason: str = "") -> FleetError:
    where = "on this machine" if address == AUTO else f"at {address}"
    first = next(iter(reason.strip().splitlines()), "").rstrip(".")
    because = f" ({first})" if first else ""
    return FleetError(
        f"No Ray cluster answers {where}{because}. Start one: ray start --head; or leave out --ray."
    )


class _RayWorker:
    """The actor in a process of the cluster: a `PhotoWorker` behind Arrow tables.

    A returned table has outcomes, or the error that ends the run. The error is not raised, since
    Ray would repeat the task and describe the error in its own words.
    """

    def __init__(self, plan: bytes, threads: int, version: str) -> None:
        self._plan = plan
        self._threads = threads
        self._version = version
        self._worker: PhotoWorker | None = None

    def __call__(self, table: pa.Table) -> pa.Table:
        try:
            return _table(self._embed(_rows_of(table)))
        except ImgsearchError as error:
            return _table([error])

    def _embed(self, files: Sequence[ListedFile]) -> list[FileOutcome]:
        if self._version != VERSION:
            raise FleetError(
                f"A machine of the cluster has imgsearch {VERSION}, and this one has "
                f"{self._version}. Install the same version on every machine."
            )
        if self._worker is None:
            self._worker = PhotoWorker(_unpickle(self._plan), self._threads)
        return self._worker.embed(files)


class RayWorkers:
    """The workers of the cluster that this process is connected to. See `ray_workers`."""

    def __init__(self, plan: WorkPlan) -> None:
        self._plan = plan

    def embed(self, files: Sequence[ListedFile]) -> Iterator[list[FileOutcome]]:
        """Yield the outcome of each file, as tasks end.

        Raises the errors of workers, and FleetError if the cluster disappears.
        """
        yield from _watched(self._run(files))

    def _run(self, files: Sequence[ListedFile]) -> Iterator[list[FileOutcome]]:
        import ray.data

        shape = _shape()
        logging.getLogger("ray.data").setLevel(logging.ERROR)  # Ray sets it when imported
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        context.raise_original_map_exception = True
        per_task = max(1, min(FILES_PER_TASK, -(-len(files) // (2 * shape.count))))
        tables = [
            _table(files[start : start + per_task]) for start in range(0, len(files), per_task)
        ]
        rows = ray.data.from_arrow(tables).map_batches(
            _RayWorker,
            batch_size=None,  # a table is a task
            batch_format="pyarrow",
            fn_constructor_args=(pickle.dumps(self._plan), shape.cpus, VERSION),
            compute=ray.data.ActorPoolStrategy(size=min(shape.count, len(tables))),
            num_cpus=shape.cpus,
            num_gpus=shape.gpus,
        )
        for table in rows.iter_batches(batch_size=None, batch_format="pyarrow"):
            results = _rows_of(table)
            for result in results:
                if isinstance(result, ImgsearchError):
                    raise result
            yield results


def _watched(steps: Iterable[_Step]) -> Iterator[_Step]:
    """Run the steps of work on the connected cluster.

    They run in a thread of their own, since Ray waits for a lost cluster and then ends the process.
    Raises the errors of steps, and FleetError if the cluster disappears.
    """
    import ray

    results: queue.Queue[tuple[_Step] | BaseException | None] = queue.Queue(_STEPS_WAITING)
    stopped = threading.Event()
    control = ray.get_runtime_context().gcs_address

    def put(result: tuple[_Step] | BaseException | None) -> None:
        while not stopped.is_set():
            with suppress(queue.Full):
                results.put(result, timeout=_LOOK_EVERY_S)
                return

    def run() -> None:
        try:
            for step in steps:
                put((step,))
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001  # raised again, in the other thread
            put(error)

    threading.Thread(target=run, name="imgsearch-ray", daemon=True).start()
    try:
        while (result := _next(results, control)) is not None:
            if isinstance(result, BaseException):
                raise _error_of(result)
            yield result[0]
    finally:
        stopped.set()


def _shape() -> WorkerShape:
    """Return the workers for the connected cluster."""
    import ray

    nodes = [_resources(node) for node in ray.nodes() if node["Alive"]]
    return shape_of(nodes, ray.get_runtime_context().gcs_address)


def _resources(node: dict[str, Any]) -> tuple[int, int]:
    resources = node["Resources"]
    return int(resources.get("CPU", 0)), int(resources.get("GPU", 0))


def _table(rows: Sequence[object]) -> pa.Table:
    import pyarrow as pa

    return pa.table({_COLUMN: pa.array([pickle.dumps(row) for row in rows], pa.large_binary())})


def _rows_of(table: Any) -> list[Any]:
    return [_unpickle(row) for row in table[_COLUMN].to_pylist()]


def _unpickle(data: bytes) -> Any:
    return pickle.loads(data)  # noqa: S301  # from our own processes


def _next(results: queue.Queue[_Result], control: str) -> _Result:
    """Return the next result. Raises FleetError if the cluster's head stops answering."""
    silent_s = 0.0
    while True:
        try:
            return results.get(timeout=_LOOK_EVERY_S)
        except queue.Empty:
            silent_s = 0.0 if _answers(control) else silent_s + _LOOK_EVERY_S
        if silent_s >= _PATIENCE_S:
            raise FleetError(_WENT_AWAY)


_WENT_AWAY = (
    "The Ray cluster went away. What was written is kept: start the cluster, and run the same "
    "command again; it goes on from here."
)


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError(f"{address!r} is no address of a Ray cluster. Write auto, or HOST:PORT.")
    try:
        with socket.create_connection((host, int(port)), timeout=_LOOK_EVERY_S):
            return True
    except OSError:
        return False


def _error_of(error: BaseException) -> BaseException:
    """Return the error to show: the error of a worker, or one that says that Ray has failed."""
    import ray

    is_defect = isinstance(error, ray.exceptions.RayTaskError)  # of imgsearch: with its traceback
    if isinstance(error, ray.exceptions.RayError) and not is_defect:
        return FleetError(_WENT_AWAY)
    return error
