"""The plot that compares the index with others."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks.bench_index import plot, scaled


def curve(*points: tuple[float, float]) -> list[dict[str, float]]:
    return [{"cpu_ms": ms, "recall": recall} for ms, recall in points]


def test_a_plot_has_a_line_for_each_index_and_kind_of_query() -> None:
    ours = curve((0.5, 0.93), (1.0, 0.98), (4.0, 1.0))
    peers = curve((0.4, 0.7), (0.9, 0.95), (2.0, 0.99))
    results = {
        "1000 curve": {"text_curve": ours, "image_curve": ours},
        "1000 peer hnswlib": {"text_curve": peers, "image_curve": peers},
    }
    svg = ElementTree.fromstring(plot(results, 1_000))
    lines = [each.get("points", "") for each in svg.iter("{http://www.w3.org/2000/svg}polyline")]
    # Below a recall of .9 nothing is drawn.
    assert [len(points.split()) for points in lines] == [3, 2, 3, 2]
    words = [each.text for each in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert words.count("imgsearch") == words.count("hnswlib") == 2
    assert "usearch" not in words
    assert "text queries of 1,000 vectors: ms by recall@10" in words


def test_scaling_changes_only_what_a_search_compares() -> None:
    details = {"nlist": 64, "nprobe_text": 10, "candidates_text": 100, "recall_text": 0.98}
    assert scaled(details, 0.5) == details | {"nprobe_text": 5, "candidates_text": 50}
    assert scaled(details, 0.01)["nprobe_text"] == 1
    assert scaled({"gap_image": 0.2}, 4)["gap_image"] == pytest.approx(0.303, abs=0.001)
