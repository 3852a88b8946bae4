"""The service as users run it: real processes, real sockets, and the answers of the library."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TypeVar

import jsonschema
import pytest
from PIL import Image

from imgsearch import Answer, Library, Settings
from imgsearch.errors import QueryError
from imgsearch.operations.records import dump_json
from imgsearch.service import client
from imgsearch.service.address import SOCKET
from imgsearch.service.auth import TOKEN_FILE
from imgsearch.service.client import MAX_BODY_BYTES, Client, ServiceUnavailable
from imgsearch.service.openapi import openapi_document
from imgsearch.service.server import LOCK_FILE
from imgsearch.service.table import operations
from tests.factories import cli_environment, run_cli
from tests.services import USUAL_CONNECT_S, serving

SECONDS = 120
ATTEMPTS = 10  # of what a busy machine may delay beyond a time limit of the product
HOUSE = Path(__file__).parent.parent.parent
Result = TypeVar("Result")
HEAVY = {"numpy", "sqlalchemy", "PIL", "faiss", "onnxruntime", "starlette", "uvicorn", "rich"}


@dataclass(frozen=True)
class Served:
    """A library with its service."""

    data: Path
    photos: Path
    process: subprocess.Popen[bytes]
    port: int

    @property
    def settings(self) -> Settings:
        return Settings.load(data_dir=self.data, encoder="lite")

    @property
    def token(self) -> str:
        return (self.data / TOKEN_FILE).read_text().strip()

    def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """One request over the network, as a program would send it."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        known = {"Authorization": f"Bearer {self.token}", **headers}
        try:
            connection.request(method, path, body, {k: v for k, v in known.items() if v})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def post(self, path: str, form: object) -> tuple[int, object]:
        status, content = self.request("POST", path, json.dumps(form).encode())
        return status, json.loads(content)


# The command of a client that waits for the service, however busy the machine is: it never gives up
# and opens the library itself, so what it prints is the answer of the service.
PATIENT = """
import sys
from imgsearch.cli import main
from imgsearch.service import client

client.CONNECT_S = 60.0
sys.argv[0] = "imgsearch"
main()
"""


def run(
    *arguments: str | Path,
    data: Path,
    given: bytes | None = None,
    program: Sequence[str] = ("-m", "imgsearch"),
    **more: str,
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, *program, *map(str, arguments)],
        env=cli_environment(data, **more),
        input=given,
        stdin=None if given is not None else subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
    )


def find(settings: Settings, query: str, k: int = 20) -> Answer:
    """The answer of the service."""
    return patiently(lambda: Client(settings).call(Library.find, query, k))


def patiently(call: Callable[[], Result]) -> Result:
    """What a client gets. On a busy machine it gives up early; then it tries again."""
    until = time.monotonic() + SECONDS
    while True:
        try:
            return call()
        except ServiceUnavailable:
            assert time.monotonic() < until, "the service never answered"


@contextmanager
def serving_apart(data: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A service of a copy of the library, so that the shared one keeps running."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "library"
        shutil.copytree(data, folder, ignore=shutil.ignore_patterns(SOCKET, LOCK_FILE))
        with serving(folder, *options) as (process, _):
            yield process, folder


@pytest.fixture(scope="module")
def data(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an indexed demo library."""
    return Path(shutil.copytree(demo_data, tmp_path_factory.mktemp("served") / "library"))


@pytest.fixture(scope="module")
def served(data: Path, demo_photos: Path) -> Iterator[Served]:
    """The library with its service, also at a port."""
    with serving(data, "--port", "0") as (process, line):
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        assert found, line
        yield Served(data, demo_photos, process, int(found[1]))


# ------------------------------------------------------------------------- the same answers


CAT, COFFEE = "chelsea.png", "coffee.png"
QUESTIONS: dict[str, list[str]] = {
    "words": ["search", "a cat"],
    "nothing": ["search", "a submarine", "-k", "3"],
    "json": ["search", "two kids jumping into a lake", "--all", "--json"],
    "paths": ["search", "a temple", "--paths", "-0", "-k", "3"],
    "filters": ["search", "a pet -type:jpeg sort:path", "-k", "3", "--json"],
    "no words": ["search", "in:/ sort:date", "-k", "4", "--json"],
    "example": ["search", "a cat", "--image", f"@{COFFEE}", "--minus", "0.5:a cup", "--json"],
    "part": ["search", "--image", f"@{CAT}", "--region", "10%,10%,80%,80%", "--all"],
    "photo": ["search", "photo:3 2:night t:0.1", "--json"],
    "timeline": ["timeline", "--months"],
    "timeline of words": ["timeline", "a cat", "--json"],
    "events": ["events", "--min-photos", "1"],
    "places": ["places", "type:png", "--json"],
    "counts of nothing": ["timeline", "type:gif"],
    "suggestions": ["suggest", "a dog in pho"],
    "suggestions as json": ["suggest", "camera:", "--json", "-k", "3"],
    "no suggestions": ["suggest", "xyzzy"],
    "too few suggestions": ["suggest", "a dog in pho", "-k", "-1"],
    "status": ["status"],
    "status as json": ["status", "--json"],
    "typing error": ["search", "a cat camrea:canon"],
    "no such file": ["search", "image:/none/there.jpg"],
    "no image": ["search", "--image", "%library.db"],
    "no such photo": ["search", "photo:99999"],
    "too few": ["search", "a cat", "-k", "0"],
    "too long": ["search", "a cat " * 400],
    "cancelled": ["search", "cat -cat"],
    "no cursor": ["search", "a cat", "--cursor", "nonsense"],
    "other encoder": ["search", "a cat", "--json", "IMGSEARCH_ENCODER=openclip:ViT-B-32/openai"],
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_answers_are_the_same_with_and_without_a_service(served: Served, name: str) -> None:
    folders = {"@": served.photos, "%": served.data}
    arguments = [
        str(folders[each[0]] / each[1:]) if each[0] in folders else each
        for each in QUESTIONS[name]
        if not each.startswith("IMGSEARCH_")
    ]
    more = dict(each.split("=", 1) for each in QUESTIONS[name] if each.startswith("IMGSEARCH_"))
    without = run(*arguments, data=served.data, given=None, **more, IMGSEARCH_SERVICE="off")
    with_it = run(*arguments, data=served.data, given=None, program=("-c", PATIENT), **more)
    assert without.stdout or without.stderr
    assert with_it.stdout == without.stdout
    assert (with_it.returncode, with_it.stderr) == (without.returncode, without.stderr)


def test_pages_for_an_image_from_a_pipe_are_the_same(served: Served) -> None:
    image = (served.photos / CAT).read_bytes()
    arguments = ("search", "--image", "-", "--all", "--json", "-k", "8")
    cursor: tuple[str, ...] = ()
    pages = []
    while True:  # each page continues one of the other kind
        without = run(
            *arguments, *cursor, data=served.data, given=image, IMGSEARCH_SERVICE="off"
        ).stdout
        with_it = run(
            *arguments, *cursor, data=served.data, given=image, program=("-c", PATIENT)
        ).stdout
        assert with_it == without
        page = json.loads(without)
        pages += [hit["paths"][0] for hit in page["hits"]]
        if page["cursor"] is None:
            break
        cursor = ("--cursor", page["cursor"])
    assert len(pages) == len(set(pages)) == 20, "all but the cat itself"


@pytest.mark.parametrize("arguments", [["search", "a cat, seen by a client"], ["status"]])
def test_a_client_loads_next_to_nothing(served: Served, arguments: list[str]) -> None:
    code = (
        "import sys\nfrom imgsearch.cli import main\n"
        "try: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    )

    def heavy(service: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=cli_environment(served.data, IMGSEARCH_SERVICE=service),
            capture_output=True,
            text=True,
        )
        assert done.returncode in (0, 1), done.stderr
        return HEAVY & {name.partition(".")[0] for name in done.stderr.splitlines()[-1].split()}

    assert heavy("off")
    assert any(not heavy("auto") for _ in range(ATTEMPTS))


def test_the_page_gets_its_answers_from_it(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from imgsearch import parse
    from ui.session import Session

    with Library.open(served.settings) as library:
        expected = library.find("a rocket launch", 5)
    assert expected.hits[0].path.name == "rocket.jpg"
    session = Session(served.settings)
    loaded: list[object] = []
    monkeypatch.setattr(session.library, "find", lambda *arguments: loaded.append(arguments))
    for _ in range(ATTEMPTS):
        loaded.clear()
        page = session.find(parse("a rocket launch"), 5)
        if not loaded:
            break
    assert loaded == [] and page == expected


# ------------------------------------------------------------------------- when to use it


def test_a_service_with_other_settings_is_not_used(served: Served) -> None:
    assert find(served.settings, "a cat").hits
    for other in (
        Settings.load(data_dir=served.data, encoder="auto"),
        Settings.load(data_dir=served.data, encoder="lite", max_megapixels=1),
        Settings.load(data_dir=served.data, encoder="lite", device="cuda"),
        Settings.load(data_dir=served.data, encoder="lite", stack_raw=True),
        Settings.load(data_dir=served.data, encoder="lite", service="off"),
    ):
        with pytest.raises(ServiceUnavailable):
            Client(other).call(Library.find, "a cat")


@pytest.mark.alone  # measures time
def test_the_absence_of_a_service_is_noticed_at_once(tmp_path: Path) -> None:
    started = time.perf_counter()
    for _ in range(20):
        with pytest.raises(ServiceUnavailable):
            Client(Settings.load(data_dir=tmp_path)).call(Library.find, "a cat")
    assert (time.perf_counter() - started) / 20 < 0.05


def test_a_service_that_hangs_is_given_up_and_the_library_answers(
    data: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    monkeypatch.setattr(client, "CONNECT_S", USUAL_CONNECT_S)
    served.process.send_signal(signal.SIGSTOP)
    os.waitpid(served.process.pid, os.WUNTRACED)  # until it has stopped
    try:
        seconds = []
        for _ in range(ATTEMPTS):
            started = time.perf_counter()
            with pytest.raises(ServiceUnavailable):
                Client(served.settings).call(Library.find, "a cat")
            seconds.append(time.perf_counter() - started)
        assert 0.04 < min(seconds) < 0.5  # 50 ms, and a busy machine's pauses
        done = run("search", "a cat", "--paths", data=data)
        assert done.stdout.startswith(os.fsencode(served.photos / CAT))
    finally:
        served.process.send_signal(signal.SIGCONT)
    assert find(served.settings, "a cat").hits


def test_a_data_folder_may_have_a_long_path(tmp_path: Path, demo_photos: Path) -> None:
    folder = tmp_path / ("long" * 30) / "library"
    assert run("index", demo_photos, data=folder).returncode == 0
    with serving(folder):
        assert find(Settings.load(data_dir=folder, encoder="lite"), "a cat").hits
        assert stat.S_IMODE((folder / SOCKET).stat().st_mode) == 0o600


# ------------------------------------------------------------------------- a library that changes


def test_what_another_process_indexes_is_found_within_two_seconds(
    tmp_path: Path, demo_photos: Path
) -> None:
    data, photos = tmp_path / "library", tmp_path / "photos"
    photos.mkdir()
    for name in ("coffee.png", "rocket.jpg"):
        (photos / name).write_bytes((demo_photos / name).read_bytes())
    assert run("index", photos, data=data).returncode == 0
    settings = Settings.load(data_dir=data, encoder="lite")
    failures: list[BaseException] = []
    stop = threading.Event()

    def keep_searching() -> None:
        while not stop.is_set():
            try:
                assert find(settings, "a cup of coffee").hits[0].path.name == "coffee.png"
            except BaseException as error:  # noqa: BLE001
                failures.append(error)

    def best() -> str:
        return find(settings, "a cat").hits[0].path.name

    with serving(data):
        searching = threading.Thread(target=keep_searching)
        searching.start()
        try:
            (photos / CAT).write_bytes((demo_photos / CAT).read_bytes())
            assert run("index", data=data).returncode == 0
            until = time.monotonic() + 2
            asked_late = False
            while best() != CAT:
                assert not asked_late, "a request two seconds later got an old answer"
                asked_late = time.monotonic() > until
            for _ in range(2):  # one index file replaces another
                assert run("rebuild", data=data).returncode == 0
                assert best() == CAT
                status = json.loads(run("status", "--json", data=data).stdout)
                assert status["snapshot"]["vectors"] == 3
            (photos / CAT).unlink()
            assert run("index", data=data).returncode == 0
            assert CAT not in {hit.path.name for hit in find(settings, "a cat").hits}
        finally:
            stop.set()
            searching.join()
    assert failures == []


def test_an_idle_model_is_released_and_loaded_again(data: Path) -> None:
    with serving_apart(data, "--idle", "0.02") as (process, folder):

        def held_mb(line: str = "VmRSS") -> float:
            text = Path(f"/proc/{process.pid}/status").read_text()
            return int(re.search(rf"{line}:\s+(\d+)", text)[1]) / 1000  # type: ignore[index]

        settings = Settings.load(data_dir=folder, encoder="lite")
        find(settings, f"words never searched for before {time.time()}")
        # The most from now on: when a busy machine has the answer, the model may be gone again.
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")
        find(settings, f"nor these {time.time()}")
        warm_mb = held_mb("VmHWM")
        until = time.monotonic() + SECONDS
        while held_mb() > warm_mb - 20:  # the weights of the text tower are 23 MB
            assert time.monotonic() < until, f"{held_mb()} of {warm_mb} MB are still held"
            time.sleep(0.2)
        assert find(settings, f"other words {time.time()}").hits


# ------------------------------------------------------------------------- start and end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_within_two_seconds_and_leaves_no_socket(data: Path, number: int) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    seconds: list[float] = []
    while not seconds or (min(seconds) >= 2 and len(seconds) < ATTEMPTS):
        with serving_apart(data) as (process, folder):
            assert stat.S_IMODE((folder / SOCKET).stat().st_mode) == 0o600
            with socket.socket(socket.AF_UNIX) as idle:  # a client that stays connected
                idle.connect(str(folder / SOCKET))
                idle.sendall(b"GET /status HTTP/1.1\r\n")
                started = time.monotonic()
                process.send_signal(number)
                assert process.wait(SECONDS) == 0
                seconds.append(time.monotonic() - started)
            assert not (folder / SOCKET).exists()
            assert process.stderr is not None and process.stderr.read() == b""
    assert min(seconds) < 2


def test_what_a_killed_service_left_behind_is_harmless(data: Path) -> None:
    with serving_apart(data) as (process, folder):
        process.kill()
        process.wait()
        assert (folder / SOCKET).exists(), "a killed process removes nothing"
        done = run("search", "a cat", "--paths", data=folder)
        assert done.returncode == 0 and done.stdout and not done.stderr.count(b"refused")
        with serving(folder):
            assert find(Settings.load(data_dir=folder, encoder="lite"), "a cat").hits


def test_a_second_service_is_refused(served: Served) -> None:
    done = run("serve", data=served.data)
    assert done.returncode == 2 and b"is served already" in done.stderr
    assert find(served.settings, "a cat").hits, "the first one keeps running"


def test_errors_at_the_start_are_reported(tmp_path: Path, served: Served) -> None:
    none = run("serve", data=tmp_path / "none")
    assert none.returncode == 2 and b"There is no library" in none.stderr
    with serving_apart(served.data) as (process, folder):
        process.terminate()
        process.wait()
        taken = run("serve", "--port", str(served.port), data=folder)
        assert taken.returncode == 2 and b"Cannot use port" in taken.stderr
        weak = run("serve", "--port", "0", data=folder, IMGSEARCH_SERVE_TOKEN="short")
        assert weak.returncode == 2 and b"too short" in weak.stderr
        (folder / TOKEN_FILE).chmod(0o644)
        shown = run("serve", "--port", "0", data=folder)
        assert shown.returncode == 2 and b"can be read by others" in shown.stderr
        assert not (folder / SOCKET).exists()


# ------------------------------------------------------------------------- access


def test_only_the_token_opens_the_network(served: Served) -> None:
    assert stat.S_IMODE((served.data / TOKEN_FILE).stat().st_mode) == 0o600
    assert served.request("GET", "/status")[0] == 200
    for wrong in ("", "Bearer", "Bearer wrong", f"Basic {served.token}", f"Bearer {served.token}x"):
        for path in ("/status", "/hello", "/openapi.json", "/thumbnail/1", "/none"):
            status, content = served.request("GET", path, Authorization=wrong)
            assert status == 401 and b"Bearer TOKEN" in content


def test_a_token_from_the_environment(data: Path) -> None:
    with serving_apart(data) as (process, folder):
        process.terminate()
        process.wait()
        (folder / TOKEN_FILE).unlink(missing_ok=True)
        own = "correct-horse-battery"
        with serving(folder, "--port", "0", IMGSEARCH_SERVE_TOKEN=own) as (process, said):
            assert own not in said and not (folder / TOKEN_FILE).exists()
            port = int(re.search(r":(\d+) ", said)[1])  # type: ignore[index]
            connection = HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/hello", headers={"Authorization": f"Bearer {own}"})
            assert connection.getresponse().status == 200
            connection.close()


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "127.0.0.1.evil.example", "[::1]:80", "", "a@b", "localhost:80@evil"),
        *("localhost:", "localhost:٣", "localhost\r\nHost: evil.example"),
    ],
)
def test_other_host_names_are_refused(served: Served, host: str) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as line:
        head = f"GET /hello HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {served.token}\r\n"
        line.sendall(f"{head}Connection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(1000), b""))
    start, _, body = answer.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 400 ")
    if "\r\n" not in host:  # which is no request at all, so it gets no further
        error = json.loads(body)["error"]
        assert error["kind"] == "UsageError" and "localhost and 127.0.0.1 only" in error["message"]


@pytest.mark.parametrize(
    "form",
    [
        {"query": "image:/etc/passwd"},
        {"query": {"terms": [{"path": "/etc/passwd"}]}},
    ],
)
def test_no_file_is_read_for_a_network_request(served: Served, form: object) -> None:
    status, answer = served.post("/search", form)
    assert status == 403 and "bytes" in json.dumps(answer)
    assert served.post("/similar", {"example": {"path": str(served.photos / CAT)}})[0] == 403
    image = base64.b64encode((served.photos / CAT).read_bytes()).decode()
    assert served.post("/similar", {"example": {"image": image}, "k": 1})[0] == 200


@pytest.mark.parametrize(
    "path",
    ["/thumbnail/../../etc/passwd", "/thumbnail/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/thumbnail/0",
     "/thumbnail/-1", "/thumbnail/99999", "/thumbnail/9223372036854775808", "/thumbnail/1e3",
     "/thumbnail/1?side_px=100000", "/thumbnail/1?side_px=x", "/etc/passwd", "//etc/passwd",
     "/suggest?k=x", "/suggest?k=99999",
     f"/thumbnail/{'9' * 5000}", "/thumbnail/x"],
)  # fmt: skip
def test_nothing_but_photos_can_be_fetched(served: Served, path: str) -> None:
    status, content = served.request("GET", path)
    assert status in (400, 404)
    assert b"root:" not in content and set(json.loads(content)) == {"error"}


def test_hostile_bodies_are_refused_and_do_no_harm(served: Served) -> None:
    for body in (b"", b"[", b"[" * 200_000, b'{"query": NaN}', b"\xff\x00", b'"a cat"', b"null"):
        status, content = served.request("POST", "/search", body)
        assert status == 400 and json.loads(content)["error"]["message"]
    for form in (
        {"query": "a cat", "k": 10_001},
        {"query": "a cat", "k": 0},
        {"query": {"terms": [{"image": base64.b64encode(b"no image").decode()}]}},
        {"query": {"terms": [{"text": "a", "weight": 0}]}},
        {"query": {"filters": ["near:nowhere"]}},
        {"query": "a cat", "cursor": "x"},
        {"query": "a cat " * 700_000},
        {"query": {"terms": [{"text": "a cat " * 700_000}]}},
        {"query": {"terms": [{"text": "cat"}] * 100_000}},
        {"query": {"filters": ["type:png"] * 100_000}},
    ):
        status, answer = served.post("/search", form)
        assert status == 400, answer
    for classes in ([f"class {number}" for number in range(200_000)], ["a cat " * 700_000, "dog"]):
        assert served.post("/label", {"classes": classes})[0] == 400
    assert served.post("/label", {"classes": []})[0] == 400
    assert served.request("GET", "/search")[0] == 405
    assert served.request("DELETE", "/status")[0] == 405
    with socket.create_connection(("127.0.0.1", served.port)) as line:  # too large
        head = f"POST /search HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {served.token}"
        line.sendall(f"{head}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        answer = b""
        try:
            for _ in range((MAX_BODY_BYTES >> 20) + 2):
                line.sendall(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")
        except OSError:
            pass
        line.settimeout(20)
        try:
            answer = line.recv(1000)
        except ConnectionResetError:
            answer = b"HTTP/1.1 413 "
        assert answer.startswith(b"HTTP/1.1 413 ")
    assert find(served.settings, "a cat").hits, "it still answers"


def test_half_characters_are_refused_wherever_they_are(served: Served) -> None:
    for path, form in (
        ("/people/name", {"person_id": 1, "name": "\ud800"}),
        ("/explain", {"photo": "/a\ud800.jpg", "query": "a dog"}),
        ("/explain", {"photo": "/a.jpg", "query": {"terms": [{"text": "\udfff"}]}}),
        ("/search", {"query": "a \ud800 dog"}),
        ("/albums", {"name": "\ud800", "photo_ids": [1]}),
    ):
        status, answer = served.post(path, form)
        assert status == 400, (path, answer)
        assert "half of a character" in str(answer)
    status, answer = served.post("/explain", {"photo": "/not\udcffutf8.jpg", "query": "a dog"})
    assert status == 200, f"{answer}: the name of a file may have bytes that are no text"


# ------------------------------------------------------------------------- saved searches


@pytest.mark.features("saved", "concepts")
def test_saved_searches_are_those_of_the_library(served: Served) -> None:
    from imgsearch.features.saved.operations import Saved  # absent in some checkouts

    client = Client(served.settings)
    with Library.open(served.settings) as library:
        library.saved.save("cats", "a cat", 3, include_weak=True)
        try:
            assert patiently(lambda: client.call(Saved.all)) == library.saved.all()
            assert patiently(lambda: client.call(Saved.mark_looked_at, "cats")) == ()
            found = find(served.settings, "saved:cats -type:jpeg", 3)
            assert found.hits == library.find("a cat -type:jpeg", 3).hits
            shown = run("search", "saved:cats", data=served.data)
            assert len(shown.stdout.splitlines()) == 3, "as many as were saved"
            with pytest.raises(QueryError, match="Did you mean 'cats'"):
                patiently(lambda: client.call(Saved.mark_looked_at, "cat"))
            status, answer = served.post("/search", {"query": "saved:cut"})
            assert status == 400 and "Did you mean 'cats'" in str(answer)
            status, answer = served.post("/saved", {"name": "cats", "query": "a dog"})
            assert status == 400 and "already" in str(answer)
        finally:
            library.saved.remove("cats")
    example = {"path": str(served.photos / CAT)}
    status, answer = served.post("/concepts/teach", {"name": "x", "like": [example]})
    assert status == 403
    status, answer = served.post("/saved", {"name": "x", "query": {"terms": [example]}})
    assert status == 403, "over the network no request names a file"


# ------------------------------------------------------------------------- the documentation


DOCUMENT: Any = json.loads(dump_json(openapi_document(operations())))


def checked(schema: Mapping[str, object], value: object) -> None:
    """Check a value against a schema of the document, with the others that it refers to."""
    whole = {**schema, "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(whole).validate(value)


@pytest.mark.features()  # all: they bring most of the document
def test_answers_are_as_the_document_describes_them(served: Served) -> None:
    image = base64.b64encode((served.photos / CAT).read_bytes()).decode()
    region = {"x": 10, "y": 10, "width": 50, "height": 50, "percent": True}
    query = {
        "terms": [
            {"text": "a cat", "weight": 2},
            {"image": image, "region": region},
            {"photo_id": 3, "weight": -0.5},
        ],
        "filters": ["type:png", "-camera:canon"],
        "min_score": -1,
        "sort": "relevance",
    }
    classes = {"names": ["cat", "rocket"], "template": "a drawing of a {}", "none_of_these": True}
    requests: dict[str, list[dict[str, object]]] = {
        "/search": [
            {"query": query, "k": 2, "cursor": None},
            {"query": "a cat type:png sort:path"},
            {"query": "in:/", "k": 3},
        ],
        "/similar": [
            {"example": {"photo_id": 2}, "k": 2},
            {"example": {"image": image, "region": region}, "cursor": None},
        ],
        "/explain": [{"photo": 1, "query": "a cat type:png"}],
        "/label": [
            {"classes": classes, "query": "type:png", "k": 9},
            {"classes": {"names": ["cat", "rocket"]}},
        ],
        "/photos": [{"ids": [2, 1, 99_999]}, {"ids": []}],
        "/timeline": [{}, {"query": query, "k": 9}],
        "/events": [{}, {"query": "in:/"}],
        "/events/summaries": [{}, {"query": "type:png"}],
        "/events/photos": [{"start": "2009-02-09T09:11:30"}, {"start": "1999-01-01T00:00:00"}],
        "/timeline/days": [{"query": {"line": "type:png", "sort": "path"}, "photo_id": 1}, {}],
        "/timeline/headings": [{}],
        "/events/title": [{"start": "2009-02-09T09:11:30", "title": "A walk"}],
        "/places": [{}, {"query": "type:png"}],
        "/map/clusters": [
            {"area": {"south": -90, "west": -180, "north": 90, "east": 180}, "zoom": 1}
        ],
        "/examples": [{"image": image}],
        "/map/towns": [
            {"area": {"south": 45.0, "west": 5.0, "north": 48.0, "east": 11.0}, "zoom": 6}
        ],
        "/cameras": [{}],
        "/over-time": [{}, {"query": "type:png", "by": "month", "k": 9}],
        "/over-time/pictures": [{}, {"query": "type:png", "by": "month"}],
        "/around": [{"photo": 1, "k": 2}],
        "/ask": [{"question": "When did I see a cat?", "k": 2}, {"question": "How many photos?"}],
        "/sequences": [{"line": "a cat ~2h~> a dog", "k": 2, "weak": True}],
        "/narrow": [{"query": "a cat"}, {"query": {"line": "type:png"}}],
        "/duplicates/groups": [{}, {"query": "type:png", "min_score": 0.95, "first": 0, "k": 5}],
        "/duplicates/choices": [{"photo_id": 1, "is_kept": True}],
        "/meaning/lay-out": [{}],
        "/meaning": [{}, {"query": "type:png", "k": 9, "level": 0}],
        "/saved": [
            {"name": "cats", "query": query, "k": 9, "include_weak": True},
            {"name": "cats", "query": "a cat", "replace": True},
        ],
        "/saved/looked": [{"name": "cats"}],
        "/saved/rename": [{"name": "cats", "new_name": "our cats"}],
        "/saved/remove": [{"name": "our cats"}],
        "/kinds/left-out": [{"kinds": ["screenshot"]}, {"kinds": []}],
        "/walls": [{"line": "type:png"}, {"line": "a cat", "seconds": 30, "pause": "22:00-07:00"}],
        "/walls/remove": [{"number": 1}],
        "/concepts/teach": [
            {
                "name": "max",
                "like": [{"photo_id": 1}, {"image": image}],
                "unlike": [{"photo_id": 5}],
                "words": "a cat",
                "new": True,
            },
            {
                "name": "max",
                "like": [{"photo_id": 2}, {"photo_id": 3}],
                "withdraw": [{"photo_id": 5}],
                "words": "",
            },
        ],
        "/concepts/judge": [{"name": "Max", "k": 2}],
        "/concepts/forget": [{"name": "max"}],
        "/albums": [{"name": "Book", "query": query, "k": 2}, {"name": "Other"}],
        "/albums/add": [{"name": "Book", "photo_ids": [1, 2]}],
        "/albums/take-out": [{"name": "Book", "photo_ids": [2]}],
        "/albums/rename": [{"name": "Book", "new_name": "Our book"}],
        "/albums/remove": [{"name": "Other"}],
        "/tray/add": [{"photo_ids": [1, 2, 3]}],
        "/tray/take-out": [{"photo_ids": [3]}],
        "/tray/clear": [{}],
        "/marks": [{"photo_ids": [1, 2], "favourite": True, "rating": 4}],
        "/marks/of": [{"photo_ids": [1, 3]}],
        "/marks/forget-rating": [{"photo_ids": [1]}],
        "/corrections/of": [{"photo_ids": [1, 2]}],
        "/corrections/plan": [{"photo_ids": [1, 2], "date": "1974"}, {"from_names": True}],
        "/corrections/plan-place": [{"photo_ids": [1], "place": "48.85,2.35"}],
        "/corrections/dates": [{"dates": [{"photo_id": 1, "taken_at": "1974-07-01T00:00:00"}]}],
        "/corrections/place": [{"photo_ids": [1], "place": "48.85,2.35"}],
        "/corrections/forget": [{"photo_ids": [1], "place": False}],
        "/changes/undo": [{}],
        "/changes/redo": [{}],
        "/encoders/trial": [{"name": "lite+views", "photos": 20, "queries": ["a cat type:png"]}],
        "/encoders/use": [{"name": "lite"}],
        "/encoders/drop": [{"name": "lite+views"}],
    }
    paths = DOCUMENT["paths"]

    def answer_schema(path: str, method: str) -> dict[str, object]:
        content = paths[path][method]["responses"]["200"]["content"]
        schema: dict[str, object] = content["application/json"]["schema"]
        return schema

    compared = run_cli("duplicates", data=served.settings.data_dir)
    assert compared.returncode in (0, 1), compared.stderr  # 1: without near-duplicates
    for path, forms in requests.items():
        body = paths[path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        for form in forms:
            checked(body, {name: value for name, value in form.items() if value is not None})
            status, answer = served.post(path, form)
            assert status == 200, (path, answer)
            checked(answer_schema(path, "post"), answer)
    asked = {
        "/suggest": "?line=type&k=3",
        "/photo/{photo_id}": "/photo/1",
        "/photo/{photo_id}/faces": "/photo/1/faces",
        "/albums/photos": "?name=Our+book",
        "/corrections/places": "?text=Paris",
    }
    of_faces = {path for path in paths if "{person_id}" in path or "{face_id}" in path}
    for path in of_faces:  # no face was looked for here
        status, content = served.request("GET", re.sub(r"\{\w+\}", "1", path))
        kind = "face" if "{face_id}" in path else "person"
        assert status in (400, 404) and f"no {kind}" in content.decode().lower(), path
    for path, described in paths.items():
        if "get" not in described or path == "/thumbnail/{photo_id}" or path in of_faces:
            continue
        extra = asked.get(path, "")
        address = extra if extra.startswith("/") else f"{path}{extra}"
        status, content = served.request("GET", address)
        assert status == 200, address
        checked(answer_schema(path, "get"), json.loads(content))
    status, content = served.request("GET", "/thumbnail/1?side_px=100")
    assert status == 200
    assert content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    status, content = served.request("GET", "/openapi.json")
    assert status == 200 and json.loads(content) == DOCUMENT
    refusal = {"$ref": "#/components/schemas/RefusedRequest"}
    for path in ("/search", "/none", "/thumbnail/99999"):
        checked(refusal, json.loads(served.request("GET", path)[1]))
    posted = {path for path, described in paths.items() if "post" in described}
    of_people = {path for path in posted if path.startswith("/people/")}  # tests/test_people.py
    assert posted - of_people == set(requests), "every other operation is asked above"


def test_the_schemas_are_exact() -> None:
    """No object is left open, so a field more or less in an answer would fail the test above."""
    for name, schema in DOCUMENT["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        if "properties" in schema:
            assert schema["additionalProperties"] is False, name
        is_asked = name.endswith(("Request", "Body")) or name in (
            "Classes",
            "PhotoDate",
            "ShownPerson",
        )
        if "properties" in schema and not is_asked:
            assert schema["required"] == list(schema["properties"]), name


def test_a_thumbnail_is_upright_and_as_large_as_requested(served: Served) -> None:
    hit = find(served.settings, "a cat", 1).hits[0]
    from io import BytesIO

    status, content = served.request("GET", f"/thumbnail/{hit.photo.id}?side_px=200")
    with Image.open(BytesIO(content)) as image:
        assert status == 200 and max(image.size) == 200


def test_sixteen_concurrent_clients_get_the_same_answers_as_one(served: Served) -> None:
    words = ("a cat", "a rocket launch", "a cup of coffee", "a temple")
    queries = [f"{words[number % 4]}, client number {number}" for number in range(16)]
    with Library.open(served.settings) as library:
        expected = [library.find(query, 5) for query in queries]

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda query: find(served.settings, query, 5), queries))
    for together, alone in zip(found, expected, strict=True):
        assert [hit.path for hit in together.hits] == [hit.path for hit in alone.hits]
        scores = [hit.score for hit in alone.hits]
        assert [hit.score for hit in together.hits] == pytest.approx(scores, abs=1e-5)
    assert found[0].hits[0].path.name == CAT and found[1].hits[0].path.name == "rocket.jpg"
