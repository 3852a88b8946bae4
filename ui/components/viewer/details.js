// The details of a photo, in a drawer beside it: facts, parts of features, place, files, sections of features, and why a search
// found it. Those of the neighbours are fetched ahead, so they come with the picture.

import { isPlainClick, visit } from "../history/history.js";
import { NO_SERVER, ask, askOperation, queryOf, readOperation } from "../shared/ask.js";
import { element, icon, momentName, printable, setFirst, sizeName, textButton } from "../shared/dom.js";
import { OTHER_PHOTOS, modulesOf, tray } from "../shared/tray.js";

/** @import { Card, Explanation, Hit, PhotoDetails } from "../operations.d.ts" */
/** @import { DetailsSection, Response, SectionModule, ViewerModule } from "../types.d.ts" */
/** @import { Slide } from "./media.js" */
/** @import { StreetMap } from "./street_map.js" */
/** @import { Data } from "./viewer.js" */
/** @typedef {[name: string, value: string][]} Rows */
/** @typedef {Promise<Response<PhotoDetails> | null>} Asked */
/** @typedef {{ at: number, answer: Asked, content?: PhotoDetails }} Entry: when it was asked for, and what has come */

const KEPT = 12; // details of photos
const FRESH_MS = 60_000; // afterwards they are asked for again
const WHY_AFTER_MS = 250; // a model may be needed, so not while somebody steps through photos
const NEAR_KM = 5, MAP_ZOOM = 7; // of the map around a photo: a region with its coast
const MOST_TEXT = 600; // characters shown of the text in a picture
const MOST_STARS = 5;
const IN_OTHER_WORDS = ["Taken", "Format", "Duration", "Rating"]; // labels of facts
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];
/** @type {Record<string, string>} */
const DATE_SOURCES = {
  exif: "from EXIF", xmp: "from XMP", iptc: "from IPTC", text: "from text in the file", video: "from the video",
  sidecar: "from a file beside the photo", file: "file modification time", you: "corrected by you",
};
/** @type {Record<string, string>} */
const MOTION = {
  inside: "motion photo; its video is in the same file", beside: "Live Photo; its video is in a separate file", animated: "animation; its first frame is shown",
};
const OFFLINE = "The drive with this photo is not connected.";
const MISSING = "This file disappeared together with many others. The photo is kept until you confirm in the Library view that you removed it.";
const GONE = "The file of this photo is not where it was, so at most a small picture can be shown. If it was moved or deleted, update its folder in the Library view.";
const FAILED_PART = "A plug-in could not show its part of this photo. Update its package, or remove it.";
const NOT_LOADED = "A part of this page could not be loaded. Reload the page.";
/** @param {string} text @param {() => void} act @param {string} sign */
const button = (text, act, sign) => textButton(text, act, sign, "button");

export class Details {
  /** @type {Slide | undefined} */ slide;
  /** @type {StreetMap | null} */ street = null;
  /** @type {ViewerModule[]} */ modules = []; // of features, once they have come
  search = "";
  shown = "";
  timer = 0;

  // `askForm` is called with the name of a form of Python, and the id of the photo that it is for.
  /** @param {Data} data @param {(name: string, id: string) => void} askForm */
  constructor(data, askForm) {
    this.data = data;
    /** @type {Map<string, Entry>} */
    this.kept = new Map(); // by id
    this.node = element("aside", "drawer");
    Object.assign(this.node, { ariaLabel: "Details", tabIndex: 0 }); // it scrolls
    this.facts = element("dl", "facts");
    this.parts = element("div", "parts");
    this.problem = element("p", "problem");
    this.problem.role = "alert";
    /** @type {Map<string, DetailsSection>} */
    this.sections = new Map(); // of features, by their names
    this.why = element("section", "part");
    this.node.append(element("h2", "", "Details"), this.facts, this.problem, this.parts, this.why);
    for (const { name, module } of data.sections) this.addSection(name, module, askForm);
    this.onOthers = () => { this.kept.clear(); if (this.slide) this.load(this.slide); };
    tray.addEventListener(OTHER_PHOTOS, this.onOthers);
    modulesOf(data.parts).then((modules) => {
      this.modules = /** @type {ViewerModule[]} */ (modules);
      this.shown = "";
      if (this.slide) this.draw(this.slide, this.known(this.slide.id));
    });
  }

  close() {
    clearTimeout(this.timer);
    tray.removeEventListener(OTHER_PHOTOS, this.onOthers);
  }

  // Show the details of a slide; `ahead` are those that may come next. `data` is that of the viewer.
  /** @param {Slide} slide @param {(Slide | undefined)[]} ahead @param {Data} data */
  show(slide, ahead, data) {
    const search = new URLSearchParams(data.search).toString(), isOther = this.slide?.id !== slide.id || this.search !== search;
    Object.assign(this, { slide, data, search });
    this.showSections();
    if (isOther) {
      this.draw(slide, this.known(slide.id));
      this.why.replaceChildren();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.explain(slide), WHY_AFTER_MS);
      this.load(slide);
      for (const each of ahead) if (each) this.fetch(each);
    }
  }

  // The details of a photo if they have come, else null.
  /** @param {string} id */
  known(id) { return this.kept.get(id)?.content ?? null; }

  /** @param {{ id: string }} photo @returns {Asked} */
  fetch({ id }) {
    const kept = this.kept.get(id);
    if (kept && performance.now() - kept.at < FRESH_MS) return kept.answer;
    /** @type {Asked} */
    const answer = readOperation("photo/{photo_id}", { photo_id: Number(id) }, { cache: "no-store" });
    /** @type {Entry} */
    const entry = { at: performance.now(), answer, content: kept?.content };
    entry.answer = answer.then((come) => {
      if (come?.ok) entry.content = come.content; else this.kept.delete(id); // it is asked for again
      return come;
    });
    this.kept.delete(id);
    this.kept.set(id, entry);
    if (this.kept.size > KEPT) this.kept.delete([...this.kept.keys()][0]);
    return entry.answer;
  }

  // The answer for a photo that is shown, whether or not the details are; null without one.
  /** @param {Slide} slide @param {Data} data */
  ask(slide, data) {
    this.data = data;
    return this.fetch(slide);
  }

  /** @param {Slide} slide */
  async load(slide) {
    const answer = await this.fetch(slide);
    if (this.slide !== slide && this.slide?.id !== slide.id) return; // another photo is shown
    if (answer?.ok) this.draw(slide, answer.content); else this.draw(slide, null, answer ? answer.content : NO_SERVER);
    this.showSections();
  }

  /** @param {Slide} slide @param {PhotoDetails | null} content @param {string} [problem] */
  draw(slide, content, problem = "") {
    this.problem.textContent = problem;
    const shown = JSON.stringify([slide.id, content]);
    if (this.shown === shown) return;
    this.shown = shown;
    this.street?.close();
    this.street = null;
    this.facts.replaceChildren(...rowsOf([...(content ? factRows(content) : []), ...slide.found]));
    this.parts.replaceChildren(...(content ? [
      ...this.modules.flatMap((module) => guardedParts(module, content)), ...this.place(content.hit), ...content.cards.map(cardOf), this.paths(slide, content),
    ] : []));
  }

  // ---------------------------------------------------------------- sections of features

  /** @param {string} name @param {string} module @param {(name: string, id: string) => void} askForm */
  async addSection(name, module, askForm) {
    const place = element("div"); // sections have an order, and modules come in any
    this.why.before(place);
    /** @type {SectionModule | null} */
    const loaded = await import(`../${module}`).catch(() => null);
    if (!loaded) { place.replaceWith(element("p", "problem", NOT_LOADED)); return; }
    try {
      const section = loaded.makeSection({ known: (id) => this.known(id), askForm });
      place.replaceWith(section.node);
      this.sections.set(name, section);
    } catch (error) {
      place.replaceWith(failedPart(error));
    }
    this.showSections();
  }

  showSections() {
    if (!this.slide) return;
    for (const { name, data } of this.data.sections) {
      const section = this.sections.get(name);
      try {
        section?.show(this.slide.id, data);
      } catch (error) { // it is asked no more
        this.sections.delete(name);
        section?.node.replaceWith(failedPart(error));
      }
    }
  }

  // What the key of a section does for a photo, if one has it.
  /** @param {string} key @param {Slide} slide @param {Data} data */
  actOf(key, slide, data) {
    for (const { name, data: ofSearch } of data.sections) {
      const section = this.sections.get(name), act = section?.keys?.[key];
      if (act) return () => { section.show(slide.id, ofSearch); act(); }; // it may have been shown for another photo
    }
    return null;
  }

  // ---------------------------------------------------------------- the place

  // No map server is contacted before the map is switched on.
  /** @param {Hit} hit */
  place({ photo: { facts: { lat, lon } } }) {
    if (lat === null || lon === null) return [];
    const part = element("section", "part"), toggle = element("label", "toggle"), box = element("input"), view = element("div", "street");
    const at = `${lat.toFixed(5)},${lon.toFixed(5)}`;
    part.ariaLabel = "Place";
    Object.assign(box, { type: "checkbox", onchange: () => this.showStreet(view, box.checked ? [lat, lon] : null) });
    box.role = "switch";
    toggle.title = "Sends this location to a map server on the internet.";
    toggle.append(box, element("span", "", "Show a map"));
    view.hidden = true;
    const links = element("div", "row");
    const { map_address: map } = this.data, onMap = map?.replace("{lat}", lat.toFixed(5)).replace("{lon}", lon.toFixed(5)).replace("{zoom}", String(MAP_ZOOM));
    links.append(
      linkTo("Photos nearby", `/?${new URLSearchParams({ q: `near:${at},${NEAR_KM}km` })}`, "near_me"),
      ...(onMap ? [linkTo("Around it on the map", onMap, "map")] : []),
    );
    part.append(toggle, view, links);
    return [part];
  }

  /** @param {HTMLElement} view @param {[lat: number, lon: number] | null} place */
  async showStreet(view, place) {
    this.street?.close();
    this.street = null;
    view.hidden = !place;
    if (!place) return;
    const { StreetMap } = await import("./street_map.js");
    if (!view.isConnected || view.hidden) return;
    this.street = new StreetMap(view);
    await this.street.show(...place);
  }

  // ---------------------------------------------------------------- files

  /** @param {Slide} slide @param {PhotoDetails} content */
  paths({ id }, { hit: { paths }, present }) {
    const part = element("section", "part"), hasDesktop = this.data.has_desktop && LOOPBACK.includes(location.hostname);
    part.append(element("h2", "", paths.length === 1 ? "Path" : `${paths.length} paths`), ...paths.flatMap((given, number) => {
      const path = printable(given), row = element("div", "path"), /** @type {HTMLButtonElement} */ copy = button("", () => this.copy(path, copy), "content_copy");
      copy.ariaLabel = copy.title = "Copy to the clipboard";
      row.append(element("code", "", path), copy);
      return hasDesktop && present[number] ? [row, button("Show in the file manager", () => this.showFile(id, number), "folder_open")] : [row];
    }));
    return part;
  }

  /** @param {string} path @param {HTMLElement} node */
  async copy(path, node) {
    try {
      await navigator.clipboard.writeText(path);
      setFirst(node, "check");
      setTimeout(() => setFirst(node, "content_copy"), 2000);
    } catch { // only where the page was opened without TLS on another machine
      this.problem.textContent = "The browser allows no copying here. Select the path, and copy it.";
    }
  }

  /** @param {string} photo @param {number} number */
  async showFile(photo, number) {
    const answer = await ask("/photo/file", { method: "PUT", body: JSON.stringify({ photo, number }) });
    this.problem.textContent = answer ? (answer.ok ? "" : answer.content) : NO_SERVER;
  }

  // ---------------------------------------------------------------- why it matched

  /** @param {Slide} slide */
  async explain(slide) {
    const query = queryOf(Object.fromEntries(new URLSearchParams(this.search)));
    if (query === null) return;
    const answer = await askOperation("explain", { photo: Number(slide.id), query });
    // What is wrong with a query is said where it is searched for.
    if (this.slide?.id !== slide.id || !answer?.ok) return;
    const rows = rowsOfExplanation(answer.content);
    if (rows.length) this.why.replaceChildren(element("h2", "", "Why it matched"), listOf(rows));
  }
}

/** @param {Rows} rows */
const rowsOf = (rows) => rows.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]);

/** @param {Rows} rows */
function listOf(rows) {
  const list = element("dl", "facts");
  list.append(...rowsOf(rows));
  return list;
}

// The parts of a feature; where it fails, a sentence in their place, and the rest of the viewer as always.
/** @param {ViewerModule} module @param {PhotoDetails} content @returns {HTMLElement[]} */
export function guardedParts(module, content) {
  try {
    return [...module.partsOf(content)];
  } catch (error) {
    return [failedPart(error)];
  }
}

/** @param {unknown} error */
function failedPart(error) {
  // biome-ignore lint/suspicious/noConsole: the author of a plug-in looks for its error here
  console.error(error);
  return element("p", "problem", FAILED_PART);
}

/** @param {Card} card */
function cardOf({ title, rows }) {
  const part = element("section", "part");
  part.ariaLabel = printable(title);
  part.append(element("h2", "", printable(title)), listOf(rows.map(([name, text]) => [printable(name), printable(text)])));
  return part;
}

/** @param {string} text @param {string} address @param {string} sign */
function linkTo(text, address, sign) {
  const link = element("a", "button");
  link.href = address;
  link.append(icon(sign), element("span", "", text));
  link.onclick = follow(link);
  return link;
}

/** @param {HTMLAnchorElement} link @returns {(event: MouseEvent) => void} */
const follow = (link) => (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(link.getAttribute("href") ?? ""); } };

// Why the file of a photo cannot be read now, as icons and sentences; none if it can. Files of an archive may be objects in
// a bucket, which only a request could find, so it is not said of them that they are gone.
/** @param {PhotoDetails} details @param {boolean} hasFiles whether the photos are files @returns {[icon: string, text: string][]} */
export function remarksOf({ hit: { offline, missing }, present }, hasFiles) {
  if (offline) return [["cloud_off", OFFLINE]];
  if (missing) return [["question_mark", MISSING]];
  return hasFiles && !present.includes(true) ? [["question_mark", GONE]] : [];
}

// What is known of a photo, by name.
/** @param {PhotoDetails} details @returns {Rows} */
export function factRows({ hit, text, shown }) {
  const { photo: { facts, size_bytes: size } } = hit, { width_px: width, height_px: height, lat, lon } = facts;
  const words = (text?.lines ?? []).map((line) => line.text).join(" · ");
  const /** @type {Rows} */ rows = [
    ["Date", dateOf(hit)],
    ["Size", `${width} × ${height} px, ${(width * height / 1e6).toFixed(1)} megapixels`],
    ["File", `${formatOf(hit)}, ${sizeName(size)}`],
    ["Duration", facts.duration_s === null ? "" : clock(facts.duration_s)],
    ["Motion", MOTION[facts.animated ? "animated" : facts.motion ?? ""] ?? ""],
    ["Rating", starsOf(facts.rating)],
    ...shown.filter(([label]) => !IN_OTHER_WORDS.includes(label)),
    ["Text in it", words.length <= MOST_TEXT ? words : `${[...words].slice(0, MOST_TEXT).join("")} …`],
    ["Location", lat === null || lon === null ? "" : `${lat.toFixed(5)}, ${lon.toFixed(5)}`],
  ];
  return rows.filter(([, value]) => value).map(([name, value]) => [printable(name), printable(value)]);
}

/** @param {Hit} hit */
function dateOf({ photo: { facts }, date, dated_by: dated }) {
  const source = DATE_SOURCES[dated ?? facts.dated_by ?? ""], moment = date ?? facts.taken_at;
  const text = moment === null ? "unknown" : momentName(moment, dated === "file" ? null : facts.date_precision);
  return source ? `${text} (${source})` : text;
}

// The format of the file; of a video, that of its container: MP4, MOV.
/** @param {Hit} hit */
function formatOf({ photo: { facts }, paths }) {
  const suffix = facts.duration_s === null ? "" : /[^/]\.([^./]+)$/.exec(paths[0])?.[1] ?? "";
  return suffix.toUpperCase() || facts.format;
}

// "★★★☆☆"; "rejected" for a negative rating, as XMP has it.
/** @param {number | null} rating */
function starsOf(rating) {
  if (rating === null) return "";
  return rating < 0 ? "rejected" : "★".repeat(rating) + "☆".repeat(MOST_STARS - rating);
}

// A time in a video: "0:12", "1:02:03".
/** @param {number} seconds */
function clock(seconds) {
  const whole = Math.floor(seconds), two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

// Why a search found a photo.
/** @param {Explanation} explanation @returns {Rows} */
export function rowsOfExplanation({ rank, score, shares, hubness, filters, remarks }) {
  const /** @type {Rows} */ rows = rank ? [["Rank", rank.toLocaleString("en")]] : [];
  rows.push(...remarks);
  if (score !== null) rows.push(["Score", score.toFixed(3)]);
  for (const { term, share, cosine } of shares) rows.push([term, `adds ${share < 0 ? "" : "+"}${share.toFixed(3)} (alone ${cosine.toFixed(3)})`]);
  if (hubness !== null) rows.push(["Nearness to all texts", `${hubness < 0 ? "takes" : "adds"} ${Math.abs(hubness).toFixed(3)}`]);
  for (const { filter, passes } of filters) rows.push([filter, passes ? "matches" : "does not match"]);
  return rows.map(([name, value]) => [printable(name), value]);
}
