// Where the headings and tiles of a grid are.

import assert from "node:assert/strict";
import { test } from "node:test";
import { GAP, besideRow, layOutBlocks, layOutDays, nextRow, placeOf, rowsOfShapes, sectionAt, sectionOf, squares, tileNear, tilesBetween } from "../../ui/components/grid/layout.js";

const WIDTH = 800;
const day = (name, count, remark = "") => ({ day: name, count, remark, towns: "", label: name });
const block = (label, count, title = label) => ({ title, label, count });
const offsetsOf = (layout) => layout.sections.flatMap(({ first, count }) => Array.from({ length: count }, (_, at) => first + at));

// No tile covers another one, or reaches out of the grid.
function assertApart(layout) {
  const places = offsetsOf(layout).map((offset) => placeOf(layout, offset)), taken = new Set(places.map(({ x, y }) => `${x} ${y}`));
  assert.equal(taken.size, layout.count);
  for (const one of places) {
    assert.ok(one.x >= 0 && one.x + one.width <= layout.width, `${one.x} is out of ${layout.width}`);
    assert.ok(one.y >= 0 && one.y + one.height <= layout.height, `${one.y} is out of ${layout.height}`);
    assert.ok(one.width > 0 && one.height > 0);
    for (const other of places) {
      if (other === one) continue;
      const [left, right] = one.x < other.x ? [one, other] : [other, one], [upper, lower] = one.y < other.y ? [one, other] : [other, one];
      assert.ok(left.x + left.width + GAP <= right.x || upper.y + upper.height + GAP <= lower.y, `${one.x},${one.y} and ${other.x},${other.y}`);
    }
  }
}

// Shapes of all kinds, the same each time: widths in percent of heights.
const SHAPES = Array.from({ length: 200 }, (_, at) => [133, 75, 150, 100, 178, 56, 67, 400, 20, 133][(at * 7) % 10] + (at % 13));
function rowsOf(layout, { first, count }) {
  const rows = [];
  for (let offset = first; offset < first + count; offset += 1) {
    const place = placeOf(layout, offset);
    if (rows.at(-1)?.[0].y === place.y) rows.at(-1).push(place); else rows.push([place]);
  }
  return rows;
}

test("each photo of a list has one place, and no tile covers another", () => {
  for (const width of [320, 800, 1500]) {
    assertApart(layOutDays([day("2024-05-03", 17), day("2024-05-01", 1), day("2024-04-30", 2), day("2024-04-29", 40)], [], squares(width, 176), 0));
    assertApart(layOutBlocks([block("", 25), block("Likely", 3), block("Possible", 4), block("Weaker matches", 1)], squares(width, 190)));
    const rows = rowsOfShapes(width, width < 400 ? 130 : 190, SHAPES);
    assertApart(layOutDays([day("2024-05-03", 17), day("2024-05-01", 1), day("2024-04-30", 2), day("2024-04-29", 40)], [], rows, 0));
    assertApart(layOutBlocks([block("", 25), block("Likely", 3), block("Possible", 4), block("Weaker matches", 1)], rows));
    assertApart(layOutBlocks([block("", 200)], rows));
  }
});

test("tiles fill the width as far as whole columns do", () => {
  const layout = layOutDays([day("2024-05-03", 100)], [], squares(WIDTH, 176), 0), columnsOf = (each) => nextRow(each, each.sections[0], 0);
  const columns = columnsOf(layout), { width, height } = placeOf(layout, 0);
  assert.deepEqual([columns, height], [4, width]);
  assert.ok(columns * (width + GAP) - GAP <= WIDTH && columns * (width + 1 + GAP) - GAP > WIDTH, "a pixel more would not fit");
  assert.equal(columnsOf(layOutDays([day("2024-05-03", 100)], [], squares(100, 176), 0)), 1, "one where no more fit");
});

test("a month has a heading at its first day, and a trip before its last one", () => {
  const trip = { title: "Trip to Lisbon", first: "2024-04-28", last: "2024-04-30", photos: 9, address: "/events" };
  const layout = layOutDays([day("2024-05-03", 9), day("2024-04-30", 9), day("2024-04-29", 9)], [trip], squares(WIDTH, 176), 0);
  const kinds = layout.sections.map(({ headings }) => headings.map((heading) => heading.kind));
  assert.deepEqual(kinds, [["month"], ["month", "span"], []]);
  for (const section of layout.sections) {
    const height = section.headings.reduce((sum, heading) => sum + heading.height, 0);
    assert.equal(section.dayTop, section.top + height, "the day stands below its headings");
  }
});

test("a trip of earlier days than all that are shown has no heading", () => {
  const trip = { title: "Trip", first: "2024-01-01", last: "2024-01-02", photos: 9, address: "" };
  assert.ok(layOutDays([day("2024-05-03", 9)], [trip], squares(WIDTH, 176), 0).sections.every(({ headings }) => headings.every(({ kind }) => kind === "month")));
});

test("a short day stands beside the day before it, unless a month begins", () => {
  const layout = layOutDays([day("2024-05-03", 1), day("2024-05-02", 2), day("2024-04-30", 1)], [], squares(WIDTH, 176), 0);
  const [one, two, three] = layout.sections;
  assert.equal(two.top, one.top);
  assert.ok(two.x > one.x + one.width);
  assert.equal(three.x, 0);
  assert.ok(three.top >= one.bottom);
  assert.equal(one.labelWidth, one.width, "its heading ends before the next one");
  assert.equal(two.labelWidth, WIDTH - two.x);
});

test("a day with a remark needs room for it", () => {
  const beside = (remark) => layOutDays([day("2024-05-03", 1), day("2024-05-02", 1, remark)], [], squares(400, 130), 0).sections[1].x > 0;
  assert.equal(beside(""), true);
  assert.equal(beside("dates of the files"), false);
});

test("sure photos that are fewer than a row are followed by the likely ones, as one block", () => {
  const layout = layOutBlocks([block("", 2), block("Likely", 30), block("Possible", 3)], squares(WIDTH, 190));
  assert.deepEqual(layout.sections.map(({ label, count }) => [label, count]), [["Sure and likely", 32], ["Possible", 3]]);
  const apart = layOutBlocks([block("", 20), block("Likely", 30)], squares(WIDTH, 190));
  assert.equal(apart.sections.length, 2);
  assert.equal(apart.count, 50);
});

test("what is left free above and below counts", () => {
  const plain = layOutBlocks([block("", 20)], squares(WIDTH, 190)), free = layOutBlocks([block("", 20)], squares(WIDTH, 190), 76, 100);
  assert.equal(free.height, plain.height + 176);
  assert.equal(placeOf(free, 0).y, placeOf(plain, 0).y + 100);
});

const LONG = layOutDays([day("2024-05-03", 17), day("2024-05-02", 1), day("2024-05-01", 1), day("2024-04-29", 40)], [], squares(WIDTH, 176), 0);

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
  const [section] = LONG.sections, step = placeOf(LONG, 0).height + GAP;
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

test("rows of photos in their own shapes fill the width, all but the last one, and are about as high as is desired", () => {
  for (const [width, desired] of [[358, 132], [800, 190], [1400, 190], [2500, 300]]) {
    const layout = layOutBlocks([block("", SHAPES.length)], rowsOfShapes(width, desired, SHAPES)), rows = rowsOf(layout, layout.sections[0]);
    for (const row of rows.slice(0, -1)) {
      const last = row.at(-1);
      assert.equal(last.x + last.width, width, "a row ends where the grid does");
      assert.ok(row.every(({ height }) => height === row[0].height));
      assert.ok(row[0].height <= 1.5 * desired + 1 && (row[0].height >= desired / 2 || row.length <= 2), `${row[0].height} for ${desired}`);
    }
    assert.ok(rows.at(-1)[0].height <= desired, "the last row is not stretched");
    const heights = rows.map(([{ height }]) => height);
    if (width >= 800) assert.ok(Math.abs(heights.reduce((sum, each) => sum + each, 0) / rows.length - desired) < desired / 5, "on average");
  }
});

test("a tile has the shape of its photo, and what is extreme is cut off", () => {
  const shapes = [133, 56, 2000, 5, 0, 100, 100, 100, 100, 100, 100, 100], layout = layOutBlocks([block("", shapes.length)], rowsOfShapes(1400, 190, shapes));
  const shapeOf = (offset) => { const { width, height } = placeOf(layout, offset); return width / height; };
  const expected = [1.33, 0.56, 3, 0.5, 1];
  expected.forEach((shape, offset) => { assert.ok(Math.abs(shapeOf(offset) - shape) < 0.02, `${offset}: ${shapeOf(offset)}`); });
});

test("few photos in their own shapes stand beside each other, and sure ones before the likely", () => {
  const rows = rowsOfShapes(1400, 190, Array(60).fill(133));
  const [sure, possible, weak] = layOutBlocks([block("", 2), block("Possible", 2), block("Weaker matches", 30)], rows).sections;
  assert.ok(sure.isBeside && possible.isBeside && !weak.isBeside && possible.x > sure.x + 2 * 250);
  assert.deepEqual(layOutBlocks([block("", 2), block("Likely", 30)], rows).sections.map(({ label }) => label), ["Sure and likely"]);
  assert.equal(layOutBlocks([block("", 5), block("Likely", 30)], rows).sections.length, 2, "a full row stands alone");
});

const SHAPED = layOutBlocks([block("", 90), block("Likely", 110)], rowsOfShapes(1400, 190, SHAPES));

test("in rows of shapes, each tile is the nearest one to its own place, and the one below is below its middle", () => {
  const all = offsetsOf(SHAPED).map((offset) => ({ offset, ...placeOf(SHAPED, offset) }));
  for (const offset of offsetsOf(SHAPED)) {
    const { x, y, width } = placeOf(SHAPED, offset), middle = x + width / 2;
    assert.equal(tileNear(SHAPED, middle, y), offset);
    const below = besideRow(SHAPED, offset, 1), next = all.filter((each) => each.y > y), row = next.filter((each) => each.y === next[0].y);
    if (!row.length) { assert.equal(below, offset); continue; }
    const far = ({ x: left, width: wide }) => Math.max(left - middle, middle - left - wide, 0);
    assert.ok(row.some((each) => each.offset === below) && far(placeOf(SHAPED, below)) === Math.min(...row.map(far)), `${offset}`);
  }
  assert.deepEqual(tilesBetween(SHAPED, SHAPED.sections[0], -1e9, 1e9), [0, 90]);
  const row = nextRow(SHAPED, SHAPED.sections[0], 0), { y } = placeOf(SHAPED, row);
  assert.deepEqual(tilesBetween(SHAPED, SHAPED.sections[0], y, y + 1), [row, nextRow(SHAPED, SHAPED.sections[0], row)]);
});

test("100,000 photos have their places at once", () => {
  const shapes = Array.from({ length: 100_000 }, (_, at) => SHAPES[at % SHAPES.length]), began = process.cpuUsage();
  const layout = layOutBlocks([block("", 100_000)], rowsOfShapes(1400, 190, shapes));
  const { user, system } = process.cpuUsage(began);
  assert.equal(layout.count, 100_000);
  assert.ok(user + system < 200_000, `${(user + system) / 1000} ms of processor time`);
});
