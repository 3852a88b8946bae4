// Images to search by: chosen with the button beside the search field, pasted, or dropped anywhere, in every view. The
// server looks at the image and keeps it for a while (ui/example_upload.py); the address of a search has its id.

import { visit } from "../history/history.js";
import { NO_SERVER, ask } from "./ask.js";
import { addressOfImage } from "./search_box.js";
import { TOLD, tray } from "./tray.js";

/** @import { Response } from "../types.d.ts" */

// Of these, a browser may not know that they are images.
const SUFFIXES = "heic heif hif avif jxl dng nef nrw cr2 cr3 crw arw raf rw2 orf pef srw x3f jp2 tif tiff".split(" ");
export const ACCEPTED = ["image/*", ...SUFFIXES.map((suffix) => `.${suffix}`)].join(","); // a phone offers its camera
const TOLD_AFTER_MS = 500; // most images are read by then

let hasPhotos = false, mostMB = 0;
/** @type {AbortController | null} */
let reading = null; // the request for the image that was given last

// To be called with whether the library has photos to search, and how large an image may be.
/** @param {boolean} can @param {number} byImagesUpToMB */
export function photosCanBeSearched(can, byImagesUpToMB) {
  hasPhotos = can;
  mostMB = byImagesUpToMB;
}

// Searches by the first of these files that is an image.
/** @param {Iterable<File>} files */
export async function searchByImage(files) {
  const all = [...files], image = all.find(({ type, name }) => type.startsWith("image/") || SUFFIXES.includes(suffixOf(name)));
  if (!hasPhotos) refuse("There is no photo to search yet. Add a folder in the view Library.");
  else if (!image) refuse(`${shown(all[0]?.name ?? "")} is not an image that can be searched by.`);
  else if (image.size > mostMB << 20) refuse(`${shown(image.name)} is larger than ${mostMB} MB. Choose a smaller image.`);
  else await read(image);
}

/** @param {File} image */
async function read(image) {
  reading?.abort();
  const own = reading = new AbortController(), begunAt = location.pathname;
  const timer = setTimeout(() => tray.tell(TOLD, { text: `Reading ${shown(image.name)} …`, stays: true }), TOLD_AFTER_MS);
  /** @type {Response<{ id: string }> | null} */
  const answer = await ask("/example", { method: "PUT", body: image, signal: own.signal });
  clearTimeout(timer);
  if (own !== reading) return;
  reading = null;
  if (!answer?.ok) { refuse(answer ? answer.content : NO_SERVER); return; }
  tray.tell(TOLD, { text: "" });
  if (location.pathname === begunAt) visit(addressOfImage(answer.content.id)); // else another view was opened meanwhile
}

/** @param {string} text */
const refuse = (text) => tray.tell(TOLD, { text, isProblem: true });
/** @param {string} name */
const suffixOf = (name) => name.toLowerCase().split(".").at(-1) ?? "";
/** @param {string} name */
const shown = (name) => name.replace(/\p{C}/gu, "�"); // they could turn the text around
