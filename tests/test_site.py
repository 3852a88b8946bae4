"""The site of the documentation: it builds without a warning, asks nobody, and its search works."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.browsing import PATIENCE_MS, launch_chromium
from tests.factories import CHECKOUT

DOCS = CHECKOUT / "docs"
# Attributes through which a page loads something by itself; a link is followed by people.
LOADING = {"src", "srcset", "poster", "data"}


class Loaded(HTMLParser):
    """Collects the addresses that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and (name in LOADING or (tag == "link" and name == "href")):
                self.addresses.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, built as `make site` builds it."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"),
            *("--conf-dir", "docs", "-d", folder / "doctrees", ".", folder / "html"),
        ],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    return folder / "html"


def foreign(text: str) -> list[str]:
    """The addresses of other hosts that a page or a style sheet loads."""
    parser = Loaded()
    parser.feed(text)
    found = [*parser.addresses, *re.findall(r"url\(\s*['\"]?([^'\")]+)", text)]
    found += re.findall(r"@import\s+['\"]([^'\"]+)", text)
    return [each for each in found if re.match(r"(?:https?:)?//", each)]


@pytest.mark.slow
def test_no_page_and_no_style_sheet_loads_anything_from_another_host(site: Path) -> None:
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(pages) > 100
    assert {page.name: found for page in pages if (found := foreign(page.read_text()))} == {}


def test_an_address_of_another_host_is_found() -> None:
    font = "<style>@import '//fonts.example/a.css'; p { background: url(https://b.example/c) }"
    assert foreign(f"{font}</style><script src='https://d.example/e.js'></script>") == [
        "https://d.example/e.js",
        "https://b.example/c",
        "//fonts.example/a.css",
    ]
    assert foreign("<a href='https://a.example'>a</a><img src='data:image/png;base64,x'>") == []


@pytest.mark.slow
def test_every_page_of_docs_is_in_the_site(site: Path) -> None:
    for page in DOCS.rglob("*.md"):
        built = site / page.relative_to(CHECKOUT).with_suffix(".html")
        assert built.is_file(), page
    assert "docs/index.html" in (site / "index.html").read_text()


@pytest.mark.slow
@pytest.mark.needs("chromium")
def test_the_search_works_without_a_network(site: Path) -> None:
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        page: Page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{(site / 'search.html').as_uri()}?q=sidecars")
        page.locator("ul.search li a").first.wait_for()
        titles = page.locator("ul.search li a").all_inner_texts()
        browser.close()
    assert any("command line" in title for title in titles), titles
    assert asked and all(url.startswith(("file:", "data:")) for url in asked)
