// What is known of a photo, in a drawer beside it: facts, corrections, place, faces, files, sections of features, and why a
// search found it. Those of the neighbours are fetched ahead, so they come with the picture.

import { isPlainClick, visit } from "../history/history.js";
import { NO_SERVER, ask, askOperation, queryOf } from "../shared/ask.js";
import { element, icon, printable, setFirst, textButton } from "../shared/dom.js";
import { ASKED_CORRECTION, OTHER_PHOTOS, tray } from "../shared/tray.js";

/** @import { Explanation } from "../operations.d.ts" */
/** @import { DetailsSection, Response, SectionModule } from "../types.d.ts" */
/** @import { Slide } from "./media.js" */
/** @import { StreetMap } from "./street_map.js" */
/** @import { Data } from "./viewer.js" */
/** @typedef {[name: string, value: string][]} Rows */
/** @typedef {{ what: "date" | "place", now: string, stated: string }} Corrected */
/** @typedef {{ lat: number, lon: number, nearby: string, map: string | null }} PlaceOnMap with the addresses of two views, of which one may be missing */
/** @typedef {{ id: string, name: string, is_single: boolean, address: string }} FaceOfPhoto */
/** @typedef {{ title: string, rows: Rows }} Card what a feature says of the photo: see ui/features.py */
/**
 * What the library knows of a photo: ui/photo_data.py. `remarks` are icons and sentences; without a part of the library,
 * what it would say is null.
 * @typedef {{ facts: Rows, remarks: [icon: string, text: string][], corrected: Corrected[] | null, place: PlaceOnMap | null, faces: FaceOfPhoto[], cards: Card[], path_title: string, paths: { path: string, can_be_shown: boolean }[], sections: Record<string, unknown> }} Content
 */
/** @typedef {Promise<Response<Content> | null>} Asked */
/** @typedef {{ at: number, answer: Asked, content?: Content }} Entry: when it was asked for, and what has come */

const KEPT = 12; // details of photos
const FRESH_MS = 60_000; // afterwards they are asked for again
const WHY_AFTER_MS = 250; // a model may be needed, so not while somebody steps through photos
/** @param {string} text @param {() => void} act @param {string} sign */
const button = (text, act, sign) => textButton(text, act, sign, "button");

export class Details {
  /** @type {Slide | undefined} */ slide;
  /** @type {StreetMap | null} */ street = null;
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
    const answer = ask(`/photo/details?${new URLSearchParams({ id })}`, { cache: "no-store" });
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

  /** @param {Slide} slide @param {Content | null} content @param {string} [problem] */
  draw(slide, content, problem = "") {
    this.problem.textContent = problem;
    const shown = JSON.stringify([slide.id, content]);
    if (this.shown === shown) return;
    this.shown = shown;
    this.street?.close();
    this.street = null;
    this.facts.replaceChildren(...rowsOf([...(content?.facts ?? []), ...slide.found]));
    this.parts.replaceChildren(...(content ? [
      ...corrections(slide, content.corrected), ...this.place(content.place), ...faces(content.faces), ...cardsOf(content.cards), this.paths(slide, content),
    ] : []));
  }

  // ---------------------------------------------------------------- sections of features

  /** @param {string} name @param {string} module @param {(name: string, id: string) => void} askForm */
  async addSection(name, module, askForm) {
    const place = element("div"); // sections have an order, and modules come in any
    this.why.before(place);
    /** @type {SectionModule | null} */
    const loaded = await import(`../${module}`).catch(() => null);
    if (!loaded) { place.replaceWith(element("p", "problem", "A part of this page could not be loaded. Reload the page.")); return; }
    const section = loaded.makeSection({ known: (id) => this.known(id)?.sections[name], askForm });
    place.replaceWith(section.node);
    this.sections.set(name, section);
    this.showSections();
  }

  showSections() {
    if (this.slide) for (const { name, data } of this.data.sections) this.sections.get(name)?.show(this.slide.id, data);
  }

  // ---------------------------------------------------------------- the place

  // No map server is contacted before the map is switched on.
  /** @param {PlaceOnMap | null} place */
  place(place) {
    if (!place) return [];
    const part = element("section", "part"), toggle = element("label", "toggle"), box = element("input"), view = element("div", "street");
    part.ariaLabel = "Place";
    Object.assign(box, { type: "checkbox", onchange: () => this.showStreet(view, box.checked ? place : null) });
    box.role = "switch";
    toggle.title = "Sends this location to a map server on the internet.";
    toggle.append(box, element("span", "", "Show a map"));
    view.hidden = true;
    const links = element("div", "row");
    links.append(linkTo("Photos nearby", place.nearby, "near_me"), ...(place.map ? [linkTo("Around it on the map", place.map, "map")] : []));
    part.append(toggle, view, links);
    return [part];
  }

  /** @param {HTMLElement} view @param {PlaceOnMap | null} place */
  async showStreet(view, place) {
    this.street?.close();
    this.street = null;
    view.hidden = !place;
    if (!place) return;
    const { StreetMap } = await import("./street_map.js");
    if (!view.isConnected || view.hidden) return;
    this.street = new StreetMap(view);
    await this.street.show(place.lat, place.lon);
  }

  // ---------------------------------------------------------------- files

  /** @param {Slide} slide @param {Content} content */
  paths({ id }, { path_title: title, paths }) {
    const part = element("section", "part");
    part.append(element("h2", "", title), ...paths.flatMap(({ path, can_be_shown: canBeShown }, number) => {
      const row = element("div", "path"), /** @type {HTMLButtonElement} */ copy = button("", () => this.copy(path, copy), "content_copy");
      copy.ariaLabel = copy.title = "Copy to the clipboard";
      row.append(element("code", "", path), copy);
      return canBeShown ? [row, button("Show in the file manager", () => this.showFile(id, number), "folder_open")] : [row];
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


/** @param {Card[]} cards */
function cardsOf(cards) {
  return cards.map(({ title, rows }) => {
    const part = element("section", "part");
    part.ariaLabel = title;
    part.append(element("h2", "", title), listOf(rows));
    return part;
  });
}

/** @param {Slide} slide @param {Corrected[] | null} rows */
function corrections({ id }, rows) {
  if (!rows) return [];
  const part = element("section", "part corrections");
  part.ariaLabel = "Corrections";
  part.append(...rows.map(({ what, now, stated }) => {
    const row = element("div", "corrected"), text = element("p");
    text.append(element("strong", "", `${what === "date" ? "Date" : "Place"} corrected by you: ${now}.`), " ", element("span", "", `The file says: ${stated}.`));
    row.append(text, button(`Take back the ${what}`, () => takeBack(id, what), "undo"));
    return row;
  }), button("Correct the date or place", () => tray.tell(ASKED_CORRECTION, [id]), "edit_calendar"));
  return [part];
}

/** @param {string} id @param {Corrected["what"]} what */
async function takeBack(id, what) {
  const answer = await tray.change("corrections/forget", { photo_ids: [Number(id)], date: what === "date", place: what === "place" });
  tray.say(answer);
  if (answer?.ok) tray.changedPhotos();
}

/** @param {FaceOfPhoto[]} list */
function faces(list) {
  if (!list.length) return [];
  const part = element("section", "part"), row = element("div", "row");
  row.append(...list.map(({ id, name, is_single: isSingle, address }) => {
    const link = element("a", "face"), image = element("img");
    Object.assign(image, { src: `/face/small/${id}`, alt: "" });
    link.href = address;
    link.title = isSingle ? "The faces most like this one, to say who it is" : "All faces of this person";
    link.append(image, element("span", "", isSingle ? "More of this face" : name), ...(isSingle ? [element("span", "once", "Seen once")] : []));
    link.onclick = follow(link);
    return link;
  }));
  part.append(element("h2", "", "Faces"), row);
  return [part];
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
