// The headings of the days of a grid: months, trips, dates.

import { countOf, dayName, element, monthName, periodName, shortDayName } from "../shared/dom.js";

/** @import { DaySection } from "./layout.js" */

// The headings of one section of `layOutDays`, each in its place.
/** @param {DaySection} section */
export function dayHeadings(section) {
  let top = section.top;
  const lines = section.headings.map((heading) => {
    const line = element(heading.kind === "month" ? "h2" : "h3", heading.kind);
    if (heading.kind === "month") line.textContent = monthName(heading.month);
    else {
      const { title, first, last, photos, address } = heading.trip, link = element("a", "title", title);
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
