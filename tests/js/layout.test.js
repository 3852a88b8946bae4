// Where the headings and tiles of a grid are.

import assert from "node:assert/strict";
import { test } from "node:test";
import { GAP, besideRow, layOutBlocks, layOutDays, placeOf, sectionAt, sectionOf, tileNear, tilesBetween } from "../../ui/components/grid/layout.js";

const WIDTH = 800;
const day = (name, count, remark = "") => ({ day: name, count, remark, towns: "", label: name });
const block = (label, count, title = label) => ({ title, label, count });
const offsetsOf = (layout) => layout.sections.flatMap(({ first, count }) => Array.from({ length: count }, (_, at) => first + at));

// No tile covers another one, or reaches out of the grid.
function assertApart(layout) {
  const places = offsetsOf(layout).map((offset) => placeOf(layout, offset)), taken = new Set(places.map(({ x, y }) => `${x} ${y}`));
  assert.equal(taken.size, layout.count);
  for (const { x, y } of places) {
    assert.ok(x >= 0 && x + layout.side <= layout.width, `${x} is out of ${layout.width}`);
    assert.ok(y >= 0 && y + layout.side <= layout.height, `${y} is out of ${layout.height}`);
    for (const other of places) {
      if (other.x === x && other.y === y) continue;
      assert.ok(Math.abs(other.x - x) >= layout.side + GAP || Math.abs(other.y - y) >= layout.side + GAP, `${x},${y} and ${other.x},${other.y}`);
    }
  }
}

test("each photo of a list has one place, and no tile covers another", () => {
  for (const width of [320, 800, 1500]) {
    assertApart(layOutDays([day("2024-05-03", 17), day("2024-05-01", 1), day("2024-04-30", 2), day("2024-04-29", 40)], [], width, 0));
    assertApart(layOutBlocks([block("", 25), block("Likely", 3), block("Possible", 4), block("Weaker matches", 1)], width, 190));
  }
});

test("tiles fill the width as far as whole columns do", () => {
  const { columns, side } = layOutDays([day("2024-05-03", 100)], [], WIDTH, 0);
  assert.equal(columns, 4);
  assert.ok(columns * (side + GAP) - GAP <= WIDTH && columns * (side + 1 + GAP) - GAP > WIDTH, "a pixel more would not fit");
  assert.equal(layOutDays([day("2024-05-03", 100)], [], 200, 0).columns, 3, "not fewer than three on a phone");
});

test("a month has a heading at its first day, and a trip before its last one", () => {
  const trip = { title: "Trip to Lisbon", first: "2024-04-28", last: "2024-04-30", photos: 9, address: "/events" };
  const layout = layOutDays([day("2024-05-03", 9), day("2024-04-30", 9), day("2024-04-29", 9)], [trip], WIDTH, 0);
  const kinds = layout.sections.map(({ headings }) => headings.map((heading) => heading.kind));
  assert.deepEqual(kinds, [["month"], ["month", "span"], []]);
  for (const section of layout.sections) {
    const height = section.headings.reduce((sum, heading) => sum + heading.height, 0);
    assert.equal(section.dayTop, section.top + height, "the day stands below its headings");
  }
});

test("a trip of earlier days than all that are shown has no heading", () => {
  const trip = { title: "Trip", first: "2024-01-01", last: "2024-01-02", photos: 9, address: "" };
  assert.ok(layOutDays([day("2024-05-03", 9)], [trip], WIDTH, 0).sections.every(({ headings }) => headings.every(({ kind }) => kind === "month")));
});

test("a short day stands beside the day before it, unless a month begins", () => {
  const layout = layOutDays([day("2024-05-03", 1), day("2024-05-02", 2), day("2024-04-30", 1)], [], WIDTH, 0);
  const [one, two, three] = layout.sections;
  assert.equal(two.top, one.top);
  assert.ok(two.x > one.x + one.width);
  assert.equal(three.x, 0);
  assert.ok(three.top >= one.bottom);
  assert.equal(one.labelWidth, one.width, "its heading ends before the next one");
  assert.equal(two.labelWidth, WIDTH - two.x);
});

test("a day with a remark needs room for it", () => {
  const beside = (remark) => layOutDays([day("2024-05-03", 1), day("2024-05-02", 1, remark)], [], 400, 0).sections[1].x > 0;
  assert.equal(beside(""), true);
  assert.equal(beside("dates of the files"), false);
});

test("sure photos that are fewer than a row are followed by the likely ones, as one block", () => {
  const layout = layOutBlocks([block("", 2), block("Likely", 30), block("Possible", 3)], WIDTH, 190);
  assert.deepEqual(layout.sections.map(({ label, count }) => [label, count]), [["Sure and likely", 32], ["Possible", 3]]);
  const apart = layOutBlocks([block("", 20), block("Likely", 30)], WIDTH, 190);
  assert.equal(apart.sections.length, 2);
  assert.equal(apart.count, 50);
});

test("what is left free above and below counts", () => {
  const plain = layOutBlocks([block("", 20)], WIDTH, 190), free = layOutBlocks([block("", 20)], WIDTH, 190, 76, 100);
  assert.equal(free.height, plain.height + 176);
  assert.equal(placeOf(free, 0).y, placeOf(plain, 0).y + 100);
});

const LONG = layOutDays([day("2024-05-03", 17), day("2024-05-02", 1), day("2024-05-01", 1), day("2024-04-29", 40)], [], WIDTH, 0);

test("the section of an offset has it, for every offset", () => {
  for (const offset of offsetsOf(LONG)) {
    const { first, count } = sectionOf(LONG, offset);
    assert.ok(first <= offset && offset < first + count);
  }
});

test("at a height, the first of the sections beside each other is found", () => {
  const [, one, two] = LONG.sections;
  assert.equal(two.top, one.top, "they are beside each other");
  assert.equal(sectionAt(LONG, one.top).number, one.number);
  assert.equal(sectionAt(LONG, one.top - 1).number, 0);
  assert.equal(sectionAt(LONG, 1e9).number, 3);
  assert.equal(sectionAt(LONG, -100).number, 0);
});

test("the tiles between two heights are those that a row in between has", () => {
  const [section] = LONG.sections, step = LONG.side + GAP;
  assert.deepEqual(tilesBetween(LONG, section, -1e9, 1e9), [0, 17]);
  assert.deepEqual(tilesBetween(LONG, section, section.tilesTop + step, section.tilesTop + 2 * step), [4, 8]);
  assert.deepEqual(tilesBetween(LONG, section, section.tilesTop + 4 * step, 1e9), [16, 17], "the last row is not full");
  assert.deepEqual(tilesBetween(LONG, section, section.bottom, 1e9), [0, 0], "none");
});

test("the tile below and the one above are in the next row, in the nearest column, also of another day", () => {
  assert.equal(besideRow(LONG, 1, 1), 5);
  assert.equal(besideRow(LONG, 5, -1), 1);
  assert.equal(besideRow(LONG, 16, 1), 17, "the first day of the next row");
  assert.equal(besideRow(LONG, 19, -1), 17, "the same column");
  assert.equal(besideRow(LONG, 54, 1), 58, "the last photo");
  assert.equal(besideRow(LONG, 0, -1), 0, "there is no row above");
  assert.equal(besideRow(LONG, 58, 1), 58, "there is no row below");
});

test("each tile is the nearest one to its own place", () => {
  for (const offset of offsetsOf(LONG)) {
    const { x, y } = placeOf(LONG, offset);
    assert.equal(tileNear(LONG, x, y), offset);
  }
  assert.equal(tileNear(LONG, 0, 1e9), 55, "below the last row: its first tile");
});
