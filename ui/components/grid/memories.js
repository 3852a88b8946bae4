// Rows above the photos of a grid: photos of earlier years, each with its year, and covers of collections.

import { element } from "../shared/dom.js";
import { createTile, fillTile } from "../shared/photo_tile.js";
import { linkOf } from "../shelf/shelf.js";

/** @import { TilePhoto } from "../types.d.ts" */
/** @import { Entry } from "../shelf/shelf.js" */
/** @typedef {{ title: string, link: string, photos: (TilePhoto & { year: string })[] }} Memories */
/** @typedef {{ title: string, entries: Entry[] }} Shelf */
/** @typedef {Memories | Shelf} Row */

// Of a row with its heading, as in memories.css; on a wide screen and on a narrow one.
const MEMORIES_PX = [208, 166], SHELF_PX = [318, 258];

/** @param {Row} row */
function heightOf(row) {
  const [wide, narrow] = "photos" in row ? MEMORIES_PX : SHELF_PX;
  return matchMedia("(max-width: 640px)").matches ? narrow : wide;
}

// How much room the rows need.
/** @param {Row[]} rows */
export const heightOfRows = (rows) => rows.reduce((sum, row) => sum + heightOf(row), 0);

// The elements of the rows; their links are opened by the grid.
/** @param {Row[]} rows */
export function elementsOfRows(rows) {
  let top = 0;
  return rows.map((row) => {
    const node = "photos" in row ? memories(row) : shelf(row);
    node.style.top = `${top}px`;
    top += heightOf(row);
    return node;
  });
}

/** @param {Memories} row */
function memories({ title, link, photos }) {
  const node = element("section", "memories"), heading = element("h2", "month", title), strip = element("div", "strip");
  node.ariaLabel = title;
  const all = element("a", "all", "Show all");
  all.href = link;
  all.ariaLabel = `Show all: ${title}`;
  heading.append(all);
  strip.append(...photos.map((photo) => {
    const tile = createTile();
    fillTile(tile, { ...photo, badges: [["taken", photo.year], ...photo.badges] });
    return tile;
  }));
  node.append(heading, strip);
  return node;
}

/** @param {Shelf} row */
function shelf({ title, entries }) {
  const node = element("nav", "shelf"), strip = element("div", "strip");
  node.ariaLabel = title;
  strip.append(...entries.map(linkOf));
  node.append(element("h2", "month", title), strip);
  return node;
}
