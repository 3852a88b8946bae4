"""The resident service as users meet it: real processes, real sockets, the same answers."""

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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image

from imgsearch import Answer, Library, Settings
from imgsearch.service.app import openapi_document
from imgsearch.service.client import MAX_BODY_BYTES, SOCKET, Client, ServiceUnavailable
from imgsearch.service.server import LOCK_FILE, TOKEN_FILE

pytestmark = pytest.mark.alone  # it measures time, or waits for it

SECONDS = 120
HOUSE = Path(__file__).parent.parent.parent
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

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """One request over the network, as a program would send it."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        known = {"Authorization": f"Bearer {self.token}", **headers}
        try:
            connection.request(method, path, body, {k: v for k, v in known.items() if v})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def post(self, path: str, form: object) -> tuple[int, object]:
        status, content = self.ask("POST", path, json.dumps(form).encode())
        return status, json.loads(content)


def environment(data: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "IMGSEARCH_DATA": str(data), "IMGSEARCH_ENCODER": "lite", **more}


def run(
    *arguments: str | Path, data: Path, given: bytes | None = None, **more: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "imgsearch", *map(str, arguments)],
        env=environment(data, **more),
        input=given,
        stdin=None if given is not None else subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
    )


@contextmanager
def serving(
    data: Path, *options: str, **more: str
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A service, from when it answers, with the last line that it said then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "imgsearch", "serve", *options],
        env=environment(data, **more),
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    lines = [process.stderr.readline().decode() for _ in range(2 if "--port" in options else 1)]
    try:
        assert lines[0].startswith("Answering at "), lines[0] + process.stderr.read().decode()
        yield process, lines[-1]
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()
        process.stderr.close()


@contextmanager
def serving_apart(data: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A service of a copy of the library, so that the shared one goes on."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "library"
        shutil.copytree(data, folder, ignore=shutil.ignore_patterns(SOCKET, LOCK_FILE))
        with serving(folder, *options) as (process, _):
            yield process, folder


@pytest.fixture(scope="module")
def data(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an indexed demo library."""
    folder = tmp_path_factory.mktemp("served")
    done = run("index", demo_photos, data=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def served(data: Path, demo_photos: Path) -> Iterator[Served]:
    """The library with its service, at a port, too."""
    with serving(data, "--port", "0") as (process, said):
        found = re.search(r"127\.0\.0\.1:(\d+)", said)
        assert found, said
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
def test_answers_are_the_same_with_and_without(served: Served, name: str) -> None:
    folders = {"@": served.photos, "%": served.data}
    arguments = [
        str(folders[each[0]] / each[1:]) if each[0] in folders else each
        for each in QUESTIONS[name]
        if not each.startswith("IMGSEARCH_")
    ]
    more = dict(each.split("=", 1) for each in QUESTIONS[name] if each.startswith("IMGSEARCH_"))
    without = run(*arguments, data=served.data, given=None, **more, IMGSEARCH_SERVICE="off")
    with_it = run(*arguments, data=served.data, given=None, **more)
    assert without.stdout or without.stderr
    assert with_it.stdout == without.stdout
    assert (with_it.returncode, with_it.stderr) == (without.returncode, without.stderr)


def test_an_image_from_a_pipe_and_pages_are_the_same(served: Served) -> None:
    image = (served.photos / CAT).read_bytes()
    arguments = ("search", "--image", "-", "--all", "--json", "-k", "8")
    cursor: tuple[str, ...] = ()
    pages = []
    while True:  # each page goes on where one of the other kind ended
        without = run(
            *arguments, *cursor, data=served.data, given=image, IMGSEARCH_SERVICE="off"
        ).stdout
        assert run(*arguments, *cursor, data=served.data, given=image).stdout == without
        page = json.loads(without)
        pages += [hit["path"] for hit in page]
        if page[-1]["cursor"] is None:
            break
        cursor = ("--cursor", page[-1]["cursor"])
    assert len(pages) == len(set(pages)) == 20, "all but the cat itself"


@pytest.mark.parametrize("arguments", [["search", "a cat, seen by a client"], ["status"]])
def test_a_client_loads_next_to_nothing(served: Served, arguments: list[str]) -> None:
    code = (
        "import sys\nfrom imgsearch.cli import main\n"
        "try: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    )
    for service, is_light in (("auto", True), ("off", False)):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=environment(served.data, IMGSEARCH_SERVICE=service),
            capture_output=True,
            text=True,
        )
        assert done.returncode in (0, 1), done.stderr
        loaded = {name.partition(".")[0] for name in done.stderr.splitlines()[-1].split()}
        assert bool(loaded & HEAVY) is not is_light, loaded & HEAVY


def test_the_page_gets_its_answers_from_it(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from imgsearch import parse
    from ui.session import Door

    door = Door(served.settings)
    loaded: list[object] = []
    monkeypatch.setattr(door.library, "find", lambda *arguments: loaded.append(arguments))
    page = door.find(parse("a rocket launch"), 5)
    assert page.hits[0].path.name == "rocket.jpg" and loaded == []
    with Library.open(served.settings) as library:
        assert page == library.find("a rocket launch", 5)


# ------------------------------------------------------------------------- when to use it


def test_other_settings_are_not_answered_for(served: Served) -> None:
    assert Client(served.settings).find("a cat").hits
    for other in (
        Settings.load(data_dir=served.data, encoder="auto"),
        Settings.load(data_dir=served.data, encoder="lite", max_megapixels=1),
        Settings.load(data_dir=served.data, encoder="lite", device="cuda"),
        Settings.load(data_dir=served.data, encoder="lite", stack_raw=True),
        Settings.load(data_dir=served.data, encoder="lite", service="off"),
    ):
        with pytest.raises(ServiceUnavailable):
            Client(other).find("a cat")


def test_no_service_is_found_out_at_once(tmp_path: Path) -> None:
    started = time.perf_counter()
    for _ in range(20):
        with pytest.raises(ServiceUnavailable):
            Client(Settings.load(data_dir=tmp_path)).find("a cat")
    assert (time.perf_counter() - started) / 20 < 0.05


def test_a_service_that_hangs_is_found_out_and_done_without(data: Path, served: Served) -> None:
    served.process.send_signal(signal.SIGSTOP)
    try:
        started = time.perf_counter()
        with pytest.raises(ServiceUnavailable):
            Client(served.settings).find("a cat")
        assert 0.04 < time.perf_counter() - started < 0.5  # 50 ms, and a busy machine's pauses
        done = run("search", "a cat", "--paths", data=data)
        assert done.stdout.startswith(os.fsencode(served.photos / CAT))
    finally:
        served.process.send_signal(signal.SIGCONT)
    deadline = time.monotonic() + 10
    while True:
        try:
            assert Client(served.settings).find("a cat").hits
            break
        except ServiceUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_long_name_of_a_data_folder_is_no_hindrance(tmp_path: Path, demo_photos: Path) -> None:
    folder = tmp_path / ("long" * 30) / "library"
    assert run("index", demo_photos, data=folder).returncode == 0
    with serving(folder):
        assert Client(Settings.load(data_dir=folder, encoder="lite")).find("a cat").hits
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

    def keep_asking() -> None:
        while not stop.is_set():
            try:
                assert Client(settings).find("a cup of coffee").hits[0].path.name == "coffee.png"
            except ServiceUnavailable:  # a busy machine: the library would have been asked
                continue
            except BaseException as error:  # noqa: BLE001
                failures.append(error)

    with serving(data):
        asking = threading.Thread(target=keep_asking)
        asking.start()
        try:
            (photos / CAT).write_bytes((demo_photos / CAT).read_bytes())
            assert run("index", data=data).returncode == 0
            until = time.monotonic() + 2
            while Client(settings).find("a cat").hits[0].path.name != CAT:
                assert time.monotonic() < until
            for _ in range(2):  # an index file takes the place of another
                assert run("rebuild", data=data).returncode == 0
                assert Client(settings).find("a cat").hits[0].path.name == CAT
                snapshot = Client(settings).status().snapshot
                assert snapshot is not None and snapshot.vectors == 3
            (photos / CAT).unlink()
            assert run("index", data=data).returncode == 0
            assert CAT not in {hit.path.name for hit in Client(settings).find("a cat").hits}
        finally:
            stop.set()
            asking.join()
    assert failures == []


def test_the_model_is_let_go_and_comes_back(data: Path) -> None:
    with serving_apart(data, "--idle", "0.02") as (process, folder):

        def held_mb() -> float:
            text = Path(f"/proc/{process.pid}/status").read_text()
            return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1000  # type: ignore[index]

        settings = Settings.load(data_dir=folder, encoder="lite")
        Client(settings).find(f"words that nobody asked for before {time.time()}")
        warm_mb = held_mb()
        until = time.monotonic() + 30
        while held_mb() > warm_mb - 40:
            assert time.monotonic() < until, f"{held_mb()} of {warm_mb} MB are still held"
            time.sleep(0.2)
        assert Client(settings).find(f"again something new {time.time()}").hits


# ------------------------------------------------------------------------- beginning and end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_within_two_seconds_and_leaves_no_socket(data: Path, number: int) -> None:
    with serving_apart(data) as (process, folder):
        assert stat.S_IMODE((folder / SOCKET).stat().st_mode) == 0o600
        idle = socket.socket(socket.AF_UNIX)  # somebody who stays on the line
        idle.connect(str(folder / SOCKET))
        idle.sendall(b"GET /status HTTP/1.1\r\n")
        started = time.monotonic()
        process.send_signal(number)
        assert process.wait(10) == 0
        assert time.monotonic() - started < 2
        idle.close()
        assert not (folder / SOCKET).exists()
        assert process.stderr is not None and process.stderr.read() == b""


def test_what_a_killed_one_left_behind_is_in_nobodys_way(data: Path) -> None:
    with serving_apart(data) as (process, folder):
        process.kill()
        process.wait()
        assert (folder / SOCKET).exists(), "nobody was there to remove it"
        done = run("search", "a cat", "--paths", data=folder)
        assert done.returncode == 0 and done.stdout and not done.stderr.count(b"refused")
        with serving(folder):
            assert Client(Settings.load(data_dir=folder, encoder="lite")).find("a cat").hits


def test_a_second_one_is_refused(served: Served) -> None:
    done = run("serve", data=served.data)
    assert done.returncode == 2 and b"is served already" in done.stderr
    assert Client(served.settings).find("a cat").hits, "the first one goes on"


def test_what_cannot_be_served_is_said(tmp_path: Path, served: Served) -> None:
    none = run("serve", data=tmp_path / "none")
    assert none.returncode == 2 and b"There is no library" in none.stderr
    with serving_apart(served.data) as (process, folder):
        process.terminate()
        process.wait()
        taken = run("serve", "--port", str(served.port), data=folder)
        assert taken.returncode == 2 and b"cannot be used" in taken.stderr
        weak = run("serve", "--port", "0", data=folder, IMGSEARCH_SERVE_TOKEN="short")
        assert weak.returncode == 2 and b"too short" in weak.stderr
        (folder / TOKEN_FILE).chmod(0o644)
        shown = run("serve", "--port", "0", data=folder)
        assert shown.returncode == 2 and b"can be read by others" in shown.stderr
        assert not (folder / SOCKET).exists()


# ------------------------------------------------------------------------- who may ask what


def test_only_the_token_opens_the_network(served: Served) -> None:
    assert stat.S_IMODE((served.data / TOKEN_FILE).stat().st_mode) == 0o600
    assert served.ask("GET", "/status")[0] == 200
    for wrong in ("", "Bearer", "Bearer wrong", f"Basic {served.token}", f"Bearer {served.token}x"):
        for path in ("/status", "/hello", "/openapi.json", "/thumbnail/1", "/none"):
            status, content = served.ask("GET", path, Authorization=wrong)
            assert status == 401 and b"Bearer TOKEN" in content


def test_a_token_of_ones_own(data: Path) -> None:
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


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[::1]:80", "", "a@b"])
def test_other_names_of_this_machine_are_refused(served: Served, host: str) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as line:
        head = f"GET /hello HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {served.token}\r\n"
        line.sendall(f"{head}Connection: close\r\n\r\n".encode())
        assert line.recv(1000).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "form",
    [
        {"query": "image:/etc/passwd"},
        {"query": {"terms": [{"path": "/etc/passwd"}]}},
    ],
)
def test_no_file_is_read_for_the_network(served: Served, form: object) -> None:
    status, answer = served.post("/search", form)
    assert status == 403 and "bytes" in json.dumps(answer)
    assert served.post("/similar", {"path": str(served.photos / CAT)})[0] == 403
    image = base64.b64encode((served.photos / CAT).read_bytes()).decode()
    assert served.post("/similar", {"image": image, "k": 1})[0] == 200


@pytest.mark.parametrize(
    "path",
    ["/thumbnail/../../etc/passwd", "/thumbnail/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/thumbnail/0",
     "/thumbnail/-1", "/thumbnail/99999", "/thumbnail/9223372036854775808", "/thumbnail/1e3",
     "/thumbnail/1?side_px=100000", "/thumbnail/1?side_px=x", "/etc/passwd", "//etc/passwd"],
)  # fmt: skip
def test_nothing_but_photos_can_be_fetched(served: Served, path: str) -> None:
    status, content = served.ask("GET", path)
    assert status in (400, 404)
    assert b"root:" not in content and set(json.loads(content)) == {"error"}


def test_hostile_bodies_are_refused_and_harm_nothing(served: Served) -> None:
    for body in (b"", b"[", b"[" * 200_000, b'{"query": NaN}', b"\xff\x00", b'"a cat"', b"null"):
        status, content = served.ask("POST", "/search", body)
        assert status == 400 and json.loads(content)["error"]["message"]
    for form in (
        {"query": "a cat", "k": 10_001},
        {"query": "a cat", "k": 0},
        {"query": {"terms": [{"image": base64.b64encode(b"no image").decode()}]}},
        {"query": {"terms": [{"text": "a", "weight": 0}]}},
        {"query": {"filters": ["near:nowhere"]}},
        {"query": "a cat", "cursor": "x"},
    ):
        status, answer = served.post("/search", form)
        assert status == 400, answer
    assert served.post("/label", {"classes": []})[0] == 400
    assert served.ask("GET", "/search")[0] == 405
    assert served.ask("DELETE", "/status")[0] == 405
    with socket.create_connection(("127.0.0.1", served.port)) as line:  # too large, said or not
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
    assert Client(served.settings).find("a cat").hits, "it still answers"


# ------------------------------------------------------------------------- what is promised


def resolved(name: str) -> dict[str, object]:
    """A schema of the document, with all others at hand."""
    document: Any = openapi_document()
    return {"$ref": f"#/components/schemas/{name}", "components": document["components"]}


def checked(name: str, value: object) -> None:
    jsonschema.Draft202012Validator(resolved(name)).validate(value)


def test_the_document_describes_every_address_and_every_field(served: Served) -> None:
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
    requests: dict[str, list[tuple[str, dict[str, object]]]] = {
        "/search": [
            ("SearchRequest", {"query": query, "k": 2, "cursor": None}),
            ("SearchRequest", {"query": "a cat type:png sort:path"}),
            ("SearchRequest", {"query": "in:/", "k": 3}),
        ],
        "/similar": [
            ("SimilarRequest", {"photo_id": 2, "k": 2}),
            ("SimilarRequest", {"image": image, "region": region, "cursor": None}),
        ],
        "/label": [
            ("LabelRequest", {"classes": ["cat", "rocket"], "none_of_these": True, "k": 9,
                              "template": "a drawing of a {}", "query": "type:png"}),
            ("LabelRequest", {"classes": ["cat", "rocket"]}),
        ],
    }  # fmt: skip
    document: Any = openapi_document()
    paths = document["paths"]
    assert isinstance(paths, dict)
    for path, asked in requests.items():
        response = paths[path]["post"]["responses"]["200"]
        schema = response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for request_schema, form in asked:
            checked(request_schema, form)
            status, answer = served.post(path, form)
            assert status == 200, answer
            checked(schema, answer)
    for path, schema in (("/status", "Status"), ("/hello", "Hello")):
        status, content = served.ask("GET", path)
        assert status == 200
        checked(schema, json.loads(content))
    status, content = served.ask("GET", "/thumbnail/1?side_px=100")
    assert status == 200
    assert content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    status, content = served.ask("GET", "/openapi.json")
    assert status == 200 and json.loads(content) == document
    for path in ("/search", "/none", "/thumbnail/99999"):
        checked("Refusal", json.loads(served.ask("GET", path)[1]))
    assert set(paths) == {
        *requests, "/status", "/hello", "/thumbnail/{photo_id}", "/openapi.json"
    }  # fmt: skip


def test_the_schemas_are_exact() -> None:
    """A field more or less in an answer would fail the test above: no object is left open."""
    document: Any = openapi_document()
    schemas = document["components"]["schemas"]
    requests = {"SearchRequest", "SimilarRequest", "LabelRequest", "Query", "Term", "Region"}
    for name, schema in schemas.items():
        assert schema["additionalProperties"] is False, name
        if name not in requests:
            assert schema["required"] == list(schema["properties"]), name
        jsonschema.Draft202012Validator.check_schema(schema)


def test_docs_tell_every_address_and_every_field() -> None:
    page = (HOUSE / "docs" / "serve.md").read_text()
    document: Any = openapi_document()
    for path in document["paths"]:
        assert f"`{path}`" in page, path
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        for field in schema["properties"]:
            assert re.search(rf"\b{field}\b", page), f"{name}.{field}"


def test_a_photo_fetched_by_number_is_upright_and_as_large_as_asked(served: Served) -> None:
    hit = Client(served.settings).find("a cat", 1).hits[0]
    from io import BytesIO

    status, content = served.ask("GET", f"/thumbnail/{hit.photo.id}?side_px=200")
    with Image.open(BytesIO(content)) as image:
        assert status == 200 and max(image.size) == 200


def test_sixteen_clients_at_once_get_the_answers_that_one_gets(served: Served) -> None:
    words = ("a cat", "a rocket launch", "a cup of coffee", "a temple")
    queries = [f"{words[number % 4]}, asked for by number {number}" for number in range(16)]
    with Library.open(served.settings) as library:
        expected = [library.find(query, 5) for query in queries]

    def ask(query: str) -> Answer:
        while True:
            try:
                return Client(served.settings).find(query, 5)
            except ServiceUnavailable:  # a busy machine: a command would ask the library
                continue

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, queries))
    for mine, alone in zip(found, expected, strict=True):
        assert [hit.path for hit in mine.hits] == [hit.path for hit in alone.hits]
        scores = [hit.score for hit in alone.hits]
        assert [hit.score for hit in mine.hits] == pytest.approx(scores, abs=1e-5)
    assert found[0].hits[0].path.name == CAT and found[1].hits[0].path.name == "rocket.jpg"
