// What the tiles of a grid show, fetched in blocks as they come into sight.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { openPage, until } from "./page.js";

const BLOCK = 120;
let hold = null, version = "1";
const { requests } = await openPage("/", async ({ address }) => {
  await hold;
  const given = new URL(address, "http://page").searchParams, first = Number(given.get("first"));
  if (given.get("version") !== version) return { status: 409, content: "The photos have changed." };
  return { content: Array.from({ length: Number(given.get("count")) }, (_, at) => (first + at === 5 ? null : { id: String(first + at) })) };
});
const { TileSource } = await import("../../ui/components/grid/tiles.js");

let loaded, changed, source;
beforeEach(() => {
  loaded = changed = 0;
  requests.length = 0;
  source = new TileSource("/answer/tiles", "q=lake&weak=1", "1", () => { loaded += 1; }, () => { changed += 1; });
});
const firsts = () => requests.map(({ address }) => Number(new URL(address, "http://page").searchParams.get("first")));

test("tiles come in blocks, each asked for once, with the search and the version of the list", async () => {
  source.want(100, 130);
  source.want(110, 140);
  await until(() => loaded === 2, "two blocks");
  assert.deepEqual(firsts().sort((one, other) => one - other), [0, BLOCK]);
  const asked = new URL(requests[0].address, "http://page");
  assert.equal(asked.pathname, "/answer/tiles");
  assert.deepEqual(["q", "weak", "version", "count"].map((name) => asked.searchParams.get(name)), ["lake", "1", "1", String(BLOCK)]);
  assert.equal(source.at(139).id, "139");
  assert.equal(source.at(5), null, "a photo that is gone");
  assert.equal(source.at(500), undefined, "one that was not asked for");
});

test("blocks that have left the sight before they came are given up, and asked for again later", async () => {
  let go;
  hold = new Promise((resolve) => { go = resolve; });
  source.want(0, 10);
  await until(() => requests.length === 1, "the first request");
  source.want(1000, 1010);
  hold = null;
  go();
  await until(() => loaded === 1, "the block in sight");
  assert.equal(source.at(0), undefined);
  assert.equal(source.at(1000).id, "1000");
  source.want(0, 10);
  await until(() => loaded === 2, "the first block after all");
});

test("a list that has changed is told", async () => {
  version = "2";
  source.want(0, 10);
  await until(() => changed === 1, "the change");
  assert.equal(loaded, 0);
  version = "1";
});

test("a photo that was never in sight is fetched on its own", async () => {
  assert.equal((await source.fetched(250)).id, "250");
  assert.equal((await source.fetched(251)).id, "251");
  assert.equal(requests.length, 1, "with its block");
});

test("a source that is closed has no requests left", async () => {
  let go;
  hold = new Promise((resolve) => { go = resolve; });
  source.want(0, 10);
  await until(() => requests.length === 1, "the request");
  source.close();
  assert.equal(source.requests.size, 0);
  hold = null;
  go();
  const other = await source.fetched(0);
  assert.equal(other.id, "0", "what is asked for afterwards comes");
  assert.equal(loaded, 1);
});
