// What the browser keeps of how photos look, also where it keeps nothing, or something else.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

await openPage("/");
const { ROWS_PX, chosenView, keepView, tilingOf } = await import("../../ui/components/grid/view.js");
const USUAL = { size: 2, squares: false, captioned: false, stacked: false };
const KEY = "imgsearch.view";

test("a choice comes back as it was made", () => {
  const view = { size: ROWS_PX.length - 1, squares: true, captioned: true, stacked: true };
  keepView(view);
  assert.deepEqual(chosenView(), view);
});

test("what is missing or wrong is as usual", () => {
  localStorage.removeItem(KEY);
  assert.deepEqual(chosenView(), USUAL);
  for (const kept of ["not JSON", "null", "{}", '{"rowPx": 9, "squares": "round"}', '{"size": 1, "shape": "square", "captions": true}']) {
    localStorage.setItem(KEY, kept);
    assert.deepEqual(chosenView(), USUAL, kept);
  }
  localStorage.setItem(KEY, '{"rowPx": 120, "captioned": true}');
  assert.deepEqual(chosenView(), { ...USUAL, size: 0, captioned: true });
});

test("photos have their shapes in rows as high as chosen, or are squares", () => {
  const shapes = [150, 75], placed = (change, width = 1000) => {
    const tiles = new Float64Array(8);
    tilingOf({ ...USUAL, ...change }, width, shapes).place(tiles, 0, 2, 0, 0);
    return [[tiles[2], tiles[3]], [tiles[6], tiles[7]]];
  };
  globalThis.innerWidth = 1440;
  assert.deepEqual(placed({ size: 3 }), [[360, 240], [180, 240]]);
  const [[width, height], other] = placed({ squares: true });
  assert.deepEqual([[width, height], other], [[height, height], [height, height]]);
  globalThis.innerWidth = 390;
  const [[, high]] = placed({ size: ROWS_PX.length - 1 }, 358);
  assert.ok(high < 300 && high > 150, `${high} px on a phone`);
});

test("a browser that keeps nothing has the usual view, and a choice is no error", () => {
  Object.defineProperty(globalThis, "localStorage", { get() { throw new Error("private mode"); }, configurable: true });
  keepView({ ...USUAL, size: 0 });
  assert.deepEqual(chosenView(), USUAL);
});
