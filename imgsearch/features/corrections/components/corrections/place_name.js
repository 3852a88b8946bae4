// Places in words.

/** @import { NamedPoint } from "../operations.d.ts" */

// The names of a place, else its coordinates.
/** @param {NamedPoint | null} place */
export function placeName(place) {
  if (!place) return "no place";
  const names = [...new Set([place.town && place.near_town ? `near ${place.town}` : place.town, place.region, place.country])].filter(Boolean);
  return names.join(", ") || `${place.lat.toFixed(5)}, ${place.lon.toFixed(5)}`;
}
