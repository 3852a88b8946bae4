"""Files of the model hub: finds cached files, asks the hub for files, and downloads them.

The cache is Hugging Face's own (`HF_HOME`, `HF_HUB_CACHE`), shared with every other program; its
client looks into it. `HF_HUB_OFFLINE`, `HF_ENDPOINT`, `HF_TOKEN` and the proxy variables are
honoured. A download is compared with the checksum that the hub states before it gets its name, and
an interrupted one goes on where it ended (docs/decisions/0016-libraries-kept-out.md).

huggingface_hub is imported where it is used: that takes 0.1 s of processor time, and a query with
an exported model needs nothing from the hub.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from imgsearch.encoders import checksums
from imgsearch.encoders.openclip import hub_requests
from imgsearch.encoders.openclip.hub_requests import (
    CannotContinue,
    HubFile,
    HubRefusal,
    Interrupted,
    Refused,
)
from imgsearch.errors import DiskError, EncoderError, EncoderUnavailable
from imgsearch.progress import Download, OnDownload
from imgsearch.replacing import rename_over

# Packages that models bring, such as transformers, ask the hub with its client, which otherwise
# fetches a list of AI agents and tells the version of torch. It is read when that is imported.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

TOKENIZER_FILE = "tokenizer.json"
WEIGHT_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_SHA256_CHARS = 64
_SHA1_CHARS = 40
_ASK_S = 10  # before a download, for all names of the file together
_PART = ".imgsearch.incomplete"  # its beginning is the file's etag, as of the client's own parts
_FRUITLESS = 3  # attempts in a row that bring nothing new
_PAUSE_S = 1.0  # before the next attempt
_OLD_PART_S = 24 * 3600.0


def weight_files(filename: str) -> tuple[str, ...]:
    """Return the possible names of the weights, the preferred one (safetensors) first."""
    if not filename:
        return WEIGHT_FILES
    return (str(Path(filename).with_suffix(".safetensors")), filename)


def cached(repo: str, files: Sequence[str]) -> Path | None:
    """Return the first of `files` of the repository's main branch that is in the cache, or None."""
    from huggingface_hub import try_to_load_from_cache

    paths = (try_to_load_from_cache(repo, file) for file in files)
    return next((Path(path) for path in paths if isinstance(path, str)), None)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a cached file, from the name of its blob if possible, else computed."""
    return _named_sha256(path) or checksums.sha256_of(path)


def verify(path: Path, note: Path | None = None) -> None:
    """Raise EncoderError if the content of a cached file differs from the hash in its name.

    With `note`, a file in which a right checksum is noted, the content is read once only.
    """
    expected = _named_sha256(path)
    if expected is None:
        return
    if note is not None:
        is_right = checksums.is_noted(note, path.resolve(), expected)
    else:
        is_right = checksums.sha256_of(path) == expected
    if not is_right:
        raise EncoderError(
            f"{path} is damaged: its checksum differs. Delete {path.resolve()}; it is downloaded "
            "again when it is next needed."
        )


def _named_sha256(path: Path) -> str | None:
    """Return the sha256 in the name of a cached file; small files have another hash there.

    It is the name that the link in the snapshot leads to. That may be a link in turn, to a file
    shared by several models, with another hash in its name.
    """
    blob = path.readlink().name if path.is_symlink() else path.name
    return blob if _is_hash(blob, _SHA256_CHARS) else None


def _is_hash(text: str, characters: int) -> bool:
    return len(text) == characters and set(text) <= set("0123456789abcdef")


def shares_disk_with(folder: Path) -> bool:
    """Return whether downloads are stored on the same disk as a folder that exists."""
    cache = _cache_dir()
    place = next(each for each in (cache, *cache.parents) if each.exists())
    return place.stat().st_dev == folder.stat().st_dev


def is_offline() -> bool:
    """Return whether the environment forbids the network (HF_HUB_OFFLINE)."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def find(repo: str, files: Sequence[str], within_s: float = 4.0) -> HubFile | HubRefusal:
    """Return the first of `files` that the hub has, or why there is none, in `within_s` seconds."""
    if is_offline():
        return HubRefusal("HF_HUB_OFFLINE forbids the network", "Unset it to download the model.")
    return hub_requests.find(repo, files, within_s)


def fetch(repo: str, files: Sequence[str], on_download: OnDownload | None = None) -> Path:
    """Return the first of `files` that the repository has, from the cache or downloaded.

    Raises EncoderUnavailable if it is not cached and cannot be downloaded, EncoderError if other
    content arrives than the hub states, DiskError on a full disk.
    """
    path = cached(repo, files)
    if path is not None:
        return path
    file = find(repo, files, _ASK_S)
    if isinstance(file, HubRefusal):
        raise _unavailable(repo, file)
    try:
        return _Transfer(repo, file, on_download or (lambda download: None)).run()
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskError(
                f"The disk is full: {file.name} of {repo} does not fit under {_cache_dir()}. "
                "Free some space or point HF_HOME elsewhere."
            ) from error
        raise DiskError(
            f"{file.name} of {repo} cannot be written under {_cache_dir()} "
            f"({error.strerror or error}). Make the folder writable or point HF_HOME elsewhere."
        ) from error


def fetch_optional(repo: str, file: str) -> None:
    """Download a small file into the cache if the repository has it.

    Raises EncoderUnavailable if the hub is allowed to be asked and does not say whether it has it.
    """
    if cached(repo, (file,)) is not None or is_offline():
        return
    found = find(repo, (file,), _ASK_S)
    if isinstance(found, HubFile):
        fetch(repo, (file,))
    elif not found.is_absent:
        raise _unavailable(repo, found)


class _Transfer:
    """The download of one file into the cache, as huggingface_hub lays it out.

    The part of a file that has arrived stays, and the next run goes on after it. The lock is that
    of huggingface_hub, so no two programs download a file at once.
    """

    def __init__(self, repo: str, file: HubFile, on_download: OnDownload) -> None:
        self._repo, self._file, self._on_download = repo, file, on_download
        self._folder = _cache_dir() / _folder_name(repo)
        self._blob = self._folder / "blobs" / file.etag
        self._part = self._blob.with_name(file.etag + _PART)

    def run(self) -> Path:
        pointer = self._folder.joinpath("snapshots", self._file.commit, *self._file.name.split("/"))
        for folder in (self._blob.parent, pointer.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with self._lock():
            if not (self._blob.is_file() and self._is_right(self._blob)):
                self._download()
                rename_over(self._part, self._blob)
            _link(pointer, self._blob)
            _replace(self._folder / "refs" / "main", self._file.commit)
            self._remove_old_parts()
        return pointer

    def _download(self) -> None:
        """Complete the part. Content that was continued and is wrong is downloaded once more."""
        had = self._size()
        if self._file.size_bytes and had > self._file.size_bytes:
            self._part.unlink()
            had = 0
        self._check_space(had)
        self._report(had)
        self._receive()
        if had and not self._is_right(self._part):  # what there was may have been damaged
            self._part.unlink()
            self._receive()
        if not self._is_right(self._part):
            self._part.unlink()
            raise EncoderError(
                f"{self._file.name} of {self._repo} arrived damaged: its content does not have the "
                f"checksum that {hub_requests.endpoint()} states ({self._file.etag}). It was "
                "deleted. Try again; if that does not help, a proxy or another program on the way "
                "changes it."
            )

    def _receive(self) -> None:
        """Append what is missing to the part, again and again while something arrives."""
        most, fruitless = self._size(), 0
        while True:
            try:
                self._append(self._size())
                if self._size() >= self._file.size_bytes:
                    return
                reason = "the connection ended too early"
            except CannotContinue as error:
                self._part.unlink()
                reason = str(error)
            except Interrupted as error:
                reason = str(error)
            except Refused as error:
                raise _unavailable(self._repo, error.refusal) from error
            fruitless = 0 if self._size() > most else fruitless + 1
            most = max(most, self._size())
            if fruitless >= _FRUITLESS:
                raise _unavailable(self._repo, self._broken_off(reason))
            time.sleep(_PAUSE_S)
            self._ask_again()

    def _append(self, start: int) -> None:
        if self._file.size_bytes and start == self._file.size_bytes:
            return
        with self._part.open("r+b" if start else "wb") as part:
            part.seek(start)
            for position, piece in hub_requests.content(self._file, start, _timeout_s()):
                if part.tell() != position:
                    part.seek(position)
                    part.truncate()
                part.write(piece)
                self._report(position + len(piece))

    def _ask_again(self) -> None:
        """Ask the hub for the address of the content again: one with a signature expires."""
        answer = find(self._repo, (self._file.name,), _ASK_S)
        if isinstance(answer, HubFile) and answer.etag == self._file.etag:
            self._file = answer

    def _is_right(self, path: Path) -> bool:
        """Return whether a file has the content that the hub states, by checksum or by size."""
        etag, size_bytes = self._file.etag, path.stat().st_size
        if _is_hash(etag, _SHA256_CHARS):
            return checksums.sha256_of(path) == etag
        if _is_hash(etag, _SHA1_CHARS):
            blob = hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False)
            blob.update(path.read_bytes())
            return blob.hexdigest() == etag
        return self._file.size_bytes in (0, size_bytes)

    def _broken_off(self, reason: str) -> HubRefusal:
        done_mb = self._size() / 1e6
        return HubRefusal(
            f"the download of {self._file.name} from {hub_requests.endpoint()} broke off after "
            f"{done_mb:.0f} MB: {reason}",
            "Run the command again: it goes on from there.",
        )

    def _size(self) -> int:
        with suppress(OSError):
            return self._part.stat().st_size
        return 0

    def _report(self, done_bytes: int) -> None:
        self._on_download(Download(self._file.name, done_bytes, self._file.size_bytes))

    def _check_space(self, had: int) -> None:
        missing_bytes = self._file.size_bytes - had
        if missing_bytes > shutil.disk_usage(self._part.parent).free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold the file's lock. While another process downloads it, report what that has."""
        from filelock import FileLock, Timeout

        path = _lock_of(self._repo, self._file.etag)
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        while True:
            try:
                lock.acquire(timeout=1)
                break
            except Timeout:
                self._report(self._size())
        try:
            yield
        finally:
            lock.release()

    def _remove_old_parts(self) -> None:
        """Delete parts that nobody completes: of this file, and old ones of other files."""
        from filelock import FileLock, Timeout

        for part in self._blob.parent.glob("*.incomplete"):
            etag = part.name.partition(".")[0]
            with suppress(OSError, Timeout):
                if etag == self._file.etag:
                    part.unlink()
                elif time.time() - part.stat().st_mtime > _OLD_PART_S:
                    with FileLock(_lock_of(self._repo, etag), timeout=0):
                        part.unlink()


def _link(pointer: Path, blob: Path) -> None:
    """Let a name in a snapshot lead to a blob; where links are not possible, move the blob."""
    if pointer.is_file() and pointer.samefile(blob):
        return
    pointer.unlink(missing_ok=True)
    try:
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    except OSError:  # Windows without the right to make links, and some drives
        rename_over(blob, pointer)


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(text)
    rename_over(new, path)


def _folder_name(repo: str) -> str:
    return f"models--{repo.replace('/', '--')}"


def _lock_of(repo: str, etag: str) -> Path:
    return _cache_dir() / ".locks" / _folder_name(repo) / f"{etag}.lock"


def _timeout_s() -> float:
    """Return how long a connection may be silent (HF_HUB_DOWNLOAD_TIMEOUT)."""
    from huggingface_hub import constants

    return float(constants.HF_HUB_DOWNLOAD_TIMEOUT)


def _cache_dir() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _unavailable(repo: str, refusal: HubRefusal) -> EncoderUnavailable:
    return EncoderUnavailable(
        f"The files of {repo} are not on this machine and cannot be downloaded: {refusal.reason}. "
        f"{refusal.cure} Other ways: copy the folder {_folder_name(repo)} from the model hub's "
        f"cache of a machine that has it into {_cache_dir()}, or choose the built-in encoder: "
        "--encoder lite."
    )
