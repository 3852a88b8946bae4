// Areas and lines on a map.

/** @import { MapArea } from "../operations.d.ts" */
/** @typedef {{ lat: number, lng: number }} Corner in degrees */

/** @param {number} value @param {number} limit */
const within = (value, limit) => Math.min(limit, Math.max(-limit, value));

// The area between two corners. What is beyond the poles or the edges of the world is cut off.
/** @param {Corner} southWest @param {Corner} northEast @returns {MapArea} */
export function areaOf(southWest, northEast) {
  return { south: within(southWest.lat, 90), west: within(southWest.lng, 180), north: within(northEast.lat, 90), east: within(northEast.lng, 180) };
}

// The points [lat, lon] without jumps from 180 to -180 degrees.
/** @param {[lat: number, lon: number][]} points @returns {[lat: number, lon: number][]} */
export function unrolled(points) {
  let turns = 0, /** @type {number | null} */ before = null;
  return points.map(([lat, lon]) => {
    if (before !== null) {
      if (lon - before > 180) turns -= 1; else if (before - lon > 180) turns += 1;
    }
    before = lon;
    return [lat, lon + 360 * turns];
  });
}
