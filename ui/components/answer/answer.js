// The photos that a search found, in its order or by day: to look through, to select, and to open.
// Python gives the search; its photos are fetched from the page's own server.

import { layOutBlocks, layOutDays } from "../grid/layout.js";
import { PhotoGrid } from "../grid/photo_grid.js";
import { dayHeadings, dayOf } from "../grid/headings.js";
import { elementsOfRows, heightOfRows } from "../grid/memories.js";
import { chosenView, keepView, tilingOf } from "../grid/view.js";
import { normalized } from "../history/history.js";
import { ask } from "../shared/ask.js";
import { closest, element, textButton } from "../shared/dom.js";
import { mount } from "../shared/page.js";
import { tileOf } from "../shared/photo_tile.js";
import { ASKED_FORM, tray } from "../shared/tray.js";
import { Toolbar } from "./toolbar.js";

/** @import { Block, BlockSection, Day, DaySection } from "../grid/layout.js" */
/** @import { Row } from "../grid/memories.js" */
/** @import { Listed } from "../grid/photo_grid.js" */
/** @import { DayCount } from "../operations.d.ts" */
/** @import { Place, Response, StreamlitComponent } from "../types.d.ts" */
/** @import { View } from "../grid/view.js" */
/**
 * `stacked` is null where photos cannot be stacked; `other_views` are icon, label and address of each, and `forms` are dialogs of Python.
 * @typedef {{ address: string, parameters: string, version: string, heading: [first: string, rest: string], other_views: [string, string, string][], forms: [icon: string, label: string, name: string][], weaker: boolean, rows: Row[], first_title: string, stacked: boolean | null }} Data
 */
/**
 * `shapes` are the widths of the photos in percent of their heights.
 * @typedef {Listed & { ids: string[], sections: [title: string, count: number][], shapes: number[], days: DayCount[] | null }} List
 */

const END_HEIGHT = 76; // of the button below the photos

/** @extends {PhotoGrid<BlockSection | DaySection, List>} */
class Answer extends PhotoGrid {
  /** @type {StreamlitComponent<Data> | null} */ component = null; // of the last run
  /** @type {Block[]} */ blocks = [];
  /** @type {Day[] | undefined} */ days;
  /** @type {string[]} */ ids = []; // of all photos, in their order
  /** @type {number[]} */ shapes = []; // of all photos
  isChoosing = false; // whether a click on a photo selects it
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
    this.toolbar = new Toolbar({
      choose: (change) => this.choose(change), selectAll: () => this.selectAll(), setChoosing: (isChoosing) => this.setChoosing(isChoosing),
    });
    this.head.append(this.text, this.toolbar.node, ...this.toolbar.lists);
    box.prepend(this.head);
    this.view = chosenView();
    tray.ready.then(() => { if (this.data) this.showTools(); });
  }

  close() {
    super.close();
    this.toolbar.close();
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
      else if (this.layout && (before.weaker !== data.weaker || JSON.stringify(before.rows) !== JSON.stringify(data.rows))) this.showOthers();
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

  // Below rows of others, the first photos need a title.
  get firstTitle() { return this.data.rows.length ? this.data.first_title : ""; }

  /** @param {List} list */
  adopt({ ids, sections, shapes, days }) {
    this.days = days?.map((day) => dayOf(day));
    // The line above the photos tells of the first ones; lines separate the others from these.
    this.blocks = sections.map(([title, count], number) => ({ title: number ? title : this.firstTitle, count, label: title }));
    this.ids = ids;
    this.shapes = shapes;
    this.isListed = true;
    this.isWhole = null; // not known yet
    if (this.mustSelectAll) tray.set(ids, true);
    this.mustSelectAll = false;
    this.grid.classList.toggle("by-day", Boolean(days));
    this.showTools();
  }

  /** @param {number} width */
  arrange(width) {
    const tiling = tilingOf(this.view, width, this.shapes);
    const layout = this.days ? layOutDays(this.days, [], tiling, 0) : layOutBlocks(this.blocks, tiling, 0, heightOfRows(this.data.rows));
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
    const before = elementsOfRows(this.data.rows);
    if (!this.data.weaker) return { before, after: [] };
    const end = element("div", "end"), button = textButton("Show weaker matches", null, "unfold_more");
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

  // While somebody chooses, boxes are shown, and a click on a photo selects it in place of opening it.
  /** @param {boolean} isChoosing */
  setChoosing(isChoosing) {
    this.isChoosing = isChoosing;
    this.box.classList.toggle("choosing", isChoosing);
    this.showTools();
  }

  /** @param {MouseEvent} event */
  onClick(event) {
    const offset = this.isChoosing ? tileOf(event)?.offset : undefined;
    if (offset === undefined || closest(event, "input") || event.ctrlKey || event.metaKey || event.altKey) { super.onClick(event); return; }
    event.preventDefault();
    const photo = this.source?.at(offset);
    if (photo) this.select(offset, event.shiftKey || !tray.isSelected(photo.id), event.shiftKey);
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
    } else if (event.key === "Escape" && this.isChoosing) {
      this.setChoosing(false);
      event.preventDefault();
    } else super.onSelectionKey(event);
  }

  // ---------------------------------------------------------------- above the photos

  showHead() {
    const [first, rest] = this.data.heading;
    if (this.text.dataset.shown !== `${first} ${rest}`) { // a live region is read out when it changes
      this.text.dataset.shown = `${first} ${rest}`;
      this.text.replaceChildren(element("h2", "", first), " ", element("span", "rest", rest));
    }
    this.showTools();
  }

  showTools() {
    const { view, data, isChoosing, isAllSelected } = this;
    this.scroller.className = `scroller${view.captioned ? "" : " bare"}`;
    const items = [
      ...tray.actionsForLists.map(({ act, ...item }) => ({ ...item, act: () => act(this.ids) })),
      ...data.forms.map(([sign, label, name]) => ({ icon: sign, label, name, act: () => tray.tell(ASKED_FORM, name) })),
    ];
    this.toolbar.show({ view, isChoosing, isAllSelected, items, otherViews: data.other_views, stacked: data.stacked });
  }

  /** @param {Partial<View>} change */
  choose(change) {
    this.view = { ...this.view, ...change };
    keepView(this.view);
    this.showTools();
    if (("size" in change || "squares" in change) && this.layout) this.layOutAgain();
    if ("stacked" in change) this.component?.setStateValue("stacked", change.stacked);
  }
}

export default mount(Answer);
