// Collections that features bring, as links with the cover, the name, and how many photos there are.

import { isPlainClick, visit } from "../history/history.js";
import { countOf, element } from "../shared/dom.js";
import { showPicture } from "../shared/picture.js";

/**
 * A link of a feature: ShelfEntry in ui/features.py.
 * @typedef {{ name: string, line: string, address: string, kind: string, icon: string, photos: number, new: number, cover: string | null, problem: boolean }} Entry
 */

/** @param {Entry} entry */
export function linkOf(entry) {
  const link = element("a");
  link.href = entry.address;
  link.title = entry.line;
  link.onclick = (event) => {
    if (!isPlainClick(event)) return;
    event.preventDefault();
    event.stopPropagation(); // a grid opens what else is clicked
    visit(entry.address);
  };
  link.dataset.kind = entry.kind;
  link.append(coverOf(entry), element("span", "name", entry.name));
  const count = element("span", "count", entry.problem ? "cannot be answered now" : countOf(entry.photos));
  if (entry.new) count.append(" · ", element("b", "", `${entry.new.toLocaleString("en")} new`));
  link.append(count);
  return link;
}

/** @param {Entry} entry */
function coverOf(entry) {
  const frame = element("span", "cover");
  const icon = element("span", "icon", entry.problem ? "error" : entry.icon);
  icon.ariaHidden = "true";
  if (!entry.cover) { frame.append(icon); return frame; }
  const image = element("img");
  image.alt = "";
  showPicture(image, entry.cover, () => frame.replaceChildren(icon));
  frame.append(image);
  return frame;
}
