// Near-duplicates, group by group: their photos side by side, and which of them to keep. Python gives the settings; the
// groups are fetched from the page's own server. Nothing is deleted here.

import { isPlainClick, placeInHistory, visit } from "../history/history.js";
import { NO_SERVER, ask, askOperation, queryOf } from "../shared/ask.js";
import { closest, countOf, element, focusIn, listen, printable, setLast, sizeName, textButton } from "../shared/dom.js";
import { mount } from "../shared/page.js";
import { createTile, fillTile, showMarks, showSelected } from "../shared/photo_tile.js";
import { CHANGED, MARKED, OTHER_PHOTOS, tray } from "../shared/tray.js";
import { CHOSEN, CHOSEN_ELSEWHERE, choices } from "./choices.js";

/** @import { ChosenGroup, ChosenGroups, ChosenPhoto } from "../operations.d.ts" */
/** @import { Parameters, Response, Tile, TilePhoto } from "../types.d.ts" */
/** @import { Choosable, Recorded } from "./choices.js" */
/** @typedef {{ parameters: Parameters, min_score: number }} Data */
/** @typedef {TilePhoto & { name: string, about: string, paths: string[] }} DescribedTile */
/** @typedef {DescribedTile & Choosable} Photo */
/** @typedef {{ number: number, photos: Photo[] }} ShownGroup */
/** @typedef {{ counts: ChosenGroups, groups: ShownGroup[] }} Asked */
/** @typedef {{ node: HTMLElement, tile: Tile, keep: HTMLInputElement, reason: HTMLElement, photo: Photo, link: HTMLAnchorElement }} Card */
/** @typedef {{ node: HTMLElement, warning: HTMLElement, number: number, cards: Card[] }} Group */

const PATH = "/similar"; // of the view
const MORE = 20; // groups that are drawn at once
const MOST_ASKED = 200; // groups in one request
const MOST_TILES = 1000; // in one request
const EXPORTS = [
  ["script", "Script", "terminal", "move-near-duplicates.sh",
    "A shell script for you to read and to run. It says what it would move; with --trash or --to DIR it moves the files that are not kept, and leaves those that have changed."],
  ["paths", "Paths", "list", "near-duplicates.txt", "The paths of the photos that are not kept."],
  ["csv", "CSV", "table", "near-duplicates.csv", "All groups, with what is kept and why."],
];

class Groups {
  /** @type {Group[]} */ drawn = []; // the groups that are shown, in their order
  /** @type {Map<string, { card: Card, group: Group }>} */ cards = new Map(); // by the id of a photo
  /** @type {Set<string>} */ chosen = new Set(); // photos with a choice that is recorded and not shown in full
  version = "";
  loads = 0;
  isAsking = false;

  /** @param {HTMLElement} box @param {Data} data */
  constructor(box, data) {
    this.box = box;
    this.data = data;
    this.place = placeInHistory();
    this.summary = element("p", "summary", "Loading…");
    this.summary.role = "status";
    this.exports = new Map(EXPORTS.map(([kind, label, sign, name, explanation]) => {
      const node = button(label, () => this.export(kind, name), sign);
      node.title = explanation;
      return [kind, node];
    }));
    this.forget = button("", () => this.forgetAll(), "undo");
    this.forget.title = "Keep what is proposed, in all groups.";
    const actions = element("div", "actions");
    actions.append(...this.exports.values(), this.forget);
    this.problem = element("p", "problem");
    this.problem.role = "alert";
    this.list = element("div", "groups");
    this.list.onkeydown = (event) => this.onKey(event);
    this.more = button(`Show ${MORE} more`, () => this.showMore(), "unfold_more");
    box.replaceChildren(this.summary, actions, this.problem, this.list, this.more);
    // Groups come as one scrolls; the button is for the keyboard.
    this.seen = new IntersectionObserver(([{ isIntersecting }]) => { if (isIntersecting) this.showMore(); }, { rootMargin: "600px" });
    this.stops = [
      listen(tray, CHANGED, () => this.showSelection()),
      listen(tray, MARKED, () => this.showSelection()),
      listen(tray, OTHER_PHOTOS, () => this.load()),
      listen(choices, CHOSEN, ({ detail }) => this.showChosen(detail)),
      listen(choices, CHOSEN_ELSEWHERE, () => this.load()),
      listen(document, "visibilitychange", () => { if (!document.hidden) this.load(); }),
    ];
  }

  close() {
    for (const stop of this.stops) stop();
    this.seen.disconnect();
    this.place.close();
  }

  /** @param {Data} data */
  update(data) {
    const isFirst = this.loads === 0, isSame = !isFirst && JSON.stringify(this.data) === JSON.stringify(data);
    const areOthers = !isFirst && JSON.stringify(this.data.parameters) !== JSON.stringify(data.parameters);
    this.data = data;
    choices.send();
    this.keepAddress();
    if (isSame) return;
    if (isFirst) this.load(history.state?.groups); else if (areOthers) this.load(MORE); else this.load();
  }

  // The address has the settings, so that the way back from a photo leads to them.
  keepAddress() {
    if (location.pathname !== PATH) return;
    const search = new URLSearchParams(this.data.parameters).toString();
    if (search !== location.search.slice(1)) history.replaceState(history.state, "", search ? `${PATH}?${search}` : PATH);
  }

  // ---------------------------------------------------------------- groups

  /** @param {number} first @param {number} k @returns {Promise<Response<ChosenGroups> | null>} */
  askGroups(first, k) {
    const { parameters, min_score } = this.data;
    return askOperation("duplicates/groups", { query: queryOf(parameters), min_score, prefer: JSON.parse(parameters.prefer ?? "[]"), first, k });
  }

  // Groups with the tiles of their photos; a sentence where something is wrong.
  /** @param {number} first @param {number} count @returns {Promise<Asked | string>} */
  async ask(first, count) {
    const counts = await this.askGroups(first, count);
    if (!counts?.ok) return counts ? counts.content : NO_SERVER;
    const groups = counts.content.groups, ids = groups.flatMap(({ photos }) => photos.map((photo) => photo.photo_id));
    const /** @type {Map<string, DescribedTile>} */ tiles = new Map();
    for (let from = 0; from < ids.length; from += MOST_TILES) {
      const body = JSON.stringify({ address: this.data.parameters, ids: ids.slice(from, from + MOST_TILES) });
      const /** @type {Response<(DescribedTile | null)[]> | null} */ answer = await ask("/similar/tiles", { method: "PUT", body });
      if (!answer?.ok) return answer ? answer.content : NO_SERVER;
      for (const tile of answer.content) if (tile) tiles.set(tile.id, tile);
    }
    return { counts: counts.content, groups: groups.map((group) => withTiles(group, tiles)) };
  }

  // Fetch the first groups anew, by default as many as are shown.
  /** @param {number} [number] */
  async load(number = this.drawn.length) {
    const turn = (this.loads += 1), /** @type {ShownGroup[]} */ groups = [], end = Math.max(number, MORE);
    let /** @type {ChosenGroups | null} */ counts = null;
    for (let first = 0; first < end; first += MOST_ASKED) {
      const answer = await this.ask(first, Math.min(MOST_ASKED, end - first));
      if (turn !== this.loads || !this.box.isConnected) return; // asked again meanwhile
      if (typeof answer === "string") { this.say(answer); return; }
      counts = answer.counts;
      groups.push(...answer.groups);
      if (groups.length < first + MOST_ASKED) break;
    }
    if (!counts) return;
    this.say("");
    this.version = counts.version;
    this.chosen.clear();
    this.cards.clear();
    this.drawn = groups.map((each) => this.draw(each));
    const focused = this.focusedPhoto();
    this.list.replaceChildren(...this.drawn.map(({ node }) => node));
    if (focused) this.cards.get(focused.id)?.card[focused.part].focus({ preventScroll: true });
    this.showSummary(counts);
    this.changed();
  }

  async showMore() {
    if (this.isAsking || this.more.hidden) return;
    this.isAsking = true;
    const turn = this.loads, first = this.drawn.length, hadFocus = this.more === focusIn(this.box);
    const answer = await this.ask(first, MORE);
    this.isAsking = false;
    if (turn !== this.loads || !this.box.isConnected) return;
    if (typeof answer === "string") { this.say(answer); return; }
    if (answer.counts.version !== this.version) { this.load(); return; }
    const added = answer.groups.map((each) => this.draw(each));
    this.drawn.push(...added);
    this.list.append(...added.map(({ node }) => node));
    if (location.pathname === PATH) history.replaceState({ ...history.state, groups: this.drawn.length }, "");
    this.showSummary(answer.counts);
    this.changed();
    if (hadFocus) added[0]?.cards[0].tile.link.focus();
  }

  // Which part of which photo has the focus, to give it to the element that takes its place.
  /** @returns {{ id: string, part: "keep" | "link" } | null} */
  focusedPhoto() {
    const active = focusIn(this.box), id = active && idOf(active);
    return active && id ? { id, part: active.matches(".keep input") ? "keep" : "link" } : null;
  }

  /** @param {ShownGroup} shown @returns {Group} */
  draw({ number, photos }) {
    const node = element("section", "group"), row = element("div", "photos");
    node.ariaLabel = `Group ${(number + 1).toLocaleString("en")}, ${countOf(photos.length)}`;
    const warning = element("p", "warning", "Keep at least one: this group is in no list and not in the script.");
    warning.role = "status";
    const group = { node, warning, number, cards: photos.map((photo, place) => this.card(photo, place + 1)) };
    for (const card of group.cards) {
      this.cards.set(card.photo.id, { card, group });
      row.append(card.node);
    }
    node.append(row, warning);
    this.showKept(group);
    return group;
  }

  /** @param {Photo} photo @param {number} rank @returns {Card} */
  card(photo, rank) {
    const node = element("div", "photo"), tile = createTile(), line = element("label", "keep"), keep = element("input"), text = element("span", "text");
    node.dataset.photo = photo.id;
    fillTile(tile, photo, (isSelected) => tray.set([photo.id], isSelected));
    tile.link.onclick = (event) => {
      if (!isPlainClick(event)) return;
      event.preventDefault();
      this.place.save(photo.id);
      visit(photo.link);
    };
    keep.type = "checkbox";
    keep.onchange = () => this.choose(photo.id, keep.checked);
    line.title = photo.paths.join("\n");
    const name = element("strong", "name", photo.name), reason = element("em", "reason");
    const first = element("span", "first");
    first.append(`Keep ${rank}: `, name);
    text.append(first, element("span", "about", photo.about), reason);
    line.append(keep, text);
    node.append(tile, line);
    return { node, tile, keep, reason, photo, link: tile.link };
  }

  // ---------------------------------------------------------------- what is kept

  /** @param {string} id @param {boolean} isKept */
  choose(id, isKept) {
    const shown = this.cards.get(id);
    if (!shown) return;
    choices.choose(shown.card.photo, isKept);
    this.showKept(shown.group);
  }

  /** @param {Group} group */
  showKept({ cards, warning }) {
    for (const { photo, keep, reason, node } of cards) {
      const isKept = choices.isKept(photo);
      keep.checked = isKept;
      node.classList.toggle("kept", isKept);
      reason.textContent = photo.reason;
    }
    warning.hidden = cards.some(({ photo }) => choices.isKept(photo));
  }

  // Once all choices are recorded, show what has become of their groups.
  /** @param {Recorded} recorded */
  async showChosen({ id, answer }) {
    if (!answer.ok) { await this.load(); this.say(answer.content); return; } // the library has what it had
    this.chosen.add(id);
    if (choices.unsent.size) return;
    const turn = this.loads, numbers = new Set([...this.chosen].map((each) => this.cards.get(each)?.group.number ?? 0));
    this.chosen.clear();
    for (const number of numbers) {
      const counted = await this.askGroups(number, 1);
      if (turn !== this.loads || !this.box.isConnected) return; // all were asked for meanwhile
      if (!counted?.ok) { this.say(counted ? counted.content : NO_SERVER); return; }
      if (counted.content.version !== this.version) { this.load(); return; }
      for (const group of counted.content.groups) this.showAsChosen(group);
      this.showSummary(counted.content);
    }
    this.say("");
  }

  /** @param {ChosenGroup} group */
  showAsChosen({ photos }) {
    for (const photo of photos) {
      const shown = this.cards.get(String(photo.photo_id));
      if (!shown) continue;
      Object.assign(shown.card.photo, choosable(photo));
      this.showKept(shown.group);
    }
  }

  async forgetAll() {
    const answer = await choices.forget();
    if (answer?.ok) await this.load(); else this.say(answer ? answer.content : NO_SERVER);
  }

  /** @param {ChosenGroups} counts */
  showSummary({ total: groups, photos, superfluous_bytes: superfluous, chosen, has_objects: hasObjects }) {
    this.summary.replaceChildren(element("strong", "", `${groups.toLocaleString("en")} group${groups === 1 ? "" : "s"}`), `, ${countOf(photos)}; those that are not kept take ${sizeName(superfluous)}`);
    const script = this.exports.get("script");
    if (script) script.hidden = hasObjects;
    this.forget.hidden = !chosen;
    setLast(this.forget, `Forget ${chosen.toLocaleString("en")} choice${chosen === 1 ? "" : "s"}`);
    this.more.hidden = this.drawn.length >= groups;
  }

  // ---------------------------------------------------------------- the tray, and the place in the view

  changed() {
    this.seen.disconnect();
    if (!this.more.hidden) this.seen.observe(this.more); // anew: it may be in sight still
    this.showSelection();
    const { pathname, search } = location;
    this.place.update({ tiles: new Map([...this.cards].map(([id, { card }]) => [id, card.tile])), address: pathname + search });
  }

  showSelection() {
    this.box.classList.toggle("selecting", tray.size > 0);
    for (const { card: { tile, photo } } of this.cards.values()) {
      showSelected(tile, tray.isSelected(photo.id));
      showMarks(tile, tray.marksOf(photo));
    }
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const card = this.cards.get(closest(event, ".photo")?.dataset.photo ?? "")?.card;
    if (!card || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) {
      const all = [...this.cards.values()].map((shown) => shown.card), next = all[all.indexOf(card) + step];
      if (!next) return;
      (event.target === card.keep ? next.keep : next.link).focus();
    } else if (event.key === "k") this.choose(card.photo.id, !choices.isKept(card.photo));
    else if (event.key === "x") tray.set([card.photo.id], !tray.isSelected(card.photo.id));
    else {
      const change = tray.changeOf(event.key, card.photo);
      if (!change) return;
      tray.mark([card.photo], change);
    }
    event.preventDefault();
  }

  // ---------------------------------------------------------------- exports

  /** @param {string} kind @param {string} name */
  async export(kind, name) {
    await choices.settled();
    const body = JSON.stringify({ address: this.data.parameters });
    const answer = await fetch(`/exports/similar/${kind}`, { method: "PUT", body }).catch(() => null);
    if (!answer?.ok) { this.say(answer ? await answer.text() : NO_SERVER); return; }
    const link = element("a"), address = URL.createObjectURL(await answer.blob());
    Object.assign(link, { href: address, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    this.say("");
  }

  /** @param {string} text */
  say(text) { this.problem.textContent = text; }
}

export default mount(Groups);

/** @param {ChosenGroup} group @param {Map<string, DescribedTile>} tiles @returns {ShownGroup} without photos that were deleted meanwhile */
function withTiles({ number, photos }, tiles) {
  return { number, photos: photos.flatMap((photo) => {
    const tile = tiles.get(String(photo.photo_id));
    return tile ? [{ ...tile, ...choosable(photo) }] : [];
  }) };
}

/** @param {ChosenPhoto} photo @returns {Choosable} */
const choosable = ({ photo_id: id, keep, reason }) => ({ id: String(id), keep, reason: printable(reason) });

// The id of the photo that an element belongs to.
/** @param {Element} node */
function idOf(node) {
  const photo = node.closest(".photo");
  return photo instanceof HTMLElement ? photo.dataset.photo : undefined;
}

/** @param {string} text @param {() => void} act @param {string} sign */
const button = (text, act, sign) => textButton(text, act, sign, "button");
