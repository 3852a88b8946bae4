// The photos of a library by day. Python gives the search; the days are asked of the library. The address and the entry of the history keep the first photo in sight, so that Back
// returns to the same place.

import { PhotoGrid } from "../grid/photo_grid.js";
import { layOutDays } from "../grid/layout.js";
import { dayHeadings, dayOf, headingsOfFeatures } from "../grid/headings.js";
import { elementsOfRows, heightOfRows } from "../grid/memories.js";
import { chosenView, tilingOf } from "../grid/view.js";
import { askOperation, queryOf } from "../shared/ask.js";
import { mount } from "../shared/page.js";

/** @import { Day, DaySection, Span } from "../grid/layout.js" */
/** @import { Memories } from "../grid/memories.js" */
/** @import { DayCounts } from "../operations.d.ts" */
/** @import { Parameters, Place } from "../types.d.ts" */
/** @typedef {{ search: Parameters, version: string, memories: Memories[], headings: string[] }} Data */

/** @extends {PhotoGrid<DaySection, DayCounts>} */
class Timeline extends PhotoGrid {
  /** @type {Parameters | undefined} */ search;
  /** @type {Day[]} */ days = [];
  /** @type {number[]} */ shapes = []; // of all photos, in their order
  /** @type {Span[]} */ spans = [];
  /** @type {string[]} */ modules = []; // that find headings
  /** @type {Memories[]} */ memories = [];

  view = chosenView();

  /** @param {HTMLElement} box */
  constructor(box) {
    super(box, "Photos by day");
  }

  /** @param {Data} data */
  update(data) {
    const isOther = JSON.stringify(this.search) !== JSON.stringify(data.search);
    const isChanged = !isOther && this.told !== data.version; // photos have come or gone
    this.search = data.search;
    this.told = data.version;
    this.memories = data.memories;
    this.modules = data.headings;
    this.fit();
    if (isOther) {
      const at = new URLSearchParams(location.search).get("at"), /** @type {Place | undefined} */ place = history.state?.place;
      this.load(at, String(place?.id) === at ? place : { below: 100 });
    } else if (isChanged) this.loadAgain();
  }

  get query() { return queryOf(this.search ?? {}); }

  /** @param {string | null | undefined} photoId */
  askAt(photoId) { return askOperation("timeline/days", { query: this.query, photo_id: photoId ? Number(photoId) : null, shapes: true }); }

  tilesAddress() { return { path: "/timeline/tiles", parameters: new URLSearchParams(this.search) }; }

  /** @param {DayCounts} list */
  adopt({ days, shapes }) {
    this.days = days.map((day) => dayOf(day));
    this.shapes = shapes;
    /** @type {Span[]} */
    this.spans = [];
  }

  /** @param {string | null | undefined} photoId @param {Partial<Place>} [place] */
  async load(photoId, place) {
    const isLoaded = await super.load(photoId, place);
    if (isLoaded) await this.addHeadings();
    return isLoaded;
  }

  // Finding headings takes longer, so the photos are there first.
  async addHeadings() {
    const { source } = this, { spans, towns } = await headingsOfFeatures(this.modules, this.query);
    if (source !== this.source || !this.box.isConnected) return; // the photos have changed meanwhile
    this.spans = spans;
    for (const day of this.days) day.towns = towns[day.day] ?? "";
    this.layOutAgain();
  }

  /** @param {number} width */
  arrange(width) {
    return layOutDays(this.days, this.spans, tilingOf(this.view, width, this.shapes), heightOfRows(this.memories));
  }

  /** @param {DaySection} section */
  headingsOf(section) { return dayHeadings(section); }

  extras() { return { before: elementsOfRows(this.memories), after: [] }; }

  /** @param {Place | null} place */
  keepPlace(place) {
    const address = new URL(location.href);
    if (place) address.searchParams.set("at", place.id); else address.searchParams.delete("at");
    history.replaceState({ ...history.state, place }, "", address);
  }
}

export default mount(Timeline);
