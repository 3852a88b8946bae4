"""The values that photos can be filtered by: trees of folders and places, and lists of names."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from imgsearch import Library, Settings
from imgsearch.analysis.filter_choices import choices_of_names, folder_tree, place_tree
from imgsearch.records.browse import (
    CountryCount,
    FilterChoice,
    PlaceCounts,
    RegionCount,
    TownCount,
)
from imgsearch.records.photo import Facts
from imgsearch.store.store import Store
from tests.factories import ingested, random_vectors


def test_folders_are_a_tree_from_the_folders_of_the_library() -> None:
    photos_in = {
        Path("/photos"): 1,
        Path("/photos/2019/Genève"): 3,
        Path("/photos/2019/Rome"): 2,
        Path("/photos/old/scans/album"): 4,
        Path("/nas/x\udcff"): 5,
        Path("/nas/family"): 6,
    }
    tree = folder_tree(photos_in, [Path("/photos"), Path("/nas")])
    assert shape(tree) == [
        ("/nas", 6, [("family", 6, [])]),
        ("/photos", 10, [
            ("2019", 5, [("Genève", 3, []), ("Rome", 2, [])]),
            ("old/scans/album", 4, []),
        ]),
    ]  # fmt: skip
    assert tree[1].below[0].below[0].value == "/photos/2019/Genève"


def test_folders_of_an_archive_are_a_tree_below_their_buckets() -> None:
    photos_in = {
        Path("s3://photos/2019/Rome"): 2,
        Path("s3://photos/2019/Genève"): 3,
        Path("s3://scans"): 1,
        Path("/nas/family"): 6,
    }
    tree = folder_tree(photos_in, [])
    assert shape(tree) == [
        ("s3://scans", 1, []),
        ("/nas/family", 6, []),
        ("s3://photos/2019", 5, [("Genève", 3, []), ("Rome", 2, [])]),
    ]
    assert tree[2].below[1].value == "s3://photos/2019/Rome"


def test_a_place_without_a_name_is_left_out_and_what_is_in_it_is_not() -> None:
    geneva = RegionCount("Geneva", 3, (TownCount("Genève", 2), TownCount(None, 1)))
    nowhere = RegionCount(None, 1, (TownCount("Springfield", 1),))
    tree = place_tree(
        PlaceCounts((CountryCount("Switzerland", 3, (geneva,)), CountryCount(None, 1, (nowhere,))),
                    0, 0)
    )  # fmt: skip
    assert shape(tree) == [
        ("Switzerland", 3, [("Geneva", 3, [("Genève", 2, [])])]),
        ("Springfield", 1, []),
    ]


def shape(tree: Sequence[FilterChoice]) -> list[tuple[str, int, Any]]:
    return [(choice.label, choice.photos, shape(choice.below)) for choice in tree]


def test_a_name_that_cannot_be_typed_is_no_choice() -> None:
    (anna,) = choices_of_names("person", {"Anna": 3, "x\udcff": 2})
    assert anna == FilterChoice("Anna", "person", "Anna", 3)


def test_each_choice_of_a_library_finds_as_many_photos_as_it_says(tmp_path: Path) -> None:
    anna = Facts("PNG", 9, 9, people=("Anna",), keywords=("boat",), country="Italy", town="Rome")
    facts = {"2019/a": anna, "2019/b": Facts("PNG", 9, 9, people=("Anna",)), "c": anna}
    with Store.open(tmp_path, writable=True) as store:
        root = store.files.add_root("/photos")
        key = store.vectors.add_encoder("lite@1", "lite", 2).key
        vectors = random_vectors(len(facts), 2)
        store.record(
            root,
            key,
            [
                ingested(f"/photos/{path}.png", vector[None], facts=of)
                for (path, of), vector in zip(facts.items(), vectors, strict=True)
            ],
        )
    with Library.open(Settings.load(data_dir=tmp_path)) as library:
        choices = library.browse.filter_choices()
        assert shape(choices.folders) == [("/photos", 3, [("2019", 2, [])])]
        assert shape(choices.places) == [("Italy", 2, [("Rome", 2, [])])]
        assert shape(choices.people) == [("Anna", 3, [])]
        assert shape(choices.keywords) == [("boat", 2, [])] and choices.of_features[0].choices == ()
        for kind in (choices.folders, choices.places, choices.people, choices.keywords):
            for each in (*kind, *kind[0].below):
                found = library.find_all(f'{each.field}:"{each.value}"')
                assert len(found.ids) == each.photos, each
        assert library.browse.filter_choices() is choices, "until anything changes"
        library.marks.set(library.find_all("keyword:boat").ids.tolist(), hidden=True)
        assert library.browse.filter_choices() is not choices


@pytest.mark.features("labels")
def test_saved_labels_are_choices(demo_data: Path, tmp_path: Path) -> None:
    from imgsearch.features.labels.records import Classes

    data = Path(shutil.copytree(demo_data, tmp_path / "library"))
    with Library.open(Settings.load(data_dir=data, encoder="lite")) as library:
        library.labels.save("colours", Classes(("red", "green"), none_of_these=False))
        (kind,) = library.browse.filter_choices().of_features
        labels = kind.choices
        assert {each.label for each in labels} <= {"colours: red", "colours: green"}
        assert sum(each.photos for each in labels) == library.photo_count()
        for each in labels:
            assert len(library.find_all(f'label:"{each.value}"').ids) == each.photos
