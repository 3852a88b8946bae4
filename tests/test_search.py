"""Queries end to end: terms, weights, examples, filters, pages, and explanations."""

from __future__ import annotations

import base64
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from imgsearch import Example, Library, Query, Region, Term, UsageError
from imgsearch.errors import EncoderMismatch, QueryError, Reason
from imgsearch.language.grammar import parse
from imgsearch.records.answer import FilterResult
from imgsearch.search import cursor as cursors
from imgsearch.search.cursor import ByKey, ByScore, ByTwoScores
from imgsearch.search.query_cache import FOLDER, QueryCache
from tests.factories import write_noise
from tests.stand_in import StandIn

EVERYTHING = 1000


@pytest.fixture
def noise(stand_in: StandIn, library: Library, tmp_path: Path) -> Library:
    """A library of 40 photos of noise, in two folders, embedded by the stand-in."""
    add_noise(tmp_path / "photos" / "a", range(20))
    add_noise(tmp_path / "photos" / "b", range(20, 40))
    library.index([tmp_path / "photos"]).run()
    return library


def add_noise(folder: Path, numbers: range) -> None:
    for number in numbers:
        write_noise(folder / f"{number:03}.png", number, 8)


def names(library: Library, query: str | Query, k: int = EVERYTHING) -> list[str]:
    return [hit.path.name for hit in library.find(query, k).hits]


def scores(library: Library, query: str | Query) -> dict[str, float]:
    hits = library.find(query, EVERYTHING).hits
    return {hit.path.name: hit.score for hit in hits if hit.score is not None}


# ------------------------------------------------------------------------- terms


def test_a_negative_term_lowers_similar_photos(demo: Library) -> None:
    plain, without = names(demo, "an animal"), names(demo, "an animal -4:horse")
    assert plain.index("horse.png") < plain.index("chelsea.png") < 3
    assert without.index("horse.png") > plain.index("horse.png")

    def lead(line: str) -> float:
        found = scores(demo, line)
        return found["horse.png"] - found["chelsea.png"]

    leads = [lead(f"an animal {minus}horse") for minus in ("0.1:", "-0.5:", "-", "-2:", "-4:")]
    assert leads == sorted(leads, reverse=True) and leads[0] > leads[-1] + 0.05


def test_the_shares_of_a_query_with_a_minus_add_up_to_the_score(demo: Library) -> None:
    line = '"an animal" -"a horse" -people'
    found = scores(demo, line)
    for hit in demo.find(line).hits[:3]:
        explained = demo.explain(hit.path, line)
        total = sum(share.share for share in explained.shares) + (explained.hubness or 0.0)
        assert total == pytest.approx(found[hit.path.name], abs=1e-5)
    assert scores(demo, '"an animal" -1:"a horse" -1:people') == found


def test_people_with_a_minus_are_men_women_and_children(demo: Library) -> None:
    assert scores(demo, "a hill -people") == scores(demo, 'a hill -"a person"')


def test_an_example_with_a_minus_turns_words_less_than_words_do(
    demo: Library, demo_photos: Path
) -> None:
    cat = Example(demo_photos / "chelsea.png")
    found, turned = (
        {hit.path.name: hit.score for hit in demo.find(query, EVERYTHING).hits}
        for query in (
            Query((Term("an animal"),)),
            Query((Term("an animal"), Term(cat, -1.0))),
        )
    )
    assert names(demo, "an animal", 1) == ["horse.png"]
    assert max(turned, key=lambda name: turned[name] or 0) == "horse.png"
    assert "chelsea.png" in found and "chelsea.png" not in turned, "examples are not results"


def test_weights_change_the_ranking(demo: Library) -> None:
    assert names(demo, '"a cup of coffee" 5:"a motorcycle"', 1) == ["motorcycle_left.png"]
    assert names(demo, '5:"a cup of coffee" "a motorcycle"', 1) == ["coffee.png"]


def test_the_score_is_the_cosine_with_the_sum(demo: Library) -> None:
    """A cosine is linear in the query, except for one factor: the length of the sum.

    The best of several parts is not, so the two wide photos of text are left out.
    """

    def cosines(line: str) -> dict[str, float]:
        """The scores without what hubness takes from them."""
        hits = demo.find(line, EVERYTHING).hits
        each = {hit.path.name: demo.explain(hit.path, line) for hit in hits}
        return {
            name: (explained.score or 0.0) - (explained.hubness or 0.0)
            for name, explained in each.items()
        }

    dog, cat, sea = (cosines(f'"{text}"') for text in ("a dog", "a cat", "the sea"))
    found = cosines('2:"a dog" 0.5:"a cat" the sea')
    assert {"page.png", "text.png"} <= found.keys()
    found = {name: found[name] for name in found if name not in ("page.png", "text.png")}
    total = np.array([2 * dog[name] + 0.5 * cat[name] + sea[name] for name in found])
    together = np.array(list(found.values()))
    length = float(total @ together / (together @ together))
    assert together * length == pytest.approx(total, abs=1e-4)
    assert 1 < length < 3.5


def test_an_example_can_be_a_file_a_photo_or_bytes(demo: Library, demo_photos: Path) -> None:
    path = demo_photos / "chelsea.png"
    (cat,) = demo.search("a cat", k=1)
    answers = [
        scores(demo, Query((Term(Example(source)),)))
        for source in (path, cat.photo.id, path.read_bytes())
    ]
    assert answers[0] == answers[1] == answers[2]
    assert len(answers[0]) == 20, "the example itself is no result"
    assert "chelsea.png" not in answers[0]
    line = f'photo:{cat.photo.id} -image:"{demo_photos / "coffee.png"}"'
    assert {"chelsea.png", "coffee.png"}.isdisjoint(names(demo, line))


def test_a_copy_elsewhere_counts_as_the_photo_itself(
    demo: Library, demo_photos: Path, tmp_path: Path
) -> None:
    shutil.copy(demo_photos / "coffee.png", tmp_path / "copy.png")
    assert "coffee.png" not in {
        hit.path.name for hit in demo.search(image=tmp_path / "copy.png", k=EVERYTHING)
    }


@pytest.mark.parametrize("percent", [False, True])
def test_a_part_of_an_image(
    demo: Library, demo_photos: Path, tmp_path: Path, percent: bool
) -> None:
    """Coffee on the left, a cat on the right: the region selects one."""
    both = Image.new("RGB", (600, 300))
    for x, name in ((0, "coffee.png"), (300, "chelsea.png")):
        with Image.open(demo_photos / name) as image:
            both.paste(image.convert("RGB").resize((300, 300)), (x, 0))
    both.save(tmp_path / "both.jpg")

    def best(x: float, y: float, width: float, height: float) -> str:
        region = Region(x, y, width, height, percent=percent)
        return names(demo, Query((Term(Example(tmp_path / "both.jpg", region)),)), 1)[0]

    unit = (1 / 6, 1 / 3) if percent else (1, 1)
    assert best(0, 0, 300 * unit[0], 300 * unit[1]) == "coffee.png"
    assert best(300 * unit[0], 0, 300 * unit[0], 300 * unit[1]) == "chelsea.png"
    for outside in ((301, 0, 300, 300), (0, 1, 300, 300), (0, 0, 0.2, 5)):
        scaled = [side * unit[at % 2] for at, side in enumerate(outside)]
        with pytest.raises(QueryError, match="region lies outside"):
            best(*scaled)


def test_a_part_of_a_photo_of_the_library_in_its_own_pixels(
    demo: Library, demo_photos: Path
) -> None:
    (cat,) = demo.search("a cat", k=1)
    width, height = cat.photo.width_px, cat.photo.height_px
    whole = Query((Term(Example(cat.photo.id, Region(0, 0, width, height))),))
    assert len(names(demo, whole)) == 20
    with pytest.raises(QueryError, match=f"has {width} × {height} pixels"):
        names(demo, Query((Term(Example(cat.photo.id, Region(0, 0, width + 1, height))),)))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (Query(), "empty"),
        (Query((Term("  "),)), "empty"),
        (Query((Term("a", 0.0),)), "any number but 0"),
        (Query((Term("a", float("nan")),)), "any number but 0"),
        (parse('"a cat" -"a cat"'), "cancel each other out"),
        (parse("photo:4711"), "no photo with the id 4711"),
        (parse("image:/no/such.jpg"), "does not exist"),
        (parse("t:0.2"), "photos have no score"),
        (Query((Term(Example(b"no image")),)), "The image cannot be read"),
        (Query((Term("word " * 2000),)), "too long: it has .* tokens"),
    ],
)
def test_invalid_queries(demo: Library, query: Query, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        demo.find(query)


@pytest.mark.slow
def test_an_example_larger_than_allowed(demo: Library, tmp_path: Path) -> None:
    Image.new("1", (20_000, 15_000)).save(tmp_path / "huge.png")
    with pytest.raises(QueryError, match="more than the limit"):
        demo.search(image=tmp_path / "huge.png")


# ------------------------------------------------------------------------- the query cache


def test_a_repeated_query_loads_no_model(demo: Library, demo_photos: Path, tmp_path: Path) -> None:
    with Image.open(demo_photos / "coffee.png") as image:
        image.resize((200, 200)).save(tmp_path / "small.jpg")
    line = f'a bicycle -"a wheel" image:"{tmp_path / "small.jpg"}"'
    first = scores(demo, line)
    # The library refuses this encoder as soon as it needs one.
    with Library.open(demo.settings, encoder=StandIn()) as other:
        assert scores(other, line) == first
        assert scores(other, 'a bicycle -2:"a wheel"').keys() >= first.keys(), (
            "other weights need no model"
        )
        assert len(names(other, f"image:{demo_photos / 'coffee.png'}")) == 20, "it has a vector"
        assert names(other, "type:jpeg sort:path") == ["china.jpg", "flower.jpg",
                                                       "hubble_deep_field.jpg", "retina.jpg",
                                                       "rocket.jpg"]  # fmt: skip
        assert names(other, "something never searched before camera:leica") == []
        with pytest.raises(EncoderMismatch, match="cannot be compared"):
            names(other, "something never searched before")
    with (
        Library.open(replace(demo.settings, encoder="openclip:ViT-B-32/openai")) as other,
        pytest.raises(EncoderMismatch),
    ):
        names(other, line)


def test_the_query_cache_stores_hashes_has_a_bound_and_survives_damage(tmp_path: Path) -> None:
    cache = QueryCache(tmp_path / "cache", "one")
    vectors = np.eye(5, dtype=np.float32)
    for number in range(5):
        cache.put(b"secret %d" % number, vectors[number])
    found = [cache.get(b"secret %d" % number) for number in range(5)]
    assert [None if each is None else each.tolist() for each in found] == vectors.tolist()
    assert QueryCache(tmp_path / "cache", "two").get(b"secret 4") is None
    files = [path for path in (tmp_path / "cache" / FOLDER).rglob("*") if path.is_file()]
    assert len(files) == 5
    assert not any(b"secret" in file.read_bytes() or "secret" in file.name for file in files)
    for file in files:
        content = file.read_bytes()
        file.write_bytes(content[:1] + b"\1" + content[2:])
    assert cache.get(b"secret 4") is None, "a damaged vector is not used"
    cache.put(b"secret 4", vectors[4])
    assert cache.get(b"secret 4") is not None
    small = QueryCache(tmp_path / "small", "one", most_bytes=0)
    for number in range(2000):  # of any two in one of the 256 folders, the first is deleted
        small.put(b"%d" % number, vectors[0])
    assert len(list((tmp_path / "small" / FOLDER).rglob("*"))) == 2 * 256
    (tmp_path / "file").write_text("x")
    QueryCache(tmp_path / "file" / "below", "one").put(b"x", vectors[0])  # cannot be written


# ------------------------------------------------------------------------- filters and orders


def test_a_filtered_answer_is_the_whole_answer_filtered(demo: Library) -> None:
    everything = demo.find("a photo of something round", EVERYTHING).hits
    found = demo.find("a photo of something round -type:jpeg width:>400", EVERYTHING).hits
    expected = [
        (hit.photo.id, hit.score)
        for hit in everything
        if hit.photo.facts.format != "JPEG" and hit.photo.width_px > 400
    ]
    assert 3 < len(expected) < len(everything) - 3
    assert [hit.photo.id for hit in found] == [photo_id for photo_id, _ in expected]
    assert [hit.score for hit in found] == pytest.approx([score for _, score in expected], abs=1e-5)


def test_a_minimum_score(demo: Library) -> None:
    all_scores = list(scores(demo, "a cat").values())
    at = (all_scores[2] + all_scores[3]) / 2
    assert list(scores(demo, f"a cat t:{at:.6f}").values()) == pytest.approx(
        all_scores[:3], abs=1e-5
    )
    assert names(demo, "a cat t:1") == []


def test_orders(demo: Library) -> None:
    best = names(demo, "a cat", 5)
    assert names(demo, "a cat sort:path", 5) == sorted(best)
    hits = demo.find("a cat sort:date", 5).hits
    dates = [hit.date.replace(tzinfo=None) for hit in hits if hit.date]  # as the camera showed it
    assert len(dates) == 5
    assert dates == sorted(dates, reverse=True)
    threshold = sorted(scores(demo, "a cat").values())[7] - 1e-4
    paged: list[str] = []
    cursor = None
    while True:
        page = demo.find(f"a cat t:{threshold:.6f} sort:path", 4, cursor)
        paged += [hit.path.name for hit in page.hits]
        assert all(hit.score is not None and hit.score >= threshold for hit in page.hits)
        if (cursor := page.cursor) is None:
            break
    assert len(paged) == 14 and paged == sorted(paged)


def test_listings_have_dates_and_no_scores(demo: Library) -> None:
    for hit in demo.find("type:png").hits:
        assert hit.score is None
        assert hit.date is not None
        assert (hit.dated_by == "file") == (hit.photo.taken_at is None)


# ------------------------------------------------------------------------- pages


def pages(library: Library, query: str, k: int) -> Iterator[list[str]]:
    cursor = None
    while True:
        page = library.find(query, k, cursor)
        yield [hit.path.name for hit in page.hits]
        if (cursor := page.cursor) is None:
            return


@pytest.mark.parametrize("query", ["anything", "anything -else in:a", "in:b sort:path",
                                   "type:png sort:date", "t:-1 anything"])  # fmt: skip
@pytest.mark.parametrize("k", [1, 7, 20, 40])
def test_pages_are_the_whole_answer(noise: Library, query: str, k: int) -> None:
    found = [name for page in pages(noise, query, k) for name in page]
    assert found == names(noise, query)


@pytest.mark.parametrize(
    "query",
    ["a cat", "chelsea", "a cat sort:date", "type:png sort:path", "-type:png", "a cat t:.1"],
)
def test_a_whole_answer_is_its_pages_without_the_facts(demo: Library, query: str) -> None:
    found, page = demo.find_all(query), demo.find(query, EVERYTHING)
    assert found.ids.tolist() == [hit.photo.id for hit in page.hits] != []
    assert demo.hits_of(found, found.ids.tolist()) == list(page.hits)
    assert (found.levels(), found.verdict) == ([hit.level for hit in page.hits], page.verdict)
    last = found.ids.tolist()[-1]
    assert demo.hits_of(found, [last, 999]) == [page.hits[-1]]
    assert demo.find_all(f"{query} after:2099").ids.tolist() == []


def test_ids_may_be_numbers_of_numpy(
    library: Library, stand_in: StandIn, make_photo: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_photo("photos/1.png").parent
    make_photo("photos/2.png", (10, 200, 30))
    library.index([folder]).run()
    pytest.importorskip("lance", reason="needs the extra scale")
    with Library.open_archive(tmp_path / "archive", library.settings, encoder=stand_in) as archive:
        archive.fleet.copy_from(library.settings.data_dir).run()
        for searched in (library, archive):
            found = searched.find_all("width:>0")
            ids = list(found.ids)
            assert [type(each) for each in ids] == [np.int64, np.int64]
            plain = found.ids.tolist()
            assert searched.hits_of(found, ids) == searched.hits_of(found, plain)
            assert [hit.photo.id for hit in searched.photos(ids)] == plain
            assert searched.browse.stacks_of(ids) == searched.browse.stacks_of(plain)
            assert [day.photo_ids.tolist() for day in searched.browse.days_of(ids)] == [plain]
            assert searched.browse.shapes_of(ids) == (100, 100)
            assert (
                searched.pictures.thumbnail(ids[0])
                == searched.pictures.thumbnail(plain[0])
                is not None
            )
            assert searched.pictures.text_of(ids[0]) is None
            original = searched.pictures.original(ids[0])
            assert original is not None
            original.file.close()
            like_it = searched.find(Query((Term(Example(ids[0])),)))
            assert [hit.photo.id for hit in like_it.hits] == plain[1:]
            with pytest.raises(UsageError, match="whole number"):
                searched.photos(["1"])  # type: ignore[list-item]


@pytest.mark.features("labels", "concepts")
def test_ids_of_numpy_are_ids_for_features(
    library: Library, make_photo: Callable[..., Path]
) -> None:
    folder = make_photo("photos/1.png").parent
    make_photo("photos/2.png", (10, 200, 30))
    library.index([folder]).run()
    like, unlike = library.find_all("width:>0").ids
    assert library.labels.of_photo(like) == {}
    assert library.concepts.teach("red", like=[like], unlike=[unlike]).likes == 1


def test_a_whole_answer_is_as_long_as_it_may_be(noise: Library) -> None:
    assert len(noise.find_all("anything", 7).ids) == 7
    assert len(noise.find_all("anything").ids) == 40
    with pytest.raises(QueryError):
        noise.find_all("")


@pytest.mark.parametrize("query", ["anything", "in:photos sort:path", "type:png sort:date"])
def test_pages_stay_stable_while_the_library_changes(
    noise: Library, tmp_path: Path, query: str
) -> None:
    before = names(noise, query)
    all_pages = pages(noise, query, 8)
    first = next(all_pages)
    add_noise(tmp_path / "photos" / "0-new", range(40, 70))  # some in front, some behind
    for name in (before[2], before[20]):
        next((tmp_path / "photos").glob(f"*/{name}")).unlink()
    noise.index().run()
    rest = [name for page in all_pages for name in page]
    old = [name for name in first + rest if name in before]
    assert old == [name for name in before if name != before[20]], (
        "none is shown twice, none is left out"
    )
    now = names(noise, query)
    place = now.index(first[-1])
    assert rest == now[place + 1 :], (
        "new photos after the first page are shown, those before it are not"
    )


def test_photos_with_equal_scores_are_shown_once_each(
    stand_in: StandIn, library: Library, tmp_path: Path
) -> None:
    """Twins: other bytes, the same picture, the same score."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(12):
        Image.new("RGB", (8, 8), "red").save(folder / f"{number:02}.png", dpi=(number + 1, 1))
    library.index([folder]).run()
    found = [name for page in pages(library, "red", 5) for name in page]
    assert sorted(found) == [f"{number:02}.png" for number in range(12)]


def test_cursors_of_older_versions_are_still_read() -> None:
    """Made before the modules moved: a cursor depends on the repr of its query."""
    ranked = parse("a dog -2:photo:7 -rating:>=4|2 near:1,2 after:2023 t:0.1")
    cursor = "WyI2ZmVjNGJlMzgzMDMiLDAuMTg3NSw0MCw1LDld"
    end = ByScore(0.1875, (5, 9), 40)
    assert cursors.read_by_score(cursor, ranked) == ByTwoScores(end, end)
    assert cursors.write(ranked, end) == cursor
    by_date = parse("a dog camera:canon sort:date")
    cursor = "WyI1YWU2MmUzODM2YzMiLCIyMDIzLTA2LTAxVDEyOjAwOjAwIiw3XQ=="
    assert cursors.read_by_key(cursor, by_date) == ByKey("2023-06-01T12:00:00", 7)
    assert cursors.write(by_date, ByKey("2023-06-01T12:00:00", 7)) == cursor


def test_a_cursor_belongs_to_its_query(noise: Library) -> None:
    cursor = noise.find("anything", 5).cursor
    assert cursor is not None
    with pytest.raises(QueryError, match="another query"):
        noise.find("anything else", 5, cursor)
    query = parse("anything")
    forged = [cursors.write(query, ByKey("x", 1)), base64.b64encode(b"[" * 100_000).decode()]
    for invalid in ("", "x", "e30=", "WzEsMiwzXQ==", "📷", *forged):
        with pytest.raises(QueryError, match="cursor"):
            noise.find("anything", 5, invalid)
    for invalid in ("", cursors.write(parse("sort:path in:/"), ByScore(0.5, (1,), 1))):
        with pytest.raises(QueryError, match="not a cursor"):
            noise.find("sort:path in:/", 5, invalid)


# ------------------------------------------------------------------------- metadata


def sidecar(rating: int) -> str:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF '
        'xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description '
        f'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="{rating}"/></r:RDF></x:xmpmeta>'
    )


def test_metadata_is_reread_without_the_model(noise: Library, stand_in: StandIn) -> None:
    embedded = stand_in.embedded
    (photo,) = (hit.path for hit in noise.find("name:007").hits)
    assert names(noise, "rating:>=4") == []
    photo.with_suffix(".xmp").write_text(sidecar(5))
    report = noise.upkeep.read_metadata().run()
    assert (report.read, report.changed, report.failed) == (40, 1, 0)
    assert names(noise, "rating:>=4") == ["007.png"]
    photo.with_suffix(".xmp").write_text(sidecar(1))
    assert noise.upkeep.read_metadata().run().changed == 1
    assert names(noise, "rating:>=4") == [] and names(noise, "rating:1") == ["007.png"]
    photo.write_bytes(photo.read_bytes() + b"more")
    assert noise.upkeep.read_metadata().run().failed == 1, "the file is another photo now"
    assert stand_in.embedded == embedded


# ------------------------------------------------------------------------- explanations


def test_an_explanation_agrees_with_the_answer(demo: Library, demo_photos: Path) -> None:
    line = '"a cat" -0.5:"a cup" image:"{}"'.format(demo_photos / "horse.png")
    order = names(demo, line)
    for name in ("chelsea.png", "coffee.png", "moon.png"):
        explained = demo.explain(demo_photos / name, line)
        assert explained.rank == order.index(name) + 1
        assert explained.score == pytest.approx(scores(demo, line)[name], abs=1e-4)
        total = sum(share.share for share in explained.shares) + (explained.hubness or 0.0)
        assert total == pytest.approx(explained.score, abs=1e-5)
        assert [share.term for share in explained.shares][:2] == ['"a cat"', '-0.5:"a cup"']
    own = demo.explain(demo_photos / "horse.png", line)
    assert own.reason is not None and "own example" in own.reason


def test_an_explanation_names_the_filter_that_fails(demo: Library, demo_photos: Path) -> None:
    explained = demo.explain(demo_photos / "chelsea.png", "a cat type:png camera:canon")
    assert explained.filters == (
        FilterResult("type:png", True),
        FilterResult("camera:canon", False),
    )
    assert explained.rank is None and explained.reason is None
    below = demo.explain(demo_photos / "chelsea.png", "a cat t:0.99")
    assert below.reason is not None and "below t:0.99" in below.reason


def test_an_explanation_says_why_a_file_is_not_in_the_library(
    noise: Library, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    (folder / "bad.jpg").write_bytes(b"")
    (folder / "notes.txt").write_text("x")
    (folder / ".hidden.png").write_bytes(b"x")
    noise.index().run()
    add_noise(folder, range(50, 51))

    def why(path: Path) -> str:
        explained = noise.explain(path, "anything")
        assert explained.photo is None and explained.reason is not None
        return explained.reason

    assert Reason.EMPTY.value in why(folder / "bad.jpg")
    assert "not treated as photos" in why(folder / "notes.txt")
    assert "hidden" in why(folder / ".hidden.png")
    assert "imgsearch index" in why(folder / "050.png")
    assert "no such file" in why(folder / "none.png")
    assert "It is a folder" in why(folder / "a")
    assert "no such file" in why(tmp_path / "elsewhere.png")
    assert "It is a folder" in why(tmp_path)
    outside = write_noise(tmp_path / "new photos" / "elsewhere.png", 60)
    assert f"imgsearch index '{outside.parent}'" in why(outside)


def test_an_explanation_says_that_a_photo_has_no_vector(noise: Library) -> None:
    (photo,) = (hit.path for hit in noise.find("name:007").hits)
    database = sqlite3.connect(noise.settings.data_dir / "library.db")
    with database:
        database.execute(
            "DELETE FROM vectors WHERE photo_id IN (SELECT photo_id FROM paths "
            "WHERE CAST(name AS TEXT) LIKE '%007.png')"
        )
    database.close()
    explained = noise.explain(photo, "anything")
    assert explained.reason is not None and "no vector of lite yet" in explained.reason


def test_an_example_as_bytes_is_recognised_as_a_photo_of_the_library(noise: Library) -> None:
    (hit,) = noise.find("name:007").hits
    data = hit.path.read_bytes()
    assert "007.png" not in names(noise, Query((Term(Example(data)),)))
    buffer = BytesIO()
    with Image.open(BytesIO(data)) as image:
        image.save(buffer, "BMP")
    assert names(noise, Query((Term(Example(buffer.getvalue())),)), 1) == ["007.png"]
    assert len(names(noise, f"photo:{hit.photo.id}")) == 39
