"""How the components of the page get their data: in the order in which the page was drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browsing import NEEDS_BROWSER
from ui import component_files

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

pytestmark = NEEDS_BROWSER
SITE = "http://page.test/"
NAMES = [f"part{number}" for number in range(12)]
RUNS = 4
MODULE = "export default (box, { data }) => { box.textContent = data; };"
# Calls each component as Streamlit does at `runs` runs of its script, with the number of the run.
DRAW = """async ([scripts, runs]) => {
    for (const script of scripts) {
        const parent = document.createElement("div");
        parent.innerHTML = '<div class="component"></div>';
        document.body.append(parent);
        const address = URL.createObjectURL(new Blob([script], {type: "text/javascript"}));
        const { default: draw } = await import(address);
        for (let run = 1; run <= runs; run++) draw({ parentElement: parent, data: String(run) });
    }
}"""


def test_a_component_shows_the_last_run_though_its_module_came_late(browser: Browser) -> None:
    tab = browser.new_page()
    waiting: list[Route] = []
    tab.route(f"{SITE}**", lambda route: route.fulfill(content_type="text/html", body=""))
    tab.route(f"{SITE}modules/**", lambda route: waiting.append(route))
    tab.goto(SITE)
    tab.evaluate(DRAW, [[component_files.script(name) for name in NAMES], RUNS])
    while len(waiting) < len(NAMES):
        tab.wait_for_timeout(20)
    for route in waiting:
        route.fulfill(content_type="text/javascript", body=MODULE)
    tab.wait_for_function("[...document.querySelectorAll('.component')].every(e => e.textContent)")
    tab.wait_for_timeout(100)  # those of earlier runs, if any counts, come in any order
    shown = tab.locator(".component").all_text_contents()
    tab.close()
    assert shown == [str(RUNS)] * len(NAMES)
