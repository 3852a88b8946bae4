// The days of a grid and their headings: months, spans of days, dates. Spans and the towns of days are found by modules of
// features, which `headings` of a `PageFeature` names: such a module exports `headingsOf`.

import { countOf, dayName, element, monthName, periodName, shortDayName } from "../shared/dom.js";

/** @import { DayCount } from "../operations.d.ts" */
/** @import { Asked } from "../shared/ask.js" */
/** @import { Day, DaySection, Span } from "./layout.js" */
/** @typedef {{ spans: Span[], towns: Record<string, string> }} Headings spans, the newest first, and towns by day */
/** @typedef {{ headingsOf(query: Asked): Promise<Headings | null> }} HeadingsModule of a feature; null where it finds none */

const CLOCK_NOT_SET = "1970-01-01"; // where the clocks of computers start to count

// The headings of one section of `layOutDays`, each in its place.
/** @param {DaySection} section */
export function dayHeadings(section) {
  let top = section.top;
  const lines = section.headings.map((heading) => {
    const line = element(heading.kind === "month" ? "h2" : "h3", heading.kind);
    if (heading.kind === "month") line.textContent = monthName(heading.month);
    else {
      const { title, first, last, photos, address } = heading.span, link = element("a", "title", title);
      link.href = address; // opened by the grid
      line.append(link, " ", element("span", "period", `${periodName(first, last)} · ${countOf(photos)}`));
    }
    line.style.top = `${top}px`;
    top += heading.height;
    return line;
  });
  const line = element("h3", "date");
  Object.assign(line.style, { top: `${section.dayTop}px`, left: `${section.x}px`, width: `${section.labelWidth}px` });
  line.append(element("span", "title", shortDayName(section.day)));
  for (const text of [section.towns, section.remark]) if (text) line.append(" ", element("span", "period", text));
  line.title = [dayName(section.day), section.towns, section.remark, countOf(section.count)].filter(Boolean).join(" · ");
  return [...lines, line];
}

// A day with its photos, and a remark where their dates are doubtful. A camera's clock may be ahead of `today` by a time zone.
/** @param {DayCount} count @param {Date} [today] @returns {Day} */
export function dayOf({ day, photos, dated_by_file: byFile }, today = new Date()) {
  const isAhead = day > isoDay(new Date(today.getFullYear(), today.getMonth(), today.getDate() + 1));
  return { day, count: photos, remark: remarkOn({ day, photos, byFile, isAhead }), towns: "", label: dayName(day) };
}

/** @param {Date} moment */
const isoDay = (moment) => [moment.getFullYear(), moment.getMonth() + 1, moment.getDate()].map((number) => String(number).padStart(2, "0")).join("-");

/** @param {{ day: string, photos: number, byFile: number, isAhead: boolean }} of */
function remarkOn({ day, photos, byFile, isAhead }) {
  if (day === CLOCK_NOT_SET) return "the date of a clock that was not set";
  if (isAhead) return "in the future: the clock was wrong";
  if (byFile === photos) return "by the date of the file";
  return byFile ? `${byFile.toLocaleString("en")} photo${byFile === 1 ? "" : "s"} by the date of the file` : "";
}

/** @param {string} path @returns {Promise<HeadingsModule>} */
const loaded = (path) => import(`../${path}`);

// The headings that modules of features find for the photos of a query, by their paths among the components. Days need no
// other heading than their date, so one that fails is left out.
/** @param {string[]} paths @param {Asked} query @returns {Promise<Headings>} */
export async function headingsOfFeatures(paths, query, load = loaded) {
  const answers = await Promise.allSettled(paths.map(async (path) => (await load(path)).headingsOf(query)));
  const found = answers.flatMap((each) => (each.status === "fulfilled" && each.value ? [each.value] : []));
  return {
    spans: found.flatMap(({ spans }) => spans).toSorted((one, other) => other.first.localeCompare(one.first)),
    towns: Object.assign({}, ...found.map(({ towns }) => towns)),
  };
}
