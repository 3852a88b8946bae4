// The photos that a search found, in its order or by day: to look through, to select, and to open.
// Python gives the search; its photos are fetched from the page's own server.

import { layOutBlocks, layOutDays } from "../grid/layout.js";
import { PhotoGrid } from "../grid/photo_grid.js";
import { dayHeadings, dayOf } from "../grid/headings.js";
import { memoriesHeight, memoryRows } from "../grid/memories.js";
import { isPlainClick, normalized, visit } from "../history/history.js";
import { ask } from "../shared/ask.js";
import { element, find, focusIn, icon } from "../shared/dom.js";
import { mount } from "../shared/page.js";
import { tray } from "../shared/tray.js";
import { ROWS_PX, SHAPES, chosenView, keepView } from "./view.js";

/** @import { Block, BlockSection, Day, DaySection } from "../grid/layout.js" */
/** @import { Memories } from "../grid/memories.js" */
/** @import { Listed } from "../grid/photo_grid.js" */
/** @import { DayCount } from "../operations.d.ts" */
/** @import { Place, Response, StreamlitComponent } from "../types.d.ts" */
/** @import { View } from "./view.js" */
/**
 * `stacked` is null where photos cannot be stacked; `other_views` are icon, label and address of each.
 * @typedef {{ address: string, parameters: string, version: string, heading: [first: string, rest: string], other_views: [string, string, string][], weaker: boolean, memories: Memories[], first_title: string, stacked: boolean | null }} Data
 */
/** @typedef {Listed & { ids: string[], sections: [title: string, count: number][], days: DayCount[] | null }} List */

const END_HEIGHT = 76; // of the button below the photos
const NARROW = 5.6; // on a narrow screen several photos still fit side by side

/** @extends {PhotoGrid<BlockSection | DaySection, List>} */
class Answer extends PhotoGrid {
  /** @type {StreamlitComponent<Data> | null} */ component = null; // of the last run
  /** @type {Block[]} */ blocks = [];
  /** @type {Day[] | undefined} */ days;
  /** @type {string[]} */ ids = []; // of all photos, in their order
  isListed = false; // whether `ids` are those of the answer that is shown
  mustSelectAll = false; // as soon as they are
  /** @type {boolean | null} */ isWhole = null; // whether all photos are selected; null: not known yet

  /** @param {HTMLElement} box @param {Data} data */
  constructor(box, data) {
    super(box, "Photos");
    this.data = data;
    this.head = element("div", "head");
    this.text = element("div", "text");
    this.text.role = "status";
    this.tools = element("div", "view");
    Object.assign(this.tools, { role: "group", ariaLabel: "View" });
    this.head.append(this.text, this.tools);
    box.prepend(this.head);
    this.view = chosenView();
    tray.ready.then(() => { if (this.data) this.showTools(); });
  }

  /** @param {Data} data @param {StreamlitComponent<Data>} component */
  update(data, component) {
    const before = this.component ? this.data : null;
    this.data = data;
    this.component = component;
    this.showHead();
    this.fit();
    if (data.stacked !== null && data.stacked !== this.view.stacked) component.setStateValue("stacked", this.view.stacked);
    if (before?.parameters === data.parameters) {
      if (before.version !== data.version) this.loadAgain(); // photos have come or gone
      else if (this.layout && (before.weaker !== data.weaker || JSON.stringify(before.memories) !== JSON.stringify(data.memories))) this.showOthers();
      return;
    }
    this.isListed = this.mustSelectAll = false;
    if (before?.address === data.address) { this.loadAgain(); return; } // with weaker matches, or without
    const /** @type {Place | null | undefined} */ place = this.isShown ? history.state?.place : null;
    this.load(place?.id, place ?? {});
  }

  // What stands above or below the photos.
  showOthers() {
    if (this.blocks.length) this.blocks[0].title = this.firstTitle;
    this.layOutAgain();
  }

  // Whether the address is that of this answer: soon after a click it is another's.
  get isShown() { return normalized(location.href) === normalized(this.data.address); }

  // ---------------------------------------------------------------- photos

  get awaitedVersion() { return this.data.version; }

  /** @param {string | null | undefined} photoId @returns {Promise<Response<List> | null>} */
  askAt(photoId) {
    const at = photoId ? `&${new URLSearchParams({ at: photoId })}` : "";
    return ask(`/answer/list?${this.data.parameters}&of=${this.data.version}${at}`);
  }

  tilesAddress() { return { path: "/answer/tiles", parameters: this.data.parameters }; }

  // Below rows of other photos, the first ones need a title.
  get firstTitle() { return this.data.memories.length ? this.data.first_title : ""; }

  /** @param {List} list */
  adopt({ ids, sections, days }) {
    this.days = days?.map((day) => dayOf(day));
    // The line above the photos tells of the first ones; lines separate the others from these.
    this.blocks = sections.map(([title, count], number) => ({ title: number ? title : this.firstTitle, count, label: title }));
    this.ids = ids;
    this.isListed = true;
    this.isWhole = null; // not known yet
    if (this.mustSelectAll) tray.set(ids, true);
    this.mustSelectAll = false;
    this.grid.classList.toggle("by-day", Boolean(days));
    this.showTools();
  }

  /** @param {number} width */
  arrange(width) {
    const px = ROWS_PX[this.view.size], desired = Math.min(px, px / NARROW * innerWidth / 100);
    const layout = this.days ? layOutDays(this.days, [], width, 0, desired, 1) : layOutBlocks(this.blocks, width, desired, 0, memoriesHeight(this.data.memories));
    if (this.data.weaker) layout.height += END_HEIGHT;
    return layout;
  }

  /** @param {BlockSection | DaySection} section */
  headingsOf(section) {
    if ("day" in section) return dayHeadings(section);
    const title = section.title || (section.isBeside ? section.label || "Sure" : "");
    if (!title) return [];
    const line = element("h3", "line", title);
    line.append(" ", element("span", "period", section.count.toLocaleString("en")));
    Object.assign(line.style, { top: `${section.top}px`, left: `${section.x}px`, width: `${section.width}px` });
    return [line];
  }

  extras() {
    const before = memoryRows(this.data.memories);
    if (!this.data.weaker) return { before, after: [] };
    const end = element("div", "end"), button = withIcon(element("button"), "unfold_more", "Show weaker matches");
    button.append("Show weaker matches");
    button.type = "button";
    button.onclick = () => { button.disabled = true; this.component?.setTriggerValue("weaker", true); };
    end.style.top = `${(this.layout?.height ?? 0) - END_HEIGHT}px`;
    end.append(button);
    return { before, after: [end] };
  }

  /** @param {Place | null} place */
  keepPlace(place) {
    if (this.isShown) history.replaceState({ ...history.state, place }, "");
  }

  // ---------------------------------------------------------------- selection

  /** @param {number} first @param {number} end */
  async idsBetween(first, end) { return this.ids.slice(first, end); }

  /** @param {string} id */
  async offsetOf(id) {
    const offset = this.ids.indexOf(id);
    return offset < 0 ? null : offset;
  }

  // Whether all photos are selected; with 100,000 of them this is asked for once after each change.
  get isAllSelected() { return (this.isWhole ??= this.ids.length > 0 && this.ids.every((id) => tray.isSelected(id))); }

  selectAll() {
    if (this.isListed) tray.set(this.ids, !this.isAllSelected);
    else this.mustSelectAll = !this.mustSelectAll;
  }

  showSelection() {
    this.isWhole = null;
    super.showSelection();
    this.showTools();
  }

  /** @param {KeyboardEvent} event */
  onSelectionKey(event) {
    if (event.key === "a" && (event.ctrlKey || event.metaKey) && !event.altKey) {
      this.selectAll();
      event.preventDefault();
    } else super.onSelectionKey(event);
  }

  // ---------------------------------------------------------------- above the photos

  showHead() {
    const [first, rest] = this.data.heading;
    if (this.text.dataset.shown !== `${first} ${rest}`) { // a live region is read out when it changes
      this.text.dataset.shown = `${first} ${rest}`;
      this.text.replaceChildren(element("h2", "", first), ` ${rest}`);
    }
    this.showTools();
  }

  showTools() {
    const { view, data } = this;
    this.scroller.className = `scroller ${view.shape}${view.captions ? "" : " bare"}`;
    const other = view.shape === "fit" ? "square" : "fit";
    const links = data.other_views.map(([sign, label, address]) => {
      const link = withIcon(element("a"), sign, label);
      link.href = address;
      link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(address); } };
      return link;
    });
    const /** @type {[string, string]} */ all = this.isAllSelected ? ["deselect", "Select none"] : ["select_all", "Select all"];
    const /** @type {[icon: string, label: string, act: () => void, kind: string, isDisabled?: boolean][]} */ tools = [
      [...all, () => this.selectAll(), "all"],
      ...tray.actionsForLists.map(({ icon, label, name, act }) => /** @type {[string, string, () => void, string]} */ ([icon, label, () => act(this.ids), name])),
      ["remove", "Smaller", () => this.choose({ size: view.size - 1 }), "smaller", view.size === 0],
      ["add", "Larger", () => this.choose({ size: view.size + 1 }), "larger", view.size === ROWS_PX.length - 1],
      [...SHAPES[other], () => this.choose({ shape: other }), "shape"],
      view.captions
        ? ["subtitles_off", "Hide captions", () => this.choose({ captions: false }), "captions"]
        : ["subtitles", "Show captions", () => this.choose({ captions: true }), "captions"],
    ];
    if (data.stacked !== null) {
      tools.push(view.stacked
        ? ["stacks", "Unstack similar photos", () => this.choose({ stacked: false }), "stack"]
        : ["filter_none", "Stack similar photos", () => this.choose({ stacked: true }), "stack"]);
    }
    const buttons = tools.map(([sign, label, act, kind, isDisabled = false]) => {
      const button = withIcon(element("button", kind), sign, label);
      Object.assign(button, { type: "button", disabled: isDisabled, onclick: act });
      return button;
    });
    // On narrow screens it shows all the others.
    const more = withIcon(element("button", "more"), "more_horiz", "More");
    more.type = "button";
    more.ariaExpanded = String(this.head.classList.contains("open"));
    more.onclick = () => { this.head.classList.toggle("open"); this.showTools(); };
    const active = focusIn(this.box), focused = this.tools.contains(active) ? active?.className : null;
    this.tools.replaceChildren(...links, ...buttons, more);
    if (focused) find(this.tools, `.${focused}`)?.focus();
  }

  /** @param {Partial<View>} change */
  choose(change) {
    this.view = { ...this.view, ...change };
    keepView(this.view);
    this.showTools();
    if ("size" in change && this.layout) this.layOutAgain();
    if ("stacked" in change) this.component?.setStateValue("stacked", change.stacked);
  }
}

/** @template {HTMLElement} Node @param {Node} node @param {string} name @param {string} label */
function withIcon(node, name, label) {
  node.ariaLabel = node.title = label;
  node.append(icon(name));
  return node;
}

export default mount(Answer);
