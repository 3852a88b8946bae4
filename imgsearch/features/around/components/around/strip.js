// The photos of the same event just before and after the one that is shown, with the time between. Each leads to the photo in
// its event, where the arrow keys go on in order of time.

import { isPlainClick, visit } from "../history/history.js";
import { NO_SERVER, askOperation } from "../shared/ask.js";
import { element, printable } from "../shared/dom.js";

/** @import { Hit, PhotosBeforeAfter } from "../operations.d.ts" */
/** @import { ViewerStrip } from "../types.d.ts" */

const EACH_SIDE = 8; // photos before, and after
const AFTER_MS = 200; // that somebody stays at a photo
const HASH_DIGITS = 12;

/** @returns {ViewerStrip} */
export function makeStrip() {
  const node = element("section", "around");
  node.ariaLabel = "Just before and after";
  let wanted = "", shown = "", timer = 0;

  async function load() {
    const photo = wanted, answer = await askOperation("around", { photo: Number(photo), k: EACH_SIDE });
    if (photo !== wanted) return;
    shown = photo;
    if (answer?.ok) node.replaceChildren(...stripOf(answer.content));
    else node.replaceChildren(element("p", "", answer ? answer.content : NO_SERVER));
    centre(node.querySelector(".photos"), node.querySelector("[aria-current]"));
  }

  return {
    node,
    key: "t",
    name: "Just before and after",
    icon: "view_column",
    show(photo) {
      wanted = photo;
      clearTimeout(timer);
      if (photo !== shown) timer = setTimeout(load, AFTER_MS);
    },
  };
}

// Scroll the row alone: `scrollIntoView` moves a narrow page sideways, too.
/** @param {Element | null} row @param {Element | null} photo */
function centre(row, photo) {
  if (!row || !photo) return;
  const all = row.getBoundingClientRect(), own = photo.getBoundingClientRect();
  row.scrollLeft += own.left + own.width / 2 - (all.left + all.width / 2);
}

/** @param {PhotosBeforeAfter} found @returns {HTMLElement[]} */
export function stripOf({ hit, event, before, after }) {
  if (!event) return [element("p", "", "It is not known what was before and after: the metadata of this photo has no date, or it is hidden.")];
  if (!before.length && !after.length) return [element("p", "", "No other photo is of this occasion.")];
  const start = String(event.start), row = element("div", "photos");
  row.append(
    ...before.map((each) => linkOf(each.hit, each.apart, start)),
    linkOf(hit, "this photo", start, true),
    ...after.map((each) => linkOf(each.hit, each.apart, start)),
  );
  return [row];
}

/** @param {Hit} hit @param {string} text @param {string} start @param {boolean} [isCurrent] */
function linkOf({ photo: { id, content_hash: hash } }, text, start, isCurrent = false) {
  const link = element("a", "near"), image = element("img");
  Object.assign(image, { src: `/thumbnail/small/${id}?v=${hash.slice(0, HASH_DIGITS)}`, alt: "", loading: "lazy" });
  link.href = `/photo?${new URLSearchParams({ id: String(id), from: "events", event: start })}`;
  if (isCurrent) link.ariaCurrent = "true";
  link.append(image, element("span", "", printable(text)));
  link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(link.getAttribute("href") ?? ""); } };
  return link;
}
