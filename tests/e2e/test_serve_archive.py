"""The service of an archive: the answers of the archive, from a process that stays."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from imgsearch import Library, Settings
from imgsearch.addresses import working_folder
from imgsearch.errors import DiskError
from imgsearch.operations.records import dump_json, to_json
from imgsearch.service.auth import TOKEN_FILE
from tests.factories import run_cli, wait_until
from tests.services import serving

pytest.importorskip("lance", reason="needs the extra scale")


@dataclass(frozen=True)
class ServedArchive:
    """An archive with its service."""

    address: Path
    data: Path
    port: int

    @property
    def folder(self) -> Path:
        return working_folder(self.data, self.address)

    def request(
        self, method: str, path: str, form: object = None, **headers: str
    ) -> tuple[int, bytes]:
        """The answer to a request over the network, with the token."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        token = (self.folder / TOKEN_FILE).read_text().strip()
        body = None if form is None else json.dumps(form).encode()
        try:
            sent = {"Authorization": f"Bearer {token}", **headers}
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def asked(self, method: str, path: str, form: object = None) -> Any:
        status, content = self.request(method, path, form)
        assert status == 200, content
        return json.loads(content)


@pytest.fixture(scope="module")
def served(demo: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedArchive]:
    place = tmp_path_factory.mktemp("served-archive")
    address, data = place / "archive", place / "data"
    with Library.open_archive(address, Settings.load(data_dir=data)) as archive:
        archive.fleet.copy_from(demo.settings.data_dir).run()
    with serving(data, "--library", str(address), "--port", "0") as (_, line):
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        assert found, line
        yield ServedArchive(address, data, int(found[1]))


def sent(record: object) -> object:
    """A record as it arrives at a client."""
    return json.loads(dump_json(to_json(record)))


def test_requests_get_the_answers_of_the_library(demo: Library, served: ServedArchive) -> None:
    answer = served.asked("POST", "/search", {"query": "a cat", "k": 5})
    own = demo.find("a cat", 5)
    assert [hit["paths"][0] for hit in answer["hits"]] == [str(hit.path) for hit in own.hits]
    assert answer["verdict"]["state"] == (own.verdict and own.verdict.state)
    first = answer["hits"][0]
    status, picture = served.request("GET", f"/thumbnail/{first['photo']['id']}?side_px=200")
    assert status == 200 and picture == demo.pictures.thumbnail(own.hits[0].photo.id, 200)
    similar = served.asked(
        "POST", "/similar", {"example": {"photo_id": first["photo"]["id"]}, "k": 3}
    )
    assert first["paths"] not in [hit["paths"] for hit in similar["hits"]]
    assert served.asked("GET", "/status")["photos"] == 21
    suggested = served.asked("GET", "/suggest?line=a+cat+type:p")
    assert [each["line"] for each in suggested] == [
        each.line for each in demo.lines.suggest("a cat type:p")
    ]
    assert served.asked("POST", "/timeline", {}) == sent(demo.browse.timeline())
    assert served.asked("POST", "/places", {}) == sent(demo.places.counts())


@pytest.mark.features("assistant")
def test_assistants_ask_about_photos_by_their_ids(served: ServedArchive) -> None:
    from imgsearch.features.assistant.tools import PhotoTools

    settings = Settings.load(data_dir=served.data)
    with Library.open_archive(served.address, settings) as archive:
        tools = PhotoTools(archive)
        hits = tools.call("search", {"query": "a cat"}).content["hits"]
        true = [hit.photo.id for hit in archive.find("a cat").without_weak_hits().hits]
        assert [hit["photo_id"] for hit in hits] == true[: len(hits)]
        for photo_id in (str(true[0]), true[0]):
            details = tools.call("photo", {"photo_id": photo_id}).content
            assert details["hit"]["photo"]["id"] == true[0]
            example = {"example": {"photo_id": photo_id}}
            assert tools.call("similar", example).content["hits"]
            assert tools.call("explain", {"query": "a cat", "photo": photo_id}).content
        (schema,) = [each.input_schema for each in tools.tools if each.name == "photo"]
        assert schema["properties"]["photo_id"]["type"] == ["integer", "string"]


def test_the_document_has_what_an_archive_has(served: ServedArchive) -> None:
    document: Any = served.asked("GET", "/openapi.json")

    def schema_of(path: str, method: str) -> dict[str, object]:
        answer = document["paths"][path.partition("?")[0]][method]["responses"]["200"]["content"]
        return {**answer["application/json"]["schema"], "components": document["components"]}

    for path, method, form in (
        ("/search", "post", {"query": "a cat type:png", "k": 2}),
        ("/label", "post", {"classes": {"names": ["cat", "rocket"]}, "query": "type:png"}),
        ("/timeline", "post", {"query": "type:png"}),
        ("/events", "post", {}),
        ("/places", "post", {"query": "type:png"}),
        ("/suggest?line=type:p", "get", None),
        ("/status", "get", None),
        ("/hello", "get", None),
    ):
        answer = served.asked(method.upper(), path, form)
        jsonschema.Draft202012Validator(schema_of(path, method)).validate(answer)
    for path in ("/encoders", "/encoders/trial"):
        status, content = served.request("GET", path)
        assert status == 404 and b"openapi.json" in content, path


def test_commands_are_answered_by_the_service(served: ServedArchive, tmp_path: Path) -> None:
    library = ("--library", served.address)
    question = ("search", "a cat", "--paths", *library)
    expected = run_cli(*question, data=served.data, IMGSEARCH_SERVICE="off")
    assert expected.returncode == 0 and len(expected.stdout.splitlines()) >= 1
    (tmp_path / "file").touch()
    nowhere = str(tmp_path / "file" / "copies")  # where no copy can be
    alone = run_cli(
        *question, data=served.data, IMGSEARCH_SERVICE="off", IMGSEARCH_REPLICA_DIR=nowhere
    )
    assert alone.returncode == DiskError.exit_code, alone
    asked = run_cli(*question, data=served.data, IMGSEARCH_REPLICA_DIR=nowhere)
    assert (asked.returncode, asked.stdout) == (0, expected.stdout)


def test_an_archive_is_served_once_for_a_data_folder(served: ServedArchive, tmp_path: Path) -> None:
    second = run_cli("serve", "--library", served.address, data=served.data)
    assert second.returncode == 2 and "is served already" in second.stderr
    nothing = run_cli("serve", "--library", tmp_path / "none", data=served.data)
    assert nothing.returncode == 8 and "There is no archive" in nothing.stderr
    assert not working_folder(served.data, tmp_path / "none").exists()
    with serving(tmp_path / "other", "--library", str(served.address)):
        pass  # another data folder may serve it, too


def test_the_status_of_an_archive(served: ServedArchive) -> None:
    shown = run_cli("status", "--library", served.address, data=served.data)
    assert shown.returncode == 0, shown.stderr
    text = shown.stdout
    assert f"Archive   {served.address}" in text and "Photos    21\n" in text
    assert "Photos    21\n" in text and "Index" not in text, "so few need none"
    printed = run_cli("status", "--library", served.address, "--json", data=served.data)
    assert json.loads(printed.stdout) == {**served.asked("GET", "/status"), "running": None}


@pytest.mark.skipif(sys.platform == "win32", reason="needs forked processes")
def test_several_processes_serve_an_archive_and_see_what_others_add(
    demo_photos: Path, tmp_path: Path
) -> None:
    photos = Path(shutil.copytree(demo_photos, tmp_path / "photos"))
    (photos / "chelsea.png").rename(tmp_path / "chelsea.png")
    settings = Settings.load(data_dir=tmp_path / "another machine")
    with Library.open_archive(tmp_path / "archive", settings) as archive:
        archive.index([photos]).run()
        data, address = tmp_path / "data", str(tmp_path / "archive")
        with serving(data, "--library", address, "--port", "0", "--workers", "2") as (_, line):
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            assert found, line
            served = ServedArchive(tmp_path / "archive", data, int(found[1]))

            def counts() -> set[int]:
                return {served.asked("GET", "/status")["photos"] for _ in range(8)}

            assert counts() == {20}
            (tmp_path / "chelsea.png").rename(photos / "chelsea.png")
            archive.index([photos]).run()
            wait_until(lambda: counts() == {21})
            made = served.asked("POST", "/albums", {"name": "Cats", "query": "a cat", "k": 1})
            assert made["title"]
        wait_until(lambda: [each.name for each in archive.albums.all()] == ["Cats"])
