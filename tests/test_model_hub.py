"""Files of the model hub: what is downloaded, checked, continued and refused, and what is said."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from imgsearch.cli.output import DownloadPrinter
from imgsearch.encoders.openclip import catalogue, hub
from imgsearch.encoders.openclip.hub_requests import HubFile, HubRefusal
from imgsearch.encoders.registry import choose, open_encoder
from imgsearch.errors import DiskError, EncoderError, EncoderUnavailable
from imgsearch.progress import Download
from tests.factories import SimulatedClock, run_cli, run_python, write_photos
from tests.model_hub import (
    COMMIT,
    LoopbackServer,
    ModelHub,
    cutting,
    empty_cache,
    reachable_hub,
    refuse,
    refusing,
)

CLIP = catalogue.CPU_DEFAULT
MODEL = "some/model"
SAFETENSORS, PICKLE = hub.WEIGHT_FILES
WEIGHTS = f"{MODEL}/{SAFETENSORS}"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return empty_cache(tmp_path / "hub", monkeypatch)


@pytest.fixture
def our_hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHub]:
    with reachable_hub(monkeypatch) as served:
        yield served


@pytest.fixture
def content(our_hub: ModelHub) -> bytes:
    """The content of the weights that the hub has."""
    our_hub.files[WEIGHTS] = os.urandom(3_000_000)
    return our_hub.files[WEIGHTS]


def refused(our_hub: ModelHub) -> str:
    """The message for weights that cannot be had; nothing is left in the cache."""
    with pytest.raises(EncoderUnavailable) as caught:
        hub.fetch(MODEL, hub.WEIGHT_FILES)
    assert hub.cached(MODEL, hub.WEIGHT_FILES) is None
    assert our_hub.address in str(caught.value)
    assert "--encoder lite" in str(caught.value)
    return str(caught.value)


def blobs(cache: Path) -> set[str]:
    return {path.name for path in (cache / "models--some--model" / "blobs").iterdir()}


# ---------------------------------------------------------------------------- what arrives


def test_a_download_reports_its_size_first_and_then_its_progress(
    our_hub: ModelHub, capfd: pytest.CaptureFixture[str]
) -> None:
    content = os.urandom(3_000_000)
    our_hub.files[f"{MODEL}/{PICKLE}"] = content
    reports: list[Download] = []
    path = hub.fetch(MODEL, hub.WEIGHT_FILES, reports.append)  # which lacks the first name
    assert path.read_bytes() == content
    assert reports[0] == Download(PICKLE, 0, len(content))
    assert reports[-1].done_bytes == reports[-1].size_bytes == len(content)
    assert [d.done_bytes for d in reports] == sorted(d.done_bytes for d in reports)
    assert hub.sha256_of(path) == hashlib.sha256(content).hexdigest()
    assert hub.cached(MODEL, hub.WEIGHT_FILES) == path
    requests = len(our_hub.requests)
    assert hub.fetch(MODEL, hub.WEIGHT_FILES, reports.append) == path
    assert len(our_hub.requests) == requests, "a cached file was requested"
    assert capfd.readouterr() == ("", "")


def test_other_programs_find_what_was_downloaded(content: bytes, cache: Path) -> None:
    from huggingface_hub import hf_hub_download, scan_cache_dir

    path = hub.fetch(MODEL, hub.WEIGHT_FILES)
    assert hf_hub_download(MODEL, SAFETENSORS, local_files_only=True, cache_dir=cache) == str(path)
    found = scan_cache_dir(cache)
    assert [(repo.repo_id, repo.size_on_disk) for repo in found.repos] == [(MODEL, len(content))]
    assert not found.warnings


@pytest.mark.parametrize("is_small", [False, True], ids=["sha256", "git-blob"])
def test_other_bytes_of_the_right_size_are_deleted_and_named(
    our_hub: ModelHub, content: bytes, cache: Path, is_small: bool
) -> None:
    if is_small:
        our_hub.small.add(WEIGHTS)
    our_hub.sent[WEIGHTS] = content[:-1] + bytes([content[-1] ^ 1])
    with pytest.raises(EncoderError, match="arrived damaged") as caught:
        hub.fetch(MODEL, hub.WEIGHT_FILES)
    assert our_hub.address in str(caught.value)
    assert hub.cached(MODEL, hub.WEIGHT_FILES) is None
    assert blobs(cache) == set()
    our_hub.sent.clear()  # the cure: try again
    assert hub.fetch(MODEL, hub.WEIGHT_FILES).read_bytes() == content


def test_damaged_weights_of_another_program_are_not_used(
    our_hub: ModelHub, content: bytes, cache: Path, tmp_path: Path
) -> None:
    repo = next(model.repo for model in catalogue.MODELS if model.name == CLIP)
    our_hub.files[f"{repo}/{SAFETENSORS}"] = content
    blob = hub.fetch(repo, hub.WEIGHT_FILES).resolve()
    blob.write_bytes(bytes(len(content)))
    with pytest.raises(EncoderError, match="is damaged") as caught:
        open_encoder(CLIP, tmp_path / "exports", "cpu")
    assert f"Delete {blob}" in str(caught.value)
    blob.unlink()  # the cure
    assert hub.fetch(repo, hub.WEIGHT_FILES).read_bytes() == content


def test_the_checksum_is_that_of_the_model_where_a_file_is_shared(
    content: bytes, cache: Path
) -> None:
    """huggingface_hub keeps one file for several models, under another hash of 64 digits."""
    path = hub.fetch(MODEL, hub.WEIGHT_FILES)
    shared = cache / "blobs" / "ab" / ("ab" * 32)
    shared.parent.mkdir(parents=True)
    blob = path.resolve()
    blob.rename(shared)
    blob.symlink_to(os.path.relpath(shared, blob.parent))
    assert hub.sha256_of(path) == hashlib.sha256(content).hexdigest()
    hub.verify(path)


def test_a_file_without_a_stated_size_is_downloaded_and_checked(
    our_hub: ModelHub, content: bytes
) -> None:
    our_hub.states_size = False
    reports: list[Download] = []
    assert hub.fetch(MODEL, hub.WEIGHT_FILES, reports.append).read_bytes() == content
    assert reports[0] == Download(SAFETENSORS, 0, 0)
    assert reports[-1].done_bytes == len(content)


def test_names_that_a_hub_states_do_not_lead_out_of_the_cache(
    our_hub: ModelHub, cache: Path
) -> None:
    our_hub.fault = refusing(200, {"ETag": '"../../../evil"', "X-Repo-Commit": COMMIT})
    assert "not as a model hub does" in refused(our_hub)
    assert not cache.exists()


# ---------------------------------------------------------------------------- interruptions


def test_a_cut_connection_goes_on_where_it_ended(our_hub: ModelHub, content: bytes) -> None:
    our_hub.storage_fault = cutting(content, after=1_000_000, times=2)
    reports: list[Download] = []
    assert hub.fetch(MODEL, hub.WEIGHT_FILES, reports.append).read_bytes() == content
    starts = [headers.get("range") for headers in our_hub.storage_headers]
    assert starts == [None, "bytes=1000000-", "bytes=2000000-"]
    assert [d.done_bytes for d in reports] == sorted(d.done_bytes for d in reports)


def test_a_broken_off_download_goes_on_in_the_next_run(
    our_hub: ModelHub, content: bytes, cache: Path
) -> None:
    """Also after the process was killed: the part stays, and nothing else."""
    first_part = threading.Event()

    def hang(request: BaseHTTPRequestHandler) -> bool:
        if request.command != "GET" or first_part.is_set():
            return False
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content[:1_234_567])
        request.wfile.flush()
        first_part.set()
        with suppress(OSError):
            request.rfile.read(1)  # until the client has gone
        return True

    our_hub.storage_fault = hang
    environment = os.environ | {
        "HF_ENDPOINT": our_hub.address,
        "HF_HUB_CACHE": str(cache),
        "HF_HUB_OFFLINE": "0",
        "no_proxy": "127.0.0.1",
    }
    code = f"from imgsearch.encoders.openclip import hub; hub.fetch({MODEL!r}, hub.WEIGHT_FILES)"
    child = subprocess.Popen([sys.executable, "-c", code], env=environment)
    part = cache / "models--some--model" / "blobs" / f"{sha256(content)}.imgsearch.incomplete"
    deadline = time.monotonic() + 60
    while not (part.is_file() and part.stat().st_size >= 1_234_567 - 65_536):
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    child.kill()
    child.wait()
    had = part.stat().st_size
    reports: list[Download] = []
    assert hub.fetch(MODEL, hub.WEIGHT_FILES, reports.append).read_bytes() == content
    assert reports[0] == Download(SAFETENSORS, had, len(content))
    assert our_hub.storage_headers[-1]["range"] == f"bytes={had}-"
    assert blobs(cache) == {sha256(content)}


def test_a_torn_part_is_found_out_and_downloaded_again(
    our_hub: ModelHub, content: bytes, cache: Path
) -> None:
    folder = cache / "models--some--model" / "blobs"
    folder.mkdir(parents=True)
    (folder / f"{sha256(content)}.imgsearch.incomplete").write_bytes(bytes(1_000_000))
    assert hub.fetch(MODEL, hub.WEIGHT_FILES).read_bytes() == content


def test_a_download_that_brings_nothing_ends_and_says_how_to_go_on(
    our_hub: ModelHub, content: bytes
) -> None:
    our_hub.storage_fault = cutting(content, after=0)
    message = refused(our_hub)
    assert "broke off after 0 MB" in message
    assert "goes on from there" in message


def test_old_parts_are_removed_and_running_downloads_are_not_disturbed(
    content: bytes, cache: Path
) -> None:
    from filelock import FileLock

    folder = cache / "models--some--model" / "blobs"
    locks = cache / ".locks" / "models--some--model"
    for made in (folder, locks):
        made.mkdir(parents=True)
    long_ago = time.time() - 2 * 24 * 3600
    torn, new, running = (f"{letter * 64}.0123abcd.incomplete" for letter in "abc")
    same = f"{sha256(content)}.0123abcd.incomplete"
    for name in (torn, new, running, same):
        (folder / name).write_bytes(b"part")
    for name in (torn, running):
        os.utime(folder / name, (long_ago, long_ago))
    with FileLock(locks / f"{'c' * 64}.lock"):
        hub.fetch(MODEL, hub.WEIGHT_FILES)
    assert blobs(cache) == {sha256(content), new, running}


def test_a_file_that_does_not_fit_is_not_begun(
    our_hub: ModelHub, content: bytes, cache: Path
) -> None:
    our_hub.fault = refusing(
        302,
        {
            "X-Repo-Commit": COMMIT,
            "X-Linked-Etag": f'"{sha256(content)}"',
            "X-Linked-Size": str(1 << 60),
            "Location": "http://127.0.0.1:1/never-asked",
        },
    )
    with pytest.raises(DiskError, match="The disk is full"):
        hub.fetch(MODEL, hub.WEIGHT_FILES)
    assert blobs(cache) == set()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# ---------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (401, {}, ["401", "is private, or there is none", "HF_TOKEN", "hf auth login"]),
        (401, {"X-Error-Code": "GatedRepo"}, ["is gated", "Accept its terms at", MODEL]),
        (403, {"X-Error-Code": "GatedRepo"}, ["403", "is gated", "HF_TOKEN"]),
        (403, {"X-Error-Message": "No."}, ["403", "access is forbidden (No.)", "firewall"]),
        (404, {"X-Error-Code": "EntryNotFound"}, ["404", "does not have it"]),
        (404, {"X-Error-Code": "RepoNotFound"}, ["404", "does not have it"]),
        (429, {"Retry-After": "40"}, ["429", "too many requests", "Try again in 40 s"]),
        (429, {"RateLimit": '"resolvers";r=0;t=300'}, ["429", "Try again in 5 minutes"]),
        (429, {}, ["429", "Try again in five minutes"]),
        (500, {}, ["500", "a problem of its own", "Try again in some minutes"]),
        (503, {"Retry-After": "Tue, 01 Jan 2999 00:00:00 GMT"}, ["503", "Try again in", "minutes"]),
        (504, {"Retry-After": "soon"}, ["504", "Try again in some minutes"]),
        (200, {}, ["not as a model hub does", "HF_ENDPOINT"]),
        (418, {}, ["418"]),
    ],
)
def test_each_refusal_is_named_with_its_own_cure(
    our_hub: ModelHub, status: int, headers: dict[str, str], said: list[str]
) -> None:
    our_hub.fault = refusing(status, headers)
    message = refused(our_hub)
    assert [part for part in said if part not in message] == []
    assert f"{our_hub.address}/{WEIGHTS.replace('/open', '/resolve/main/open')}" in message or (
        "open_clip_pytorch_model.bin" in message  # the last name, where none is there
    )


def test_a_refusal_of_the_storage_is_named_too(our_hub: ModelHub, content: bytes) -> None:
    our_hub.storage_fault = refusing(503, {"Retry-After": "7"})
    with pytest.raises(EncoderUnavailable, match=r"answers 503.*Try again in 7 s"):
        hub.fetch(MODEL, hub.WEIGHT_FILES)


def test_a_hub_that_is_silent_is_named_with_the_time(our_hub: ModelHub, content: bytes) -> None:
    released = threading.Event()

    def wait(request: BaseHTTPRequestHandler) -> bool:
        released.wait(60)
        return False

    our_hub.fault = wait
    answer = hub.find(MODEL, hub.WEIGHT_FILES, 0.5)
    released.set()
    assert isinstance(answer, HubRefusal)
    assert answer.reason.startswith(f"{our_hub.address}")
    assert "did not answer within" in answer.reason
    assert "Try again" in answer.cure


def test_a_dead_proxy_is_named_without_its_password(
    our_hub: ModelHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{port}")
    monkeypatch.setenv("no_proxy", "")
    message = refused(our_hub)
    assert f"through the proxy http://127.0.0.1:{port}" in message
    assert "Check the proxy" in message and "http_proxy" in message
    assert "secret" not in message
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    our_hub.files[WEIGHTS] = b"weights"
    assert hub.fetch(MODEL, hub.WEIGHT_FILES).read_bytes() == b"weights"


def test_a_hub_that_is_not_there_is_named(our_hub: ModelHub) -> None:
    our_hub.close()
    assert "cannot be reached" in refused(our_hub)


def test_a_copied_folder_of_the_cache_is_found_as_the_message_says(
    our_hub: ModelHub, content: bytes, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.fetch(MODEL, hub.WEIGHT_FILES)
    other = empty_cache(tmp_path / "other", monkeypatch)
    with pytest.raises(EncoderUnavailable, match="HF_HUB_OFFLINE") as caught:
        hub.fetch(MODEL, hub.WEIGHT_FILES)
    assert "copy the folder models--some--model from the model hub's cache" in str(caught.value)
    assert str(other) in str(caught.value)
    shutil.copytree(cache / "models--some--model", other / "models--some--model", symlinks=True)
    assert hub.fetch(MODEL, hub.WEIGHT_FILES).read_bytes() == content


def test_an_optional_file_is_not_taken_for_absent_while_the_hub_fails(our_hub: ModelHub) -> None:
    hub.fetch_optional(MODEL, "tokenizer_config.json")  # the hub says that it has none
    our_hub.fault = refusing(503)
    with pytest.raises(EncoderUnavailable, match="503"):
        hub.fetch_optional(MODEL, "tokenizer_config.json")


# ---------------------------------------------------------------------------- log-in


def gated(our_hub: ModelHub) -> None:
    """Let the hub ask for the token "mine"."""

    def fault(request: BaseHTTPRequestHandler) -> bool:
        if request.headers.get("Authorization") == "Bearer mine":
            return False
        refuse(request, 401, {"X-Error-Code": "GatedRepo"})
        return True

    our_hub.fault = fault


def test_a_gated_model_is_had_with_a_token_which_only_the_hub_gets(
    our_hub: ModelHub, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gated(our_hub)
    assert "is gated" in refused(our_hub)
    monkeypatch.setenv("HF_TOKEN", "mine")
    assert hub.fetch(MODEL, hub.WEIGHT_FILES).read_bytes() == content
    assert our_hub.headers[-1]["authorization"] == "Bearer mine"
    assert our_hub.storage_headers
    assert not any("authorization" in headers for headers in our_hub.storage_headers)


def test_a_token_of_a_log_in_is_sent_with_small_files_too(
    our_hub: ModelHub, content: bytes, cache: Path
) -> None:
    gated(our_hub)
    our_hub.small.add(WEIGHTS)
    cache.mkdir()
    (cache / "token").write_text("mine\n")  # as `hf auth login` leaves it
    assert hub.fetch(MODEL, hub.WEIGHT_FILES).read_bytes() == content
    assert [headers["authorization"] for headers in our_hub.headers] == ["Bearer mine"] * 2


def test_a_redirect_to_another_host_does_not_carry_the_token(
    our_hub: ModelHub, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one of a HEAD request nor one of the content."""
    seen: list[str | None] = []

    def foreign(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers.get("Authorization"))
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    other = LoopbackServer(foreign)
    our_hub.small.add(WEIGHTS)

    def redirect(request: BaseHTTPRequestHandler) -> bool:
        if request.command == "GET":
            refuse(request, 302, {"Location": f"{other.address}/content"})
        return request.command == "GET"

    our_hub.fault = redirect
    monkeypatch.setenv("HF_TOKEN", "mine")
    assert hub.fetch(MODEL, hub.WEIGHT_FILES).read_bytes() == content
    assert seen == [None]
    other.close()


def test_a_token_that_is_not_accepted_is_to_be_renewed(
    our_hub: ModelHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    our_hub.fault = refusing(401)
    monkeypatch.setenv("HF_TOKEN", "old")
    message = refused(our_hub)
    assert "does not accept your token" in message and "Renew the token" in message
    assert "old" not in message.split()


# ---------------------------------------------------------------------------- what is told


def test_the_hub_learns_nothing_but_the_names_of_files(our_hub: ModelHub, content: bytes) -> None:
    hub.fetch(MODEL, hub.WEIGHT_FILES)
    assert our_hub.requests == [f"HEAD /{MODEL}/resolve/main/{SAFETENSORS}"]
    assert our_hub.storage_requests == [f"GET /signed/{WEIGHTS}"]
    for headers in (*our_hub.headers, *our_hub.storage_headers):
        assert headers["user-agent"] == "imgsearch"
        assert set(headers) <= {"host", "user-agent", "accept-encoding", "connection"}


def test_the_client_of_other_packages_tells_less() -> None:
    """It reads this when it is imported: it then asks for no list of AI agents."""
    done = run_python(
        "from imgsearch.encoders.openclip import hub\n"
        "from huggingface_hub import constants; print(constants.HF_HUB_DISABLE_TELEMETRY)"
    )
    assert done.stdout == "True\n"


def test_auto_says_why_it_took_lite_and_how_to_try_again(our_hub: ModelHub) -> None:
    our_hub.fault = refusing(503, {"Retry-After": "40"})
    choice = choose("auto", "cpu")
    assert choice.name == "lite"
    assert "answers 503" in choice.why
    assert f"imgsearch rebuild --encoder {CLIP}" in choice.why


def test_auto_says_that_the_hub_did_not_answer_in_time(our_hub: ModelHub) -> None:
    released = threading.Event()

    def wait(request: BaseHTTPRequestHandler) -> bool:
        released.wait(60)
        return False

    our_hub.fault = wait
    choice = choose("auto", "cpu")
    released.set()
    assert choice.name == "lite"
    assert f"{our_hub.address} did not answer within 4 s" in choice.why
    assert f"imgsearch rebuild --encoder {CLIP}" in choice.why


def test_auto_waits_for_one_answer_as_long_as_for_two(our_hub: ModelHub) -> None:
    """A hub that takes three seconds is asked for one name, and there is time for that."""
    repo = next(model.repo for model in catalogue.MODELS if model.name == CLIP)
    our_hub.files[f"{repo}/{SAFETENSORS}"] = b"weights"

    def slow(request: BaseHTTPRequestHandler) -> bool:
        time.sleep(2.5)
        return False

    our_hub.fault = slow
    answer = hub.find(repo, hub.WEIGHT_FILES, 60)
    assert isinstance(answer, HubFile)


def test_a_command_says_what_happened_and_nothing_else(our_hub: ModelHub, tmp_path: Path) -> None:
    """No traceback, no line of another package, and the exit code of a model that is not there."""
    photos = write_photos(tmp_path / "photos", 1)
    our_hub.fault = refusing(401, {"X-Error-Code": "GatedRepo"})
    done = run_cli(
        "index",
        photos,
        "--encoder",
        CLIP,
        data=tmp_path / "library",
        HF_ENDPOINT=our_hub.address,
        HF_HUB_OFFLINE="0",
        HF_HOME=str(tmp_path / "home"),
        IMGSEARCH_CACHE=str(tmp_path / "cache"),
        no_proxy="127.0.0.1",
    )
    assert done.returncode == 6
    assert "the model is gated" in done.stderr
    # Triton, in a torch for CUDA, reports its own leaks when a process ends.
    before_end = done.stderr.partition("nanobind: leaked")[0]
    strange = [
        line
        for line in before_end.splitlines()
        if not line.startswith(
            (
                "Encoder openclip:",
                f"{CLIP} is not on this machine yet",
                f"Getting {CLIP}: 605 MB",
                "The files of",
                "The library has 1 photo",
            )
        )
    ]
    assert strange == []


def test_a_download_has_a_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    clock = SimulatedClock()
    printer = DownloadPrinter(every_s=10, clock=clock)
    for second in range(41):
        printer(Download("weights", second * 2_000_000, 400_000_000))
        clock.sleep(1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Downloading weights, 400 MB: 0 %"
    assert lines[1] == "Downloading weights, 400 MB: 5 %, 2.0 MB/s, 190 s left"
    assert len(lines) == 5


def test_a_download_without_a_size_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    clock = SimulatedClock()
    printer = DownloadPrinter(every_s=10, clock=clock)
    for second in range(21):
        printer(Download("weights", second * 2_000_000, 0))
        clock.sleep(1)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "Downloading weights: 0 MB",
        "Downloading weights: 20 MB, 2.0 MB/s",
        "Downloading weights: 40 MB, 2.0 MB/s",
    ]


def test_the_steps_of_preparing_a_model_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reports: list[Download] = []
    open_encoder("openclip:ViT-S-32-alt/random:3+int8", tmp_path, "cpu", reports.append)
    assert [report.preparing for report in reports] == [
        "making its weights",
        "converting and checking its image tower",
        "converting and checking its text tower",
        "converting its image tower to int8",
    ]
    DownloadPrinter()(reports[1])
    assert capsys.readouterr().err == (
        "Preparing openclip:ViT-S-32-alt/random:3 for this machine, once: "
        "converting and checking its image tower\n"
    )
    reports.clear()
    open_encoder("openclip:ViT-S-32-alt/random:3+int8", tmp_path, "cpu", reports.append)
    assert reports == []
