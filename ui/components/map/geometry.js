// Areas and circles on the map, as requests and the address name them.

import { printable } from "../shared/dom.js";

/** @import { MapArea, MapCluster } from "../operations.d.ts" */
/** @typedef {[southWest: [lat: number, lon: number], northEast: [lat: number, lon: number]]} Area */
/** @typedef {Circle & { photos: number, src: string, place: string, area: Area }} Cluster: the circle has all of its photos */
/** @typedef {{ lat: number, lng: number }} Corner in degrees */
/** @typedef {{ lat: number, lon: number, radius_km: number }} Circle */

const MOST_KM = 20_000, LEAST_KM = 0.05;

/** @param {number} value @param {number} limit */
const within = (value, limit) => Math.min(limit, Math.max(-limit, value));

// The area between two corners. What is beyond the poles or the edges of the world is cut off.
/** @param {Corner} southWest @param {Corner} northEast @returns {MapArea} */
export function areaOf(southWest, northEast) {
  return { south: within(southWest.lat, 90), west: within(southWest.lng, 180), north: within(northEast.lat, 90), east: within(northEast.lng, 180) };
}

// A cluster as the map and the history keep it.
/** @param {MapCluster} cluster @returns {Cluster} */
export function clusterOf({ latest_id: id, latest_version: version, photos, lat, lon, radius_km, area, place }) {
  const src = `/thumbnail/small/${id}?v=${version}`, corners = /** @type {Area} */ ([[area.south, area.west], [area.north, area.east]]);
  return { photos, lat, lon, radius_km, src, place: printable(place), area: corners };
}

// A circle that was drawn, in round numbers: to ten metres below ten kilometres, else to a kilometre.
/** @param {Corner} centre @param {number} radius_m @returns {Circle} */
export function circleOf(centre, radius_m) {
  const radius_km = Math.max(LEAST_KM, radius_m / 1000);
  const rounded = radius_km < 10 ? Math.round(radius_km * 100) / 100 : Math.round(radius_km);
  return { lat: +centre.lat.toFixed(5), lon: +centre.lng.toFixed(5), radius_km: Math.min(MOST_KM, rounded) };
}

/** @param {number} radius_km */
export function radiusName(radius_km) {
  if (radius_km < 1) return `${Math.round(radius_km * 1000)} m`;
  return `${radius_km.toLocaleString("en", { maximumFractionDigits: radius_km < 10 ? 1 : 0 })} km`;
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
