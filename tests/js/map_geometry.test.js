// Areas, circles and lines on the maps.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { areaOf, circleOf, clusterOf, radiusName, unrolled } from "../../ui/components/map/geometry.js";
import { closedRing, pointsOf, withCopies } from "../../ui/components/map/world.js";

test("an area ends at the poles and at the edges of the world", () => {
  const area = areaOf({ lat: -120, lng: -200 }, { lat: 12.5, lng: 181 });
  assert.deepEqual(area, { south: -90, west: -180, north: 12.5, east: 180 });
});

test("a circle has a radius in round numbers, from 50 metres to 20,000 kilometres", () => {
  const radius = (metres) => circleOf({ lat: 48.858370123, lng: 2.29448 }, metres).radius_km;
  assert.deepEqual([1, 1234, 9994, 12_345, 30_000_000].map(radius), [0.05, 1.23, 9.99, 12, 20_000]);
  assert.deepEqual(circleOf({ lat: 48.858370123, lng: 2.294481999 }, 100), { lat: 48.85837, lon: 2.29448, radius_km: 0.1 });
});

test("a cluster has the picture of its latest photo, and the corners of its area", () => {
  const area = { south: 48, west: 16, north: 49, east: 17 };
  assert.deepEqual(clusterOf({ latest_id: 7, latest_version: "0123456789ab", photos: 3, lat: 48.5, lon: 16.5, radius_km: 2, area, place: "Wi\nen" }), {
    photos: 3, lat: 48.5, lon: 16.5, radius_km: 2, src: "/thumbnail/small/7?v=0123456789ab", place: "Wi\\nen", area: [[48, 16], [49, 17]],
  });
});

test("a radius is written in metres or kilometres", () => {
  assert.deepEqual([0.05, 0.5, 1, 1.23, 12, 1234].map(radiusName), ["50 m", "500 m", "1 km", "1.2 km", "12 km", "1,234 km"]);
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
