// The places of the page and the views of the one that is shown: which is current, and where a click leads.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { openPage } from "./page.js";

const { window } = await openPage("/");
const { Places, placeOf } = await import("../../ui/components/shell/places.js");
const { searchDoes } = await import("../../ui/components/shared/search_box.js");

const view = (address, label, isHidden = false) => ({ address, label, isHidden });
const PLACES = [
  { title: "Photos", icon: "image", views: [view("/", "Search"), view("/timeline", "By date"), view("/photo", "Photo", true)], overview: "" },
  { title: "People", icon: "group", views: [view("/people", "People")], overview: "" },
  { title: "Map", icon: "map", views: [view("/map", "On the map"), view("/meaning", "By meaning")], overview: "" },
  { title: "Tools", icon: "handyman", views: [view("/tools", "Tools"), view("/labels", "Labels"), view("/library", "Library")], overview: "/tools" },
];
const go = (address) => {
  history.pushState(null, "", address);
  dispatchEvent(new window.PopStateEvent("popstate"));
};
const marked = (node) => [...node.children].map((link) => link.textContent + (link.getAttribute("aria-current") ? ` (${link.getAttribute("aria-current")})` : ""));
const click = (node, text) => [...node.children].find((link) => link.textContent.endsWith(text)).dispatchEvent(new window.MouseEvent("click", { cancelable: true, bubbles: true }));

let places;

beforeEach(() => {
  places?.close();
  searchDoes({ "/": "narrows", "/timeline": "narrows", "/map": "narrows", "/meaning": "narrows", "/people": "none", "/photo": "leads" });
  history.replaceState(null, "", "/");
  places = new Places();
  places.show(PLACES);
});

test("the place and the view of the address are marked, and only these", () => {
  assert.deepEqual(marked(places.bar), ["imagePhotos (page)", "groupPeople", "mapMap", "handymanTools"]);
  assert.deepEqual(marked(places.row), ["Search (page)", "By date"]);
  go("/timeline?q=lake");
  assert.deepEqual(marked(places.bar), ["imagePhotos (true)", "groupPeople", "mapMap", "handymanTools"], "another view of the place");
  assert.deepEqual(marked(places.row), ["Search", "By date (page)"]);
  go("/elsewhere");
  assert.deepEqual(marked(places.bar), ["imagePhotos", "groupPeople", "mapMap", "handymanTools"]);
  assert.ok(places.row.hidden);
});

test("a place with one view has no row, nor has a view that is in none", () => {
  assert.ok(!places.row.hidden);
  go("/people");
  assert.ok(places.row.hidden);
  go("/photo?id=7");
  assert.ok(places.row.hidden);
  go("/");
  assert.ok(!places.row.hidden);
});

test("a place with an overview leads to it, and each other view leads back there", () => {
  go("/tools");
  assert.deepEqual(marked(places.bar).at(-1), "handymanTools (page)");
  assert.ok(places.row.hidden);
  go("/labels");
  assert.deepEqual(marked(places.bar).at(-1), "handymanTools (true)");
  assert.deepEqual(marked(places.row), ["arrow_backTools"]);
  go("/library");
  assert.deepEqual(marked(places.row), ["arrow_backTools"]);
  click(places.row, "Tools");
  assert.equal(location.pathname, "/tools");
  assert.ok(places.row.hidden);
});

test("a photo belongs to the place of the view in which it was opened", () => {
  const placeAt = (search) => placeOf({ pathname: "/photo", search }, PLACES)?.title;
  assert.equal(placeAt("?id=7"), "Photos");
  assert.equal(placeAt("?id=7&from=map"), "Map");
  assert.equal(placeAt("?id=7&from=newest"), "Photos", "a list of the first view");
  assert.equal(placeOf({ pathname: "/meaning", search: "?from=people" }, PLACES)?.title, "Map", "the views of places are in theirs");
});

test("a click leads there at once, and keeps what is searched for", () => {
  history.replaceState(null, "", "/?q=lake&x=1");
  click(places.bar, "Map");
  assert.equal(location.pathname + location.search, "/map?q=lake");
  assert.deepEqual(marked(places.row), ["On the map (page)", "By meaning"], "before any server has answered");
  click(places.row, "By meaning");
  assert.equal(location.pathname + location.search, "/meaning?q=lake");
  click(places.row, "By meaning");
  assert.equal(location.pathname + location.search, "/meaning", "a click on the view that is shown shows all of it");
  history.replaceState(null, "", "/map?q=lake");
  click(places.bar, "People");
  assert.equal(location.pathname + location.search, "/people?q=lake", "for the view after it");
  click(places.bar, "Map");
  assert.equal(location.pathname + location.search, "/map?q=lake");
});

test("a click that asks for a new tab is the browser's", () => {
  const seen = [];
  places.bar.addEventListener("click", (event) => { seen.push(event.defaultPrevented); event.preventDefault(); }, { once: true });
  places.bar.children[2].dispatchEvent(new window.MouseEvent("click", { cancelable: true, bubbles: true, ctrlKey: true }));
  assert.deepEqual(seen, [false]);
  assert.equal(location.pathname, "/");
});

test("a link that has the focus stays while the view comes, and other places make others", () => {
  document.body.append(places.bar);
  const link = places.bar.children[2];
  link.focus();
  go("/map");
  places.show(structuredClone(PLACES));
  assert.equal(document.activeElement, link);
  places.show(PLACES.slice(0, 2));
  assert.deepEqual(marked(places.bar), ["imagePhotos", "groupPeople"], "a place without views is gone");
});
