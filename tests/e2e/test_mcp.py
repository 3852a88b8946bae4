"""`imgsearch mcp` as an assistant's program uses it: a process, and the client of the SDK."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import jsonschema
import mcp_types as types
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, MCPError, StdioServerParameters
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.errors import MissingPackage
from imgsearch.service.address import SOCKET
from tests.factories import (
    CHECKOUT,
    PATIENCE_S,
    cli_environment,
    run_cli,
    run_python,
    start_cli,
    wait_until,
    write_photo,
)
from tests.stand_in import StandIn

tools_of_photos = pytest.importorskip("imgsearch.features.assistant.tools")
MAX_PHOTOS, MAX_ROWS = tools_of_photos.MAX_PHOTOS, tools_of_photos.MAX_ROWS
PhotoTools = tools_of_photos.PhotoTools
pytestmark = pytest.mark.features()  # the tools are those of all features

TOOLS = {
    "search",
    "duplicates",
    "similar",
    "photo",
    "explain",
    "albums",
    "around",
    "ask",
    "narrow",
    "sequences",
    "labels",
    "concepts",
    "people",
    "saved",
    "cameras",
    "over_time",
    "meaning",
    "places",
    "timeline",
    "events",
    "thumbnail",
}
NOT_UTF8 = b"caf\xe9\x1b[2J.png"
AREZZO = "43,27.8676N", "11,52.8888E"
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<r:Description xmlns:e="http://ns.adobe.com/exif/1.0/" xmlns:p="http://ns.adobe.com/photoshop/1.0/"
 e:GPSLatitude="{}" e:GPSLongitude="{}" p:DateCreated="2021-08-0{}T10:00:00" p:Headline="{}"/>
</r:RDF></x:xmpmeta>"""
# The command with an encoder that prints, as a library below it might.
NOISY = """
import sys
from imgsearch.cli import main
from tests.stand_in import StandIn

class Noisy(StandIn):
    def encode_texts(self, texts):
        print("this is not the protocol", flush=True)
        return super().encode_texts(texts)

sys.argv[0] = "imgsearch"
main(encoder=Noisy())
"""


@dataclass(frozen=True)
class Assistant:
    """A client that is connected to a server, for tests that are not asynchronous."""

    client: Client
    portal: BlockingPortal

    def call(self, tool: str, **arguments: object) -> types.CallToolResult:
        """The SDK's client checks each result against the tool's output schema."""
        result: types.CallToolResult = self.portal.call(self.client.call_tool, tool, arguments)
        return result

    def ask(self, tool: str, **arguments: object) -> dict[str, Any]:
        """The result of a tool that succeeds; the text for clients without schemas is the same."""
        result = self.call(tool, **arguments)
        assert not result.is_error, result.content
        assert json.loads(text_of(result)) == result.structured_content
        content: dict[str, Any] = result.structured_content
        return content

    def refusal(self, tool: str, **arguments: object) -> str:
        """The sentence of a tool that fails."""
        result = self.call(tool, **arguments)
        assert result.is_error and result.structured_content is None
        return text_of(result)

    def read(self, uri: str) -> types.TextResourceContents | types.BlobResourceContents:
        (content,) = self.portal.call(self.client.read_resource, uri).contents
        return content


def text_of(result: types.CallToolResult) -> str:
    first = result.content[0]
    assert isinstance(first, types.TextContent)
    return first.text


def picture_of(result: types.CallToolResult) -> Image.Image:
    _, picture = result.content
    assert isinstance(picture, types.ImageContent) and picture.mime_type == "image/webp"
    return Image.open(BytesIO(base64.b64decode(picture.data)))


@contextmanager
def assistant(data: Path, *options: str, mode: str = "2026-07-28") -> Iterator[Assistant]:
    """A client of a server process. With a version for a mode, no time limit applies to its start.

    "legacy" shakes hands as clients did before that version.
    """
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "imgsearch", "mcp", *options],
        env=cli_environment(data),
    )
    with start_blocking_portal() as portal:
        client = Client(parameters, mode=mode)
        with portal.wrap_async_context_manager(client) as connected:
            yield Assistant(connected, portal)


@pytest.fixture(scope="module")
def data(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of the demo's photos and of five taken in Arezzo; it has labels."""
    place = tmp_path_factory.mktemp("mcp")
    for number in range(1, 6):
        photo = write_photo(place / "trip" / f"arezzo{number}.png", number)
        xmp = XMP.format(*AREZZO, number, f"Lunch no. {number}")
        photo.with_suffix(".xmp").write_text(xmp)
    hostile = os.path.join(os.fsencode(place / "trip"), NOT_UTF8)
    Image.new("RGB", (40, 30), "orange").save(place / "orange.png")
    os.rename(os.fsencode(place / "orange.png"), hostile)
    with Library.open(Settings.load(data_dir=place / "library", encoder="lite")) as library:
        library.index([demo_photos, place / "trip"]).run()
        from imgsearch.features.labels.records import Classes  # absent in some checkouts

        library.labels.save("animals", Classes(("cat", "horse")))
        library.saved.save("arezzo", "place:Arezzo")
        library.concepts.teach("cup", like=[demo_photos / "coffee.png"], words="a cup")
    return place / "library"


@pytest.fixture(scope="module")
def connected(data: Path) -> Iterator[Assistant]:
    with assistant(data) as connected:
        yield connected


def id_of(connected: Assistant, query: str) -> int:
    photo_id: int = connected.ask("search", query=query)["hits"][0]["photo_id"]
    return photo_id


# ---------------------------------------------------------------------------- tools


def test_every_tool_has_schemas_and_says_that_it_only_reads(connected: Assistant) -> None:
    tools = connected.portal.call(connected.client.list_tools).tools
    assert {tool.name for tool in tools} == TOOLS
    for tool in tools:
        assert tool.description and tool.title
        assert tool.annotations is not None and tool.annotations.read_only_hint
        assert tool.input_schema["type"] == "object"
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        assert tool.input_schema["additionalProperties"] is False
        described = tool.input_schema["properties"].values()
        assert all("description" in argument or "$ref" in argument for argument in described)
    schemas = {tool.name: tool.input_schema["properties"] for tool in tools}
    assert "in:FOLDER" in schemas["search"]["query"]["description"]
    assert schemas["search"]["k"]["maximum"] == MAX_PHOTOS


def test_a_search_finds_what_a_photo_shows_page_by_page(connected: Assistant) -> None:
    found = connected.ask("search", query="a cup of coffee", k=3)
    best = found["hits"][0]
    assert Path(best["path"]).name == "coffee.png"
    assert best["uri"] == f"imgsearch://photo/{best['photo_id']}"
    assert found["verdict"]["state"] in ("found", "unsure")
    (lunch,) = connected.ask("search", query="headline:lunch on:2021-08-02")["hits"]
    assert "Arezzo" in lunch["place"] and "43.4" not in json.dumps(lunch), "not where exactly"
    first = connected.ask("search", query="type:png", k=4)
    second = connected.ask("search", query="type:png", k=4, cursor=first["cursor"])
    ids = [hit["photo_id"] for page in (first, second) for hit in page["hits"]]
    assert len(set(ids)) == 8


def test_a_photo_is_described_and_its_picture_sent_only_when_asked_for(
    connected: Assistant,
) -> None:
    photo_id = id_of(connected, "headline:lunch on:2021-08-02")
    told = connected.call("photo", photo_id=photo_id)
    assert len(told.content) == 1
    details = connected.ask("photo", photo_id=photo_id)
    facts = details["hit"]["photo"]["facts"]
    assert details["hit"]["date"].startswith("2021-08-02T10:00")
    assert (facts["headline"], facts["town"]) == ("Lunch no. 2", "Arezzo")
    assert facts["lat"] == pytest.approx(43.4645) and details["labels"].keys() == {"animals"}
    assert "rating" not in facts, "what is unknown is left out"

    coffee = id_of(connected, "a cup of coffee")
    picture = picture_of(connected.call("thumbnail", photo_id=coffee))
    assert max(picture.size) == 320
    small = picture_of(connected.call("thumbnail", photo_id=coffee, side_px=100))
    assert max(small.size) == 100


def test_no_pictures_sends_none(data: Path) -> None:
    with assistant(data, "--no-pictures", mode="legacy") as careful:
        assert "Unknown tool 'thumbnail'" in careful.refusal("thumbnail", photo_id=1)
        with pytest.raises(MCPError, match="--no-pictures"):
            careful.read("imgsearch://photo/1/picture")


def test_similar_photos_and_explanations(connected: Assistant) -> None:
    cat = id_of(connected, "a cat")
    similar = connected.ask("similar", example={"photo_id": cat}, k=3)["hits"]
    assert len(similar) == 3 and cat not in [hit["photo_id"] for hit in similar]
    explained = connected.ask("explain", photo=cat, query="a cat -dog type:png")
    assert explained["rank"] == 1 and "reason" not in explained
    assert [share["term"] for share in explained["shares"]] == ["a cat", "-dog"]
    assert explained["filters"] == [{"filter": "type:png", "passes": True}]
    missing = connected.ask("explain", photo=cat, query="a cat type:heif")
    assert missing["filters"] == [{"filter": "type:heif", "passes": False}]


def test_labels_places_and_times_are_counted(connected: Assistant) -> None:
    (animals,) = connected.ask("labels")["result"]
    counts = {each["label"]: each["photos"] for each in animals["counts"]}
    assert sum(counts.values()) == 27 and counts["horse"] >= 1
    (country,) = connected.ask("places")["countries"]
    (town,) = country["regions"][0]["towns"]
    assert (country["country"], town["town"], town["photos"]) == ("Italy", "Arezzo", 5)
    assert connected.ask("places", query="on:2021-08-02")["countries"][0]["photos"] == 1
    (year,) = connected.ask("timeline", query="in:trip after:2020 before:2022")["years"]
    assert (year["year"], year["photos"]) == (2021, 5)
    assert year["months"] == [{"month": "2021-08", "photos": 5, "dated_by_file": 0}]
    (trip,) = connected.ask("events", query="place:Arezzo")["result"]
    assert trip["start"].startswith("2021-08-01") and trip["end"].startswith("2021-08-05")
    assert len(trip["photo_ids"]) == 5 and trip["towns"] == ["Arezzo"]


def test_saved_searches_are_listed_and_can_be_used(connected: Assistant) -> None:
    (trip,) = connected.ask("saved")["result"]
    assert (trip["name"], trip["line"], trip["photos"]) == ("arezzo", "place:Arezzo", 5)
    found = connected.ask("search", query="saved:arezzo on:2021-08-03")["hits"]
    assert [Path(hit["path"]).name for hit in found] == ["arezzo3.png"]
    assert "arezzo" in connected.refusal("search", query="saved:arezo")


def test_concepts_are_listed_and_can_be_used(connected: Assistant) -> None:
    (cup,) = connected.ask("concepts")["result"]
    assert (cup["name"], cup["words"], cup["likes"]) == ("cup", "a cup", 1)
    found = connected.ask("search", query="concept:cup", k=1)["hits"]
    assert Path(found[0]["path"]).name == "coffee.png"
    explained = connected.ask("explain", photo=found[0]["photo_id"], query="concept:cup")
    assert explained["rank"] == 1


def test_nothing_changes_the_library(connected: Assistant, data: Path) -> None:
    def digest() -> str:
        return hashlib.sha256((data / "library.db").read_bytes()).hexdigest()

    before = digest()
    named: dict[str, dict[str, object]] = {
        "photo": {"photo_id": 1},
        "thumbnail": {"photo_id": 1},
        "around": {"photo": 1},
        "ask": {"question": "When did I see a red square?"},
        "sequences": {"line": "a red square ~> a blue square"},
        "narrow": {"query": "a red square"},
    }
    for tool in sorted(TOOLS - {"search", "explain", "similar", "meaning", "duplicates"}):
        connected.ask(tool, **named.get(tool, {}))
    assert "imgsearch meaning --lay-out" in text_of(connected.call("meaning"))
    assert "To compare them: imgsearch duplicates" in text_of(connected.call("duplicates"))
    connected.ask("similar", example={"photo_id": 1})
    connected.ask("search", query="a red square nobody has searched for")
    assert digest() == before


# ---------------------------------------------------------------------------- errors and limits


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        ("search", {}, "The call of search needs an argument query."),
        ("search", {"query": None}, "needs an argument query"),
        ("search", {"query": ""}, "The query is empty"),
        ("search", {"query": 7}, "The argument query must be a text."),
        ("search", {"query": "a", "k": "ten"}, "The argument k must be a whole number."),
        ("search", {"query": "a", "k": 0}, "k must be a whole number, at least 1."),
        ("search", {"query": "a", "k": MAX_PHOTOS + 1}, f"at most {MAX_PHOTOS}."),
        ("search", {"query": "a", "limit": 5}, "has an unknown argument 'limit'"),
        ("search", {"query": "after:yesterdy"}, "'yesterdy' is not a date"),
        ("search", {"query": "a" * 10_001}, "at most 10,000"),
        ("search", {"query": "a", "cursor": "x"}, "cursor"),
        ("search", {"query": "image:/etc/passwd"}, "cannot search by a file"),
        ("places", {"query": "image:/etc/passwd"}, "cannot search by a file"),
        ("explain", {"photo": 1, "query": "image:x.png"}, "cannot search by a file"),
        ("photo", {"photo_id": 10**9}, "no photo with the id 1000000000"),
        ("photo", {"photo_id": 10**30}, "photo_id"),
        ("explain", {"photo": "/etc/hosts", "query": "a cat"}, "photo must be a whole number"),
        ("thumbnail", {"photo_id": 1, "side_px": 5000}, "at most 1024"),
        ("thumbnail", {"photo_id": 1, "or_kept": "yes"}, "or_kept must be true or false"),
        ("thumbnail", {"photo_id": 10**9}, "no photo with the id 1000000000"),
        ("similar", {"example": {"photo_id": 10**9}}, "1000000000"),
        ("similar", {"example": {"path": "/etc/hosts"}}, "unknown argument 'path'"),
        ("timeline", {"by": "week"}, "unknown argument 'by'"),
        ("delete", {}, "Unknown tool 'delete'. Known: search, similar"),
    ],
)
def test_bad_input_gets_a_sentence(
    connected: Assistant, tool: str, arguments: dict[str, object], sentence: str
) -> None:
    assert sentence in connected.refusal(tool, **arguments)


def test_what_could_mislead_in_a_name_is_escaped(connected: Assistant) -> None:
    (photo,) = connected.ask("search", query="name:png in:trip -name:arezzo")["hits"]
    assert Path(photo["path"]).name == "caf\\udce9\\x1b[2J.png"
    details = connected.ask("photo", photo_id=photo["photo_id"])
    assert details["hit"]["photo"]["facts"]["width_px"] == 40


def test_long_lists_end_at_the_limit(data: Path, tmp_path: Path) -> None:
    with Library.open(Settings.load(data_dir=tmp_path), encoder=StandIn()) as library:
        library.index([write_photo(tmp_path / "photos" / "a.png").parent]).run()
        for number in range(MAX_ROWS + 3):
            library.saved.save(f"search {number:03}", "type:png")
        listed: Any = PhotoTools(library).call("saved", {}).content
    assert len(listed["result"]) == MAX_ROWS and listed["result_left_out"] == 3
    assert listed["result"][0]["name"] == "search 000"


def test_without_a_library_each_tool_says_how_to_make_one(tmp_path: Path) -> None:
    with assistant(tmp_path / "none") as early:
        assert "imgsearch index FOLDER" in early.refusal("search", query="a dog")
        assert "imgsearch index FOLDER" in early.refusal("labels")


def test_a_missing_package_is_named_with_the_line_that_installs_it(data: Path) -> None:
    code = "import sys; sys.modules['mcp'] = None; from imgsearch.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "mcp"],
        env=cli_environment(data),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == MissingPackage.exit_code and done.stdout == ""
    assert "needs one more package" in done.stderr and "[mcp]" in done.stderr


# ---------------------------------------------------------------------------- resources


def test_photos_are_resources_that_are_never_listed(connected: Assistant) -> None:
    assert connected.portal.call(connected.client.list_resources).resources == []
    templates = connected.portal.call(connected.client.list_resource_templates)
    assert [each.uri_template for each in templates.resource_templates] == [
        "imgsearch://photo/{photo_id}",
        "imgsearch://photo/{photo_id}/picture",
    ]
    photo_id = id_of(connected, "a cup of coffee")
    facts = connected.read(f"imgsearch://photo/{photo_id}")
    assert isinstance(facts, types.TextResourceContents) and facts.mime_type == "application/json"
    assert json.loads(facts.text) == connected.ask("photo", photo_id=photo_id)
    picture = connected.read(f"imgsearch://photo/{photo_id}/picture")
    assert isinstance(picture, types.BlobResourceContents) and picture.mime_type == "image/webp"
    assert Image.open(BytesIO(base64.b64decode(picture.blob))).format == "WEBP"


@pytest.mark.parametrize(
    "uri",
    [
        "imgsearch://photo/x",
        "imgsearch://photo/999999",
        "imgsearch://photo/-1",
        "file:///etc/hosts",
    ],
)
def test_no_other_resource_can_be_read(connected: Assistant, uri: str) -> None:
    with pytest.raises(MCPError, match=r"Unknown resource|no photo with the id"):
        connected.read(uri)


# ---------------------------------------------------------------------------- the process


def test_nothing_but_the_protocol_is_on_standard_output(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(settings, encoder=StandIn()) as library:
        library.index([write_photo(tmp_path / "photos" / "a.png").parent]).run()
    messages: list[Mapping[str, object]] = [
        {"id": 1, "method": "initialize", "params": handshake()},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": call("search", query="never asked before")},
        {"id": 3, "method": "tools/call", "params": call("search", query="")},
    ]
    lines = [json.dumps({"jsonrpc": "2.0", **message}) for message in messages]
    process = subprocess.Popen(
        [sys.executable, "-c", NOISY, "mcp"],
        env=cli_environment(settings.data_dir, IMGSEARCH_CACHE=str(tmp_path / "cache")),
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("\n".join([*lines, "this is no JSON", ""]))
    process.stdin.flush()
    replies: dict[int, Any] = {}
    while not replies.keys() >= {1, 2, 3}:
        reply = json.loads(process.stdout.readline())  # fails for anything but the protocol
        assert reply["jsonrpc"] == "2.0"
        replies[reply.get("id")] = reply
    rest, errors = process.communicate(timeout=PATIENCE_S)  # it ends when its input does
    assert process.returncode == 0, errors
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in rest.splitlines())
    assert replies[1]["result"]["serverInfo"]["name"] == "imgsearch"
    assert not replies[2]["result"].get("isError") and replies[3]["result"]["isError"]
    assert "this is not the protocol" in errors


def handshake() -> dict[str, object]:
    client = {"name": "test", "version": "1"}
    return {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}


def call(tool: str, **arguments: object) -> dict[str, object]:
    return {"name": tool, "arguments": arguments}


def test_a_running_service_answers_and_no_model_is_loaded_here(data: Path) -> None:
    service = start_cli("serve", data=data)
    try:
        wait_until(lambda: (data / SOCKET).exists() and run_cli("status", data=data))
        with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
            tools = PhotoTools(library)
            found: Any = tools.call("search", {"query": "a mug that holds a hot drink"}).content
            assert found["hits"]
            for tool in ("places", "timeline"):
                tools.call(tool, {"query": "something that nobody has looked for"})
            assert not library.memory.has_encoder
    finally:
        service.terminate()
        service.communicate(timeout=PATIENCE_S)


def test_the_sdk_is_not_loaded_by_other_commands() -> None:
    done = run_python(
        "import sys\nimport imgsearch.cli.search, imgsearch.library, imgsearch.service.client\n"
        "import imgsearch.features.assistant.commands\n"
        "assert not {'mcp', 'pydantic'} & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr
