// Which events of a library are listed, and the line above them.

/** @import { PhotoEvent } from "../operations.d.ts" */
/** @typedef {"all" | "trips"} Kind */
/**
 * An event without its photos: `event_json` in ui/events_data.py. `first` and `last` are local times, and `start` names it.
 * @typedef {Pick<PhotoEvent, "start" | "title" | "is_titled" | "is_trip" | "towns"> & { first: string, last: string, photos: number, address: string, timeline: string, version: string }} EventData
 */
/** @typedef {EventData & { found: number }} FoundEvent with the number of its photos that the search finds */

const FEWEST = 3; // photos of an occasion; smaller ones are shown on request

// The events that are shown, and the small ones that are left out: with few photos and no title of the visitor's. Where
// there are small ones only, or something is searched for, none is left out.
/** @param {FoundEvent[]} events @param {{ kind: Kind, withSmall: boolean, isNarrowed: boolean }} how */
export function listed(events, { kind, withSmall, isNarrowed }) {
  const isLarge = (/** @type {FoundEvent} */ event) => event.photos >= FEWEST || event.is_titled;
  const ofKind = events.filter((event) => kind === "all" || event.is_trip), large = ofKind.filter(isLarge);
  if (withSmall || isNarrowed || !large.length) return { shown: ofKind, small: [] };
  return { shown: large, small: ofKind.filter((event) => !isLarge(event)) };
}

// What is said above the events that are shown, of all these.
/** @param {FoundEvent[]} shown @param {FoundEvent[]} events @param {{ kind: Kind, isNarrowed: boolean }} how */
export function summaryOf(shown, events, { kind, isNarrowed }) {
  if (shown.length) {
    const trips = shown.filter((event) => event.is_trip).length, other = shown.length - trips;
    const /** @type {[number, string][]} */ counts = [[trips, "trip"], [other, "occasion"]];
    const text = counts.filter(([number]) => number).map(([number, name]) => `${number.toLocaleString("en")} ${name}${number === 1 ? "" : "s"}`).join(", ");
    return isNarrowed ? `${text} with photos of this search` : text;
  }
  if (isNarrowed) return "No event has a photo of this search.";
  return kind === "trips" && events.length
    ? "No trips: no photos were taken far from home."
    : "No photo states when it was taken, so there are no events. A date can be set: select photos, then Date or place.";
}
