"""Which of several near-duplicates is proposed to be kept, and the reasons given."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image, ImageFilter

from imgsearch import DuplicateGroup, Hit, Library, Photo, Settings
from imgsearch.errors import DiskError
from imgsearch.features.duplicates.proposal import propose, with_kept
from imgsearch.features.duplicates.records import Pair, Pairs
from imgsearch.features.duplicates.sharpness import is_sharper, measure_sharpness
from imgsearch.records.photo import Facts

NOON = datetime(2024, 5, 3, 12)


def hit(
    number: int, folder: str = "photos", px: int = 1000, date: datetime = NOON, **facts: object
) -> Hit:
    named = {"format": "JPEG", "width_px": px, "height_px": px, **facts}
    photo = Photo(number, f"{number:064x}", px, Facts(**named))  # type: ignore[arg-type]
    return Hit(photo, (Path(f"/{folder}/{number}.jpg"),), None, date=date)


def all_alike(*hits: Hit, **sharpness: float) -> Pairs:
    """Every two of these photos are alike; `sharpness` is by "p" and the photo's number."""
    ids = sorted(each.photo.id for each in hits)
    pairs = tuple(Pair(a, b, 0.97) for a in ids for b in ids if a < b)
    return Pairs(0.9, pairs, {int(name[1:]): (value,) for name, value in sharpness.items()})


def proposed(*hits: Hit, prefer: tuple[str, ...] = (), **sharpness: float) -> DuplicateGroup:
    """The one group of photos that are all alike."""
    by_id = {each.photo.id: each for each in hits}
    folders = [Path(folder) for folder in prefer]
    (group,) = propose(all_alike(*hits, **sharpness), by_id, 0.95, prefer=folders)
    return group


def choice(group: DuplicateGroup) -> dict[int, str]:
    """The reason of each photo; a plus marks those that are kept."""
    return {
        photo.hit.photo.id: ("+ " if photo.keep else "") + photo.reason for photo in group.photos
    }


def test_the_larger_photo_is_kept() -> None:
    assert choice(proposed(hit(1, px=800), hit(2, px=1600))) == {
        2: "+ larger",
        1: "smaller: 800 × 800 px, not 1600 × 1600 px",
    }


def test_a_smaller_copy_never_takes_the_place_of_a_photo_though_it_is_sharper() -> None:
    group = proposed(hit(1, px=800), hit(2, px=1600), hit(3, px=400), p1=0.9, p2=0.1, p3=0.8)
    assert choice(group) == {
        2: "+ larger",
        1: "smaller: 800 × 800 px, not 1600 × 1600 px",
        3: "smaller: 400 × 400 px, not 1600 × 1600 px",
    }


def test_a_sharper_shot_stays_beside_a_larger_one() -> None:
    """A copy has the date of its original, and so is no other shot."""
    later = NOON + timedelta(seconds=2)
    larger, sharper, copy = (
        hit(number, px=px, date=taken_at, taken_at=taken_at)
        for number, px, taken_at in ((1, 1600, NOON), (2, 800, later), (3, 400, later))
    )
    assert choice(proposed(larger, sharper, copy, p1=0.1, p2=0.9, p3=0.1)) == {
        1: "+ larger",
        2: "+ of another moment, and sharper than the larger one",
        3: "smaller: 400 × 400 px, not 1600 × 1600 px",
    }


def test_a_crop_of_the_edges_never_takes_the_place_of_the_whole() -> None:
    """Whatever its path and the date of its file."""
    earlier = NOON - timedelta(days=9)
    group = proposed(hit(1, "z", px=1000), hit(2, "a", px=990, date=earlier))
    assert choice(group) == {1: "+ larger", 2: "smaller: 990 × 990 px, not 1000 × 1000 px"}


def test_a_darker_copy_never_takes_the_place_of_a_photo() -> None:
    group = proposed(hit(1, "z", lightness=50.0), hit(2, "a", lightness=40.0))
    assert choice(group) == {1: "+ lighter", 2: "darker"}
    earlier = NOON - timedelta(days=9)
    group = proposed(hit(1, "z", lightness=50.0), hit(2, "a", date=earlier, lightness=40.0))
    assert choice(group)[1] == "+ lighter", "the date of a file says little"
    edited = hit(1, "z", taken_at=NOON, lightness=60.0)
    first = hit(2, "a", taken_at=earlier, date=earlier, lightness=40.0)
    assert choice(proposed(edited, first))[2] == "+ older"
    like = proposed(hit(1, "z", lightness=50.0), hit(2, "a", lightness=49.0), hit(3, "b"))
    assert next(iter(choice(like))) == 2, "about as light, or not known"


def test_a_more_strongly_compressed_copy_never_takes_the_place_of_a_photo() -> None:
    """Whatever its path and the date of its file; a PNG has more bytes for the same pixels."""
    earlier = NOON - timedelta(days=9)
    original = replace(hit(1, "z"), photo=replace(hit(1).photo, size_bytes=400_000))
    saved_again = hit(2, "a", date=earlier)
    saved_again = replace(saved_again, photo=replace(saved_again.photo, size_bytes=100_000))
    as_png = hit(3, "b", format="PNG")
    as_png = replace(as_png, photo=replace(as_png.photo, size_bytes=2_000_000))
    assert choice(proposed(original, saved_again)) == {
        1: "+ less compressed",
        2: "more strongly compressed",
    }
    group = proposed(original, as_png)
    assert choice(group)[3] == "+ as good as the others; the first by its path"
    darker = hit(2, "a", date=earlier, lightness=20.0)
    darker = replace(darker, photo=replace(darker.photo, size_bytes=900_000))
    light = hit(1, "z", lightness=50.0)
    assert choice(proposed(light, darker)) == {1: "+ lighter", 2: "darker"}, "though it is larger"


def test_a_photo_with_its_own_date_is_kept_of_two_of_one_size() -> None:
    unpacked = datetime(1980, 1, 1)
    group = proposed(hit(1, "z", taken_at=NOON), hit(2, "a", date=unpacked))
    assert choice(group) == {1: "+ dated by its metadata", 2: "without a date of its own"}


def test_the_older_photo_is_kept_of_two_of_one_size() -> None:
    later = NOON + timedelta(hours=1)
    assert choice(proposed(hit(1, date=later), hit(2))) == {
        2: "+ older",
        1: "newer: 2024-05-03 13:00:00, not 2024-05-03 12:00:00",
    }


def test_folders_of_copies_and_downloads_come_last() -> None:
    group = proposed(hit(1, "WhatsApp Images"), hit(2, "z"), hit(3, "Téléchargements"))
    copies = "in a folder of copies or downloads"
    assert choice(group) == {2: "+ in a better folder", 1: copies, 3: copies}


def test_a_preferred_folder_outranks_everything() -> None:
    group = proposed(hit(1, "best", px=100), hit(2), hit(3, "good"), prefer=("/best", "/good"))
    assert next(iter(choice(group).items())) == (1, "+ in a preferred folder")


def test_of_equals_the_first_by_its_path_is_kept() -> None:
    assert choice(proposed(hit(1, "z"), hit(2, "a"))) == {
        2: "+ as good as the others; the first by its path",
        1: "as good as the kept photo in all that is compared",
    }


def test_a_raw_file_and_the_photo_of_its_shot_both_stay() -> None:
    hits = {1: hit(1, px=2000), 2: hit(2, px=2000, format="RAW"), 3: hit(3, px=300)}
    (group,) = propose(all_alike(*hits.values()), hits, 0.9, raw_pairs=[(1, 2)])
    assert choice(group) == {
        2: "+ a RAW file",
        1: "+ of the same shot as the kept photo",
        3: "not a RAW file",
    }


def test_photos_and_videos_never_replace_each_other() -> None:
    photo, clip, same, longer = (
        hit(number, duration_s=seconds) for number, seconds in enumerate((None, 8.0, 8.2, 12.0), 1)
    )
    hits = {each.photo.id: each for each in (photo, clip, same, longer)}
    (group,) = propose(all_alike(*hits.values()), hits, 0.9)
    assert set(choice(group)) == {2, 3}


def test_of_a_series_that_changes_slowly_several_are_kept() -> None:
    """1 to 5 in a row, each like its neighbours only: 2 and 4 could go, or 1, 3 and 5."""
    hits = {number: hit(number, px=1000 + 100 * (number == 3)) for number in range(1, 6)}
    pairs = Pairs(0.9, tuple(Pair(number, number + 1, 0.96) for number in range(1, 5)))
    (group,) = propose(pairs, hits, 0.9)
    assert [photo.hit.photo.id for photo in group.kept] == [3, 1, 5]
    assert group.kept[1].reason == "resembles no other photo that is kept"


@given(
    st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] < pair[1])),
    st.lists(st.integers(1, 3), min_size=10, max_size=10),
)
def test_whatever_goes_resembles_something_that_stays(
    linked: set[tuple[int, int]], sizes: list[int]
) -> None:
    hits = {number: hit(number, px=1000 * size) for number, size in enumerate(sizes)}
    groups = propose(Pairs(0.9, tuple(Pair(a, b, 0.95) for a, b in sorted(linked))), hits, 0.9)
    members = [photo.hit.photo.id for group in groups for photo in group.photos]
    assert sorted(members) == sorted({number for pair in linked for number in pair})
    for group in groups:
        kept = {photo.hit.photo.id for photo in group.kept}
        for photo in group.others:
            number = photo.hit.photo.id
            assert any((min(number, one), max(number, one)) in linked for one in kept)


def test_a_choice_by_hand_is_said_to_be_one() -> None:
    group = proposed(hit(1, px=800), hit(2, px=1600))
    assert choice(with_kept(group, {1})) == {1: "+ chosen by hand", 2: "chosen by hand"}
    assert with_kept(group, {2}) == group


# ---------------------------------------------------------------------------- with real pictures


@pytest.mark.parametrize("change", ["blurred", "smaller and sharpened", "saved at quality 60"])
def test_only_a_blurred_picture_is_less_sharp(demo_photos: Path, change: str) -> None:
    picture = Image.open(demo_photos / "chelsea.png").convert("RGB").resize((1024, 681))
    other = picture
    if change == "blurred":
        other = picture.filter(ImageFilter.GaussianBlur(1.5))
    elif change == "smaller and sharpened":
        other = picture.resize((560, 372)).filter(ImageFilter.UnsharpMask(1, 60, 2))
    before, after = measure_sharpness(picture), measure_sharpness(other)
    assert is_sharper(before, after) == (change == "blurred")
    assert not is_sharper(after, before)


def test_a_plain_picture_has_no_sharpness_and_a_tiny_one_none_that_is_known() -> None:
    assert measure_sharpness(Image.new("RGB", (600, 300), (90, 10, 10))) == (0.0, 0.0)
    assert measure_sharpness(Image.new("RGB", (60, 30))) == ()
    assert not is_sharper((), (0.0,)) and not is_sharper((3.0,), ())


def test_the_sharper_and_larger_file_of_a_real_library_is_kept(
    demo_photos: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    cat = Image.open(demo_photos / "chelsea.png").convert("RGB").resize((900, 598))
    cat.save(photos / "blurred.png")
    cat.filter(ImageFilter.GaussianBlur(3)).save(photos / "blurred.png")
    cat.resize((450, 299)).save(photos / "small.png")
    cat.save(photos / "whole.png")
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(photos / "black.png")
    with Library.open(Settings.load(data_dir=tmp_path / "library", encoder="lite")) as library:
        library.index([photos]).run()
        steps = library.duplicates.find(0.8)
        parts = {step.part for step in steps}
        assert parts == {"Reading vectors", None, "Measuring sharpness"}
        (group,) = library.duplicates.groups(steps.report, 0.8)
        assert [photo.hit.path.name for photo in group.kept] == ["whole.png"]
        reasons = {photo.hit.path.name: photo.reason for photo in group.photos}
        assert reasons["whole.png"] == "larger and sharper"
        assert reasons["blurred.png"] == "less sharp"
        assert reasons["small.png"] == "smaller: 450 × 299 px, not 900 × 598 px"
        (photos / "whole.png").unlink()  # and so it cannot be measured any more
        pairs = library.duplicates.find(0.8).run()
        assert len(pairs.sharpness) == 2


def test_the_last_comparison_is_remembered_for_the_same_photos_and_model(
    demo_photos: Path, tmp_path: Path
) -> None:
    photos, settings = tmp_path / "photos", Settings.load(data_dir=tmp_path / "1", encoder="lite")
    photos.mkdir()
    cat = Image.open(demo_photos / "chelsea.png").convert("RGB").resize((900, 598))
    for number, name in enumerate(("a", "b", "c")):
        cat.resize((900 - number, 598)).save(photos / f"{name}.png")
    with Library.open(settings) as library:
        library.index([photos]).run()
        assert library.duplicates.remembered() is None
        pairs = library.duplicates.find(0.8).run()
        made = library.duplicates.remember(pairs)
    with Library.open(settings) as library:
        assert library.duplicates.remembered() == made
        assert made.pairs == pairs and len(pairs.pairs) == 3 and len(pairs.sharpness) == 3
        (photos / "c.png").unlink()
        library.index([photos]).run()
        left = library.duplicates.remembered()
        assert left and len(left.pairs.pairs) == 1 and len(left.pairs.sharpness) == 2
    file = tmp_path / "1" / "near-duplicates"
    # Of another library, which gives the same ids to other photos.
    other = tmp_path / "others"
    other.mkdir()
    for name in ("coffee.png", "rocket.jpg", "astronaut.png"):
        (other / name).write_bytes((demo_photos / name).read_bytes())
    with Library.open(Settings.load(data_dir=tmp_path / "2", encoder="lite")) as library:
        library.index([other]).run()
        (tmp_path / "2" / "near-duplicates").write_bytes(file.read_bytes())
        found = library.duplicates.remembered()
        assert found and not found.pairs.pairs and not found.pairs.sharpness
    whole = file.read_bytes()
    with Library.open(settings) as library:
        for damaged in (whole[:-3], whole[:30] + b"x" + whole[31:], b""):
            file.write_bytes(damaged)
            assert library.duplicates.remembered() is None
        file.unlink()
        file.mkdir()
        with pytest.raises(DiskError, match="near-duplicates"):
            library.duplicates.remembered()
        with pytest.raises(DiskError, match="near-duplicates"):
            library.duplicates.remember(pairs)
        found = library.duplicates.remembered()
        assert found and len(found.pairs.pairs) == 1, "until the program ends"
