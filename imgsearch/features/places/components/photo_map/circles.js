// Clusters and circles on the map, as requests and the address name them.

import { printable } from "../shared/dom.js";

/** @import { Corner } from "../map/geometry.js" */
/** @import { MapCluster } from "../operations.d.ts" */
/** @typedef {[southWest: [lat: number, lon: number], northEast: [lat: number, lon: number]]} Area */
/** @typedef {Circle & { photos: number, src: string, place: string, area: Area }} Cluster: the circle has all of its photos */
/** @typedef {{ lat: number, lon: number, radius_km: number }} Circle */

const MOST_KM = 20_000, LEAST_KM = 0.05;

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
