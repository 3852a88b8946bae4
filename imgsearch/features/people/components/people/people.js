// The people of a library: groups without a name to name, one after the other, and the faces of one
// person to confirm and to correct. All of it works with the keyboard: Enter names a group and goes to
// the next one, Enter in an empty field skips it, and the arrow keys go through lists and faces.

import { NO_SERVER, askOperation, readOperation } from "../shared/ask.js";
import { countOf, dateName, element, find, focusIn, icon, printable, setLast } from "../shared/dom.js";
import { showPicture } from "../shared/picture.js";
import { OTHER_PHOTOS, tray } from "../shared/tray.js";
import { isPlainClick, visit } from "../history/history.js";

/** @import { Change, DatedFace, PeopleOverview, Person, PersonChange, PersonDetails, PersonLook, ShownPerson, SimilarFace } from "../operations.d.ts" */
/** @import { Refusal, Response, StreamlitComponent } from "../types.d.ts" */
/** @typedef {"name" | "name_faces" | "yes" | "no" | "merge" | "split" | "hide" | "show" | "me" | "not_me" | "undo"} Action */
/** @typedef {{ action: Action, person?: number, faces?: number[], name?: string, into?: number, change?: number, shown?: ShownPerson }} Decision */
/** @typedef {{ person: number, done: string, change: Change, now: Person | null }} Recorded what became of a decision: the person that it is about now, null after an undo */

/** @typedef {{ person: string, face: string, links: [text: string, path: string][], state: string }} Data the links are views of the photos of a person, and `state` is another one where other faces were found */

/** @param {HTMLElement & { people?: People | null }} box @param {StreamlitComponent<Data>} component */
export default function (box, { data }) {
  box.people ??= new People(box, data);
  box.people.follow(data.state);
  return () => queueMicrotask(() => { if (!box.isConnected) box.people = null; });
}

class People {
  /** @type {Person[]} */ people = [];
  /** @type {Person | null} */ person = null; // the one that is drawn
  /** @type {PersonDetails | null} */ whole = null; // its details, once they have come
  /** @type {Set<number>} */ chosen = new Set(); // ids of faces of the person that is open
  /** @type {Map<number, Partial<Person>>} */ unrecorded = new Map(); // by id: what a decision that is on its way makes of a person
  /** @type {Set<number>} */ takenOut = new Set(); // ids of faces that were said not to be the person that is open
  /** @type {Set<number>} */ skipped = new Set(); // ids of groups that were skipped since the view was opened
  /** @type {Promise<unknown>} */ sent = Promise.resolve();
  /** @type {PeopleOverview["last_change"]} */ last = null; // the last decision about people, whoever has made it
  /** @type {HTMLFormElement | null} */ form = null;
  alone = 0;

  /** @param {HTMLElement} box @param {Data} opened */
  constructor(box, { person, face, links, state }) {
    this.links = links;
    this.state = state;
    /** @type {number | null} */
    this.open = Number(person) || null;
    /** @type {number | null} */
    this.face = this.open ? null : Number(face) || null; // one that was seen once, while it is open
    this.list = element("div", "list");
    this.detail = element("section", "detail");
    this.status = element("p", "status");
    this.status.role = "status";
    this.undo = button("Undo", "undo", () => this.decide({ action: "undo", person: this.open ?? 0 }));
    this.undo.classList.add("undo");
    this.undo.hidden = true; // until it is known what there is to take back
    this.asked = 0; // for the list: an answer that a later question has overtaken is dropped
    const bar = element("div", "bar");
    bar.append(this.status, this.undo);
    box.replaceChildren(bar, this.list, this.detail);
    this.box = box;
    const onUndone = () => { // by Ctrl+Z, which the shell takes
      if (box.isConnected) this.load();
      else tray.removeEventListener(OTHER_PHOTOS, onUndone);
    };
    tray.addEventListener(OTHER_PHOTOS, onUndone);
    this.load();
  }

  // Loads anew where the faces of the library are no longer those that were loaded.
  /** @param {string} state */
  follow(state) {
    if (state === this.state) return;
    this.state = state;
    this.load();
  }

  async load() {
    const asked = ++this.asked, answer = await overview(this.face ? null : this.open);
    if (asked !== this.asked) return;
    if (!answer?.ok) { this.say(answer ? answer.content : NO_SERVER); return; }
    this.adopt(answer.content);
    if (this.open && !this.personOf(this.open)) this.open = null;
    if (this.face) await this.showFace(this.face); else await this.show(this.open, false, answer.content.person);
  }

  /** @param {PeopleOverview} list */
  adopt({ people, alone, last_change: last }) {
    this.people = people.map((each) => ({ ...each, ...this.unrecorded.get(each.id) }));
    this.alone = alone;
    this.last = last;
    this.nameUndo();
  }

  // The button says what it takes back; while a decision is on its way, that is not known yet.
  nameUndo(isKnown = true) {
    const title = isKnown && this.last ? `Undo: ${printable(this.last.title)}` : "Undo";
    this.undo.hidden = !this.last;
    this.undo.title = title;
    setLast(this.undo, title);
  }

  /** @param {string} text */
  say(text) { this.status.textContent = text; }

  /** @param {number} id */
  personOf(id) { return this.people.find((each) => each.id === id); }

  get unnamed() { return this.people.filter((each) => !each.name && !each.is_hidden); }

  get next() { // the largest group that was not skipped
    const left = this.unnamed.filter((each) => each.id !== this.open);
    return left.find((each) => !this.skipped.has(each.id)) ?? left[0];
  }

  // ---------------------------------------------------------------- the list

  drawList() {
    const named = this.people.filter((each) => each.name && !each.is_hidden);
    const hidden = this.people.filter((each) => each.is_hidden);
    const /** @type {[title: string, people: Person[]][]} */ parts = [
      ["Who is this?", this.unnamed],
      ["People", named.sort((a, b) => b.photos - a.photos || (a.name ?? "").localeCompare(b.name ?? ""))],
      ["Hidden", hidden],
    ];
    const /** @type {HTMLElement[]} */ nodes = parts.filter(([, people]) => people.length).map(([title, people]) => {
      const part = element("section", "part");
      const heading = element("h2", "", `${title} (${people.length.toLocaleString("en")})`);
      const grid = element("div", "grid");
      grid.append(...people.map((each) => this.card(each)));
      part.ariaLabel = title;
      part.append(heading, grid);
      return part;
    });
    if (this.alone) {
      const faces = this.alone === 1 ? "1 face was seen only once." : `${this.alone.toLocaleString("en")} faces were seen only once.`;
      nodes.push(element("p", "note", `${faces} They are proposed where they may be one of these people.`));
    }
    const card = focusIn(this.list)?.closest(".card"), focused = card instanceof HTMLElement ? card.dataset.person : "";
    this.list.replaceChildren(...nodes);
    if (focused) this.cardOf(Number(focused))?.focus({ preventScroll: true });
    this.list.onkeydown = (event) => moveFocus(event, this.list.querySelectorAll(".card"));
  }

  /** @param {Person} person */
  card(person) {
    const card = element("button", "card");
    card.type = "button";
    card.dataset.person = String(person.id);
    card.ariaLabel = `${person.name ? printable(person.name) : "No name yet"}${person.is_me ? ", you" : ""}, ${countOf(person.photos)}`;
    if (person.id === this.open) card.setAttribute("aria-current", "true");
    card.append(faceImage(person.best_face, "large"), element("span", "name", nameOf(person)), element("span", "count", countOf(person.photos)));
    card.onclick = () => this.show(person.id);
    return card;
  }

  // ---------------------------------------------------------------- one person

  // With focus, the keyboard goes to the name field: of a person that somebody chose. `come` are the details, if they are
  // there already.
  /** @param {number | null} id @param {boolean} [focus] @param {PersonDetails | null} [come] */
  async show(id, focus = true, come = null) {
    if (id !== this.open) { this.chosen.clear(); this.takenOut.clear(); }
    this.open = id;
    this.face = null;
    const address = new URL(location.href);
    address.searchParams.delete("face");
    if (id) address.searchParams.set("person", String(id)); else address.searchParams.delete("person");
    history.replaceState(history.state, "", address);
    this.box.classList.toggle("opened", Boolean(id));
    this.drawList();
    if (!id) { this.person = this.whole = null; this.detail.replaceChildren(); return; }
    // At once, as the list knows this person, so that what is typed and clicked from now on is about it.
    const listed = this.personOf(id);
    if (listed && this.person?.id !== id) this.drawDetail(listed, null);
    if (focus) {
      this.detail.querySelector("input")?.focus({ preventScroll: true });
      this.detail.scrollIntoView({ block: "start" });
    }
    const answer = come ? { ok: /** @type {const} */ (true), content: come } : await readOperation("person/{person_id}", { person_id: id, ...MOST });
    if (this.open !== id) return; // another was opened meanwhile
    if (!answer?.ok) { this.say(answer ? answer.content : NO_SERVER); return; }
    this.drawDetail({ ...answer.content.person, ...this.unrecorded.get(id) }, answer.content);
  }

  // Draws a person with its details, or as the list has it: without looks, faces and proposals. The field for the name
  // stays as it is while it is about the same person, with what is typed in it.
  /** @param {Person} person @param {PersonDetails | null} whole */
  drawDetail(person, whole) {
    Object.assign(this, { person, whole });
    const back = button("All people", "arrow_back", () => { this.show(null); this.cardOf(person.id)?.focus(); });
    back.classList.add("back");
    const heading = element("div", "heading");
    const title = element("div", "title");
    title.append(element("h2", "", person.name ? nameOf(person) : "Who is this?"), element("span", "count", `${countOf(person.photos)}, ${person.confirmed.toLocaleString("en")} confirmed`));
    heading.append(faceImage(person.best_face, "large"), title);
    this.detail.ariaLabel = person.name ? printable(person.name) : "Person without a name";
    const shown = `${person.id} ${person.is_hidden} ${person.name ?? ""}`;
    const before = [back, heading, ...(whole ? this.looks(whole) : [])];
    const after = [this.actions(person), ...(whole ? [...this.proposals(whole), this.faces(whole)] : [])];
    if (this.form?.parentNode === this.detail && this.form.dataset.shown === shown) {
      for (const node of [...this.detail.children]) if (node !== this.form) node.remove();
      this.form.before(...before);
      this.form.after(...after);
    } else {
      this.form = this.nameForm(person);
      this.form.dataset.shown = shown;
      this.detail.replaceChildren(...before, this.form, ...after);
    }
  }

  /** @param {number} id */
  cardOf(id) { return find(this.list, `[data-person="${id}"]`); }

  // A field for a name, and the names that it suggests.
  /** @param {string} name @returns {[HTMLInputElement, HTMLDataListElement]} */
  nameField(name) {
    const field = element("input"), names = element("datalist");
    Object.assign(field, { value: name, placeholder: "Name", ariaLabel: "Name of this person", autocomplete: "off", maxLength: 200 });
    names.id = "names-of-people";
    names.append(...this.people.flatMap((each) => (each.name ? [Object.assign(element("option"), { value: each.name })] : [])));
    field.setAttribute("list", names.id);
    return [field, names];
  }

  /** @param {Person} person */
  nameForm(person) {
    const form = element("form", "naming"), [field, names] = this.nameField(person.name ?? "");
    const save = button(person.name ? "Rename" : "Name", "check");
    save.type = "submit";
    form.append(field, names, save);
    if (!person.name && !person.is_hidden) {
      form.append(button("Skip", "skip_next", () => this.skip()));
      form.append(element("p", "note", "Enter names this person and shows the next one; an empty name skips."));
    }
    form.onsubmit = (event) => {
      event.preventDefault();
      const name = field.value.trim();
      if (!name && !person.name) { this.skip(); return; }
      if (name === person.name) return;
      if (person.name) this.decide({ action: "name", person: person.id, name });
      else this.decideAndGoOn({ action: "name", person: person.id, name }, { name });
    };
    return form;
  }

  skip() {
    if (this.open) this.skipped.add(this.open);
    this.say("Skipped.");
    this.goOn();
  }

  // Shows the next group at once: what is typed next is about that one, however long it takes to record this decision.
  /** @param {Decision & { person: number }} decision @param {Partial<Person>} change */
  async decideAndGoOn(decision, change) {
    const recorded = this.decide(decision, true);
    this.unrecorded.set(decision.person, change);
    Object.assign(this.personOf(decision.person) ?? {}, change);
    const isShown = this.goOn();
    if (await recorded) { await isShown; this.sayWhatIsLeft(); }
  }

  async goOn() {
    const next = this.next;
    await this.show(next ? next.id : null);
    this.sayWhatIsLeft();
  }

  // When all groups were shown and everything is recorded.
  sayWhatIsLeft() {
    if (this.open || this.face || this.unrecorded.size) return;
    this.say(`${this.status.textContent} ${this.unnamed.length ? "There is no other group without a name." : "All groups have a name."}`);
  }

  /** @param {Person} person */
  actions(person) {
    const row = element("div", "actions");
    if (person.name) {
      const search = queryOf(person.name);
      row.append(...this.links.map(([text, path]) => linkTo(text, `${path}?${search}`)), person.is_me
        ? button("This is not me", "person_off", () => this.decide({ action: "not_me", person: person.id }))
        : button("This is me", "account_circle", () => this.decide({ action: "me", person: person.id })));
    }
    const others = this.people.filter((each) => each.id !== person.id && (each.name || person.name) && !each.is_hidden);
    if (others.length) {
      const choice = element("select");
      choice.ariaLabel = "Make one person with";
      choice.append(new Option("Same person as …", ""), ...others.map((each) => new Option(each.name ? printable(each.name) : `a group of ${countOf(each.photos)}`, String(each.id))));
      choice.onchange = () => { if (choice.value) this.merge(person, Number(choice.value)); };
      row.append(choice);
    }
    row.append(person.is_hidden
      ? button("Show again", "visibility", () => this.decide({ action: "show", person: person.id }))
      : button("Hide", "visibility_off", () => this.hide(person)));
    return row;
  }

  // ---------------------------------------------------------------- a face that was seen once

  /** @param {number} id */
  async showFace(id) {
    this.face = id;
    this.open = this.person = null;
    this.chosen.clear();
    this.box.classList.add("opened");
    this.drawList();
    const answer = await readOperation("face/{face_id}/similar", { face_id: id, k: SIMILAR });
    if (this.face !== id) return; // something else was opened meanwhile
    if (!answer?.ok) { await this.show(null); this.say(answer ? answer.content : NO_SERVER); return; }
    this.drawFace(id, answer.content);
    this.detail.querySelector("input")?.focus({ preventScroll: true });
  }

  /** @param {number} id @param {SimilarFace[]} similar */
  drawFace(id, similar) {
    const back = button("All people", "arrow_back", () => this.show(null)), heading = element("div", "heading"), title = element("div", "title");
    back.classList.add("back");
    title.append(element("h2", "", "Who is this?"), element("span", "count", "Seen once so far"));
    heading.append(faceImage(id, "large"), title);
    const form = element("form", "naming"), field = this.nameField(""), save = button("Name", "check");
    save.type = "submit";
    form.append(...field, save, element("p", "note", "Tick the faces below that are the same person: they get the name as well. A name that you have given already adds them to that person."));
    form.onsubmit = (event) => {
      event.preventDefault();
      const name = field[0].value.trim();
      if (name) this.decide({ action: "name_faces", faces: [id, ...this.chosen], name }); else field[0].focus();
    };
    const likely = similar.filter((each) => each.score >= LIKELY_SCORE), others = similar.filter((each) => each.score < LIKELY_SCORE);
    const /** @type {HTMLElement[]} */ parts = [];
    if (likely.length) parts.push(this.similarFaces("Likely the same person", likely));
    if (others.length) parts.push(this.similarFaces("Less like it", others));
    if (!parts.length) parts.push(element("p", "note", "No other face was found that could be compared."));
    this.detail.ariaLabel = "A face that was seen once";
    this.detail.replaceChildren(back, heading, form, ...parts);
  }

  /** @param {string} text @param {SimilarFace[]} faces */
  similarFaces(text, faces) {
    const part = element("section", "part faces"), grid = element("div", "grid");
    part.ariaLabel = text;
    grid.append(...faces.map(({ face: { name: named, ...found }, day }) => {
      const face = { ...found, day };
      const card = element("figure", "face"), tick = element("input", "tick"), name = printable(named ?? "");
      tick.type = "checkbox";
      tick.ariaLabel = `The same person: ${name || "the face"} of ${dateOf(face) || "this photo"}`;
      tick.onchange = () => { if (tick.checked) this.chosen.add(face.id); else this.chosen.delete(face.id); };
      card.append(photoLink(face), tick);
      if (name) card.append(element("span", "whose", name));
      return card;
    }));
    part.append(element("h3", "", text), grid);
    part.onkeydown = (event) => moveFocus(event, grid.querySelectorAll(".tick"));
    return part;
  }

  // The one that has a name stays; of two names, that of the other one.
  /** @param {Person} person @param {number} other */
  merge(person, other) {
    const [from, into] = this.personOf(other)?.name ? [person.id, other] : [other, person.id];
    return this.decide({ action: "merge", person: from, into });
  }

  /** @param {Person} person */
  hide(person) {
    return this.decideAndGoOn({ action: "hide", person: person.id }, { is_hidden: true });
  }

  // How the person looks at different times; one look without a date says nothing.
  /** @param {PersonDetails} whole */
  looks({ looks }) {
    if (looks.length < 2 && !looks.some((look) => look.first)) return [];
    const list = element("ul", "looks");
    list.ariaLabel = "Looks";
    list.append(...looks.map((look) => {
      const item = element("li"), what = element("div");
      what.append(element("span", "when", daysOf(look) || "Without a date"), element("span", "count", `${look.faces.toLocaleString("en")} ${look.faces === 1 ? "face" : "faces"}`));
      item.append(faceImage(look.best_face, "small"), what);
      return item;
    }));
    return [list];
  }

  /** @param {PersonDetails} whole */
  proposals({ person, proposals }) {
    if (!proposals.length) return [];
    const part = element("section", "part proposals");
    const question = person.name ? `Is this ${printable(person.name)}?` : "Is this the same person?";
    part.ariaLabel = question;
    const all = element("div", "actions");
    const ids = proposals.map((each) => each.id);
    all.append(
      button(`All ${ids.length}: yes`, "done_all", () => this.decide({ action: "yes", person: person.id, faces: ids })),
      button(`All ${ids.length}: no`, "close", () => this.decide({ action: "no", person: person.id, faces: ids })),
    );
    const grid = element("div", "grid");
    grid.append(...proposals.map((face) => {
      const card = element("figure", "face");
      const answer = (/** @type {"yes" | "no"} */ action) => {
        this.decide({ action, person: person.id, faces: [face.id] });
        takeAway(card); // the next one is asked about at once
      };
      const yes = button("Yes", "thumb_up", () => answer("yes")), no = button("No", "thumb_down", () => answer("no"));
      yes.title = "Key: y";
      no.title = "Key: n";
      card.tabIndex = 0;
      card.ariaLabel = `${question} ${dateOf(face)}`;
      card.onkeydown = (event) => {
        if (!event.repeat && (event.key === "y" || event.key === "n")) { event.preventDefault(); answer(event.key === "y" ? "yes" : "no"); }
      };
      const buttons = element("div", "answers");
      buttons.append(yes, no);
      card.append(photoLink(face), buttons);
      return card;
    }));
    part.append(element("h3", "", question), ...(ids.length > 1 ? [all] : []), grid);
    part.onkeydown = (event) => moveFocus(event, grid.querySelectorAll("figure"));
    return [part];
  }

  /** @param {PersonDetails} whole */
  faces({ person, faces: shown }) {
    const part = element("section", "part faces"), grid = element("div", "grid");
    part.ariaLabel = "Faces";
    const many = element("div", "actions many");
    /** @returns {NodeListOf<HTMLInputElement>} */
    const ticks = () => grid.querySelectorAll(".tick");
    const mark = () => {
      const count = this.chosen.size;
      many.hidden = !count;
      for (const node of many.querySelectorAll(".number")) node.textContent = String(count);
    };
    const chosen = () => [...this.chosen];
    /** @param {"yes" | "no" | "split"} action @param {string} text @param {string} sign */
    const withNumber = (action, text, sign) => {
      const node = button("", sign, () => {
        const faces = chosen();
        if (!faces.length) return;
        this.chosen.clear();
        if (action !== "yes") for (const face of faces) this.takenOut.add(face);
        for (const box of ticks()) box.checked = false;
        mark();
        this.decide({ action, person: person.id, faces });
      });
      find(node, "span:last-child")?.append(element("span", "number", "0"), ` ${text}`);
      return node;
    };
    many.append(
      withNumber("no", person.name ? `not ${printable(person.name)}` : "not this person", "person_remove"),
      withNumber("split", "somebody else: a new person", "call_split"),
      withNumber("yes", "confirm", "check"),
    );
    grid.append(...shown.map((face) => {
      const card = element("figure", "face"), tick = element("input", "tick");
      tick.type = "checkbox";
      tick.checked = this.chosen.has(face.id);
      tick.ariaLabel = `Select the face of ${dateOf(face) || "this photo"}`;
      tick.onchange = () => { if (tick.checked) this.chosen.add(face.id); else this.chosen.delete(face.id); mark(); };
      card.append(photoLink(face), tick);
      if (face.is_confirmed) { const sure = icon("verified"); sure.classList.add("sure"); sure.title = "Confirmed by you"; card.append(sure); }
      return card;
    }));
    const title = element("h3", "", person.faces > shown.length ? `Faces (the best ${shown.length} of ${person.faces.toLocaleString("en")})` : `Faces (${person.faces.toLocaleString("en")})`);
    part.append(title, many, grid);
    part.onkeydown = (event) => moveFocus(event, ticks());
    mark();
    return part;
  }

  // ---------------------------------------------------------------- decisions

  // What is known here of the person that is open. A decision about the whole person that was made on another state of it is refused.
  get shown() {
    const { person, whole } = this;
    if (!person) return undefined;
    const { id, name, best_face: best } = person;
    const faces = new Set([...(best ? [best] : []), ...(whole?.faces ?? []).map((face) => face.id)]);
    return { person_id: id, name, faces: [...faces].filter((face) => !this.takenOut.has(face)) };
  }

  // Whether it was recorded. With `quiet`, the caller shows what comes next. One after the other: an
  // undo that is clicked at once takes back what was said before it.
  /** @param {Decision} decision @param {boolean} [quiet] */
  decide(decision, quiet = false) {
    const place = this.place, about = ABOUT_THE_WHOLE.has(decision.action) ? { ...decision, shown: this.shown } : decision;
    const recorded = this.sent.then(() => this.send(about, quiet ? null : place));
    this.sent = recorded.catch(() => {});
    return recorded;
  }

  // The person, or else the face seen once, that is open.
  get place() { return this.open ? `person ${this.open}` : this.face ? `face ${this.face}` : ""; }

  // With `place`, what has become of the person is shown then, if the visitor has not gone elsewhere.
  /** @param {Decision} decision @param {string | null} place */
  async send(decision, place) {
    this.box.classList.add("deciding");
    if (decision.action === "undo") decision = { ...decision, change: this.last?.id ?? 0 };
    this.nameUndo(false);
    const answer = await record(decision);
    this.box.classList.remove("deciding");
    this.unrecorded.delete(decision.person ?? 0);
    if (!("done" in answer)) {
      this.nameUndo();
      if (answer.status) await this.load(); // also that it has no name after all
      this.say(`${decision.name ? `${decision.name}: ` : ""}${answer.content}`);
      return false;
    }
    const { person: id, done, change, now } = answer;
    if (decision.action === "undo") tray.done = tray.done.filter((each) => each !== change.id);
    else tray.remember({ id: change.id });
    tray.tellTabs(); // names are in details of photos, and in lists
    if (place === null && now) { // the next person is shown already: nothing else has changed
      this.people = [...this.people.filter((each) => each.id !== id && each.id !== decision.person), now];
      this.last = change;
      this.nameUndo();
      this.say(done);
      this.drawList();
      return true;
    }
    this.asked += 1;
    const isShown = place !== null && place === this.place, list = await overview(isShown ? id : null);
    if (!list?.ok) { this.nameUndo(); this.say(list ? list.content : NO_SERVER); return true; }
    this.adopt(list.content);
    this.say(done);
    if (!isShown || place !== this.place) this.drawList();
    else {
      const focused = focusPlace(this.detail);
      await this.show(this.personOf(id) ? id : null, false, list.content.person);
      focused();
    }
    return true;
  }
}

const LIKELY_SCORE = .5; // from which on two faces are most often the same person
const SIMILAR = 24; // faces that are like one that was seen once
const MOST = { k: 300, proposed: 12 }; // faces of a person, and faces that may be the same person

// The list of all persons, with the details of one of them.
/** @param {number | null} person */
const overview = (person) => readOperation("people/overview", { ...(person ? { person_id: person } : {}), ...MOST });

// Records a decision. Returns what became of it, or else the refusal; its status is 0 where the server does not answer.
/** @param {Decision} decision @returns {Promise<Recorded | Refusal>} */
async function record({ action, person = 0, faces = [], name = "", into = 0, change, shown }) {
  const none = { ok: /** @type {const} */ (false), status: 0, content: NO_SERVER };
  if (action === "undo") {
    const answer = await askOperation("changes/undo", { change_id: change });
    if (!answer?.ok) return answer ?? none;
    return { person, done: `Undone: ${printable(answer.content.title)}.`, change: answer.content, now: null };
  }
  const answer = await decided({ action, person, faces, name, into, shown });
  if (!answer?.ok) return answer ?? none;
  const { person: now, change: made } = answer.content;
  return { person: now.id, done: sentenceOf(action, now), change: made, now };
}

/** @param {Required<Omit<Decision, "change" | "shown" | "action">> & { action: Exclude<Action, "undo">, shown?: ShownPerson }} decision @returns {Promise<Response<PersonChange> | null>} */
function decided({ action, person, faces, name, into, shown }) {
  switch (action) {
    case "name": return askOperation("people/name", { person_id: person, name, shown });
    case "name_faces": return askOperation("people/faces/name", { faces, name });
    case "yes": case "no": return askOperation("people/decide", { faces, person_id: person, is_person: action === "yes" });
    case "merge": return askOperation("people/merge", { person_id: person, into, shown });
    case "split": return askOperation("people/split", { faces, person_id: person });
    case "hide": case "show": return askOperation("people/hide", { person_id: person, hidden: action === "hide", shown });
    case "me": case "not_me": return askOperation("people/me", { person_id: person, is_me: action === "me", shown });
  }
}

// What a decision has done.
/** @param {Exclude<Action, "undo">} action @param {Person} person @returns {string} */
function sentenceOf(action, { name, is_me: isMe }) {
  const named = name ? `Named ${printable(name)}.` : "The name was removed.";
  const me = isMe ? "This is you: person:me finds you." : "This is not you.";
  return {
    name: named, name_faces: named, yes: "Added.", no: "Not this person.", merge: "Both are one person now.",
    split: "They are a person of their own now.", hide: "Hidden.", show: "Shown again.", me, not_me: me,
  }[action];
}

// The search for the photos of a name, as the query string of a view.
/** @param {string} name */
const queryOf = (name) => String(new URLSearchParams({ q: `person:"${name.replace(/[\\"]/g, "\\$&")}"` }));

// From when to when the photos of a look are.
/** @param {PersonLook} look */
const daysOf = ({ first, last }) => (first && last ? [...new Set([first, last].map(dateName))].join(" to ") : "");

/** @param {DatedFace} face */
const dateOf = ({ day }) => (day ? dateName(day) : "");

// A face that leads to its photo; without a day, the photo has left the library.
/** @param {DatedFace} face */
function photoLink(face) {
  const link = element("a"), address = face.day ? `/photo?id=${face.photo_id}` : "", date = dateOf(face);
  link.href = address || "#";
  link.title = "Open the photo";
  link.ariaLabel = `Open the photo ${date}`.trim();
  link.tabIndex = -1; // its figure or its box has the focus
  link.onclick = (event) => { if (address && isPlainClick(event)) { event.preventDefault(); visit(address); } };
  link.append(faceImage(face.id, "large"), element("figcaption", "", date));
  return link;
}

const ABOUT_THE_WHOLE = new Set(["name", "merge", "hide", "show", "me", "not_me"]); // person, not about single faces

// Takes a face out of its list, and gives the focus that it had to the one that takes its place.
/** @param {HTMLElement} card */
function takeAway(card) {
  const hasFocus = card.contains(focusIn(card)), next = card.nextElementSibling ?? card.previousElementSibling;
  card.remove();
  if (hasFocus && next instanceof HTMLElement) next.focus();
}

// Remembers which face of a list has the focus, to give it to the one that takes its place.
/** @param {HTMLElement} detail */
function focusPlace(detail) {
  const figure = focusIn(detail)?.closest("figure");
  const place = figure ? [...figure.parentElement?.children ?? []].indexOf(figure) : -1;
  const part = figure?.closest("section")?.classList.contains("proposals") ? ".proposals" : ".faces";
  return () => {
    if (place < 0) return;
    const /** @type {NodeListOf<HTMLElement>} */ left = detail.querySelectorAll(`${part} ${part === ".faces" ? ".tick" : "figure"}`);
    left[Math.min(place, left.length - 1)]?.focus();
  };
}

/** @param {KeyboardEvent} event @param {Iterable<Element>} given */
function moveFocus(event, given) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const nodes = [...given], place = nodes.findIndex((node) => node === event.target);
  if (!step || place < 0) return;
  const next = nodes[place + step];
  event.preventDefault();
  if (next instanceof HTMLElement) next.focus();
}

/** @param {Pick<Person, "name" | "is_me">} person */
const nameOf = ({ name, is_me: isMe }) => (name ? `${printable(name)}${isMe ? " (you)" : ""}` : "No name yet");

/** @param {string} text @param {string} address */
function linkTo(text, address) {
  const link = element("a", "button", text);
  link.href = address;
  link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(address); } };
  return link;
}

/** @param {number | null} id @param {"small" | "large"} size */
function faceImage(id, size) {
  const frame = element("span", "picture");
  if (!id) { frame.append(icon("person")); return frame; }
  const image = element("img");
  image.alt = "";
  image.loading = "lazy";
  showPicture(image, `/face/${size}/${id}`, () => frame.replaceChildren(icon("person")));
  frame.append(image);
  return frame;
}

/** @param {string} text @param {string} iconName @param {() => void} [onClick] */
function button(text, iconName, onClick) {
  const node = element("button", "button");
  node.type = "button";
  node.append(icon(iconName), element("span", "", text));
  if (onClick) node.onclick = onClick;
  return node;
}
