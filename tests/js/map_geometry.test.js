// Areas and lines on the maps.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { areaOf, unrolled } from "../../ui/components/map/geometry.js";
import { closedRing, pointsOf, withCopies } from "../../ui/components/map/world.js";

test("an area ends at the poles and at the edges of the world", () => {
  const area = areaOf({ lat: -120, lng: -200 }, { lat: 12.5, lng: 181 });
  assert.deepEqual(area, { south: -90, west: -180, north: 12.5, east: 180 });
});

test("a way across 180 degrees goes on beyond it, and comes back", () => {
  assert.deepEqual(unrolled([[0, 179], [1, -179], [2, -178], [3, 179]]), [[0, 179], [1, 181], [2, 182], [3, 179]]);
  assert.deepEqual(unrolled([[0, -179], [1, 179]]), [[0, -179], [1, -181]]);
  assert.deepEqual(unrolled([[0, 0], [1, 175]]), [[0, 0], [1, 175]], "a long leg is no jump");
  assert.deepEqual(unrolled([]), []);
});

test("a line is stored as its first point and differences", () => {
  assert.deepEqual(pointsOf([100, 200, 50, -100, -50, 0], 100), [[1, 2], [1.5, 1], [1, 1]]);
});

test("a ring is closed, and has no jump at 180 degrees", () => {
  assert.deepEqual(closedRing([[179, 0], [-179, 0], [-179, 1]]), [[179, 0], [181, 0], [181, 1], [179, 0]]);
});

test("the ring of Antarctica, around the pole, is closed along the lower edge of the map", () => {
  const ring = closedRing([[-180, -70], [-60, -75], [60, -72], [179, -70]]);
  assert.deepEqual(ring.slice(-3), [[179, -90], [-180, -90], [-180, -70]]);
});

test("land that reaches beyond an edge is drawn at both", () => {
  const lons = (polygon) => polygon[0].map(([lon]) => lon);
  assert.deepEqual(withCopies([[[179, 0], [181, 0], [179, 1]]]).map(lons), [[179, 181, 179], [-181, -179, -181]]);
  assert.deepEqual(withCopies([[[-179, 0], [-181, 0], [-179, 1]]]).map(lons), [[-179, -181, -179], [181, 179, 181]]);
  assert.deepEqual(withCopies([[[10, 0], [11, 0], [10, 1]]]).map(lons), [[10, 11, 10]]);
});

test("the numbers of the stored world are lines that meet: each ring ends where it begins", () => {
  const { lines, land } = JSON.parse(readFileSync(new URL("../../ui/components/map/world.json", import.meta.url), "utf8"));
  const points = lines.map((numbers) => pointsOf(numbers, 100)), ends = (number) => (number < 0 ? [points[~number].at(-1), points[~number][0]] : [points[number][0], points[number].at(-1)]);
  const near = ([lon, lat], [otherLon, otherLat]) => Math.abs(lat - otherLat) < 0.02 && Math.min(Math.abs(lon - otherLon), 360 - Math.abs(lon - otherLon)) < 0.02;
  const rings = land.flat();
  assert.ok(rings.length > 100);
  for (const ring of rings) for (const [place, number] of ring.entries()) {
    assert.ok(near(ends(number)[1], ends(ring[(place + 1) % ring.length])[0]), `line ${number}`);
  }
});
