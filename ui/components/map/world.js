// The land and the borders of the world, as make_world.py stores them.

import { ask } from "../shared/ask.js";

// Returns the coordinates of a GeoJSON MultiPolygon and a MultiLineString, in degrees; null where the server does not
// answer.
export async function loadWorld() {
  const answer = await ask(new URL("./world.json", import.meta.url));
  if (!answer?.ok) return null;
  const { lines, land, borders } = answer.content;
  const points = lines.map((differences) => {
    const line = [];
    let lon = 0, lat = 0;
    for (let place = 0; place < differences.length; place += 2) {
      lon += differences[place];
      lat += differences[place + 1];
      line.push([lon / 100, lat / 100]);
    }
    return line;
  });
  const ringOf = (numbers) => numbers.flatMap((number) => (number < 0 ? points[~number].toReversed() : points[number]).slice(1));
  const polygons = land.map((polygon) => polygon.map((ring) => unrolled(ringOf(ring))));
  return { land: polygons.flatMap(withCopies), borders: borders.map((number) => points[number]) };
}

// The ring without jumps from 180 to -180 degrees, closed. One around the South Pole, which is that of
// Antarctica, is closed along the lower edge of the map.
function unrolled(ring) {
  let turns = 0;
  const points = ring.map(([lon, lat], place) => {
    const before = ring[Math.max(0, place - 1)][0];
    if (lon - before > 180) turns -= 1; else if (before - lon > 180) turns += 1;
    return [lon + 360 * turns, lat];
  });
  const first = points[0], last = points.at(-1);
  if (Math.abs(last[0] - first[0]) > 180) points.push([last[0], -90], [first[0], -90]);
  return [...points, first];
}

// A polygon that reaches beyond 180 degrees is drawn at both edges of the map.
function withCopies(polygon) {
  const lons = polygon[0].map(([lon]) => lon);
  const moved = (turn) => polygon.map((ring) => ring.map(([lon, lat]) => [lon + turn, lat]));
  const copies = [polygon];
  if (Math.max(...lons) > 180) copies.push(moved(-360));
  if (Math.min(...lons) < -180) copies.push(moved(360));
  return copies;
}
