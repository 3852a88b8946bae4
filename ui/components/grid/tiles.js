// What the tiles show, fetched in blocks as they come into sight.

import { ask } from "../shared/ask.js";

/** @import { Response, TilePhoto } from "../types.d.ts" */

const BLOCK = 120; // tiles of one request
const MAX_BLOCKS = 200; // that are kept

export class TileSource {
  // `path` answers requests for ranges of tiles; `parameters`, a query string, say of which photos.
  // `onLoaded` is called when tiles have arrived, `onChanged` when the library has other photos.
  /** @param {string} path @param {string | URLSearchParams} parameters @param {string} version @param {() => void} onLoaded @param {() => void} onChanged */
  constructor(path, parameters, version, onLoaded, onChanged) {
    this.path = path;
    this.parameters = parameters;
    this.version = version;
    this.onLoaded = onLoaded;
    this.onChanged = onChanged;
    /** @type {Map<number, (TilePhoto | null)[]>} */
    this.blocks = new Map();
    /** @type {Map<number, AbortController>} */
    this.requests = new Map();
  }

  // The tile at an offset: undefined before it has arrived, null if its photo is gone.
  /** @param {number} offset */
  at(offset) {
    return this.blocks.get(Math.floor(offset / BLOCK))?.[offset % BLOCK];
  }

  // Request the tiles from `first` to `end`; requests for others are given up.
  /** @param {number} first @param {number} end */
  want(first, end) {
    const wanted = new Set();
    for (let block = Math.floor(first / BLOCK); block * BLOCK < end; block += 1) wanted.add(block);
    for (const [block, request] of this.requests) {
      if (!wanted.has(block)) { request.abort(); this.requests.delete(block); }
    }
    for (const block of wanted) if (!this.blocks.has(block) && !this.requests.has(block)) this.load(block);
  }

  /** @param {number} block */
  async load(block) {
    const request = new AbortController();
    this.requests.set(block, request);
    const parameters = new URLSearchParams(this.parameters);
    for (const [name, value] of Object.entries({ version: this.version, first: block * BLOCK, count: BLOCK })) parameters.set(name, String(value));
    /** @type {Response<(TilePhoto | null)[]> | null} */
    const answer = await ask(`${this.path}?${parameters}`, { signal: request.signal });
    if (this.requests.get(block) === request) this.requests.delete(block);
    if (answer?.status === 409) { this.onChanged(); return; }
    if (!answer?.ok) return; // where the server cannot be reached, the page says so itself, and the next scroll asks again
    this.blocks.set(block, answer.content);
    if (this.blocks.size > MAX_BLOCKS) this.blocks.delete([...this.blocks.keys()][0]);
    this.onLoaded();
  }

  // The tile at an offset, fetched if it was never in sight; null where it cannot be had.
  /** @param {number} offset */
  async fetched(offset) {
    const block = Math.floor(offset / BLOCK);
    if (!this.blocks.has(block)) await this.load(block);
    return this.at(offset) ?? null;
  }

  close() {
    for (const request of this.requests.values()) request.abort();
    this.requests.clear();
  }
}
