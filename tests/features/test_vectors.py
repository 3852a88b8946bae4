"""Vectors for programs: of photos and queries, as arrays and as Arrow tables."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from imgsearch import Library, Settings
from imgsearch.errors import MissingPackage, QueryError, UsageError
from tests.factories import CHECKOUT, write_photos

PAGE = (CHECKOUT / "docs" / "programs.md").read_text()


def test_a_cosine_of_vectors_is_the_order_of_a_search(demo: Library) -> None:
    hits = demo.search("a cat", k=30)
    ids = [hit.photo.id for hit in hits]
    batch = demo.vectors.of_photos(ids)
    assert batch.ids.tolist() == ids and batch.vectors.dtype == np.float32
    assert np.linalg.norm(batch.vectors, axis=1) == pytest.approx(1, abs=1e-3)
    cat = demo.vectors.of_query("a cat")
    assert ids[int((batch.vectors @ cat).argmax())] == ids[0]
    example = demo.vectors.of_query(f"photo:{ids[0]}")
    assert example @ batch.vectors[0] == pytest.approx(1, abs=1e-3)
    cat[:] = 0
    assert demo.vectors.of_query("a cat").any(), "the copy that searches use is another one"


def test_all_vectors_come_in_batches(demo: Library) -> None:
    batches = list(demo.vectors.batches())
    ids = np.concatenate([batch.ids for batch in batches])
    assert sorted(ids.tolist()) == sorted(hit.photo.id for hit in demo.search("type:png|jpg", k=99))
    same = demo.vectors.of_photos(ids.tolist())
    np.testing.assert_allclose(
        same.vectors, np.concatenate([batch.vectors for batch in batches]), atol=1e-3
    )
    assert {batch.encoder_id for batch in batches} == {same.encoder_id}
    assert demo.vectors.of_photos([10**9]).vectors.shape == (0, same.vectors.shape[1])


def test_arrow_has_paths_hashes_and_vectors(demo: Library) -> None:
    table = demo.vectors.arrow().read_all()
    assert table.column_names == ["id", "path", "content_hash", "vector"]
    assert table.num_rows == demo.photo_count()
    (cat,) = demo.search("a cat", k=1)
    chosen = demo.vectors.arrow([cat.photo.id]).read_all()
    assert chosen["path"].to_pylist() == [str(cat.path)]
    assert chosen["content_hash"].to_pylist() == [cat.photo.content_hash]
    assert isinstance(chosen.schema.field("vector").type, pa.FixedSizeListType)
    batch = demo.vectors.of_photos([cat.photo.id])
    assert chosen["vector"].to_pylist()[0] == pytest.approx(batch.vectors[0].tolist())
    assert chosen.schema.metadata == {b"encoder_id": batch.encoder_id.encode()}


def test_a_path_that_is_not_utf8_is_escaped(tmp_path: Path, library: Library) -> None:
    folder = write_photos(tmp_path / "photos", 1)
    (photo,) = folder.iterdir()
    photo.rename(folder / "caf\udce9.jpg")
    library.index([folder]).run()
    assert library.vectors.arrow().read_all()["path"].to_pylist()[0].endswith("caf\\udce9.jpg")


def test_wrong_queries_and_libraries_are_told(demo: Library, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="filters only, which have no vector"):
        demo.vectors.of_query("type:png")
    with pytest.raises(QueryError, match="The query is empty"):
        demo.vectors.of_query(" ")
    with Library.open(Settings.load(data_dir=tmp_path)) as none:
        for asked in (
            lambda: next(none.vectors.batches()),
            lambda: none.vectors.of_photos([1]),
            lambda: none.vectors.of_query("a cat"),
        ):
            with pytest.raises(UsageError, match="imgsearch index"):
                asked()


def test_without_pyarrow_it_is_named(demo: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackage, match=r"pip install .*pyarrow"):
        demo.vectors.arrow()


def test_the_programs_of_the_documentation_run(
    demo: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook, search, vectors, tasks, retriever = re.findall(
        r"```python\n(.*?)```", PAGE, re.DOTALL
    )
    opening = "library = Library.open(Settings.load())\n"
    assert opening in notebook
    names: dict[str, object] = {"library": demo}
    exec(notebook.replace(opening, ""), names)
    exec(search.replace(" after:2023", ""), names)
    assert "a dog" in capsys.readouterr().out
    exec(vectors.replace("in:/", "type:png"), names)
    batch = demo.vectors.of_photos([hit.photo.id for hit in demo.search("type:png", k=1000)])
    assert np.asarray(names["cosines"]).shape == (len(batch.ids),)
    exec(tasks, names)
    _, cats = asyncio.run(names["both"]())  # type: ignore[operator]
    assert cats[0].path.stem == "chelsea"
    exec(retriever.replace("when did we see a whale?", "a cat"), names)
    assert "chelsea.png" in str(names["prompt"]).splitlines()[1]
