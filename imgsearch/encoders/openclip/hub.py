"""Files of the model hub: what is cached here, what can be reached, and fetching one.

The cache is Hugging Face's own (`HF_HOME`, `HF_HUB_CACHE`), shared with every other program.
Looking into it reads the file system only. `HF_HUB_OFFLINE`, `HF_ENDPOINT` and the proxy
variables are honoured.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.errors import DiskError, EncoderUnavailable

if TYPE_CHECKING:
    from imgsearch.progress import OnDownload

WEIGHT_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_BLOB_NAME_CHARS = 64  # a large file's blob is named by its sha256, in hexadecimal


@dataclass(frozen=True, slots=True)
class Remote:
    """A file that the hub has. Its size is 0 where the hub does not tell."""

    file: str
    size_bytes: int


def weight_files(filename: str) -> tuple[str, ...]:
    """The names the weights may have, the preferred one (safetensors) first."""
    if not filename:
        return WEIGHT_FILES
    return (str(Path(filename).with_suffix(".safetensors")), filename)


def cached(repo: str, files: Sequence[str]) -> Path | None:
    """The first of `files` of the repository's main branch that is in the cache, or None."""
    folder = _cache_dir() / f"models--{repo.replace('/', '--')}"
    try:
        revision = (folder / "refs" / "main").read_text().strip()
    except OSError:
        return None
    paths = (folder / "snapshots" / revision / file for file in files)
    return next((path for path in paths if path.is_file()), None)


def sha256_of(path: Path) -> str:
    """The sha256 of a cached file: from the name of its blob where that is one, else computed."""
    blob = path.resolve().name
    if len(blob) == _BLOB_NAME_CHARS and set(blob) <= set("0123456789abcdef"):
        return blob
    from imgsearch.encoders.cache import sha256_of as computed

    return computed(path)


def offline_by_setting() -> bool:
    """Whether the environment forbids the network (HF_HUB_OFFLINE)."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def find(repo: str, files: Sequence[str], within_s: float = 4.0) -> Remote | None:
    """The first of `files` that the hub has, if it answers in `within_s` seconds, else None.

    The request runs in a thread of its own, because neither name resolution nor a server that
    accepts and then keeps silent is bound by a socket timeout alone.
    """
    if offline_by_setting():
        return None
    found: list[Remote] = []

    def ask() -> None:
        remotes = (_ask(repo, file, within_s / len(files)) for file in files)
        found.extend(itertools.islice(filter(None, remotes), 1))

    asker = threading.Thread(target=ask, name="imgsearch-hub", daemon=True)
    asker.start()
    asker.join(within_s)
    return found[0] if found else None


def fetch(repo: str, files: Sequence[str], on_download: OnDownload | None = None) -> Path:
    """The first of `files` that the repository has, from the cache or the network.

    Raises EncoderUnavailable when it is neither here nor to be had, DiskError on a full disk.
    """
    path = cached(repo, files)
    if path is not None:
        return path
    if offline_by_setting():
        raise EncoderUnavailable(_cure(repo, files, "HF_HUB_OFFLINE forbids the network"))
    remote = find(repo, files, within_s=10)  # the hub's client would try for minutes
    if remote is None:
        reason = "the model hub does not answer or does not have it"
        raise EncoderUnavailable(_cure(repo, files, reason))
    try:
        return _download(repo, remote, on_download or (lambda download: None))
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise DiskError(
                f"The disk is full: {remote.file} of {repo} does not fit under {_cache_dir()}. "
                "Free some space or point HF_HOME elsewhere."
            ) from error
        # Anything else: which class it has depends on the hub client's HTTP library.
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise EncoderUnavailable(_cure(repo, files, reason)) from error


def fetch_if_there(repo: str, file: str) -> None:
    """Bring a small companion file into the cache; that a repository lacks it is no error."""
    if cached(repo, (file,)) is None and find(repo, (file,)) is not None:
        fetch(repo, (file,))


def _download(repo: str, remote: Remote, on_download: OnDownload) -> Path:
    import inspect

    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    from imgsearch.progress import Download

    on_download(Download(remote.file, 0, remote.size_bytes))
    if "tqdm_class" in inspect.signature(hf_hub_download).parameters:
        return Path(hf_hub_download(repo, remote.file, tqdm_class=_bar(remote, on_download)))
    disable_progress_bars()  # an older client draws a bar of its own: a library must not
    path = Path(hf_hub_download(repo, remote.file))
    on_download(Download(remote.file, remote.size_bytes, remote.size_bytes))
    return path


def _bar(remote: Remote, on_download: OnDownload) -> type:
    """A progress bar class for the hub's client: it draws nothing and tells `on_download`."""
    from huggingface_hub.utils.tqdm import tqdm

    from imgsearch.progress import Download

    class Reporter(tqdm):
        def update(self, n: float | None = 1) -> None:
            self.n += int(n or 0)
            on_download(Download(remote.file, int(self.n), remote.size_bytes))

        def update_transfer(self, n: float | None = 1) -> None:
            """Bytes on the wire, of which a compressed transfer has fewer: not what we tell."""

        def display(self, msg: str | None = None, pos: int | None = None) -> None:
            """Nothing: the library does not write to the terminal."""

        def close(self) -> None:
            """Nothing was drawn, so nothing is to be wiped away."""

    return Reporter


def _ask(repo: str, file: str, timeout_s: float) -> Remote | None:
    import urllib.error
    import urllib.request

    class StopAtRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args: object) -> None:
            return None

    request = urllib.request.Request(f"{_endpoint()}/{repo}/resolve/main/{file}", method="HEAD")
    request.add_header("User-Agent", "imgsearch")
    try:
        with urllib.request.build_opener(StopAtRedirect).open(request, timeout=timeout_s) as reply:
            return Remote(file, int(reply.headers.get("Content-Length") or 0))
    except urllib.error.HTTPError as reply:
        with contextlib.closing(reply):
            if not 300 <= reply.code < 400:
                return None
            # A large file lies on another host; the hub tells its size beside the way there.
            return Remote(file, int(reply.headers.get("X-Linked-Size") or 0))
    except (OSError, ValueError):
        return None


def _endpoint() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def _cache_dir() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _cure(repo: str, files: Sequence[str], reason: str) -> str:
    return (
        f"The weights of {repo} are not on this machine and cannot be fetched ({reason}). "
        "Connect once to the model hub, or copy "
        f"{files[0]} into {_cache_dir()} from a machine that has it, "
        "or choose the built-in encoder: --encoder lite."
    )
