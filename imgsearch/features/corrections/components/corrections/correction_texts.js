// What the correction of dates and places says about the photos, and what its button does.

import { countOf } from "../shared/dom.js";

/** @typedef {"date" | "shift" | "names" | "place"} Kind of what is corrected */
/** @typedef {{ action: string, none: string, one: string, several: string }} Texts: the button before anything is said, and why all, one or several photos are left alone */

/** @type {Record<Kind, Texts>} */
const TEXTS = {
  date: { action: "Set the date", none: "These photos have this date already.", one: "has this date already", several: "have this date already" },
  shift: { action: "Shift", none: "None of these photos states a date that could be shifted.", one: "states no date that could be shifted", several: "state no date that could be shifted" },
  names: { action: "Accept", none: "No date was found in the names of these photos.", one: "states a date, or has none in a name", several: "state a date, or have none in a name" },
  place: { action: "Set the place", none: "These photos have this place already.", one: "has this place already", several: "have this place already" },
};

// Which of the photos would stay as they are, and why; "" if none would.
/** @param {Kind} kind @param {number} photos @param {number} planned those that would change */
export function stayingText(kind, photos, planned) {
  const others = photos - planned, { none, one, several } = TEXTS[kind];
  if (!planned) return none;
  return others ? `${countOf(others)} ${others === 1 ? one : several}.` : "";
}

// What the button does with this many photos; without any, what it would do.
/** @param {Kind} kind @param {number} [photos] */
export function actionText(kind, photos = 0) {
  const { action } = TEXTS[kind];
  if (!photos) return action;
  if (kind === "names") return `${action} ${photos.toLocaleString("en")} proposal${photos === 1 ? "" : "s"}`;
  return kind === "shift" ? `${action} ${countOf(photos)}` : `${action} of ${countOf(photos)}`;
}
