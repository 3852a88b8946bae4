// The land and the borders of the world, as make_world.py stores them, and its large lakes and rivers, of make_detail.py.

import { ask } from "../shared/ask.js";

/** @import { Response } from "../types.d.ts" */
/** @typedef {[lon: number, lat: number]} Point in degrees */
/** @typedef {Point[]} Line */
/** @typedef {Line[]} Polygon: its outer ring, and those of its holes */
/** @typedef {{ land: Polygon[], borders: Line[], lakes: Polygon[], rivers: Line[], tiles: string[] }} World */
/**
 * The file world.json: lines as differences of steps, and land and borders made of them. The number of a line that is
 * taken backwards is negative, as in TopoJSON.
 * @typedef {{ lines: number[][], land: number[][][], borders: number[] }} WorldFile
 */
/** @typedef {{ lakes: number[][], rivers: number[][], tiles: string[] }} WaterFile */

const STEPS_PER_DEGREE = 100;

// Returns the coordinates of GeoJSON: MultiPolygons of land and lakes, and MultiLineStrings of borders and rivers, in
// degrees, with the names of the tiles of detail.js; null where the server does not answer.
/** @returns {Promise<World | null>} */
export async function loadWorld() {
  /** @type {[Response<WorldFile> | null, Response<WaterFile> | null]} */
  const [world, water] = await Promise.all([ask(new URL("./world.json", import.meta.url)), ask(new URL("./water.json", import.meta.url))]);
  if (!world?.ok || !water?.ok) return null;
  const { lines, land, borders } = world.content, { lakes, rivers, tiles } = water.content;
  const points = lines.map((numbers) => pointsOf(numbers, STEPS_PER_DEGREE));
  /** @param {number[]} numbers */
  const ringOf = (numbers) => numbers.flatMap((number) => (number < 0 ? points[~number].toReversed() : points[number]).slice(1));
  const polygons = land.map((polygon) => polygon.map((ring) => closedRing(ringOf(ring))));
  return {
    land: polygons.flatMap(withCopies), borders: borders.map((number) => points[number]),
    lakes: lakes.map((numbers) => [pointsOf(numbers, STEPS_PER_DEGREE)]), rivers: rivers.map((numbers) => pointsOf(numbers, STEPS_PER_DEGREE)), tiles,
  };
}

// The points [longitude, latitude] of a line: the first as it is stored, and the others as differences.
/** @param {number[]} numbers @param {number} stepsPerDegree @returns {Line} */
export function pointsOf(numbers, stepsPerDegree) {
  const /** @type {Line} */ line = [];
  let lon = 0, lat = 0;
  for (let place = 0; place < numbers.length; place += 2) {
    lon += numbers[place];
    lat += numbers[place + 1];
    line.push([lon / stepsPerDegree, lat / stepsPerDegree]);
  }
  return line;
}

// The ring without jumps from 180 to -180 degrees, closed. One around the South Pole, which is that of
// Antarctica, is closed along the lower edge of the map.
/** @param {Line} ring @returns {Line} */
export function closedRing(ring) {
  let turns = 0;
  const points = ring.map(/** @returns {Point} */ ([lon, lat], place) => {
    const before = ring[Math.max(0, place - 1)][0];
    if (lon - before > 180) turns -= 1; else if (before - lon > 180) turns += 1;
    return [lon + 360 * turns, lat];
  });
  const first = points[0], last = points[points.length - 1];
  if (Math.abs(last[0] - first[0]) > 180) points.push([last[0], -90], [first[0], -90]);
  return [...points, first];
}

// A polygon that reaches beyond 180 degrees is drawn at both edges of the map.
/** @param {Polygon} polygon @returns {Polygon[]} */
export function withCopies(polygon) {
  const lons = polygon[0].map(([lon]) => lon);
  /** @param {number} turn @returns {Polygon} */
  const moved = (turn) => polygon.map((ring) => ring.map(([lon, lat]) => [lon + turn, lat]));
  const copies = [polygon];
  if (Math.max(...lons) > 180) copies.push(moved(-360));
  if (Math.min(...lons) < -180) copies.push(moved(360));
  return copies;
}
