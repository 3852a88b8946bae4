// The tools of a library: a card for each, with what it does and how it stands.

import { isPlainClick, visit } from "../history/history.js";
import { element, icon } from "../shared/dom.js";
import { addressKeepingSearch } from "../shared/search_box.js";

/** @import { StreamlitComponent } from "../types.d.ts" */
/**
 * A view as `_card` in ui/views/tools.py has it; `about` and `state` may be empty.
 * @typedef {{ address: string, icon: string, title: string, about: string, state: string }} Card
 */

// A card that is the same stays, with the focus.
/** @param {HTMLElement} box @param {StreamlitComponent<{ cards: Card[] }>} component */
export default function (box, { data }) {
  const list = box.querySelector("ul") ?? element("ul", "cards"), there = new Map([...list.children].map((node) => [node instanceof HTMLElement ? node.dataset.card : "", node]));
  const items = data.cards.map((card) => there.get(JSON.stringify(card)) ?? itemOf(card));
  for (const node of [...list.children]) if (!items.includes(node)) node.remove();
  items.forEach((node, place) => { if (list.children[place] !== node) list.insertBefore(node, list.children[place] ?? null); });
  if (!list.isConnected) box.replaceChildren(list);
}

/** @param {Card} card */
function itemOf(card) {
  const item = element("li"), link = element("a"), text = element("span", "text");
  item.dataset.card = JSON.stringify(card);
  text.append(element("span", "title", card.title));
  if (card.about) text.append(element("span", "about", card.about));
  if (card.state) text.append(element("span", "state", card.state));
  link.href = card.address;
  link.append(icon(card.icon), text);
  link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(addressKeepingSearch(card.address)); } };
  item.append(link);
  return item;
}
