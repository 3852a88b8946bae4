// Elements and dates. Text is inserted as text, never as HTML: file names are untrusted.

/** @import { NamedPoint } from "../operations.d.ts" */
/** @import { AnyListener, Listen } from "../types.d.ts" */

/** @template {keyof HTMLElementTagNameMap} Tag @param {Tag} tag @param {string} [className] @param {string} [text] @returns {HTMLElementTagNameMap[Tag]} */
export function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

// A text of the library with every character escaped that could move the cursor, hide text or break a line, as the commands
// print it: control, format and unassigned characters, lone surrogates, and all separators but the space.
/** @param {string} text */
export const printable = (text) => text.replace(/[\p{C}\p{Z}]/gu, (character) => (character === " " ? " " : escaped(character)));

/** @type {Record<string, string>} */
const SHORT_ESCAPES = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** @param {string} character */
function escaped(character) {
  const code = character.codePointAt(0) ?? 0, digits = code.toString(16);
  if (code < 0x100) return SHORT_ESCAPES[character] ?? `\\x${digits.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
}

// A sign of the icon font; screen readers pass it over.
/** @param {string} name @param {string} [className] */
export function icon(name, className = "icon") {
  const node = element("span", className, name);
  node.ariaHidden = "true";
  return node;
}

// A link to a style sheet, for a component that has one of its own.
/** @param {URL} address */
export function styleSheet(address) {
  return Object.assign(element("link"), { rel: "stylesheet", href: address.href });
}

// A button with a text, and before it the sign of that name if one is given.
/** @param {string} text @param {(() => void) | null} [act] @param {string} [sign] @param {string} [className] */
export function textButton(text, act = null, sign = "", className = "") {
  const node = element("button", className);
  Object.assign(node, { type: "button", onclick: act });
  if (sign) node.append(icon(sign));
  node.append(element("span", "", text));
  return node;
}

// The element that has the focus, in the tree that this one is in: a component may have a shadow tree of its own.
/** @param {Node} node */
export function focusIn(node) {
  const root = node.getRootNode();
  return root instanceof Document || root instanceof ShadowRoot ? root.activeElement : null;
}

// The first element of these selectors in a node, else null.
/** @param {ParentNode} node @param {string} selectors @returns {HTMLElement | null} */
export const find = (node, selectors) => node.querySelector(selectors);

// The element of these selectors in which something has happened, else null.
/** @param {Event} event @param {string} selectors @returns {HTMLElement | null} */
export const closest = ({ target }, selectors) => (target instanceof Element ? target.closest(selectors) : null);

// The innermost element in which something has happened, inside a component too, where listeners outside see its box.
/** @param {Event} event */
export function innermost(event) {
  const first = event.composedPath()[0];
  return first instanceof Element ? first : null;
}

// Exchanges the sign or text that an element begins with.
/** @param {Element} node @param {string} text */
export function setFirst(node, text) {
  if (node.firstChild) node.firstChild.textContent = text;
}

// Exchanges the text that an element ends with.
/** @param {Element} node @param {string} text */
export function setLast(node, text) {
  if (node.lastChild) node.lastChild.textContent = text;
}

// Calls `act` at each event of this kind, until the function that is returned is called.
export const listen = /** @type {Listen} */ (listenTo);

/** @param {EventTarget} target @param {string} kind @param {AnyListener} act @param {AddEventListenerOptions} [options] */
function listenTo(target, kind, act, options) {
  target.addEventListener(kind, act, options);
  return () => target.removeEventListener(kind, act, options);
}

/** @param {Intl.DateTimeFormatOptions} options */
const inUtc = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
const MONTH = inUtc({ month: "long", year: "numeric" });
const WEEKDAY = inUtc({ weekday: "long" });
const SHORT_WEEKDAY = inUtc({ weekday: "short" });
const DATE = inUtc({ day: "numeric", month: "long", year: "numeric" });

/** @param {string} day */
const at = (day) => new Date(`${day}T00:00:00Z`);
/** @param {string} month */
export const monthName = (month) => MONTH.format(at(`${month}-01`)); // June 2019
/** @param {string} day */
export const dateName = (day) => DATE.format(at(day)); // 15 June 2019
/** @param {string} day */
export const dayName = (day) => `${WEEKDAY.format(at(day))} ${DATE.format(at(day))}`; // Saturday 15 June 2019
/** @param {string} day */
export const shortDayName = (day) => `${SHORT_WEEKDAY.format(at(day))} ${at(day).getUTCDate()}`; // Sat 15
/** @param {string} first @param {string} last */
export const periodName = (first, last) => DATE.formatRange(at(first), at(last)); // 3 – 12 June 2019
/** @type {Record<string, string>} */
const SEASONS = { "01": "winter", "03": "spring", "06": "summer", "09": "autumn" };
// 3 May 2024, 14:05, of a local time in ISO text; less of one that is known less exactly: see moment_text.
/** @param {string} moment @param {string | null} [precision] */
export function momentName(moment, precision = null) {
  const year = moment.slice(0, 4), day = DATE.format(at(moment.slice(0, 10)));
  const less = { year, month: monthName(moment.slice(0, 7)), day };
  if (precision === "season") return SEASONS[moment.slice(5, 7)] ? `${SEASONS[moment.slice(5, 7)]} ${year}` : less.month;
  return /** @type {Record<string, string>} */ (less)[precision ?? ""] ?? `${day}, ${moment.slice(11, 16)}`;
}
/** @param {number} count */
export const countOf = (count) => `${count.toLocaleString("en")} photo${count === 1 ? "" : "s"}`;

// Decimal units: "3.2 MB".
/** @param {number} bytes */
export function sizeName(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"], place = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return `${(bytes / 1000 ** place).toFixed(place < 2 ? 0 : 1)} ${units[place]}`;
}

// The names of a place, else its coordinates.
/** @param {NamedPoint | null} place */
export function placeName(place) {
  if (!place) return "no place";
  const names = [...new Set([place.town && place.near_town ? `near ${place.town}` : place.town, place.region, place.country])].filter(Boolean);
  return names.join(", ") || `${place.lat.toFixed(5)}, ${place.lon.toFixed(5)}`;
}
