// The shelf of saved searches, and of what features put beside them: links with the cover, the name, and how many photos there are.

import { isPlainClick, visit } from "../history/history.js";
import { countOf, element } from "../shared/dom.js";
import { showPicture } from "../shared/picture.js";

/** @import { StreamlitComponent } from "../types.d.ts" */
/**
 * A saved search with its number of new photos, or the like of a feature: ShelfEntry in ui/features.py.
 * @typedef {{ name: string, line: string, address: string, kind: string, icon: string, photos: number, new: number, cover: string | null, problem: boolean }} Entry
 */

/** @param {HTMLElement} box @param {StreamlitComponent<{ searches: Entry[], title: string }>} component */
export default function (box, { data }) {
  const shelf = element("nav", "shelf");
  shelf.ariaLabel = data.title;
  for (const search of data.searches) {
    const link = element("a");
    link.href = search.address;
    link.title = search.line;
    link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(search.address); } };
    link.dataset.kind = search.kind;
    link.append(coverOf(search), element("span", "name", search.name));
    const count = element("span", "count", search.problem ? "cannot be answered now" : countOf(search.photos));
    if (search.new) count.append(" · ", element("b", "", `${search.new.toLocaleString("en")} new`));
    link.append(count);
    shelf.append(link);
  }
  box.replaceChildren(shelf);
}

/** @param {Entry} search */
function coverOf(search) {
  const frame = element("span", "cover");
  const icon = element("span", "icon", search.problem ? "error" : search.icon);
  icon.ariaHidden = "true";
  if (!search.cover) { frame.append(icon); return frame; }
  const image = element("img");
  image.alt = "";
  showPicture(image, search.cover, () => frame.replaceChildren(icon));
  frame.append(image);
  return frame;
}
