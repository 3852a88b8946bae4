"""A mutation fuzzer for everything that reads bytes which others wrote.

Of a damaged file, the worst outcome is a PhotoError. Damaged metadata (EXIF, XMP, IPTC, sidecar
files) never fails a photo, and what is read of it can be stored. Damaged JSON is a UsageError where
a client sent it, and no value where it lay in a file of our own.

IMGSEARCH_FUZZ_SECONDS sets how long it runs (default 3), IMGSEARCH_FUZZ_SEED the seed.
A finding is written to a file that the failure names: reduce it and add it to FINDINGS.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgsearch.decode.formats import is_photo_name
from imgsearch.decode.metadata import merge_metadata
from imgsearch.decode.reader import decode_bytes, read_facts
from imgsearch.decode.xmp import read_xmp
from imgsearch.encoders.measurements import Measurements
from imgsearch.encoders.onnx import read_export
from imgsearch.errors import ImgsearchError, PhotoError, QueryError, Reason, UsageError
from imgsearch.features.installed import features
from imgsearch.language.grammar import parse
from imgsearch.library import Library
from imgsearch.operations.bodies import query_form
from imgsearch.operations.requests import Operation, operation_of
from imgsearch.records.files import Decoded
from imgsearch.records.photo import Facts
from imgsearch.search.cursor import ByScore, read_by_score
from imgsearch.search.cursor import write as write_cursor
from imgsearch.service.answering import read_body
from imgsearch.store.progress_file import PROGRESS_FILE, running_job
from imgsearch.store.store import Store
from tests.factories import ingested
from tests.fuzzing import cut_or_zeroed, mutated, mutated_text
from tests.metadata_blocks import (
    HEIGHT_PX,
    WIDTH_PX,
    collected_blocks,
    containers,
    exif_block,
    made_blocks,
)

SECONDS = float(os.environ.get("IMGSEARCH_FUZZ_SECONDS", "3"))
SEED = int(os.environ.get("IMGSEARCH_FUZZ_SEED", "0")) or int(time.time())
ENOUGH_INPUTS = 100  # to have met each kind; a busy machine may not come so far
SLOWEST_S = 40.0  # on however busy a machine
LARGEST_SEED_BYTES = 300_000
MAX_MEGAPIXELS = 20.0

# what was wrong -> bytes that once caused it
FINDINGS = {
    "a JPEG 2000 box that ends before it begins was taken for a failing disk": bytes.fromhex(
        "0000000c6a5020200d0a870a00000079706a703220000000006a70322000000068000000166968647200"
        "000050000000700003070700000000000f636f6c720100000000001000005ada6a703263ff4fff51002f"
        "000200000070000000500000000000000000000000700000005000000000000000000003070101070101"
        "070101ff52000c000000016279204f70656e4a50454720"
    ),
}


def picture(mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(1).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((112, 80)).convert(mode)


def made_here() -> dict[str, bytes]:
    """One small file of each kind that Pillow can write."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Canon", "Canon EOS R5", 6
    exif.get_ifd(0x8769).update({0x9003: "2021:07:04 12:34:56", 0xA434: "RF50mm"})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.5), 3: "W", 4: (2.0, 17.0, 40.2)})
    kinds: dict[str, tuple[str, str, dict[str, object]]] = {
        "plain.jpg": ("RGB", "JPEG", {"exif": exif}),
        "progressive.jpg": ("RGB", "JPEG", {"progressive": True, "exif": exif}),
        "cmyk.jpg": ("CMYK", "JPEG", {}),
        "grey.jpg": ("L", "JPEG", {}),
        "plain.png": ("RGB", "PNG", {"exif": exif}),
        "palette.png": ("P", "PNG", {"transparency": 3}),
        "animated.png": ("RGBA", "PNG", {"save_all": True, "append_images": [picture("RGBA")]}),
        "animated.gif": ("P", "GIF", {"save_all": True, "append_images": [picture("P")]}),
        "lossy.webp": ("RGB", "WEBP", {"exif": exif}),
        "animated.webp": ("RGBA", "WEBP", {"save_all": True, "append_images": [picture("RGBA")]}),
        "plain.bmp": ("RGB", "BMP", {}),
        "lzw.tif": ("RGB", "TIFF", {"compression": "tiff_lzw", "exif": exif}),
        "jpeg.tif": ("RGB", "TIFF", {"compression": "jpeg"}),
        "grey.tif": ("F", "TIFF", {}),
        "plain.jp2": ("RGB", "JPEG2000", {}),
        "plain.avif": ("RGB", "AVIF", {"exif": exif}),
    }
    files = {}
    for name, (mode, format_name, options) in kinds.items():
        buffer = BytesIO()
        picture(mode).save(buffer, format_name, **options)
        files[name] = buffer.getvalue()
    from pillow_heif import from_pillow

    buffer = BytesIO()
    from_pillow(picture()).save(buffer, format="HEIF")
    return {**files, "plain.heic": buffer.getvalue()}


def made_with_extras() -> dict[str, bytes]:
    """A JPEG XL, a DNG and videos, where the packages that write them are installed."""
    files = {}
    if find_spec("pillow_jxl"):
        from pillow_jxl import JpegXLImagePlugin

        image, buffer = picture(), BytesIO()
        image.encoderinfo = {"quality": 90, "use_container": True, "num_threads": 1}
        JpegXLImagePlugin._save(image, buffer, "")
        files["plain.jxl"] = buffer.getvalue()
    if find_spec("tifffile"):
        import tifffile

        tags = [(33421, 3, 2, (2, 2), True), (33422, 1, 4, bytes((0, 1, 1, 2)), True),
                (50706, 1, 4, bytes((1, 4, 0, 0)), True)]  # fmt: skip
        buffer, sensor = BytesIO(), np.asarray(picture("L")).astype(np.uint16) * 257
        tifffile.imwrite(buffer, sensor, photometric="cfa", metadata=None, extratags=tags)
        files["plain.dng"] = buffer.getvalue()
    if find_spec("av"):
        from tests.clips import video

        shown = [picture(), picture().rotate(180)]
        files |= {f"clip.{kind}": video(shown, 1.0, kind) for kind in ("mp4", "mkv", "avi", "mpg")}
    return files


def collected(root: Path) -> dict[str, bytes]:
    """The smaller real camera files."""
    small = [p for p in sorted(root.rglob("*")) if p.is_file() and is_photo_name(p.name)]
    return {p.name: p.read_bytes() for p in small if p.stat().st_size <= LARGEST_SEED_BYTES}


# ---------------------------------------------------------------------------- what must be true


def outcome(data: bytes) -> str:
    """The reason of failure or "read", after checking that the outcome is allowed."""
    try:
        decoded = decode_bytes(data, 64, MAX_MEGAPIXELS)
    except PhotoError as error:
        assert error.reason is not Reason.UNREADABLE, error
        assert str(error) and "\n" not in str(error)
        return error.reason.value
    check(decoded)
    return "read"


def check(decoded: Decoded) -> None:
    image, facts = decoded.image, decoded.facts
    assert image.mode == "RGB"
    assert min(image.size) >= 1
    image.load()
    assert facts.width_px * facts.height_px <= MAX_MEGAPIXELS * 1e6
    assert min(image.size) >= min(64, facts.width_px, facts.height_px)
    check_facts(facts)


def check_facts(facts: Facts) -> None:
    assert facts.lat is None or -90 <= facts.lat <= 90
    assert facts.lon is None or -180 <= facts.lon <= 180
    assert facts.rating is None or -1 <= facts.rating <= 5
    for text in (facts.camera, facts.lens, *facts.keywords):
        assert text is None or text.isprintable()
    for number in (facts.exposure_s, facts.aperture, facts.iso, facts.focal_mm, facts.duration_s):
        assert number is None or 0 < number < float("inf")


class StoredFacts:
    """Stores facts, in batches as the indexer does, and checks that they come back unchanged."""

    BATCH = 100

    def __init__(self, store: Store) -> None:
        self._store = store
        self._root_id = store.files.add_root("/photos")
        self._key = store.vectors.add_encoder("made@1", "made", 4).key
        self._pending: list[tuple[bytes, Facts]] = []
        self.count = 0

    def add(self, data: bytes, facts: Facts) -> None:
        """Add the facts that were read from these bytes. Raises UnstorableError."""
        self._pending.append((data, facts))
        if len(self._pending) >= self.BATCH:
            self.flush()

    def flush(self) -> None:
        """Store what was added."""
        pending, self._pending = self._pending, []
        try:
            self._store_all(pending)
        except Exception:
            for entry in pending:
                try:
                    self._store_all([entry])
                except Exception as error:
                    raise UnstorableError(entry[0]) from error
            raise

    def _store_all(self, entries: list[tuple[bytes, Facts]]) -> None:
        facts_by_hash = {}
        for _, facts in entries:
            self.count += 1
            facts_by_hash[f"{self.count:064x}"] = facts
        vectors = np.eye(1, 4, dtype=np.float32)
        batch = [
            ingested(f"/photos/{name}", vectors, content=bytes.fromhex(name), facts=facts)
            for name, facts in facts_by_hash.items()
        ]
        self._store.record(self._root_id, self._key, batch)
        for photo in self._store.reads.photos.records(
            self._store.reads.photos.live_ids().tolist()
        ).values():
            if photo.content_hash in facts_by_hash:
                assert photo.facts == facts_by_hash.pop(photo.content_hash)
        assert not facts_by_hash


class UnstorableError(Exception):
    """The facts of these bytes cannot be stored, or come back changed."""

    def __init__(self, data: bytes) -> None:
        super().__init__("its facts cannot be stored")
        self.data = data


# ---------------------------------------------------------------------------- what is damaged


class Targets:
    """The kinds of input. Each method damages one, reads it, and returns the outcome's name.

    `data` is what was read last: the finding, if reading fails.
    """

    def __init__(
        self,
        files: list[bytes],
        blocks: dict[str, list[bytes]],
        stored: StoredFacts,
        folder: Path,
        chance: random.Random,
    ) -> None:
        self.data = b""
        self._files, self._blocks, self._stored = files, blocks, stored
        self._folder, self._chance = folder, chance
        self._containers = list(containers().items())
        self._all_blocks = [block for kind in blocks.values() for block in kind]
        self._requests = requests()
        self._photo = dict(self._containers)["JPEG", "exif"](exif_block())

    def run(self) -> str:
        """Damage and read one input of a random kind; the kind and the outcome."""
        kinds: list[Callable[[], str]] = [
            *[self.file] * 10, *[self.block] * 6, *[self.sidecar] * 3, self.sidecar_file,
            *[self.request] * 2, self.own_json,
        ]  # fmt: skip
        kind = self._chance.choice(kinds)
        return f"{kind.__name__} {kind()}"

    def file(self) -> str:
        self.data = mutated(self._chance.choice(self._files), self._files, self._chance)
        return outcome(self.data)

    def block(self) -> str:
        """A damaged block in a valid photo, which must be read."""
        (format_name, kind), container = self._chance.choice(self._containers)
        block = self._damaged_block(kind)
        self.data = container(block)
        decoded = decode_bytes(self.data, 64, MAX_MEGAPIXELS)
        check(decoded)
        assert sorted((decoded.facts.width_px, decoded.facts.height_px)) == [HEIGHT_PX, WIDTH_PX]
        self._stored.add(self.data, decoded.facts)
        return f"{kind} of {format_name} read"

    def sidecar(self) -> str:
        self.data = self._damaged_block("xmp")
        facts = merge_metadata(Facts("JPEG", 1, 1), [read_xmp(self.data, "sidecar")])
        check_facts(facts)
        self._stored.add(self.data, facts)
        return "dated" if facts.taken_at else "undated"

    def sidecar_file(self) -> str:
        """A damaged file beside a photo, which has its own facts besides."""
        photo = self._folder / "photo.jpg"
        photo.write_bytes(self._photo)
        self.data = self._damaged_block("xmp")
        (self._folder / "photo.jpg.xmp").write_bytes(self.data)
        facts = read_facts(photo)
        check_facts(facts)
        assert facts.camera and facts.lens
        return "read"

    def request(self) -> str:
        """What a client may send to the service."""
        form, kind = self._chance.choice(self._requests)
        if self._chance.random() < 0.5:
            self.data = mutated_text(form, [form for form, _ in self._requests], self._chance)
        else:  # valid JSON, so that the query language gets to read it
            text = mutated_text(QUERY.encode(), self._all_blocks, self._chance)
            self.data = json.dumps({"query": text.decode("utf-8", "surrogateescape")}).encode()
            kind = FIND
        try:
            read: dict[str, Any] = read_body(kind, self.data)
            if kind is FIND:
                assert query_form(read["query"])
                read_by_score(read["cursor"], read["query"])
        except ImgsearchError as error:
            assert str(error) and error.exit_code in (QueryError.exit_code, UsageError.exit_code)
            return "refused"
        return "accepted"

    def own_json(self) -> str:
        """Files of our own that something has damaged: they hold nothing then."""
        data_dir = self._folder
        self.data = mutated_text(PROGRESS, [PROGRESS], self._chance)
        (data_dir / PROGRESS_FILE).write_bytes(self.data)
        assert running_job(data_dir) is None  # no process holds the lock
        cache = Measurements(data_dir / "cache.json")
        (data_dir / "cache.json").write_bytes(self.data)
        value = cache.get("total")
        cache.put("total", 3)
        assert cache.get("total") == 3
        (data_dir / "manifest.json").write_bytes(self.data)
        assert read_export(data_dir, "this") is None
        return "nothing" if value is None else "something"

    def _damaged_block(self, kind: str) -> bytes:
        block = self._chance.choice(self._blocks[kind])
        how = self._chance.randrange(4)
        if how == 0:
            return cut_or_zeroed(block, self._chance)
        if how <= 2 and kind == "xmp":
            return mutated_text(block, self._all_blocks, self._chance)
        return mutated(block, self._all_blocks, self._chance)


QUERY = '2:sunset -people camera:canon after:2023-06 rating:>=4 "a b" near:48.8,2.3,5km'
PROGRESS = b'{"doing": "index", "done": 3, "total": 12, "pid": 4711, "rate": 8.5, "files": {}}'


FIND = operation_of(Library.find)


def requests() -> list[tuple[bytes, Operation]]:
    """Valid request bodies with all their fields, and what they are read as."""
    cursor = write_cursor(parse(QUERY), ByScore(0.25, (3, 4), 20))
    image = {"image": "aGVsbG8=", "region": {"x": 0.5, "y": 0, "width": 1, "height": 2.5}}
    parts = {
        "terms": [{"text": "sunset", "weight": 2}, {"photo_id": 12, "weight": -1.5}, image,
                  {"path": "/photos/a.jpg"}],
        "filters": ["camera:canon", "iso:>=1600"], "min_score": 0.2, "sort": "date",
    }  # fmt: skip
    forms: list[tuple[object, Operation]] = [
        ({"query": QUERY, "k": 20, "cursor": cursor}, FIND),
        ({"query": parts, "k": 5}, FIND),
        ({"example": image, "k": 3}, operation_of(Library.similar)),
    ]
    if "labels" in features():
        from imgsearch.features.labels.operations import Labels

        form = {"classes": {"names": ["dog", "cat"]}, "query": "a dog", "k": 9}
        forms.append((form, operation_of(Labels.label)))
    return [(json.dumps(form).encode(), kind) for form, kind in forms]


# ---------------------------------------------------------------------------- the tests


def test_past_findings_are_harmless() -> None:
    for data in FINDINGS.values():
        outcome(data)


@pytest.mark.timeout(SECONDS + 240)
def test_mutations_are_harmless(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    seeds, blocks = made_here() | made_with_extras(), made_blocks()
    with suppress(pytest.skip.Exception):  # the generated files suffice
        camera_files = request.getfixturevalue("shared_data") / "camera"
        seeds |= collected(camera_files)
        for kind, found in collected_blocks(camera_files).items():
            blocks[kind] += found
    chance, outcomes = random.Random(SEED), Counter[str]()
    with Store.open(tmp_path, writable=True) as store:
        stored = StoredFacts(store)
        folder = tmp_path / "files"
        folder.mkdir()
        targets = Targets(list(seeds.values()), blocks, stored, folder, chance)
        end = time.monotonic() + SECONDS
        try:
            while time.monotonic() < end:
                begin = time.monotonic()
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    outcomes[targets.run()] += 1
                assert time.monotonic() - begin < SLOWEST_S
            stored.flush()
        except BaseException as error:
            data = error.data if isinstance(error, UnstorableError) else targets.data
            finding = Path(tempfile.gettempdir()) / f"imgsearch-finding-{SEED}"
            finding.write_bytes(data)
            print(f"finding: {finding}, after {outcomes.total()} inputs of seed {SEED}")  # noqa: T201
            raise
    print(f"{outcomes.total()} inputs of seed {SEED}, {stored.count} stored:")  # noqa: T201
    for name, count in sorted(outcomes.items()):
        print(f"{count:9} {name}")  # noqa: T201
    assert outcomes["file read"], "the mutations change too much"
    assert len([name for name in outcomes if name.startswith("file ")]) >= 3
    if outcomes.total() >= ENOUGH_INPUTS:
        assert {"request accepted", "request refused"} <= outcomes.keys()
