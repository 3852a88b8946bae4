// Which photos of a list are selected. Python is told ranges of positions, so that all of 100,000 take
// no more than one. Nothing here touches the page.

export class Selection {
  constructor() {
    this.ids = [];
    this.chosen = new Set(); // ids
    this.version = "";
    this.hasMoved = false; // the list has changed, so Python has to be told other positions
    this.last = null; // the photo that a range begins at
  }

  // A list of photos, perhaps changed. Those that are still in it stay selected.
  take(ids, version) {
    this.hasMoved = this.size > 0 && version !== this.version;
    const there = new Set(ids);
    for (const id of this.chosen) if (!there.has(id)) this.chosen.delete(id);
    Object.assign(this, { ids, version });
  }

  get size() { return this.chosen.size; }

  get isWhole() { return this.ids.length > 0 && this.size === this.ids.length; }

  has(offset) { return this.chosen.has(this.ids[offset]); }

  // With `wholeRange`, all photos from the last one set to this one.
  set(offset, isSelected, wholeRange) {
    const from = wholeRange && this.last !== null ? this.ids.indexOf(this.last) : -1;
    const first = from < 0 ? offset : Math.min(from, offset), end = Math.max(from, offset) + 1;
    for (const id of this.ids.slice(first, end)) if (isSelected) this.chosen.add(id); else this.chosen.delete(id);
    this.last = this.ids[offset];
  }

  replace(ranges) {
    this.chosen = new Set(ranges.flatMap(([first, end]) => this.ids.slice(first, end)));
    this.last = null;
    this.hasMoved = false;
  }

  told() {
    this.hasMoved = false;
    const ranges = [];
    this.ids.forEach((id, offset) => {
      if (!this.chosen.has(id)) return;
      const range = ranges.at(-1);
      if (range?.[1] === offset) range[1] = offset + 1; else ranges.push([offset, offset + 1]);
    });
    return { version: this.version, ranges };
  }
}
