// The days of a grid and their headings, of what the library answers: months, trips, dates.

import { countOf, dayName, element, monthName, periodName, printable, shortDayName } from "../shared/dom.js";

/** @import { DayCount, EventSummary, TimelineHeadings } from "../operations.d.ts" */
/** @import { Day, DaySection, Trip } from "./layout.js" */

const NAMES_SHOWN = 3; // towns and countries of a trip, and towns of a day
const CLOCK_NOT_SET = "1970-01-01"; // where the clocks of computers start to count

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

// The trips of a timeline, the newest first, and the names of towns by day.
/** @param {TimelineHeadings} headings @returns {{ trips: Trip[], towns: Record<string, string> }} */
export function tripsAndTowns({ trips, towns }) {
  const named = Object.entries(towns).map(([day, names]) => [day, namesOf(names)]);
  return { trips: trips.toReversed().map(tripOf), towns: Object.fromEntries(named) };
}

/** @param {EventSummary} trip @returns {Trip} */
function tripOf({ start, end, title, is_titled: isTitled, towns, countries, photos }) {
  const names = [namesOf(towns), namesOf(countries)].filter(Boolean).join(", ");
  return {
    title: isTitled ? printable(title) : names ? `Trip to ${names}` : "Trip",
    first: start.slice(0, 10), last: end.slice(0, 10), photos, address: addressOfEvent(start),
  };
}

/** @param {string[]} names */
const namesOf = (names) => printable(names.slice(0, NAMES_SHOWN).join(", "));

// The address of an event, which its start names.
/** @param {string} start */
export const addressOfEvent = (start) => `/events?${new URLSearchParams({ event: start })}`;
