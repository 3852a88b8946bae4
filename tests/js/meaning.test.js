// The map of meaning: what is in sight, which names and photos have room, and which points a line surrounds.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

await openPage("/meaning");
const { isInside } = await import("../../imgsearch/features/meaning/components/meaning/lasso.js");
const { Names, clusterOf } = await import("../../imgsearch/features/meaning/components/meaning/names.js");
const { Plane } = await import("../../imgsearch/features/meaning/components/meaning/plane.js");
const { BRIGHT, DIM, colourOf, discOf } = await import("../../imgsearch/features/meaning/components/meaning/points.js");
const { TILE_PX, choose } = await import("../../imgsearch/features/meaning/components/meaning/tiles.js");

function planeOf(width = 1000, height = 800) {
  const plane = new Plane();
  plane.resize(width, height);
  plane.showAll();
  return plane;
}
const near = (one, other) => Math.abs(one - other) < 1e-6;

test("all of the map is in sight at first, in the middle, whatever the window", () => {
  for (const [width, height] of [[1000, 800], [390, 844]]) {
    const plane = planeOf(width, height);
    assert.ok(plane.isWhole && near(plane.zoom, 0));
    assert.ok(plane.screenX(0) >= 0 && plane.screenX(1) <= width && plane.screenY(0) >= 0 && plane.screenY(1) <= height);
    assert.ok(near(plane.screenX(.5), width / 2) && near(plane.screenY(.5), height / 2));
  }
});

test("a place of the screen is a place of the map, and back", () => {
  const plane = planeOf();
  plane.zoomAt(5, 300, 200);
  assert.ok(near(plane.screenX(plane.planeX(123)), 123) && near(plane.screenY(plane.planeY(456)), 456));
});

test("what is under the pointer stays there while one zooms, within the map", () => {
  const plane = planeOf(), x = plane.planeX(400), y = plane.planeY(300);
  plane.zoomAt(4, 400, 300);
  assert.ok(near(plane.planeX(400), x) && near(plane.planeY(300), y));
  assert.ok(near(plane.zoom, 2), "four times is two doublings");
});

test("one can zoom neither in nor out without end, and not leave the map", () => {
  const plane = planeOf();
  plane.zoomAt(1e9);
  assert.ok(plane.scale <= 4_000_000);
  plane.zoomAt(1e-9);
  assert.ok(plane.scale >= .6 * plane.fitScale);
  plane.pan(1e9, -1e9);
  assert.deepEqual([plane.x, plane.y], [0, 1]);
});

test("another size of the window keeps the middle and how close it is", () => {
  const plane = planeOf();
  plane.zoomAt(8, 300, 300);
  const { x, y, zoom } = plane;
  plane.resize(500, 500);
  assert.ok(near(plane.x, x) && near(plane.y, y) && near(plane.zoom, zoom));
});

test("a part of the map that is shown is all in sight", () => {
  const plane = planeOf(), part = { left: .1, right: .3, top: .6, bottom: .65 };
  plane.show(part);
  assert.ok(plane.screenX(part.left) >= 0 && plane.screenX(part.right) <= 1000);
  assert.ok(plane.screenY(part.top) >= 0 && plane.screenY(part.bottom) <= 800);
  assert.ok(plane.screenX(part.right) - plane.screenX(part.left) > 700, "and fills the window");
});

test("a line surrounds the points inside it, also where it has a bay", () => {
  const bay = [[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]];
  assert.equal(isInside(1, 1, bay), true);
  assert.equal(isInside(3, 1, bay), true);
  assert.equal(isInside(2, 3, bay), false, "in the bay");
  assert.equal(isInside(5, 1, bay), false);
  assert.equal(isInside(-1, 0, bay), false, "on the height of a corner");
});

const CLUSTERS = [
  { number: 0, level: 0, parent: null, name: "animals", x: .3, y: .3, src: "" },
  { number: 1, level: 1, parent: 0, name: "dogs", x: .25, y: .3, src: "" },
  { number: 2, level: 1, parent: 0, name: "", x: .35, y: .3, src: "" },
  { number: 3, level: 0, parent: null, name: "", x: .7, y: .7, src: "" },
  { number: 4, level: 1, parent: 3, name: "beach", x: .7, y: .7, src: "" },
];

function namesShown(plane, counts, hasPhotos = false, clusters = CLUSTERS) {
  const box = document.createElement("div"), chosen = [], names = new Names(box, (cluster) => chosen.push(cluster.name));
  names.setClusters(clusters);
  names.show(plane, counts, hasPhotos);
  return { box, chosen, texts: [...box.children].map((node) => node.textContent) };
}

test("from afar the large clusters are named; finer ones stand for those without a name", () => {
  assert.deepEqual(namesShown(planeOf(), [9, 6, 3, 5, 5]).texts, ["animals9", "beach5"]);
});

test("from close by the finer ones are named", () => {
  const plane = planeOf();
  plane.zoomAt(2 ** .6);
  assert.deepEqual(namesShown(plane, [9, 6, 3, 5, 5]).texts, ["dogs6", "beach5"]);
});

test("a cluster without photos of the search, or out of sight, is not named", () => {
  assert.deepEqual(namesShown(planeOf(), [0, 0, 0, 5, 5]).texts, ["beach5"]);
  const plane = planeOf();
  plane.show({ left: .2, right: .4, top: .2, bottom: .4 });
  assert.ok(namesShown(plane, [9, 6, 3, 5, 5]).texts.every((text) => !text.startsWith("beach")));
});

test("names that would cover another one give way to the one with more photos", () => {
  const alike = CLUSTERS.slice(0, 1).concat({ number: 1, level: 0, parent: null, name: "cats", x: .301, y: .3, src: "" });
  assert.deepEqual(namesShown(planeOf(), [3, 8], false, alike).texts, ["cats8"]);
});

test("names that are apart are all shown, beside each other or one above the other", () => {
  const plane = planeOf(), name = (number, x, y) => ({ number, level: 0, parent: null, name: `name ${number}`, x, y, src: "" });
  const apart = [name(0, .3, .3), name(1, .3 + 260 / plane.scale, .3), name(2, .3, .3 + 45 / plane.scale)];
  assert.deepEqual(namesShown(plane, [3, 2, 1], false, apart).texts, ["name 03", "name 12", "name 21"]);
});

test("where photos are shown from close by, names would hide them", () => {
  const plane = planeOf();
  plane.zoomAt(4);
  assert.deepEqual(namesShown(plane, [9, 6, 3, 5, 5], true).texts, []);
});

test("a name that is clicked names its cluster, and says how many photos it has", () => {
  const { box, chosen } = namesShown(planeOf(), [9, 6, 3, 1, 1]);
  box.children[1].click();
  assert.deepEqual(chosen, ["beach"]);
  assert.equal(box.children[1].ariaLabel, "beach, 1 photo");
});

test("one photo of each square is shown, the one nearest to its middle, with the number of all", () => {
  const plane = planeOf();
  plane.zoomAt(64);
  const side = (TILE_PX + 4) / plane.scale, corner = Math.floor(.5 / side) * side;
  const points = { ids: [11, 12, 13], x: [corner + .1 * side, corner + .45 * side, corner + 1.5 * side], y: [corner + .1 * side, corner + .5 * side, corner + .5 * side] };
  const chosen = choose(plane, points, [BRIGHT, BRIGHT, BRIGHT]);
  assert.deepEqual([...chosen].map(([id, { photos }]) => [id, photos]), [["12", 2], ["13", 1]]);
  assert.ok(near(chosen.get("12").x, corner + .5 * side));
  assert.deepEqual([...choose(plane, points, [BRIGHT, DIM, BRIGHT])].map(([id]) => id), ["11", "13"], "one that is not found is not shown");
});

test("where too many photos are in sight, none is shown", () => {
  const count = 10_000, points = { ids: Array.from({ length: count }, (_, at) => at), x: new Array(count).fill(.5), y: new Array(count).fill(.5) };
  assert.equal(choose(planeOf(), points, new Array(count).fill(BRIGHT)).size, 0);
});

test("a disc is round: its rows are as wide above as below, and widest in the middle", () => {
  for (const radius of [.4, 1, 2.5, 6]) {
    const { reach, spans } = discOf(radius);
    assert.equal(spans.length, 2 * reach + 1);
    assert.deepEqual(spans, spans.toReversed());
    assert.equal(Math.max(...spans), spans[reach]);
    assert.ok(spans.every((half) => half <= reach), "it reaches nowhere beyond its rows");
  }
});

test("a colour is a number whose bytes are red, green, blue and opaque", () => {
  const bytes = new Uint8Array(new Uint32Array([colourOf("#12ab9f")]).buffer);
  assert.deepEqual([...bytes], [0x12, 0xab, 0x9f, 0xff]);
});

test("a cluster has the picture of its example, if that is still there", () => {
  const cluster = { number: 3, level: 1, parent: 0, name: "do\tgs", photos: 12, example: 7, x: .25, y: .5, example_version: "0123456789ab" };
  assert.deepEqual(clusterOf(cluster), { number: 3, level: 1, parent: 0, name: "do\\tgs", x: .25, y: .5, src: "/thumbnail/small/7?v=0123456789ab" });
  assert.equal(clusterOf({ ...cluster, example_version: "" }).src, "");
});
