// The tools above an answer: one stop of the Tab key, and a menu in words.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

const { window } = await openPage("/", () => ({ content: {} }));
const { Toolbar } = await import("../../ui/components/answer/toolbar.js");
const { chosenView } = await import("../../ui/components/grid/view.js");

const VIEWS = [["view_column", "Over time", "/over-time?q=dog"], ["map", "On the map", "/map?q=dog"]];

function open(shown = {}, isNarrow = false) {
  const asked = [];
  window.matchMedia = globalThis.matchMedia = () => ({ matches: isNarrow, onchange: null });
  const toolbar = new Toolbar({
    choose: (change) => asked.push(change), selectAll: () => asked.push("all"), setChoosing: (isChoosing) => asked.push(isChoosing),
  });
  document.body.replaceChildren(toolbar.node, ...toolbar.lists);
  const given = { view: chosenView(), otherViews: VIEWS, isChoosing: false, isAllSelected: false, stacked: null, items: [], ...shown };
  toolbar.show(given);
  return { toolbar, asked, given };
}
const namesOf = (node) => [...node.children].map((each) => each.ariaLabel || [...each.querySelectorAll("span:not(.icon)")].map((span) => span.textContent).join(" ") || each.textContent);
const press = (node, key) => {
  const event = new window.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
  node.dispatchEvent(event);
  return event.defaultPrevented;
};

test("a size, views, selecting and a menu stand in the bar; the rest is in the menu, in words", () => {
  const { toolbar } = open({ stacked: false, items: [{ icon: "library_add", label: "Add all to an album", name: "album", act: () => {} }] });
  assert.deepEqual(namesOf(toolbar.node), ["Size of the photos", "View as", "Select", "More"]);
  assert.deepEqual(namesOf(toolbar.views.list), ["Grid", "Over time", "On the map"]);
  assert.deepEqual(namesOf(toolbar.more.list), ["Select all", "Add all to an album", "Show squares", "Show captions", "Stack similar photos"]);
});

test("on a narrow screen, size and views are in the menu", () => {
  const { toolbar } = open({}, true);
  assert.deepEqual(namesOf(toolbar.node), ["Select", "More"]);
  assert.deepEqual(namesOf(toolbar.more.list).slice(1, 4), ["Grid", "Over time", "On the map"]);
  assert.ok(toolbar.more.list.contains(toolbar.size));
});

test("the menu says what a click does now", () => {
  const view = { ...chosenView(), squares: true, captioned: true, stacked: true };
  const { toolbar, asked } = open({ view, stacked: true, isAllSelected: true });
  assert.deepEqual(namesOf(toolbar.more.list), ["Select none", "Show whole photos", "Hide captions", "Unstack similar photos"]);
  for (const item of toolbar.more.list.children) item.click();
  assert.deepEqual(asked, ["all", { squares: false }, { captioned: false }, { stacked: false }]);
});

test("while somebody chooses photos, all can be selected in place of other views", () => {
  const { toolbar, asked, given } = open({ isChoosing: true });
  assert.deepEqual(namesOf(toolbar.node), ["Size of the photos", "Select all", "Done", "More"]);
  toolbar.all.click();
  toolbar.select.click();
  assert.deepEqual(asked, ["all", false]);
  toolbar.show({ ...given, isChoosing: false });
  assert.equal(toolbar.select.ariaPressed, "false");
});

test("one tool is a stop of the Tab key; the arrow keys move, and change the size up and down", () => {
  const { toolbar, given } = open(), stops = () => toolbar.tools.map((node) => node.tabIndex);
  assert.deepEqual(stops(), [0, -1, -1, -1]);
  toolbar.size.focus();
  assert.equal(press(toolbar.size, "ArrowUp"), false, "it is the slider's");
  assert.equal(press(toolbar.size, "ArrowRight"), true);
  assert.equal(document.activeElement, toolbar.views.button);
  assert.deepEqual(stops(), [-1, 0, -1, -1]);
  press(toolbar.views.button, "End");
  assert.equal(document.activeElement, toolbar.more.button);
  press(toolbar.more.button, "ArrowRight");
  assert.equal(document.activeElement, toolbar.more.button, "it is the last one");
  toolbar.show(given);
  assert.equal(document.activeElement, toolbar.more.button, "a change leaves the focus where it is");
  assert.deepEqual(stops(), [-1, -1, -1, 0]);
  press(toolbar.more.button, "Home");
  assert.equal(document.activeElement, toolbar.size);
});

test("the size is that of the rows", () => {
  const { toolbar, asked } = open({ view: { ...chosenView(), size: 1 } });
  assert.deepEqual([toolbar.size.value, toolbar.size.ariaValueText], ["1", "150 pixels"]);
  toolbar.size.value = "4";
  toolbar.size.dispatchEvent(new window.Event("input"));
  assert.deepEqual(asked, [{ size: 4 }]);
});
