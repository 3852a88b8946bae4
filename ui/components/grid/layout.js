// Where the headings and tiles of a grid of photos are. Nothing here touches the page.
// All lengths are in pixels, from the top left corner of the scrolled content.

/** @typedef {{ title: string, label: string, count: number }} Block photos under one title */
/** @typedef {{ day: string, label: string, count: number, remark: string, towns: string }} Day */
/** @typedef {{ title: string, first: string, last: string, photos: number, address: string }} Span of days, with the first and the last one */
/** @typedef {{ height: number } & ({ kind: "month", month: string } | { kind: "span", span: Span })} Heading */
/**
 * A part of a grid with its own tiles. `first` is the offset of its first photo, and `number` is its own place among all.
 * @typedef {{ number: number, first: number, count: number, label: string, headings: Heading[], x: number, top: number, width: number, tilesTop: number, bottom: number }} Section
 */
/** @typedef {Section & Block & { isBeside: boolean }} BlockSection */
/** @typedef {Section & Day & { dayTop: number, labelWidth: number }} DaySection */
/** @typedef {{ x: number, y: number, width: number, height: number }} TilePlace */
/**
 * `tiles` has four numbers a photo: those of a `TilePlace`.
 * @template {Section} [Own=Section]
 * @typedef {{ sections: Own[], tiles: Float64Array, width: number, height: number, count: number }} Layout
 */
/**
 * A way to fill rows of `width` with tiles, which are `desired` high, or about so. `widthOf` says how wide photos are in one
 * row. `place` writes the places of photos, in rows from a point on, and returns the lower edge of the last row with a gap.
 * @typedef {{ width: number, desired: number, widthOf(first: number, count: number): number, place(tiles: Float64Array, first: number, count: number, x: number, y: number): number }} Tiling
 */

export const GAP = 4; // between tiles
const LINE_HEIGHT = 52; // of the heading of a block
const MONTH_HEIGHT = 58, SPAN_HEIGHT = 56, DAY_HEIGHT = 40;
const BETWEEN_DAYS = 24, BETWEEN_BLOCKS = 24; // of two in one row
const LIKELY = "Likely"; // as in ui/answer_data.py
const TITLE_WIDTH = 120; // that the title of a block needs
const LABEL_WIDTH = 168, REMARK_WIDTH = 340; // that the heading of a day needs beside another
const NARROWEST = 50, WIDEST = 300; // shapes of tiles; what a photo has beyond is cut off
const HIGHEST = 1.5; // that a row may be in place of the desired height

/** @param {Float64Array} tiles @param {number} offset @param {number} x @param {number} y @param {number} width @param {number} height */
function write(tiles, offset, x, y, width, height) {
  tiles[4 * offset] = x;
  tiles[4 * offset + 1] = y;
  tiles[4 * offset + 2] = width;
  tiles[4 * offset + 3] = height;
}

// Squares in columns. They fill the width as far as whole pixels do.
/** @param {number} width @param {number} desired @returns {Tiling} */
export function squares(width, desired) {
  const columns = Math.max(1, Math.round((width + GAP) / (desired + GAP))), step = Math.floor((width + GAP) / columns), side = step - GAP;
  return {
    width,
    desired: side,
    widthOf: (_first, count) => count * step - GAP,
    place(tiles, first, count, x, y) {
      for (let at = 0; at < count; at += 1) write(tiles, first + at, x + (at % columns) * step, y + Math.floor(at / columns) * step, side, side);
      return y + Math.ceil(count / columns) * step;
    },
  };
}

// Rows of photos in their own shapes, which fill the width. `shapes` has the width of each photo in percent of its height. The
// last row is not stretched.
/** @param {number} width @param {number} desired @param {ArrayLike<number>} shapes @returns {Tiling} */
export function rowsOfShapes(width, desired, shapes) {
  /** @param {number} offset */
  const shapeOf = (offset) => Math.min(Math.max(shapes[offset] || 100, NARROWEST), WIDEST) / 100;
  // One row; its height makes it as wide as the grid where it is not the last one, or would be wider.
  /** @param {Float64Array} tiles @param {number} first @param {number} end @param {number} shape @param {number} x @param {number} y @param {boolean} isLast */
  const placeRow = (tiles, first, end, shape, x, y, isLast) => {
    const fitting = (width - (end - first - 1) * GAP) / shape, high = isLast ? Math.min(desired, fitting) : fitting, height = Math.round(high);
    let before = 0, left = x;
    for (let offset = first; offset < end; offset += 1) {
      before += shapeOf(offset);
      const right = x + Math.round(before * high) + (offset - first) * GAP;
      write(tiles, offset, left, y, right - left, height);
      left = right + GAP;
    }
    return y + height + GAP;
  };
  return {
    width,
    desired,
    widthOf(first, count) {
      let sum = 0;
      for (let offset = first; offset < first + count && sum * desired <= width; offset += 1) sum += shapeOf(offset);
      return sum * desired + (count - 1) * GAP;
    },
    place(tiles, first, count, x, y) {
      const end = first + count;
      let begin = first, sum = 0;
      for (let offset = first; offset < end; offset += 1) {
        const shape = shapeOf(offset), filled = (width - (offset - begin) * GAP) / (sum + shape);
        if (filled > desired) { sum += shape; continue; }
        // The row is full. It ends before this photo where its height is then nearer to the desired one.
        const without = begin < offset ? (width - (offset - begin - 1) * GAP) / sum : Infinity;
        const isBefore = without <= HIGHEST * desired && without / desired < desired / filled;
        y = isBefore ? placeRow(tiles, begin, offset, sum, x, y, false) : placeRow(tiles, begin, offset + 1, sum + shape, x, y, false);
        begin = isBefore ? offset : offset + 1;
        sum = isBefore ? shape : 0;
      }
      return begin < end ? placeRow(tiles, begin, end, sum, x, y, true) : y;
    },
  };
}

// Blocks of photos ({title, count, …}) one below the other, each under its title if it has one. Short blocks stand side
// by side where they fit into one row; then each `isBeside` another, and has room for a title. Sure photos that are fewer
// than a row has are followed by the likely ones, from which their marks tell them. `end` is left free below, and `start` above.
/** @param {Block[]} given @param {Tiling} tiling @returns {Layout<BlockSection>} */
export function layOutBlocks(given, tiling, end = 0, start = 0) {
  const { width, desired } = tiling, /** @type {BlockSection[]} */ sections = [];
  const isShort = given[0]?.label === "" && given[1]?.label === LIKELY && tiling.widthOf(0, given[0].count) + GAP + desired <= width;
  const blocks = isShort ? [{ title: "", label: "Sure and likely", count: given[0].count + given[1].count }, ...given.slice(2)] : given;
  const count = blocks.reduce((sum, block) => sum + block.count, 0), tiles = new Float64Array(4 * count);
  /** @param {number} from @param {Block} block */
  const widthOf = (from, block) => Math.max(tiling.widthOf(from, block.count), TITLE_WIDTH);
  let first = 0, y = start;
  for (let at = 0, next; at < blocks.length; at = next) {
    let needed = widthOf(first, blocks[at]), from = first + blocks[at].count;
    for (next = at + 1; next < blocks.length; next += 1) {
      needed += BETWEEN_BLOCKS + widthOf(from, blocks[next]);
      if (needed > width) break;
      from += blocks[next].count;
    }
    const row = blocks.slice(at, next), isBeside = row.length > 1, tilesTop = y + (isBeside || row[0].title ? LINE_HEIGHT : 0);
    let x = 0, lowest = tilesTop;
    for (const block of row) {
      const own = isBeside ? widthOf(first, block) : width, bottom = tiling.place(tiles, first, block.count, x, tilesTop);
      sections.push({ ...block, number: sections.length, first, headings: [], top: y, x, width: own, isBeside, tilesTop, bottom });
      first += block.count;
      x += own + BETWEEN_BLOCKS;
      lowest = Math.max(lowest, bottom);
    }
    y = lowest;
  }
  return { sections, tiles, width, height: y + end, count };
}

// The days of `days` ({day, count, …}, newest first) below a `start` of some height. A short day
// stands beside the day before it if both fit, as long as no other heading is between them.
/** @param {Day[]} days @param {Span[]} spans @param {Tiling} tiling @param {number} start @returns {Layout<DaySection>} */
export function layOutDays(days, spans, tiling, start) {
  const { width } = tiling, count = days.reduce((sum, day) => sum + day.count, 0), tiles = new Float64Array(4 * count);
  const /** @type {DaySection[]} */ sections = [];
  let first = 0, y = start, month = "", next = 0, /** @type {DaySection | null} */ before = null;
  for (const day of days) {
    const /** @type {Heading[]} */ headings = [];
    if (day.day.slice(0, 7) !== month) {
      month = day.day.slice(0, 7);
      headings.push({ kind: "month", month, height: MONTH_HEIGHT });
    }
    while (next < spans.length && spans[next].first > day.day) next += 1;
    if (next < spans.length && spans[next].last >= day.day) {
      headings.push({ kind: "span", span: spans[next], height: SPAN_HEIGHT });
      next += 1;
    }
    const own = tiling.widthOf(first, day.count), needed = Math.max(own, day.remark ? REMARK_WIDTH : LABEL_WIDTH);
    const x = before && !headings.length ? before.x + before.width + BETWEEN_DAYS : 0;
    const beside = x > 0 && x + needed <= width ? before : null;
    const top = beside?.top ?? y, dayTop = beside?.dayTop ?? y + headings.reduce((sum, heading) => sum + heading.height, 0);
    if (beside) beside.labelWidth = beside.width; // else it may be as long as the row
    const left = beside ? x : 0, tilesTop = dayTop + DAY_HEIGHT;
    /** @type {DaySection} */
    const section = {
      ...day, number: sections.length, first, headings, top, x: left, width: own > width ? width : needed,
      labelWidth: width - left, dayTop, tilesTop, bottom: tiling.place(tiles, first, day.count, left, tilesTop),
    };
    sections.push(section);
    first += day.count;
    y = section.bottom;
    before = section;
  }
  return { sections, tiles, width, height: y, count };
}

// The last section for which `reaches` holds; it must hold for those before it, too.
/** @template {Section} Own @param {Own[]} sections @param {(section: Own) => boolean} reaches */
function lastWhere(sections, reaches) {
  let low = 0, high = sections.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (reaches(sections[middle])) low = middle; else high = middle - 1;
  }
  return sections[low];
}

/** @template {Section} Own @param {Layout<Own>} layout @param {number} offset */
export function sectionOf(layout, offset) {
  return lastWhere(layout.sections, (section) => section.first <= offset);
}

// The first of the sections that begin at or above `y`; several begin there if they are in one row.
/** @template {Section} Own @param {Layout<Own>} layout @param {number} y */
export function sectionAt(layout, y) {
  const found = lastWhere(layout.sections, (section) => section.top <= y);
  let number = found.number;
  while (number > 0 && layout.sections[number - 1].top === found.top) number -= 1;
  return layout.sections[number];
}

/** @param {Layout} layout @param {number} offset @returns {TilePlace} */
export function placeOf({ tiles }, offset) {
  return { x: tiles[4 * offset], y: tiles[4 * offset + 1], width: tiles[4 * offset + 2], height: tiles[4 * offset + 3] };
}

// The first offset of a section, or else its end, for which `isBelow` holds; it must hold for those after it, too.
/** @param {Section} section @param {(offset: number) => boolean} isBelow */
function firstBelow({ first, count }, isBelow) {
  let low = first, high = first + count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBelow(middle)) high = middle; else low = middle + 1;
  }
  return low;
}

// The offsets of a section's tiles between two heights: [first, end).
/** @param {Layout} layout @param {Section} section @param {number} top @param {number} bottom @returns {[first: number, end: number]} */
export function tilesBetween({ tiles }, section, top, bottom) {
  const first = firstBelow(section, (offset) => tiles[4 * offset + 1] + tiles[4 * offset + 3] + GAP > top);
  const end = firstBelow(section, (offset) => tiles[4 * offset + 1] >= bottom);
  return first < end ? [first, end] : [section.first, section.first];
}

// The first offset of the row after that of `offset`, or else the end of their section.
/** @param {Layout} layout @param {Section} section @param {number} offset */
export function nextRow({ tiles }, section, offset) {
  return firstBelow(section, (other) => tiles[4 * other + 1] > tiles[4 * offset + 1]);
}

// How far a tile is from a place in its row, to the left or to the right; 0 where it is there.
/** @param {Layout} layout @param {number} offset @param {number} x */
function distance({ tiles }, offset, x) {
  const left = tiles[4 * offset], right = left + tiles[4 * offset + 2];
  return Math.max(left - x, x - right, 0);
}

// The offset of the tile at a point or near it, in the last of the sections beside each other that begin left of it.
/** @param {Layout} layout @param {number} x @param {number} y */
export function tileNear(layout, x, y) {
  const { tiles } = layout;
  let section = sectionAt(layout, y);
  for (let other = section; other?.top === section.top; other = layout.sections[other.number + 1]) if (other.x <= x) section = other;
  // The last row that begins above, else the first one.
  const after = firstBelow(section, (offset) => tiles[4 * offset + 1] > y), last = Math.max(after - 1, section.first);
  let best = last;
  for (let offset = last; offset >= section.first && tiles[4 * offset + 1] === tiles[4 * last + 1]; offset -= 1) {
    if (distance(layout, offset, x) <= distance(layout, best, x)) best = offset;
  }
  return best;
}

// The tile of the row below (direction 1) or above (-1) that is nearest to the middle of `offset`.
/** @param {Layout} layout @param {number} offset @param {1 | -1} direction */
export function besideRow(layout, offset, direction) {
  const { tiles } = layout, from = placeOf(layout, offset), x = from.x + from.width / 2;
  let best = offset, /** @type {number | null} */ row = null, gap = Infinity;
  for (let other = offset + direction; other >= 0 && other < layout.count; other += direction) {
    const y = tiles[4 * other + 1];
    if (y === from.y) continue;
    row ??= y;
    if (y !== row) break;
    const far = distance(layout, other, x);
    if (far < gap) { gap = far; best = other; }
  }
  return best;
}
