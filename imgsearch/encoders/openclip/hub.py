"""Files of the model hub: finds cached files, asks the hub for files, and downloads them.

The cache is Hugging Face's own (`HF_HOME`, `HF_HUB_CACHE`), shared with every other program; its
client looks into it and downloads. `HF_HUB_OFFLINE`, `HF_ENDPOINT` and the proxy variables are
honoured.

huggingface_hub is imported where it is used: that takes 0.1 s of processor time, and a query with
an exported model needs nothing from the hub.
"""

from __future__ import annotations

import contextlib
import errno
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from imgsearch.encoders import checksums
from imgsearch.errors import DiskError, EncoderError, EncoderUnavailable
from imgsearch.progress import Download

if TYPE_CHECKING:
    from imgsearch.progress import OnDownload

WEIGHT_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_SHA256_CHARS = 64


class HubFile(Struct, frozen=True):
    """A file on the hub. Its size is 0 if the hub does not state it."""

    name: str
    size_bytes: int


def weight_files(filename: str) -> tuple[str, ...]:
    """The possible names of the weights, the preferred one (safetensors) first."""
    if not filename:
        return WEIGHT_FILES
    return (str(Path(filename).with_suffix(".safetensors")), filename)


def cached(repo: str, files: Sequence[str]) -> Path | None:
    """The first of `files` of the repository's main branch that is in the cache, or None."""
    from huggingface_hub import try_to_load_from_cache

    paths = (try_to_load_from_cache(repo, file) for file in files)
    return next((Path(path) for path in paths if isinstance(path, str)), None)


def sha256_of(path: Path) -> str:
    """The sha256 of a cached file, from the name of its blob if possible, else computed."""
    return _named_sha256(path) or checksums.sha256_of(path)


def verify(path: Path) -> None:
    """Raise EncoderError if the content of a cached file differs from the hash in its name."""
    expected = _named_sha256(path)
    if expected is not None and checksums.sha256_of(path) != expected:
        raise EncoderError(
            f"{path} is damaged: its checksum differs. Delete {path.resolve()}; it is downloaded "
            "again when it is next needed."
        )


def _named_sha256(path: Path) -> str | None:
    """The sha256 in the name of a cached file; small files have another hash there."""
    blob = path.resolve().name
    return blob if len(blob) == _SHA256_CHARS and set(blob) <= set("0123456789abcdef") else None


def is_offline() -> bool:
    """Whether the environment forbids the network (HF_HUB_OFFLINE)."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def find(repo: str, files: Sequence[str], within_s: float = 4.0) -> HubFile | None:
    """The first of `files` that the hub has, if it answers within `within_s` seconds, else None.

    The request runs in a thread of its own, because a socket timeout limits neither name resolution
    nor a server that accepts the connection and then stays silent.
    """
    if is_offline():
        return None
    found: list[HubFile] = []

    def request() -> None:
        for file in files:
            size_bytes = _size_on_hub(repo, file, within_s / len(files))
            if size_bytes is not None:
                found.append(HubFile(file, size_bytes))
                return

    thread = threading.Thread(target=request, name="imgsearch-hub", daemon=True)
    thread.start()
    thread.join(within_s)
    return found[0] if found else None


def _size_on_hub(repo: str, file: str, timeout_s: float) -> int | None:
    """The size of a file in bytes, 0 if unknown; None if the hub has no such file.

    huggingface_hub's get_hf_file_metadata is not used: version 2.4 sends another request first
    (/api/agent-harnesses), and the versions of Python and torch with both. Nothing but the question
    itself may leave the machine.
    """
    import urllib.error
    import urllib.request

    class StopAtRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args: object) -> None:
            return None

    request = urllib.request.Request(f"{endpoint()}/{repo}/resolve/main/{file}", method="HEAD")
    request.add_header("User-Agent", "imgsearch")
    try:
        with urllib.request.build_opener(StopAtRedirect).open(request, timeout=timeout_s) as reply:
            return int(reply.headers.get("Content-Length") or 0)
    except urllib.error.HTTPError as reply:
        with contextlib.closing(reply):
            if not 300 <= reply.code < 400:
                return None
            # A large file is on another host; the redirect of the hub states its size.
            return int(reply.headers.get("X-Linked-Size") or 0)
    except (OSError, ValueError):
        return None


def fetch(repo: str, files: Sequence[str], on_download: OnDownload | None = None) -> Path:
    """The first of `files` that the repository has, from the cache or downloaded.

    Raises EncoderUnavailable if it is not cached and cannot be downloaded, DiskError on a full
    disk.
    """
    path = cached(repo, files)
    if path is not None:
        return path
    if is_offline():
        raise _unavailable(repo, files, "HF_HUB_OFFLINE forbids the network")
    file = find(repo, files, within_s=10)  # the client itself would retry for minutes
    if file is None:
        raise _unavailable(repo, files, "the model hub does not answer or does not have it")
    try:
        return _download(repo, file, on_download or (lambda download: None))
    except Exception as error:  # its class depends on the client's HTTP library
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise DiskError(
                f"The disk is full: {file.name} of {repo} does not fit under {_cache_dir()}. "
                "Free some space or point HF_HOME elsewhere."
            ) from error
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise _unavailable(repo, files, reason) from error


def fetch_optional(repo: str, file: str) -> None:
    """Download a small file into the cache if the repository has it."""
    if cached(repo, (file,)) is None and find(repo, (file,)) is not None:
        fetch(repo, (file,))


def _download(repo: str, file: HubFile, on_download: OnDownload) -> Path:
    import inspect

    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    on_download(Download(file.name, 0, file.size_bytes))
    if "tqdm_class" in inspect.signature(hf_hub_download).parameters:
        return Path(hf_hub_download(repo, file.name, tqdm_class=_reporter(file, on_download)))
    disable_progress_bars()  # an older client draws a bar of its own: a library must not
    path = Path(hf_hub_download(repo, file.name))
    on_download(Download(file.name, file.size_bytes, file.size_bytes))
    return path


def _reporter(file: HubFile, on_download: OnDownload) -> type:
    """A progress bar class for the hub's client that draws nothing and calls `on_download`."""
    from huggingface_hub.utils.tqdm import tqdm

    class Reporter(tqdm):
        def update(self, n: float | None = 1) -> None:
            self.n += int(n or 0)
            on_download(Download(file.name, int(self.n), file.size_bytes))

        def update_transfer(self, n: float | None = 1) -> None:
            """Ignore bytes on the wire: a compressed transfer has fewer than the file."""

        def display(self, msg: str | None = None, pos: int | None = None) -> None:
            """Draw nothing: a library does not write to the terminal."""

        def close(self) -> None:
            """Nothing was drawn, so there is nothing to erase."""

    return Reporter


def endpoint() -> str:
    """The address of the model hub."""
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def _cache_dir() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _unavailable(repo: str, files: Sequence[str], reason: str) -> EncoderUnavailable:
    return EncoderUnavailable(
        f"The weights of {repo} are not on this machine and cannot be downloaded ({reason}). "
        "Connect once to the model hub, or copy "
        f"{files[0]} into {_cache_dir()} from a machine that has it, "
        "or choose the built-in encoder: --encoder lite."
    )
