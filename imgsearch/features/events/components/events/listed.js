// Which events of a library are listed, and the line above them.

/** @import { EventSummary } from "../operations.d.ts" */
/** @typedef {"all" | "trips"} Kind */

const FEWEST = 3; // photos of an occasion; smaller ones are shown on request

// The events that are shown, and the small ones that are left out: with few photos and no title of the visitor's. Where
// there are small ones only, or something is searched for, none is left out.
/** @param {EventSummary[]} events @param {{ kind: Kind, withSmall: boolean, isNarrowed: boolean }} how */
export function listed(events, { kind, withSmall, isNarrowed }) {
  const isLarge = (/** @type {EventSummary} */ event) => event.photos >= FEWEST || event.is_titled;
  const ofKind = events.filter((event) => kind === "all" || event.is_trip), large = ofKind.filter(isLarge);
  if (withSmall || isNarrowed || !large.length) return { shown: ofKind, small: [] };
  return { shown: large, small: ofKind.filter((event) => !isLarge(event)) };
}

// What is said above the events that are shown, of all these.
/** @param {EventSummary[]} shown @param {EventSummary[]} events @param {{ kind: Kind, isNarrowed: boolean }} how */
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
