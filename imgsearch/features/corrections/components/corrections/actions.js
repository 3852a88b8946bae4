// Corrections on the page: an action for the selected photos, and in the viewer what was corrected, beside what the files say.

import { element, momentName, placeName, printable, textButton } from "../shared/dom.js";
import { tray } from "../shared/tray.js";

/** @import { Facts, Hit, PhotoDetails, StatedFacts } from "../operations.d.ts" */
/** @import { FeatureAction } from "../types.d.ts" */
/** @typedef {{ what: "date" | "place", now: string, stated: string }} Corrected */

const ICON = "edit_calendar";

// For the selected photos, which the tray has: see shell/tray_bar.js.
/** @returns {FeatureAction[]} */
export const forSelection = () => [{ icon: ICON, label: "Date or place", act: () => correct([...tray.ids]), after: "visibility_off" }];

/** @param {PhotoDetails} details */
export function partsOf({ hit, stated_facts: stated }) {
  const part = element("section", "part"), { id } = hit.photo;
  part.ariaLabel = "Corrections";
  part.append(...correctedOf(hit, stated).map(({ what, now, stated: before }) => {
    const row = element("div", "corrected"), text = element("p");
    text.append(element("strong", "", `${what === "date" ? "Date" : "Place"} corrected by you: ${now}.`), " ", element("span", "", `The file says: ${before}.`));
    row.append(text, textButton(`Take back the ${what}`, () => takeBack(id, what), "undo", "button"));
    return row;
  }), textButton("Correct the date or place", () => correct([String(id)]), ICON, "button"));
  return [part];
}

// The corrections of a photo, in words.
/** @param {Hit} hit @param {StatedFacts | null} stated @returns {Corrected[]} */
export function correctedOf({ photo: { facts }, date }, stated) {
  const /** @type {Corrected[]} */ rows = [];
  if (stated?.date_is_corrected) {
    const before = stated.taken_at === null ? "no date" : momentName(stated.taken_at, stated.date_precision);
    rows.push({ what: "date", now: date === null ? "no date" : momentName(date, facts.date_precision), stated: before });
  }
  if (stated?.place_is_corrected) rows.push({ what: "place", now: printable(placeName(pointOf(facts))), stated: printable(placeName(pointOf(stated))) });
  return rows;
}

/** @param {Facts | StatedFacts} facts */
function pointOf({ lat, lon, town, region, country, near_town }) {
  return lat === null || lon === null ? null : { lat, lon, town, region, country, near_town };
}

// Opens the dialog of the shell, unless it asks something else.
/** @param {string[]} ids */
async function correct(ids) {
  const { Correction } = await import("./correct.js"), { dialog } = tray;
  if (dialog?.isConnected && !dialog.parentElement?.querySelector("dialog[open]")) new Correction(dialog, ids);
}

/** @param {number} id @param {Corrected["what"]} what */
async function takeBack(id, what) {
  const answer = await tray.change("corrections/forget", { photo_ids: [id], date: what === "date", place: what === "place" });
  tray.say(answer);
  if (answer?.ok) tray.changedPhotos();
}
