// How large a photo is shown in the window, and which part of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

const { window } = await openPage("/photo");
Object.assign(globalThis, { innerWidth: 1000, innerHeight: 800, devicePixelRatio: 1 });
const { Zoom } = await import("../../ui/components/viewer/zoom.js");

const zoomOf = (width, height) => new Zoom(window.document.createElement("img"), { width, height }, () => {});
const at = (zoom, point) => ({ x: (point.x - zoom.pan.x) / zoom.level, y: (point.y - zoom.pan.y) / zoom.level }); // in pixels of the photo

test("a photo is shown whole and in the middle, and never larger than its pixels", () => {
  const large = zoomOf(4000, 1000), small = zoomOf(200, 100);
  assert.equal(large.level, .25);
  assert.deepEqual(large.pan, { x: 0, y: 275 });
  assert.equal(small.level, 1);
  assert.deepEqual(small.pan, { x: 400, y: 350 });
  assert.equal(large.isIn, false);
  assert.deepEqual([large.image.style.width, large.image.style.height], ["1000px", "250px"]);
});

test("the pixels at a point stay there while one zooms into the photo", () => {
  const zoom = zoomOf(4000, 3200), point = { x: 300, y: 500 }, before = at(zoom, point);
  zoom.to(1, point);
  assert.equal(zoom.isIn, true);
  assert.deepEqual(at(zoom, point), before);
});

test("one cannot zoom beyond four times the pixels, nor below the whole photo", () => {
  const zoom = zoomOf(4000, 3200);
  zoom.to(100, { x: 0, y: 0 });
  assert.equal(zoom.level, 4);
  zoom.to(.01, { x: 0, y: 0 });
  assert.equal(zoom.level, zoom.levels.fit);
  assert.deepEqual(zoom.pan, { x: 0, y: 0 });
});

test("a photo that is zoomed in cannot be dragged away from an edge; fingers that hold it move it a third as far", () => {
  const zoom = zoomOf(4000, 3200);
  zoom.to(1, { x: 0, y: 0 });
  zoom.panTo({ x: 300, y: -1e6 }, false);
  assert.deepEqual(zoom.pan, { x: 0, y: 800 - 3200 });
  zoom.panTo({ x: 300, y: 90 }, true);
  assert.deepEqual(zoom.pan, { x: 100, y: 30 });
});

test("a photo says whether it has more to show to a side", () => {
  const zoom = zoomOf(4000, 3200);
  assert.deepEqual([zoom.canPan(1), zoom.canPan(-1)], [false, false]);
  zoom.to(1, { x: 0, y: 0 });
  assert.deepEqual([zoom.canPan(1), zoom.canPan(-1)], [false, true], "it is at its left edge");
});

test("fingers make it smaller than the whole, until they let it go", () => {
  const zoom = zoomOf(4000, 3200);
  zoom.hold(.01, { x: 500, y: 400 }, { x: 500, y: 400 });
  assert.equal(zoom.level, .5 * zoom.levels.fit);
  zoom.to(zoom.level, { x: 500, y: 400 });
  assert.equal(zoom.level, zoom.levels.fit);
});

test("what is between two fingers goes with them", () => {
  const zoom = zoomOf(4000, 3200), from = { x: 500, y: 400 }, point = { x: 620, y: 370 }, before = at(zoom, from);
  zoom.hold(.5, point, from);
  assert.deepEqual(at(zoom, point), before);
});

test("a double click shows the pixels, or twice the size where these are hardly more", () => {
  assert.equal(zoomOf(4000, 3200).levels.second, 1);
  assert.equal(zoomOf(1000, 800).levels.second, 2);
  assert.equal(zoomOf(1100, 880).levels.second, 2 / 1.1);
});
