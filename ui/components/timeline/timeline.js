// The photos of a library by day. Python gives the search; everything else is fetched from the page's
// own server. The address and the entry of the history keep the first photo in sight, so that Back
// returns to the same place.

import { PhotoGrid } from "../grid/photo_grid.js";
import { layOutDays } from "../grid/layout.js";
import { dayHeadings } from "../grid/headings.js";
import { memoriesHeight, memoryRows } from "../grid/memories.js";
import { ask } from "../shared/ask.js";
import { dayName } from "../shared/dom.js";
import { mount } from "../shared/page.js";

class Timeline extends PhotoGrid {
  constructor(box) {
    super(box, "Photos by day");
  }

  update(data) {
    const isOther = JSON.stringify(this.search) !== JSON.stringify(data.search);
    const isChanged = !isOther && this.told !== data.version; // photos have come or gone
    this.search = data.search;
    this.told = data.version;
    this.memories = data.memories;
    this.fit();
    if (isOther) {
      const at = new URLSearchParams(location.search).get("at"), place = history.state?.place;
      this.load(at, String(place?.id) === at ? place : { below: 100 });
    } else if (isChanged) this.loadAgain();
  }

  get parameters() { return new URLSearchParams(this.search); }

  listAddress() { return `/timeline/days?${this.parameters}`; }

  tilesAddress() { return { path: "/timeline/tiles", parameters: this.parameters }; }

  adopt({ days }) {
    this.days = days.map(([day, count, remark]) => ({ day, count, remark, towns: "", label: dayName(day) }));
    this.trips = [];
  }

  async load(photoId, place) {
    const isLoaded = await super.load(photoId, place);
    if (isLoaded) await this.addHeadings(this.source);
    return isLoaded;
  }

  // Finding trips and places takes longer, so the photos are there first.
  async addHeadings(source) {
    const answer = await ask(`/timeline/headings?${this.parameters}`);
    if (!answer?.ok) return; // days need no other heading than their date
    const { trips, towns } = answer.content;
    if (source !== this.source || !this.box.isConnected) return; // the photos have changed meanwhile
    this.trips = trips;
    for (const day of this.days) day.towns = towns[day.day] ?? "";
    this.layOutAgain();
  }

  arrange(width) {
    return layOutDays(this.days, this.trips, width, memoriesHeight(this.memories));
  }

  headingsOf(section) { return dayHeadings(section); }

  extras() { return { before: memoryRows(this.memories), after: [] }; }

  keepPlace(place) {
    const address = new URL(location.href);
    if (place) address.searchParams.set("at", place.id); else address.searchParams.delete("at");
    history.replaceState({ ...history.state, place }, "", address);
  }
}

export default mount(Timeline);
