// Rows of photos of earlier years above the photos of a grid, each with its year.

import { element } from "../shared/dom.js";
import { createTile, fillTile } from "../shared/photo_tile.js";

/** @import { TilePhoto } from "../types.d.ts" */
/** @typedef {{ title: string, link: string, photos: (TilePhoto & { year: string })[] }} Memories */

const HEIGHT_PX = 208, NARROW_HEIGHT_PX = 166; // of a row with its heading, as in memories.css

// How much room the rows need.
/** @param {{ length: number } | null} rows */
export function memoriesHeight(rows) {
  return (rows?.length ?? 0) * (matchMedia("(max-width: 640px)").matches ? NARROW_HEIGHT_PX : HEIGHT_PX);
}

// The elements of the rows {title, link, photos}; their links are opened by the grid.
/** @param {Memories[] | null} rows */
export function memoryRows(rows) {
  return (rows ?? []).map(({ title, link, photos }, number) => {
    const node = element("section", "memories"), heading = element("h2", "month", title), strip = element("div", "strip");
    node.ariaLabel = title;
    node.style.top = `${memoriesHeight({ length: number })}px`;
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
  });
}
