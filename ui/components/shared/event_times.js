// When an event was, beside its title.

import { periodName } from "./dom.js";

const DAY_MS = 86_400_000;
/** @typedef {{ first: string, last: string, is_titled?: boolean }} EventTimes in local ISO text */

/** @param {string} moment */
const dayOf = (moment) => moment.slice(0, 10);
/** @param {string} moment */
const timeOf = (moment) => moment.slice(11, 16);

// How long an event was, where its title says when; else when it was. `first` and `last` are local times in ISO text.
/** @param {EventTimes} times */
export function spanOf({ first, last, is_titled: isTitled }) {
  if (isTitled) return periodName(dayOf(first), dayOf(last));
  if (dayOf(first) !== dayOf(last)) return `${1 + Math.round((Date.parse(dayOf(last)) - Date.parse(dayOf(first))) / DAY_MS)} days`;
  return hoursOf({ first, last });
}

// From when to when on its day: "9:00 – 11:30".
/** @param {EventTimes} times */
export const hoursOf = ({ first, last }) => [...new Set([timeOf(first), timeOf(last)])].join(" – ");
