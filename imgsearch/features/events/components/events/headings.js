// The headings that events give a timeline: trips, and the towns of days.

import { askOperation } from "../shared/ask.js";
import { printable } from "../shared/dom.js";
import { addressOfEvent } from "./addresses.js";

/** @import { Headings } from "../grid/headings.js" */
/** @import { Span } from "../grid/layout.js" */
/** @import { EventSummary, TimelineHeadings } from "../operations.d.ts" */
/** @import { Asked } from "../shared/ask.js" */

const NAMES_SHOWN = 3; // towns and countries of a trip, and towns of a day

/** @param {Asked} query @returns {Promise<Headings | null>} */
export async function headingsOf(query) {
  const answer = await askOperation("timeline/headings", { query });
  return answer?.ok ? tripsAndTowns(answer.content) : null;
}

/** @param {TimelineHeadings} headings @returns {Headings} */
export function tripsAndTowns({ trips, towns }) {
  const named = Object.entries(towns).map(([day, names]) => [day, namesOf(names)]);
  return { spans: trips.toReversed().map(spanOfTrip), towns: Object.fromEntries(named) };
}

/** @param {EventSummary} trip @returns {Span} */
function spanOfTrip({ start, end, title, is_titled: isTitled, towns, countries, photos }) {
  const names = [namesOf(towns), namesOf(countries)].filter(Boolean).join(", ");
  return {
    title: isTitled ? printable(title) : names ? `Trip to ${names}` : "Trip",
    first: start.slice(0, 10), last: end.slice(0, 10), photos, address: addressOfEvent(start),
  };
}

/** @param {string[]} names */
const namesOf = (names) => printable(names.slice(0, NAMES_SHOWN).join(", "));
