// Sharing photos with other people: through the share sheet of the system, or as a download, without where they were taken
// unless the visitor says otherwise. A module of its own, loaded when it is needed.

import { NO_SERVER, ask } from "../shared/ask.js";
import { countOf, element } from "../shared/dom.js";
import { MOST_COPIED, tray } from "../shared/tray.js";

/** @import { Response } from "../types.d.ts" */

export const MOST_SHARED = 10; // of one share: Chromium takes no more files
const WITH_PLACES = "imgsearch.share-places"; // in the storage of the browser: "1" where locations are shared, too
const WITHOUT = "location=none";

/** @typedef {{ files: File[], problem: string }} Prepared */

// Asks how to share these photos. Browsers share only at once after a click, so the files are there before it.
/** @param {string[]} ids */
export function askShare(ids) {
  const { dialog } = tray;
  if (!dialog || !ids.length) return; // the shell has one from its first run on
  const heading = element("h2", "", `Share ${ids.length === 1 ? "this photo" : countOf(ids.length)}`);
  heading.id = dialog.getAttribute("aria-labelledby") ?? "";
  const choice = element("label", "share-choice"), leavesOut = element("input"), problem = element("p", "problem");
  Object.assign(leavesOut, { type: "checkbox", checked: !storedChoice() });
  choice.append(leavesOut, element("span", "", ids.length === 1 ? "Leave out where it was taken" : "Leave out where they were taken"));
  const note = element("p", "note"), row = element("div", "share-buttons");
  problem.role = "status";
  const share = button("Share …", () => send()), save = button("Download", () => saveCopies());
  const close = button("Cancel", () => dialog.close());
  const canShare = canShareFiles() && ids.length <= MOST_SHARED;
  row.append(...(canShare ? [share] : []), save, close);
  /** @type {Prepared | null} */
  let prepared = null;
  let asked = 0;
  const isOpen = () => heading.isConnected;

  // Fetches the files as they are to be shared, and says which cannot be.
  async function prepare() {
    const number = (asked += 1);
    prepared = null;
    problem.textContent = "";
    note.textContent = leavesOut.checked ? "Date and camera stay; titles, names and all else are left out, too. Your own files never change." : "The files as they are, with all that they say about place, people and camera.";
    if (!canShare) return;
    share.disabled = true;
    share.textContent = "Preparing …";
    const found = await fetchFiles(ids, leavesOut.checked);
    if (number !== asked || !isOpen()) return; // another choice was made meanwhile
    prepared = found;
    const isTaken = found.files.length > 0 && navigator.canShare({ files: found.files });
    share.disabled = !isTaken;
    share.textContent = "Share …";
    problem.textContent = found.problem || (isTaken ? "" : "Your browser cannot share files of this kind. Without location they are JPEG files, or download them.");
  }

  async function send() {
    if (!prepared) return;
    try {
      await navigator.share({ files: prepared.files });
      dialog?.close();
    } catch (error) { // closed by the visitor, or refused by the system
      if (!(error instanceof Error && error.name === "AbortError")) problem.textContent = "Your system did not take the photos. Download them instead.";
    }
  }

  // One photo as a file, several as a zip file.
  async function saveCopies() {
    if (ids.length > MOST_COPIED) { problem.textContent = `A zip file has up to ${MOST_COPIED} photos. Select fewer.`; return; }
    const options = leavesOut.checked ? `&${WITHOUT}` : "", list = ids.join(",");
    /** @type {Response<{ photos: number, problem: string }> | null} */
    const answer = await ask(`/copies/check?ids=${list}${options}`);
    if (!isOpen()) return;
    if (!answer?.ok) { problem.textContent = answer ? answer.content : NO_SERVER; return; }
    problem.textContent = answer.content.problem;
    if (!answer.content.photos) return;
    const link = element("a");
    if (ids.length === 1) Object.assign(link, { href: `/original/${ids[0]}?download${options}`, download: "" });
    else Object.assign(link, { href: `/copies/photos.zip?ids=${list}${options}`, download: "photos.zip" });
    link.click();
    if (!answer.content.problem) dialog?.close();
  }

  leavesOut.onchange = () => { storeChoice(!leavesOut.checked); prepare(); };
  dialog.replaceChildren(heading, choice, note, problem, row);
  if (!dialog.open) dialog.showModal();
  prepare();
}

// Whether this browser shares files at all.
export function canShareFiles() {
  return typeof navigator.canShare === "function" && navigator.canShare({ files: [new File([""], "a.jpg", { type: "image/jpeg" })] });
}

// The files of photos, and a sentence about those that are not there.
/** @param {string[]} ids @param {boolean} withoutLocation @returns {Promise<Prepared>} */
async function fetchFiles(ids, withoutLocation) {
  const found = await Promise.all(ids.map((id) => fetchFile(id, withoutLocation)));
  const files = found.filter((each) => each instanceof File), problems = found.filter((each) => typeof each === "string");
  const left = problems.length && ids.length > 1 ? `Not shared: ${countOf(problems.length)}. ` : "";
  return { files, problem: problems.length ? left + problems[0] : "" };
}

/** @param {string} id @param {boolean} withoutLocation */
async function fetchFile(id, withoutLocation) {
  const response = await fetch(`/original/${id}?download${withoutLocation ? `&${WITHOUT}` : ""}`).catch(() => null);
  if (!response?.ok) return response ? response.text() : NO_SERVER;
  const content = await response.blob();
  return new File([content], nameIn(response.headers.get("content-disposition") ?? "", id), { type: content.type });
}

// The name of a file in a header, as RFC 6266 has it; bytes that are no text make it a number.
/** @param {string} header @param {string} id */
export function nameIn(header, id) {
  const name = /filename\*=utf-8''([^;]+)/i.exec(header)?.[1];
  try { return name ? decodeURIComponent(name) : `photo ${id}`; } catch { return `photo ${id}`; }
}

/** @param {string} text @param {() => void} act */
function button(text, act) {
  const node = element("button", "", text);
  node.type = "button";
  node.onclick = act;
  return node;
}

function storedChoice() {
  try { return localStorage.getItem(WITH_PLACES) === "1"; } catch { return false; }
}

/** @param {boolean} withPlaces */
function storeChoice(withPlaces) {
  try { localStorage.setItem(WITH_PLACES, withPlaces ? "1" : ""); } catch { /* private mode: for this dialog only */ }
}
