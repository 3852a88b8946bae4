// Years and months of a strip of pictures, and their columns.

import { monthName } from "../shared/dom.js";

/** @import { StripPicture } from "../operations.d.ts" */
/** @import { Parameters } from "../types.d.ts" */
/** @typedef {"year" | "month"} By */
/** @typedef {{ isGap: boolean, periods: string[] }} Column: a period, or consecutive ones in which no row has a photo */

// The columns of all rows, from the first period of any to the last.
/** @param {Pick<StripPicture, "period" | "photos">[][]} rows @param {By} by */
export function columnsOf(rows, by) {
  const /** @type {Map<string, boolean>} */ periods = new Map(); // whether some row has a photo
  for (const row of rows) for (const { period, photos } of row) periods.set(period, periods.get(period) || photos > 0);
  const names = [...periods.keys()].sort(), /** @type {Column[]} */ columns = [];
  if (names.length) for (const period of periodsBetween(names[0], names[names.length - 1], by)) {
    const isGap = !periods.get(period), last = columns.at(-1);
    if (isGap && last?.isGap) last.periods.push(period); else columns.push({ isGap, periods: [period] });
  }
  return columns;
}

// All periods from one to another: "2019", or "2019-06".
/** @param {string} first @param {string} last @param {By} by */
function periodsBetween(first, last, by) {
  const [firstYear, firstMonth = 1] = first.split("-").map(Number), [lastYear, lastMonth = 1] = last.split("-").map(Number);
  const pad = (/** @type {number} */ number, /** @type {number} */ digits) => String(number).padStart(digits, "0"), found = [];
  if (by === "year") for (let year = firstYear; year <= lastYear; year += 1) found.push(pad(year, 4));
  else for (let at = 12 * firstYear + firstMonth - 1; at < 12 * lastYear + lastMonth; at += 1) found.push(`${pad(Math.floor(at / 12), 4)}-${pad(at % 12 + 1, 2)}`);
  return found;
}

// The address of the picture of a period; "" where it has no photo.
/** @param {StripPicture} picture */
export function srcOf({ photo_id: id, version, at_s: at }) {
  return id === null ? "" : `/thumbnail/small/${id}?v=${version}${at === null ? "" : `&at=${Math.round(at * 1000)}`}`;
}

// The address of the photos of a period, as the strip counts them: those with no date but that of their file are in none.
/** @param {Parameters} search of the strip @param {string} period */
export function addressOf(search, period) {
  const q = `${search.q ?? ""} on:${period} -dated:file`.trim();
  return `/?${new URLSearchParams({ ...search, q })}`;
}

/** @param {string} period */
export const nameOf = (period) => (period.length > 4 ? monthName(period) : period); // June 2019
/** @param {string} period */
export const shortNameOf = (period) => (period.length > 4 ? nameOf(period).replace(/^(\w{3})\w*/, "$1") : period); // Jun 2019
