"""Models exported to ONNX: stored in the cache folder, and run by ONNX Runtime on the CPU.

An export is a folder of files and a `manifest.json`, written last, with the purpose of the export,
the packages that made it, the facts that its reader needs, and size, time and sha256 of every file.
It is written completely or not at all, and checked when it is read: a file with the right size and
time is trusted, a copied file is hashed once, and anything else is exported again.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from glob import escape
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from imgsearch import private_files
from imgsearch.cores import usable_cores
from imgsearch.encoders.checksums import sha256_of
from imgsearch.errors import DiskError, EncoderError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession

ExportFacts: TypeAlias = dict[str, object]  # JSON values
MANIFEST = "manifest.json"
_MAKERS = ("imgsearch-photos", "onnxruntime", "onnx", "torch", "open_clip_torch", "numpy")
_ROWS = 4  # at once in a thread: with more, intermediate values do not fit the processor's cache
_PROBE_BYTES = 1 << 20
_LOCK_S = 600  # the largest model takes a few minutes; a process that takes longer is stuck


class ParallelModel:
    """A model whose batches are split: each of `threads` runs the whole model on up to `rows`.

    Threads that worked on the same rows would wait for one another at every layer, and longest for
    one whose core a decoder keeps busy. Safe to call from any number of threads.
    """

    def __init__(self, threads: int, rows: int) -> None:
        self.threads, self._rows = threads, rows
        self._workers = ThreadPoolExecutor(threads, "imgsearch-model")

    def __call__(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """Compute the first output, one row for each row of the batch."""
        return self.outputs(batch)[0]

    def outputs(self, batch: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        """Compute all outputs, in the order of the graph."""
        share = min(self._rows, ceil(len(batch) / self.threads))
        if len(batch) <= share:
            return self.run(batch)
        shares = [batch[start : start + share] for start in range(0, len(batch), share)]
        run = map if self.threads == 1 else self._workers.map
        parts = run(self.run, shares)
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]

    def run(self, rows: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        """Compute all outputs for a few rows in the calling thread."""
        raise NotImplementedError


class OnnxModel(ParallelModel):
    """One exported graph with one input, run by ONNX Runtime on the CPU.

    See `open_session` for `lean`, with which batches are not split, for `seven_bits`, and for
    errors. A graph whose results for a row depend on the others that it gets is given `rows` of 1.
    """

    def __init__(
        self,
        path: Path,
        lean: bool = False,
        threads: int | None = None,
        rows: int = _ROWS,
        seven_bits: bool = False,
    ) -> None:
        threads = threads or usable_cores()
        super().__init__(1 if lean else threads, sys.maxsize if lean else rows)
        self._session = open_session(path, threads if lean else 1, lean, seven_bits)
        self._input = self._session.get_inputs()[0].name

    def run(self, rows: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        outputs: list[NDArray[np.float32]] = self._session.run(None, {self._input: rows})
        return outputs


def import_onnxruntime() -> Any:
    """Import onnxruntime with its telemetry off.

    From version 1.30 on it sends data to its maker and writes to the home folder, unless a
    variable is set before the import; its function `disable_telemetry_events` comes too late.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime


def open_session(
    path: Path, threads: int | None = None, lean: bool = False, seven_bits: bool = False
) -> InferenceSession:
    """Open an ONNX file on the CPU, on `threads` of the cores that this process may use.

    `lean` is for a graph that `optimise` wrote and that runs seldom but must start fast: it uses
    the weights directly in the mapped file. That opens in a tenth of the time and runs
    a few rows as fast; only many rows gain from copied and rearranged weights. Integer arithmetic
    gives the same results on every CPU; for weights of `seven_bits` without a setting that costs
    time. Raises EncoderError for a file that cannot be loaded.
    """
    try:
        return _session(str(path), threads, lean, seven_bits)
    except EncoderError as error:
        raise load_error(path, str(error)) from error


def open_graph(graph: bytes, weights_folder: Path, threads: int) -> InferenceSession:
    """Open an ONNX graph that is in memory, with weights in files of a folder, `lean`.

    The files are mapped. Raises EncoderError with the reason where they cannot be loaded.
    """
    return _session(graph, threads, lean=True, weights_folder=weights_folder)


def _session(
    model: str | bytes,
    threads: int | None,
    lean: bool,
    seven_bits: bool = False,
    weights_folder: Path | None = None,
) -> InferenceSession:
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or usable_cores()
    options.log_severity_level = 3  # errors only: the library does not write to the terminal
    # Without VNNI, x86 adds pairs of 8-bit products in 16 bits, which overflow. This setting is
    # slower there but exact, so that a vector is the same on every machine.
    if not seven_bits:
        options.add_session_config_entry("session.x64quantprecision", "1")
    # Threads that spin while they wait for each other take the cores from the decoders.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if lean:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.add_session_config_entry("session.disable_prepacking", "1")
    if weights_folder is not None:
        folder = "session.model_external_initializers_file_folder_path"
        options.add_session_config_entry(folder, str(weights_folder))
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no other class in common
        raise EncoderError((str(error) or type(error).__name__).splitlines()[0]) from error


def load_error(path: Path, reason: str) -> EncoderError:
    """Return the error for a file of an export that a runtime cannot load."""
    return EncoderError(
        f"{path} cannot be loaded ({reason}). Delete the folder {path.parent}; it is exported "
        "again when it is next needed."
    )


def optimise(model: Path, path: Path) -> None:
    """Write a graph in the form that ONNX Runtime loads fastest, its weights in a second file.

    Constants are computed and nodes fused, for any CPU, so that loading is no more than reading
    the graph and mapping the weights.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(path)
    external = "session.optimized_model_external_initializers_"
    options.add_session_config_entry(f"{external}file_name", f"{path.stem}.weights")
    options.add_session_config_entry(f"{external}min_size_in_bytes", "1024")
    onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def read_export(folder: Path, made_for: str) -> ExportFacts | None:
    """Return the facts of a complete and undamaged export with this purpose, or None."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["made_for"] != made_for:
            return None
        if not all(
            _is_undamaged(folder / name, entry) for name, entry in manifest["files"].items()
        ):
            return None
        facts: ExportFacts = manifest["facts"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return facts


def damaged_exports(cache_dir: Path) -> list[Path]:
    """Return the exports below the cache folder with a file changed since it was written."""
    damaged = []
    for manifest in sorted(cache_dir.rglob(MANIFEST)):
        folder = manifest.parent
        if folder.name.startswith("."):  # being written, or left behind
            continue
        try:
            entries = json.loads(manifest.read_text(encoding="utf-8"))["files"]
            is_sound = all(
                sha256_of(folder / name) == entry["sha256"] for name, entry in entries.items()
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            is_sound = False
        if not is_sound:
            damaged.append(folder)
    return damaged


def exports_left_behind(cache_dir: Path) -> list[Path]:
    """Return folders that killed processes left below the cache folder.

    Running exports are excluded.
    """
    from filelock import FileLock, Timeout

    left = []
    for folder in sorted(cache_dir.rglob(".*-*/")):
        lock_file = folder.parent / f"{folder.name[1:].rpartition('-')[0]}.lock"
        if lock_file.exists():  # so it is a folder that `write_export` made
            with suppress(Timeout, OSError), FileLock(lock_file, timeout=0):
                left.append(folder)
    return left


def write_export(folder: Path, made_for: str, build: Callable[[Path], ExportFacts]) -> ExportFacts:
    """Write an export with `build`, which fills an empty folder and returns the facts.

    If several processes do so at once, the first one builds and the others wait for its export.
    Errors of `build` are passed on and leave nothing behind. Raises DiskError if the folder cannot
    be written, EncoderError if another process does not finish.
    """
    from filelock import FileLock, Timeout

    try:
        private_files.make_folder(folder.parent)
        with FileLock(f"{folder}.lock", timeout=_LOCK_S, mode=private_files.FILE_MODE):
            facts = read_export(folder, made_for)
            if facts is None:
                facts = _build(folder, made_for, build)
            return facts
    except Timeout as error:
        raise EncoderError(
            f"Another process has been exporting a model to {folder} for {_LOCK_S // 60} minutes. "
            "Stop it, then try again."
        ) from error
    except OSError as error:
        raise DiskError(
            f"Cannot write the model to {folder} ({error.strerror or error}). "
            "Free some space there or make the folder writable."
        ) from error


def _build(folder: Path, made_for: str, build: Callable[[Path], ExportFacts]) -> ExportFacts:
    import shutil
    import tempfile

    for left_behind in folder.parent.glob(f".{escape(folder.name)}-*"):  # by a killed process
        shutil.rmtree(left_behind, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        try:
            facts = build(temporary)
        except Exception:
            _check_space(temporary)
            raise
        entries = {path.name: _entry(path) for path in sorted(temporary.iterdir())}
        manifest = {
            "made_for": made_for,
            "made_by": _versions(),
            "facts": facts,
            "files": entries,
        }
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        private_files.make_entries_private(temporary)  # the runtimes write as the umask says
        for path in (*temporary.iterdir(), temporary):
            _flush(path)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
        return facts
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _check_space(folder: Path) -> None:
    """Raise OSError if a file in the folder cannot grow.

    Libraries that write a model report a full disk in words of their own, if at all.
    """
    with private_files.open_for_writing(folder / "space") as file:
        file.write(bytes(_PROBE_BYTES))
        file.flush()
        os.fsync(file.fileno())


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for package in _MAKERS:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


def _entry(path: Path) -> dict[str, int | str]:
    stat = path.stat()
    return {
        "size_bytes": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
        "sha256": sha256_of(path),
    }


def _is_undamaged(path: Path, entry: Mapping[str, object]) -> bool:
    stat = path.stat()
    if stat.st_size != entry["size_bytes"]:
        return False
    if stat.st_mtime_ns == entry["mtime_ns"]:
        return True
    if sha256_of(path) != entry["sha256"]:
        return False
    with suppress(OSError):  # a copy gets the time of its original and is not hashed again
        os.utime(path, ns=(stat.st_atime_ns, int(str(entry["mtime_ns"]))))
    return True


def _flush(path: Path) -> None:
    """Sync a file or folder to the disk before the export gets its name."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
