"""Requests to the model hub: whether it has a file, and the file's content.

huggingface_hub's own requests are not used. They carry the versions of Python and torch, version
2.4 sends another request first (/api/agent-harnesses), content is not compared with the checksum
that the hub states, an interrupted download begins again, and errors are retried for minutes and
then reported in one sentence.

The hub answers a HEAD request for a file of `main` with its commit, its etag and its size. Of a
large file the etag is the sha256, and the answer redirects to a storage of another origin, to which
no token is sent. Of a small file the etag is the hash of a git blob. See
https://github.com/huggingface/huggingface_hub, `file_download.py`.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing
from email.message import Message
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from msgspec import Struct

_MOST_REDIRECTS = 10
_NAME = re.compile(r"\w[\w.-]{0,127}", re.ASCII)  # of an etag or a commit: part of a file's name
_CHUNK_BYTES = 1 << 20


class HubFile(Struct, frozen=True):
    """A file on the hub. Its size is 0 if the hub does not state it."""

    name: str
    size_bytes: int
    etag: str
    commit: str
    location: str  # the address of its content, valid for minutes


class HubRefusal(Struct, frozen=True):
    """Why the hub did not give a file: a part of a sentence, and the cure in whole sentences."""

    reason: str
    cure: str
    is_absent: bool = False  # the hub answered that it has no such file


class Interrupted(Exception):
    """The connection ended, or was silent for too long, before the content was complete."""


class CannotContinue(Interrupted):
    """The file has no content at the position where a part of it ends."""


class Refused(Exception):
    """The hub or its storage refuses the content."""

    def __init__(self, refusal: HubRefusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


def endpoint() -> str:
    """Return the address of the model hub."""
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def find(repo: str, files: Sequence[str], within_s: float) -> HubFile | HubRefusal:
    """Return the first of `files` that the hub has, or why there is none.

    It takes `within_s` seconds at most. The request runs in a thread of its own, because a socket
    timeout limits neither name resolution nor a server that sends a byte now and then.
    """
    answers: list[HubFile | HubRefusal] = []

    def ask() -> None:
        answer: HubFile | HubRefusal | None = None
        for file in files:
            answer = _ask(repo, file, within_s)
            if not (isinstance(answer, HubRefusal) and answer.is_absent):
                break
        assert answer is not None, "no file was asked for"
        answers.append(answer)

    thread = threading.Thread(target=ask, name="imgsearch-hub", daemon=True)
    thread.start()
    thread.join(within_s)
    return answers[0] if answers else _silent(endpoint(), within_s)


def content(file: HubFile, start: int, timeout_s: float) -> Iterator[tuple[int, bytes]]:
    """Yield the content of a file from the byte `start` on, in pieces, each with its position.

    The position of the first piece is 0 if the server cannot begin at `start`. Raises Interrupted
    and Refused.
    """
    headers = {"Range": f"bytes={start}-"} if start else {}
    try:
        with closing(_open(file.location, "GET", timeout_s, headers)) as reply:
            position = start if reply.status == http.HTTPStatus.PARTIAL_CONTENT else 0
            while piece := reply.read1(_CHUNK_BYTES):
                yield position, piece
                position += len(piece)
            if reply.length:  # bytes that are announced and have not arrived
                raise Interrupted("the connection ended too early")
    except urllib.error.HTTPError as error:
        with closing(error):
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
                raise CannotContinue("the file is shorter than its part here") from error
            raise Refused(_refusal_of(error, "", file.location)) from error
    except urllib.error.URLError as error:
        raise Interrupted(_unreachable(error.reason, file.location).reason) from error
    except (OSError, http.client.HTTPException) as error:
        raise Interrupted(str(error) or type(error).__name__) from error


def _ask(repo: str, name: str, timeout_s: float) -> HubFile | HubRefusal:
    url = f"{endpoint()}/{repo}/resolve/main/{quote(name)}"
    try:
        with closing(_open(url, "HEAD", timeout_s, {})) as reply:
            return _described(name, url, reply.url, reply.headers, reply.status)
    except urllib.error.HTTPError as error:
        with closing(error):
            if 300 <= error.code < 400:  # the content is on a storage of another origin
                place = urljoin(error.url, error.headers.get("Location", ""))
                return _described(name, url, place, error.headers, error.code)
            return _refusal_of(error, repo, url)
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            return _silent(url, timeout_s)
        return _unreachable(error.reason, url)
    except TimeoutError:
        return _silent(url, timeout_s)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _unreachable(error, url)


def _described(
    name: str, url: str, location: str, headers: Message, status: int
) -> HubFile | HubRefusal:
    is_redirect = 300 <= status < 400
    etag = headers.get("X-Linked-Etag") or headers.get("ETag") or ""
    etag = etag.removeprefix("W/").strip('"')
    commit = headers.get("X-Repo-Commit") or ""
    if not (_NAME.fullmatch(etag) and _NAME.fullmatch(commit)):
        return HubRefusal(
            f"{_shown(url)} answers, but not as a model hub does",
            f"Check HF_ENDPOINT, and whether the network wants a login first.{_proxy_hint(url)}",
        )
    size = headers.get("X-Linked-Size") or ("" if is_redirect else headers.get("Content-Length"))
    size_bytes = int(size) if size and size.isdecimal() else 0
    return HubFile(name, size_bytes, etag, commit, location)


# ---------------------------------------------------------------------------- one request


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Raises HTTPError for each redirect, so that `_open` decides about the next request."""

    def redirect_request(self, *args: object) -> None:
        return None


def _open(
    url: str, method: str, timeout_s: float, headers: dict[str, str]
) -> http.client.HTTPResponse:
    """Send a request, and follow redirects; a HEAD request does not leave the hub's origin.

    Only the hub's own origin gets the token. Raises HTTPError, also for a redirect that is not
    followed, URLError and OSError.
    """
    opener = urllib.request.build_opener(_Redirects)
    for _ in range(_MOST_REDIRECTS):
        if urlsplit(url).scheme not in ("http", "https"):  # no files of this machine
            raise OSError(f"{_shown(url)} is no address of a hub")
        request = urllib.request.Request(url, method=method, headers=headers)
        request.add_header("User-Agent", "imgsearch")
        token = _token() if _origin(url) == _origin(endpoint()) else None
        if token:
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        try:
            reply: http.client.HTTPResponse = opener.open(request, timeout=timeout_s)
            return reply
        except urllib.error.HTTPError as error:
            target = error.headers.get("Location")
            if error.code not in (301, 302, 303, 307, 308) or not target:
                raise
            target = urljoin(url, target)
            if method == "HEAD" and _origin(target) != _origin(url):
                raise
            error.close()
            url = target
    raise OSError(f"more than {_MOST_REDIRECTS} redirects")


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").lower(), port


def _token() -> str | None:
    """Return the user's token for the hub, as its client finds it: HF_TOKEN, or a login on disk."""
    from huggingface_hub import constants, get_token

    return None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()


# ---------------------------------------------------------------------------- refusals


def _silent(url: str, within_s: float) -> HubRefusal:
    return HubRefusal(
        f"{_shown(url)} did not answer within {within_s:.0f} s{_by_proxy(url)}",
        f"Try again when the network is faster.{_proxy_hint(url)}",
    )


def _unreachable(error: object, url: str) -> HubRefusal:
    if isinstance(error, ssl.SSLCertVerificationError):
        return HubRefusal(
            f"the certificate of {_shown(url)} is not trusted: {error.verify_message}",
            "If your organisation checks encrypted traffic, name the file with its certificate in "
            "SSL_CERT_FILE.",
        )
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, socket.gaierror):
        cure = "Check the network connection and HF_ENDPOINT."
    elif _proxy(url):
        cure = ""
    else:
        cure = "Check the network connection, and whether a firewall is in the way."
    return HubRefusal(
        f"{_shown(url)} cannot be reached{_by_proxy(url)}: {reason}",
        f"{cure}{_proxy_hint(url)}".strip(),
    )


def _refusal_of(error: urllib.error.HTTPError, repo: str, url: str) -> HubRefusal:
    """Explain a status, with the cure that fits it."""
    status, headers = error.code, error.headers
    code = headers.get("X-Error-Code", "")
    answer = f"{_shown(url)} answers {status}{_by_proxy(url)}"
    page = f"{endpoint()}/{repo}".rstrip("/")
    log_in = (
        f"set HF_TOKEN to a token of your account, from {endpoint()}/settings/tokens, or log in "
        "with: hf auth login"
    )
    if status == http.HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return HubRefusal(f"{answer}: the proxy wants a login", _proxy_hint(url).strip())
    if code == "GatedRepo":
        return HubRefusal(
            f"{answer}: the model is gated",
            f"Accept its terms at {page}, then {log_in}.",
        )
    if status == http.HTTPStatus.UNAUTHORIZED and _token():
        return HubRefusal(
            f"{answer}: it does not accept your token, or has no such model",
            f"Renew the token: {log_in}. Or look whether {page} exists.",
        )
    if status == http.HTTPStatus.UNAUTHORIZED:
        return HubRefusal(
            f"{answer}: the model is private, or there is none of this name",
            f"Look whether {page} exists. If it is private, {log_in}.",
        )
    if status == http.HTTPStatus.FORBIDDEN:
        return HubRefusal(
            f"{answer}: access is forbidden{_in_words(headers)}",
            f"If the model is gated, accept its terms at {page}, then {log_in}. If it is not, a "
            f"firewall or the hub itself blocks this machine.{_proxy_hint(url)}",
        )
    if status in (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE):
        return HubRefusal(
            f"{answer}: the hub does not have it",
            f"Look which files {page} has.",
            is_absent=code in ("", "EntryNotFound"),
        )
    wait = _wait(headers)
    if status == http.HTTPStatus.TOO_MANY_REQUESTS:
        return HubRefusal(
            f"{answer}: too many requests from this network",
            f"Try again {wait or 'in five minutes'}; with a login the hub allows more: {log_in}.",
        )
    if status >= 500:
        return HubRefusal(
            f"{answer}: the hub has a problem of its own",
            f"Try again {wait or 'in some minutes'}.{_proxy_hint(url)}",
        )
    return HubRefusal(f"{answer}{_in_words(headers)}", f"Look whether {page} exists.")


def _in_words(headers: Message) -> str:
    said = str(headers.get("X-Error-Message", "")).splitlines()
    return f" ({said[0][:200]})" if said else ""


def _wait(headers: Message) -> str:
    """Return when a request may be tried again, by the headers Retry-After or RateLimit.

    "" if unsaid.
    """
    said = str(headers.get("Retry-After", "")).strip()
    limit = re.search(r"\bt=(\d+)", str(headers.get("RateLimit", "")))
    if said.isdecimal():
        seconds = int(said)
    elif said:
        try:
            seconds = round(parsedate_to_datetime(said).timestamp() - time.time())
        except (ValueError, OverflowError):
            return ""
    elif limit:
        seconds = int(limit[1])
    else:
        return ""
    return f"in {max(seconds, 1)} s" if seconds < 120 else f"in {-(-seconds // 60)} minutes"


def _shown(url: str) -> str:
    """Return an address without a signature or a password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _proxy(url: str) -> str | None:
    """Return the proxy of a request, from the environment or the system's settings."""
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    host = parts.netloc.rpartition("@")[2]
    return None if not proxy or urllib.request.proxy_bypass(host) else _shown_proxy(proxy)


def _shown_proxy(proxy: str) -> str:
    return _shown(proxy if "://" in proxy else f"http://{proxy}")


def _by_proxy(url: str) -> str:
    proxy = _proxy(url)
    return f" through the proxy {proxy}" if proxy else ""


def _proxy_hint(url: str) -> str:
    proxy = _proxy(url)
    if proxy is None:
        return ""
    scheme = urlsplit(url).scheme
    return f" Check the proxy {proxy}, from {scheme}_proxy or the settings of the system."
