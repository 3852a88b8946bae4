// Photos side by side: their names, their common zoom, and which of them stay selected.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { openPage, until } from "./page.js";

let records = "[]", status = 200;
const { requests, window } = await openPage("/", ({ address }) => (address === "/exports/json" ? { status, content: records } : { status: 404, content: "" }));
const { Comparison } = await import("../../ui/components/shell/compare.js");
const { tray } = await import("../../ui/components/shared/tray.js");

const record = (id, name) => `{"photo_id": ${id}, "path": "/photos/2024/${name}", "taken_at": "2024-05-03T14:05:30", "width_px": 4000, "height_px": 3000}`;
let box;
beforeEach(() => {
  box = document.createElement("div");
  document.body.replaceChildren(box);
  requests.length = 0;
  status = 200;
});
const namesIn = (comparison) => comparison.cells.map(({ name }) => name.textContent.trim());
const named = (comparison) => until(() => namesIn(comparison).every(Boolean), "the names");
async function compared() {
  const comparison = new Comparison(box, ["1", "2"]);
  await named(comparison);
  return comparison;
}

test("each photo has its name, its time and its size, whatever order they come in", async () => {
  records = `[${record(2, "b.jpg")}, ${record(1, "a.jpg")}]`;
  const comparison = await compared();
  assert.deepEqual(namesIn(comparison), ["a.jpg 2024-05-03 14:05 · 4000 × 3000 px", "b.jpg 2024-05-03 14:05 · 4000 × 3000 px"]);
  assert.equal(comparison.cells[0].image.alt, "a.jpg");
});

test("photos of an archive are known as well, whose ids are longer than JavaScript's numbers", async () => {
  const [one, other] = ["9007199254740993123", "1152921504606846977"];
  records = `[${record(one, "a.jpg")}, ${record(other, "b.jpg")}]`;
  const comparison = new Comparison(box, [one, other]);
  await named(comparison);
  assert.deepEqual(namesIn(comparison).map((text) => text.split(" ")[0]), ["a.jpg", "b.jpg"]);
  assert.deepEqual(requests.find(({ address }) => address === "/exports/json").body, { ids: [one, other] });
});

test("a photo that has left the library says so, and so does a server that refuses", async () => {
  records = `[${record(1, "a.jpg")}]`;
  const comparison = await compared();
  assert.equal(namesIn(comparison)[1], "This photo has left the library.");
  status = 409;
  assert.deepEqual(namesIn(await compared()), ["This photo has left the library.", "This photo has left the library."]);
});

test("all photos zoom and move together, within their edges", async () => {
  const comparison = await compared();
  const transforms = () => comparison.cells.map(({ image }) => image.style.transform);
  comparison.zoomBy(2);
  assert.deepEqual(transforms(), ["translate(0%, 0%) scale(2)", "translate(0%, 0%) scale(2)"]);
  assert.equal(comparison.level.textContent, "200 %");
  comparison.moveTo(.2, -9);
  assert.deepEqual(new Set(transforms()), new Set(["translate(20%, -50%) scale(2)"]));
  comparison.zoomBy(.1);
  assert.deepEqual(new Set(transforms()), new Set(["translate(0%, 0%) scale(1)"]), "not smaller than whole");
  comparison.zoomBy(100);
  assert.equal(comparison.zoom, 16);
});

test("what is at the pointer stays there while one zooms", async () => {
  const comparison = await compared(), at = { x: .25, y: -.1 };
  const placeOf = () => [(at.x - comparison.x) / comparison.zoom, (at.y - comparison.y) / comparison.zoom].map((value) => value.toFixed(9));
  const before = placeOf();
  comparison.zoomBy(3, at);
  assert.deepEqual(placeOf(), before);
});

test("keys zoom and move, and z goes in and out", async () => {
  const comparison = await compared();
  const press = (key) => comparison.dialog.dispatchEvent(new window.KeyboardEvent("keydown", { key, cancelable: true }));
  press("+");
  assert.equal(comparison.zoom, 1.5);
  press("ArrowLeft");
  assert.ok(comparison.x > 0);
  press("0");
  assert.deepEqual([comparison.zoom, comparison.x, comparison.y], [1, 0, 0]);
  press("z");
  assert.equal(comparison.zoom, 3);
  press("z");
  assert.equal(comparison.zoom, 1);
  press("c");
  assert.equal(comparison.dialog.open, false);
});

test("the box of a photo takes it out of the selection, or puts it back", async () => {
  tray.set(["1"], true);
  const [cell] = (await compared()).cells, keep = cell.node.querySelector("input");
  assert.equal(keep.checked, true);
  keep.checked = false;
  keep.dispatchEvent(new window.Event("change"));
  assert.equal(tray.isSelected("1"), false);
});
