// Where the headings and tiles of a grid of photos are. Nothing here touches the page.
// All lengths are in pixels, from the top left corner of the scrolled content.

/** @typedef {{ title: string, label: string, count: number }} Block photos under one title */
/** @typedef {{ day: string, label: string, count: number, remark: string, towns: string }} Day */
/** @typedef {{ title: string, first: string, last: string, photos: number, address: string }} Span of days, with the first and the last one */
/** @typedef {{ height: number } & ({ kind: "month", month: string } | { kind: "span", span: Span })} Heading */
/**
 * A part of a grid with its own tiles. `first` is the offset of its first photo, and `number` is its own place among all.
 * @typedef {{ number: number, first: number, count: number, rows: number, label: string, headings: Heading[], x: number, top: number, width: number, tilesTop: number, bottom: number }} Section
 */
/** @typedef {Section & Block & { isBeside: boolean }} BlockSection */
/** @typedef {Section & Day & { dayTop: number, labelWidth: number }} DaySection */
/**
 * @template {Section} [Own=Section]
 * @typedef {{ sections: Own[], columns: number, side: number, width: number, height: number, count: number }} Layout
 */

export const GAP = 4; // between tiles
const DESIRED_SIDE = 176, MIN_COLUMNS = 3; // of the timeline
const LINE_HEIGHT = 52; // of the heading of a block
const MONTH_HEIGHT = 58, SPAN_HEIGHT = 56, DAY_HEIGHT = 40;
const BETWEEN_DAYS = 24, BETWEEN_BLOCKS = 24; // of two in one row
const LIKELY = "Likely"; // as in ui/answer_data.py
const TITLE_WIDTH = 120; // that the title of a block needs
const LABEL_WIDTH = 168, REMARK_WIDTH = 340; // that the heading of a day needs beside another

// How many columns fit if tiles are to be about `desired` wide, and how wide they then are.
/** @param {number} width @param {number} desired @param {number} fewest */
function columnsOf(width, desired, fewest) {
  const columns = Math.max(fewest, Math.round((width + GAP) / (desired + GAP)));
  return { columns, side: Math.floor((width + GAP) / columns) - GAP };
}

// Blocks of photos ({title, count, …}) one below the other, each under its title if it has one. Short blocks stand side
// by side where they fit into one row; then each `isBeside` another, and has room for a title. Sure photos that are fewer
// than a row has are followed by the likely ones, from which their marks tell them. `end` is left free below, and `start` above.
/** @param {Block[]} given @param {number} width @param {number} desired @returns {Layout<BlockSection>} */
export function layOutBlocks(given, width, desired, end = 0, start = 0) {
  const { columns, side } = columnsOf(width, desired, 1), /** @type {BlockSection[]} */ sections = [];
  const isShort = given[0]?.label === "" && given[1]?.label === LIKELY && given[0].count < columns;
  const blocks = isShort ? [{ title: "", label: "Sure and likely", count: given[0].count + given[1].count }, ...given.slice(2)] : given;
  /** @param {Block} block */
  const widthOf = ({ count }) => Math.max(count * (side + GAP) - GAP, TITLE_WIDTH);
  let first = 0, y = start;
  for (let at = 0, next; at < blocks.length; at = next) {
    let needed = widthOf(blocks[at]);
    for (next = at + 1; next < blocks.length && needed + BETWEEN_BLOCKS + widthOf(blocks[next]) <= width; next += 1) needed += BETWEEN_BLOCKS + widthOf(blocks[next]);
    const row = blocks.slice(at, next), isBeside = row.length > 1, tilesTop = y + (isBeside || row[0].title ? LINE_HEIGHT : 0);
    let x = 0;
    for (const block of row) {
      const rows = Math.ceil(block.count / columns), own = isBeside ? widthOf(block) : width;
      sections.push({ ...block, number: sections.length, first, headings: [], top: y, rows, x, width: own, isBeside, tilesTop, bottom: tilesTop + rows * (side + GAP) });
      first += block.count;
      x += own + BETWEEN_BLOCKS;
    }
    y = sections[sections.length - 1].bottom;
  }
  return { sections, columns, side, width, height: y + end, count: first };
}

// The days of `days` ({day, count, …}, newest first) below a `start` of some height. A short day
// stands beside the day before it if both fit, as long as no other heading is between them.
/** @param {Day[]} days @param {Span[]} spans @param {number} width @param {number} start @returns {Layout<DaySection>} */
export function layOutDays(days, spans, width, start, desired = DESIRED_SIDE, fewest = MIN_COLUMNS) {
  const { columns, side } = columnsOf(width, desired, fewest);
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
    const needed = Math.max(day.count * (side + GAP) - GAP, day.remark ? REMARK_WIDTH : LABEL_WIDTH);
    const x = before && !headings.length ? before.x + before.width + BETWEEN_DAYS : 0;
    const beside = x > 0 && before?.rows === 1 && day.count < columns && x + needed <= width ? before : null;
    const top = beside?.top ?? y, dayTop = beside?.dayTop ?? y + headings.reduce((sum, heading) => sum + heading.height, 0);
    if (beside) beside.labelWidth = beside.width; // else it may be as long as the row
    const rows = Math.ceil(day.count / columns), left = beside ? x : 0, tilesTop = dayTop + DAY_HEIGHT;
    /** @type {DaySection} */
    const section = {
      ...day, number: sections.length, first, headings, top, rows, x: left, width: rows > 1 ? width : needed,
      labelWidth: width - left, dayTop, tilesTop, bottom: tilesTop + rows * (side + GAP),
    };
    sections.push(section);
    first += day.count;
    y = section.bottom;
    before = section;
  }
  return { sections, columns, side, width, height: y, count: first };
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

/** @param {Layout} layout @param {number} offset */
export function placeOf(layout, offset) {
  const section = sectionOf(layout, offset);
  const index = offset - section.first, step = layout.side + GAP;
  return { x: section.x + (index % layout.columns) * step, y: section.tilesTop + Math.floor(index / layout.columns) * step };
}

// The offsets of a section's tiles between two heights: [first, end).
/** @param {Layout} layout @param {Section} section @param {number} top @param {number} bottom @returns {[first: number, end: number]} */
export function tilesBetween(layout, section, top, bottom) {
  const step = layout.side + GAP;
  const firstRow = Math.max(0, Math.floor((top - section.tilesTop) / step));
  const endRow = Math.min(section.rows, Math.ceil((bottom - section.tilesTop) / step));
  if (firstRow >= endRow) return [section.first, section.first];
  return [section.first + firstRow * layout.columns, Math.min(section.first + endRow * layout.columns, section.first + section.count)];
}

// The offset of the tile at a point or near it, in the last of the sections beside each other that begin left of it.
/** @param {Layout} layout @param {number} x @param {number} y */
export function tileNear(layout, x, y) {
  const step = layout.side + GAP;
  let section = sectionAt(layout, y);
  for (let other = section; other?.top === section.top; other = layout.sections[other.number + 1]) if (other.x <= x) section = other;
  const row = Math.min(section.rows - 1, Math.max(0, Math.floor((y - section.tilesTop) / step)));
  const column = Math.max(0, Math.round((x - section.x) / step));
  return Math.min(section.first + row * layout.columns + column, section.first + section.count - 1);
}

// The tile of the row below (direction 1) or above (-1) that is nearest to the column of `offset`.
/** @param {Layout} layout @param {number} offset @param {1 | -1} direction */
export function besideRow(layout, offset, direction) {
  const from = placeOf(layout, offset);
  let best = offset, /** @type {number | null} */ row = null, gap = Infinity;
  for (let other = offset + direction; other >= 0 && other < layout.count; other += direction) {
    const place = placeOf(layout, other);
    if (place.y === from.y) continue;
    row ??= place.y;
    if (place.y !== row) break;
    if (Math.abs(place.x - from.x) < gap) { gap = Math.abs(place.x - from.x); best = other; }
  }
  return best;
}
