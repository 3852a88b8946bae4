// The tools above the photos of an answer: their size, other views of them, selecting, and a menu of all the rest. It is one
// stop of the Tab key, in which the arrow keys to the left and to the right move (WAI-ARIA Authoring Practices, "Toolbar").

import { isPlainClick, visit } from "../history/history.js";
import { element, find, focusIn, icon, setLast, textButton } from "../shared/dom.js";
import { Menu } from "../shell/menu.js";
import { ROWS_PX } from "../grid/view.js";

/** @import { View } from "../grid/view.js" */
/** @typedef {{ icon: string, label: string, name: string, act: () => void }} Item of the menu; `name` is its class */
/**
 * `otherViews` are icon, label and address of each; `stacked` is null where photos cannot be stacked.
 * @typedef {{ view: View, otherViews: [icon: string, label: string, address: string][], isChoosing: boolean, isAllSelected: boolean, stacked: boolean | null, items: Item[] }} Shown
 */
/** @typedef {{ choose: (change: Partial<View>) => void, selectAll: () => void, setChoosing: (isChoosing: boolean) => void }} Acts */

const NARROW = "(max-width: 640px)"; // there the size and the views are in the menu

export class Toolbar {
  node = element("div", "toolbar");
  views = new Menu("View as", "grid_on");
  more = new Menu("More", "more_horiz");
  narrow = matchMedia(NARROW);
  /** @type {Shown | null} */ shown = null;

  /** @param {Acts} acts */
  constructor(acts) {
    this.acts = acts;
    Object.assign(this.node, { role: "toolbar", ariaLabel: "View", onkeydown: (/** @type {KeyboardEvent} */ event) => this.onKey(event) });
    this.size = element("input", "size");
    Object.assign(this.size, { type: "range", min: "0", max: String(ROWS_PX.length - 1), step: "1", ariaLabel: "Size of the photos", title: "Size of the photos" });
    this.size.oninput = () => acts.choose({ size: Number(this.size.value) });
    this.all = textButton("Select all", acts.selectAll, "", "all");
    this.select = textButton("Select", () => acts.setChoosing(!this.shown?.isChoosing), "", "select-photos");
    this.views.button.className = "views";
    this.views.button.replaceChildren(element("span", "", "View as"), icon("keyboard_arrow_down"));
    this.views.button.onclick = () => {
      const edge = this.node.getBoundingClientRect().right - this.views.button.getBoundingClientRect().right;
      this.views.list.style.right = `${edge}px`; // below its button
      this.views.toggle();
    };
    this.more.button.title = "More";
    this.lists = [this.views.list, this.more.list];
    for (const { button } of [this.views, this.more]) button.ariaHasPopup = "true";
    this.narrow.onchange = () => { if (this.shown) this.show(this.shown); };
  }

  close() {
    this.narrow.onchange = null;
    this.views.close();
    this.more.close();
  }

  /** @param {Shown} shown */
  show(shown) {
    this.shown = shown;
    const { view, isChoosing, isAllSelected, otherViews } = shown, isNarrow = this.narrow.matches;
    this.size.value = String(view.size);
    this.size.ariaValueText = `${ROWS_PX[view.size]} pixels`;
    setLast(this.all, isAllSelected ? "Select none" : "Select all");
    setLast(this.select, isChoosing ? "Done" : "Select");
    this.select.ariaPressed = String(isChoosing);
    const links = otherViews.length ? [this.ownLink(), ...otherViews.map(([sign, label, address]) => this.linkTo(sign, label, address))] : [];
    const inToolbar = [
      ...(isNarrow ? [] : [this.size]),
      ...(isChoosing ? [this.all] : isNarrow || !links.length ? [] : [this.views.button]),
      this.select,
      this.more.button,
    ];
    exchange(this.node, inToolbar);
    this.stop(inToolbar.find((node) => node.tabIndex === 0) ?? inToolbar[0]);
    exchange(this.views.list, isNarrow ? [] : links);
    exchange(this.more.list, [...(isNarrow ? [this.sizeRow(), ...links] : []), ...this.items(shown)]);
  }

  /** @param {Shown} shown */
  items({ view, isChoosing, isAllSelected, stacked, items }) {
    const /** @type {Item[]} */ all = [
      ...(isChoosing ? [] : [{ icon: isAllSelected ? "deselect" : "select_all", label: isAllSelected ? "Select none" : "Select all", name: "all", act: this.acts.selectAll }]),
      ...items,
      { icon: view.squares ? "crop_free" : "crop_square", label: view.squares ? "Show whole photos" : "Show squares", name: "shape", act: () => this.acts.choose({ squares: !view.squares }) },
      { icon: view.captioned ? "subtitles_off" : "subtitles", label: view.captioned ? "Hide captions" : "Show captions", name: "captions", act: () => this.acts.choose({ captioned: !view.captioned }) },
    ];
    if (stacked !== null) {
      all.push({ icon: view.stacked ? "stacks" : "filter_none", label: `${view.stacked ? "Unstack" : "Stack"} similar photos`, name: "stack", act: () => this.acts.choose({ stacked: !view.stacked }) });
    }
    return all.map(({ icon: sign, label, name, act }) => textButton(label, () => { this.more.button.focus(); act(); }, sign, name));
  }

  // The size in the menu, which stays open while it changes.
  sizeRow() {
    const row = element("label", "size-row", "Size");
    row.onclick = (event) => event.stopPropagation();
    row.append(this.size);
    return row;
  }

  // The view that is shown.
  ownLink() {
    const link = element("a", "own");
    link.append(icon("grid_on"), element("span", "", "Grid"));
    link.href = location.href;
    link.ariaCurrent = "true";
    link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); this.views.button.focus(); } };
    return link;
  }

  /** @param {string} sign @param {string} label @param {string} address */
  linkTo(sign, label, address) {
    const link = element("a", sign);
    link.append(icon(sign), element("span", "", label));
    link.href = address;
    link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(address); } };
    return link;
  }

  // ---------------------------------------------------------------- keyboard

  // The one that the Tab key reaches.
  /** @param {HTMLElement} node */
  stop(node) {
    for (const other of this.tools) other.tabIndex = other === node ? 0 : -1;
  }

  get tools() { return /** @type {HTMLElement[]} */ ([...this.node.children]); }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const { tools } = this, at = tools.findIndex((node) => node === event.target);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const isSize = tools[at] === this.size, last = tools.length - 1;
    const target = /** @type {Record<string, number | undefined>} */ ({
      ArrowRight: Math.min(at + 1, last), ArrowLeft: Math.max(at - 1, 0), Home: isSize ? undefined : 0, End: isSize ? undefined : last,
    })[event.key];
    if (target === undefined) return; // up and down change the size
    event.preventDefault();
    this.stop(tools[target]);
    tools[target].focus();
  }
}

// Exchanges what is in a node, if it is not the same; what then has the class of the element that had the focus gets it.
/** @param {HTMLElement} node @param {HTMLElement[]} children */
function exchange(node, children) {
  if (node.children.length === children.length && children.every((child, at) => child === node.children[at])) return;
  const active = focusIn(node), focused = node.contains(active) ? active?.classList[0] : undefined;
  node.replaceChildren(...children);
  if (focused) find(node, `.${focused}`)?.focus();
}
