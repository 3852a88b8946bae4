// When an event was, beside its title.

import { periodName } from "../shared/dom.js";

const DAY_MS = 86_400_000;
/** @typedef {{ start: string, end: string, is_titled?: boolean }} EventTimes in local ISO text */

/** @param {string} moment */
const dayOf = (moment) => moment.slice(0, 10);
/** @param {string} moment */
const timeOf = (moment) => moment.slice(11, 16);

// How long an event was, where its title says when; else when it was. `start` and `end` are local times in ISO text.
/** @param {EventTimes} times */
export function spanOf({ start, end, is_titled: isTitled }) {
  if (isTitled) return periodName(dayOf(start), dayOf(end));
  if (dayOf(start) !== dayOf(end)) return `${1 + Math.round((Date.parse(dayOf(end)) - Date.parse(dayOf(start))) / DAY_MS)} days`;
  return hoursOf({ start, end });
}

// From when to when on its day: "9:00 – 11:30".
/** @param {EventTimes} times */
export const hoursOf = ({ start, end }) => [...new Set([timeOf(start), timeOf(end)])].join(" – ");
