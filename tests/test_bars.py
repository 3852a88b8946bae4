"""The bar chart of the library view: heights follow the counts, and names are text."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from ui.bars import HEIGHT, WIDTH, bars_svg


def drawn(counts: dict[str, int]) -> ElementTree.Element:
    drawing = ElementTree.fromstring(bars_svg(counts, "Photos by year"))
    for each in drawing.iter():
        each.tag = each.tag.removeprefix("{http://www.w3.org/2000/svg}")
    return drawing


def test_heights_follow_the_counts() -> None:
    bars = drawn({"2019": 4, "2020": 0, "2021": 2}).findall("rect")
    heights = [float(bar.attrib["height"]) for bar in bars]
    assert heights[0] == pytest.approx(2 * heights[2]) and heights[1] == 0
    assert [bar.findtext("title") for bar in bars] == ["2019: 4", "2020: 0", "2021: 2"]
    assert all(0 <= float(bar.attrib["y"]) <= HEIGHT for bar in bars)


@pytest.mark.parametrize(("most", "top"), [(1, "2"), (7, "10"), (13, "20"), (4_321, "5,000")])
def test_the_scale_ends_at_a_round_number(most: int, top: str) -> None:
    texts = [each.text for each in drawn({"2020": most}).findall("text[@class='scale']")]
    assert texts[0] == "0" and texts[-1] == top


def test_many_names_are_not_all_written() -> None:
    chart = drawn({str(year): 1 for year in range(1900, 2026)})
    names = [each for each in chart.findall("text") if "class" not in each.attrib]
    assert 5 <= len(names) <= 10 and names[0].text == "1900"
    assert len(chart.findall("rect")) == 126
    assert all(float(each.attrib["x"]) <= WIDTH for each in names)


def test_names_are_text() -> None:
    assert "<b>" not in bars_svg({"<b>": 1}, '"<i>"')
