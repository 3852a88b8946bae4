// The places of the page: on wide screens in the header, on narrow ones in a bar where the thumb reaches it; and the
// views of the place that is shown, in a row. Both follow the address at once: the view itself comes when the server has
// answered.

import { PHOTO, isPlainClick, visit } from "../history/history.js";
import { element, icon } from "../shared/dom.js";
import { addressKeepingSearch } from "../shared/search_box.js";

/**
 * A view, and what the row of its place calls it. A hidden one is not in the row: other views lead to it.
 * @typedef {{ address: string, label: string, isHidden: boolean }} View
 */
/**
 * `overview` is the address of a view that leads to all others of the place, which has no row then; else it is empty.
 * @typedef {{ title: string, icon: string, views: View[], overview: string }} Place
 */

export class Places {
  constructor() {
    this.bar = nav("places", "Places");
    this.row = nav("place-views", "Views");
    /** @type {Place[]} */
    this.places = [];
    /** @type {Place | null} */
    this.here = null;
    this.isDeeper = false; // than the overview of the place
    this.follow = () => this.showHere();
    addEventListener("popstate", this.follow); // of all ways to another view
  }

  // An element that has the focus stays: only other places make others.
  /** @param {Place[]} places */
  show(places) {
    if (JSON.stringify(places) !== JSON.stringify(this.places)) {
      this.places = places;
      this.here = null;
      this.bar.replaceChildren(...places.map((place) => this.link(shownViews(place)[0]?.address ?? "/", place.title, place.icon)));
    }
    this.showHere();
  }

  showHere() {
    const place = placeOf(location, this.places), path = location.pathname, isDeeper = Boolean(place?.overview) && place?.overview !== path;
    if (place !== this.here || isDeeper !== this.isDeeper) {
      this.here = place;
      this.isDeeper = isDeeper;
      this.row.scrollLeft = 0; // another place begins with its first view
      this.row.replaceChildren(...(place ? this.linksIn(place) : []));
    }
    this.row.hidden = !this.row.children.length || path === PHOTO; // a photo has the room
    for (const [index, link] of [...this.bar.children].entries()) mark(link, this.places[index] === place && (linkedPath(link) === path ? "page" : "true"));
    for (const link of this.row.children) {
      mark(link, linkedPath(link) === path && "page");
      if (linkedPath(link) === path) bringIntoRow(link, this.row);
    }
  }

  // The row of a place: its views, or the way back to the one that leads to them.
  /** @param {Place} place */
  linksIn(place) {
    if (place.overview) return this.isDeeper ? [this.link(place.overview, place.title, "arrow_back")] : [];
    const views = shownViews(place);
    return views.length > 1 ? views.map(({ address, label }) => this.link(address, label)) : [];
  }

  /** @param {string} address @param {string} text @param {string} [sign] */
  link(address, text, sign) {
    const link = element("a");
    link.href = address;
    if (sign) link.append(icon(sign));
    const word = element("span", "", text);
    word.dataset.bold = text;
    link.append(word);
    link.onclick = (event) => {
      if (!isPlainClick(event)) return;
      event.preventDefault();
      visit(addressOfView(address));
      this.showHere(); // `visit` tells others of it a moment later where several follow each other
    };
    return link;
  }

  close() { removeEventListener("popstate", this.follow); }
}

// Where a click on the name of a view leads. The view of the address counts, not the one that is shown: it may be on its way.
/** @param {string} path */
const addressOfView = (path) => (path === location.pathname ? path : addressKeepingSearch(path));

/** @param {Place} place */
const shownViews = (place) => place.views.filter(({ isHidden }) => !isHidden);

// The place of the view with this address. A photo belongs to the place of the view in which it was opened.
/** @param {{ pathname: string, search: string }} address @param {Place[]} places @returns {Place | null} */
export function placeOf({ pathname, search }, places) {
  const withView = (/** @type {string} */ path) => places.find(({ views }) => views.some(({ address }) => address === path));
  const from = new URLSearchParams(search).get("from")?.split(" ")[0];
  const isHidden = withView(pathname)?.views.find(({ address }) => address === pathname)?.isHidden;
  return (isHidden && from ? withView(`/${from}`) : null) ?? withView(pathname) ?? null;
}

/** @param {string} name @param {string} label */
function nav(name, label) {
  const node = element("nav", name);
  node.ariaLabel = label;
  return node;
}

/** @param {Element} link @param {"page" | "true" | false} current */
function mark(link, current) {
  if (current) link.setAttribute("aria-current", current); else link.removeAttribute("aria-current");
}

/** @param {Element} link */
const linkedPath = (link) => link.getAttribute("href") ?? "";

// Scrolls the row, no further than the link needs, and nothing around it.
/** @param {Element} link @param {HTMLElement} row */
function bringIntoRow(link, row) {
  if (!(link instanceof HTMLElement)) return;
  const start = link.offsetLeft - row.offsetLeft, end = start + link.offsetWidth - row.clientWidth;
  row.scrollLeft = Math.max(Math.min(row.scrollLeft, start), end);
}
