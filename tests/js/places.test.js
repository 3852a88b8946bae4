// Clusters and circles on the map.

import assert from "node:assert/strict";
import { test } from "node:test";
import { circleOf, clusterOf, radiusName } from "../../imgsearch/features/places/components/photo_map/circles.js";

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
