"""The score baseline of an archive is that of a library with the same photos."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from imgsearch import Library, Settings
from imgsearch.opened.replicas import open_replica
from imgsearch.store.reads import Reads
from tests.factories import write_noise
from tests.stand_in import StandIn

pytest.importorskip("lance", reason="needs the extra scale")
from tests.archive_photos import ArchivePhotos

QUERIES = [
    f"{colour} {thing}" for colour in ("red", "blue", "old") for thing in ("car", "sea", "cat")
]


def test_library_and_archive_draw_the_same_photos(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    for number in range(400):
        write_noise(tmp_path / "photos" / f"{number:03}.png", number, 8)
    with Library.open(settings, encoder=StandIn()) as library:
        library.index([tmp_path / "photos"]).run()
        with Library.open_archive(tmp_path / "archive", settings, encoder=StandIn()) as archive:
            archive.fleet.copy_from(settings.data_dir).run()
            for query in QUERIES:
                there, here = archive.find(query).verdict, library.find(query).verdict
                assert there is not None and here is not None
                assert there.strength == pytest.approx(here.strength, abs=1e-5), query
                assert replace(there, strength=0) == replace(here, strength=0), query
        opened, _ = open_replica(tmp_path / "archive", settings, print, encoder=StandIn())
        with Library(opened) as replica:
            for query in QUERIES:
                hits, own = replica.find(query, 50), library.find(query, 50)
                assert [
                    (hit.photo.content_hash, hit.score, hit.path, hit.date) for hit in hits.hits
                ] == [(hit.photo.content_hash, hit.score, hit.path, hit.date) for hit in own.hits]
                assert hits.verdict == own.verdict is not None
    of_archive = ArchivePhotos(tmp_path / "archive").baseline()
    with closing(Reads.open(settings.data_dir)) as reads:
        row = reads.encoders.in_use()
        of_library = reads.encoders.baseline(row.key)
        hashes = [
            each.content_hash
            for each in reads.photos.records(reads.photos.live_ids().tolist()).values()
        ]
        lowest = reads.photos.with_content(bytes.fromhex(min(hashes)))
        assert lowest is not None
        first = reads.vectors.parts(row.key, [lowest])[lowest].vectors[0]
    assert of_library is not None
    assert np.array_equal(of_archive.photos, of_library.photos) and len(of_library.photos) == 256
    assert np.allclose(of_archive.mean, of_library.mean, atol=1e-6)
    assert np.allclose(first, of_library.photos[0], atol=1e-3)
