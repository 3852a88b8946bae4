"""Files of the model hub: what is cached here, what can be reached, and fetching one.

The cache is Hugging Face's own (`HF_HOME`, `HF_HUB_CACHE`), shared with every other program.
Looking into it reads the file system only. `HF_HUB_OFFLINE`, `HF_ENDPOINT` and the proxy
variables are honoured.
"""

from __future__ import annotations

import contextlib
import errno
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from imgsearch.errors import DiskError, EncoderUnavailable
from imgsearch.records import Download, OnDownload

WEIGHT_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_BLOB_NAME_CHARS = 64  # a large file's blob is named by its sha256, in hexadecimal


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
    from imgsearch.encoders.onnx_cache import sha256_of as computed

    return computed(path)


def offline_by_setting() -> bool:
    """Whether the environment forbids the network (HF_HUB_OFFLINE)."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def reachable(repo: str, files: Sequence[str], within_s: float = 4.0) -> bool:
    """Whether one of `files` can be fetched now. Answers in `within_s` seconds, whatever the net.

    The request runs in a thread of its own, because neither name resolution nor a server that
    accepts and then keeps silent is bound by a socket timeout alone.
    """
    if offline_by_setting():
        return False
    found = threading.Event()
    done = threading.Event()

    def ask() -> None:
        if any(_answers(repo, file, within_s / 2) for file in files):
            found.set()
        done.set()

    threading.Thread(target=ask, name="imgsearch-hub-probe", daemon=True).start()
    done.wait(within_s)
    return found.is_set()


def fetch(repo: str, files: Sequence[str], on_download: OnDownload | None = None) -> Path:
    """The first of `files` that the repository has, from the cache or the network.

    Raises EncoderUnavailable when it is neither here nor to be had, DiskError on a full disk.
    """
    path = cached(repo, files)
    if path is not None:
        return path
    if offline_by_setting():
        raise EncoderUnavailable(_cure(repo, files, "HF_HUB_OFFLINE forbids the network"))
    if not reachable(repo, files, within_s=10):  # the hub's client would retry for minutes
        reason = "the model hub does not answer or does not have it"
        raise EncoderUnavailable(_cure(repo, files, reason))
    reason = "no such file"
    for file in files:
        try:
            return _download(repo, file, on_download)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise DiskError(
                    f"The disk is full: {file} of {repo} does not fit under {_cache_dir()}. "
                    "Free some space or point HF_HOME elsewhere."
                ) from error
            reason = str(error) or type(error).__name__
        except Exception as error:  # noqa: BLE001 - the classes depend on the hub's HTTP client
            reason = str(error) or type(error).__name__
    raise EncoderUnavailable(_cure(repo, files, reason.splitlines()[0]))


def fetch_if_there(repo: str, file: str) -> None:
    """Bring a small companion file into the cache; that a repository lacks it is no error."""
    if not offline_by_setting() and cached(repo, (file,)) is None and reachable(repo, (file,)):
        fetch(repo, (file,))


def _download(repo: str, file: str, on_download: OnDownload | None) -> Path:
    import inspect

    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if "tqdm_class" in inspect.signature(hf_hub_download).parameters:
        return Path(hf_hub_download(repo, file, tqdm_class=_bar(file, on_download)))
    disable_progress_bars()  # an older client draws a bar of its own: a library must not
    return Path(hf_hub_download(repo, file))


def _bar(file: str, on_download: OnDownload | None) -> type:
    """A progress bar class that draws nothing and reports to `on_download`."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    class Reporter(tqdm):  # type: ignore[misc]
        def __init__(self, *args: object, total: float | None = None, **kwargs: object) -> None:
            initial = kwargs.get("initial", 0)
            self.done_bytes = int(initial) if isinstance(initial, int | float) else 0
            self.size_bytes = int(total or 0)
            super().__init__(total=total, initial=self.done_bytes, disable=True)
            self._report(0)

        def update(self, n: float | None = 1) -> bool | None:
            self._report(int(n or 0))
            return None

        def update_transfer(self, n: float | None = 1) -> None:
            """Bytes on the wire, of which a compressed transfer has fewer: not what we report."""

        def _report(self, more_bytes: int) -> None:
            self.done_bytes += more_bytes
            if on_download is not None:
                on_download(Download(file, self.done_bytes, self.size_bytes))

    return Reporter


def _answers(repo: str, file: str, timeout_s: float) -> bool:
    request = urllib.request.Request(f"{_endpoint()}/{repo}/resolve/main/{file}", method="HEAD")
    request.add_header("User-Agent", "imgsearch")
    try:
        with urllib.request.build_opener(_StopAtRedirect).open(request, timeout=timeout_s):
            return True
    except urllib.error.HTTPError as answer:
        with contextlib.closing(answer):
            return 300 <= answer.code < 400  # the file lies on another host: it is there
    except (OSError, ValueError):
        return False


class _StopAtRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:
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
