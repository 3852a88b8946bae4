// The field of the search box, with suggestions below it, and the button that chooses an image to search by. The field is
// an editable combobox with a list (WAI-ARIA Authoring Practices, "Combobox", list autocomplete with manual selection).
// What is typed is sent by Enter, or when the field is left. Until Python has handled it, and while somebody types, a run
// of its script changes nothing in the field.

import { deleteByOperation, readOperation } from "../shared/ask.js";
import { element, icon, listen, printable } from "../shared/dom.js";
import { ACCEPTED, searchByImage } from "../shared/example_image.js";
import { isTyping } from "../shared/page.js";
import { searchBoxHasCome, typeInto } from "../shared/search_box.js";
import { UnhandledEvents } from "../shared/unhandled_events.js";
import { beginnings } from "./beginnings.js";

/** @import { Suggestion as SuggestionRecord } from "../operations.d.ts" */
/** @import { StreamlitComponent } from "../types.d.ts" */
/** @typedef {SuggestionRecord["kind"] | "clear"} Kind */
/** @typedef {Omit<SuggestionRecord, "kind"> & { kind: Kind }} Suggestion: `line` is the whole query with it */
/** @typedef {{ line: string, placeholder: string, icons: Record<string, string>, handled: [session: string, handled: number] }} Data */
/** @typedef {StreamlitComponent<Data>["setStateValue"]} Send */
/** @typedef {ReturnType<typeof start>} State */

const WAIT_MS = 60; // for more keys
const MARGIN_PX = 4, NARROW_PX = 420; // on a phone, the list is wider than the box
/** @type {Record<Kind, string>} */
const ICONS = {
  query: "history", person: "person", place: "location_on", country: "public", folder: "folder", keyword: "sell",
  camera: "photo_camera", lens: "camera", creator: "person", format: "image", shape: "aspect_ratio", choice: "rule",
  source: "event", month: "event", order: "sort", color: "label", label: "label", state: "label", clear: "delete",
};
const LIST = "imgsearch-suggestions", OPTION = "imgsearch-suggestion-";

/** @type {Suggestion} */
const CLEAR = { kind: "clear", kind_name: "", text: "Clear past queries", line: "", photos: null };

/** @param {HTMLElement & { state?: State | null }} box @param {StreamlitComponent<Data>} component */
export default function (box, { data, setStateValue }) {
  box.state ??= start(box);
  box.state.update(data, setStateValue);
  return () => { if (!box.isConnected) { box.state?.end(); box.state = null; } };
}

/** @param {HTMLElement} box */
function start(box) {
  const list = element("ul", LIST), status = element("div", "imgsearch-suggestions-status");
  list.id = LIST;
  list.role = "listbox";
  list.ariaLabel = "Suggestions";
  list.popover = "manual"; // above all else, whatever clips the elements around it
  status.role = "status";
  const frame = element("div", "imgsearch-box"), field = element("input");
  Object.assign(field, { type: "text", ariaLabel: "Search", autocomplete: "off", spellcheck: false });
  frame.append(icon("search"), field);
  const row = element("div", "imgsearch-search");
  row.append(frame, ...imageChooser());
  box.replaceChildren(row, list, status);
  const sent = new UnhandledEvents(box);
  let line = ""; // the query that Python knows, or was sent
  let /** @type {Suggestion[]} */ options = [], /** @type {AbortController | null} */ request = null;
  let active = -1, timer = 0, wasTouched = false;
  let /** @type {Record<string, string>} */ icons = {}; // of what features suggest

  const submit = () => {
    if (field.value === line) return;
    line = field.value;
    sent.add("typed", line);
  };
  const isOpen = () => list.matches(":popover-open");

  const describe = () => {
    field.role = "combobox";
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", LIST);
    field.setAttribute("aria-expanded", String(isOpen()));
    if (isOpen() && active >= 0) field.setAttribute("aria-activedescendant", OPTION + active);
    else field.removeAttribute("aria-activedescendant");
    searchBoxHasCome(field);
  };
  const close = () => {
    clearTimeout(timer);
    request?.abort();
    if (isOpen()) list.hidePopover();
    active = -1;
    status.textContent = "";
    describe();
  };
  const place = () => {
    if (!field.isConnected) { close(); return; }
    const bounds = field.getBoundingClientRect();
    const height = visualViewport?.height ?? innerHeight;
    Object.assign(list.style, {
      left: `${bounds.left}px`, top: `${bounds.bottom + MARGIN_PX}px`, width: `${Math.max(bounds.width, Math.min(NARROW_PX, innerWidth - 2 * bounds.left))}px`,
      maxHeight: `${Math.max(120, height - bounds.bottom - 3 * MARGIN_PX)}px`,
    });
  };
  const activate = (/** @type {number} */ index) => {
    active = index;
    [...list.children].forEach((node, at) => { node.ariaSelected = String(at === active); });
    list.children[active]?.scrollIntoView({ block: "nearest" });
    describe();
  };
  const show = (/** @type {Suggestion[]} */ found, /** @type {string} */ typed) => {
    const chosen = options[active];
    options = found.some((each) => each.kind === "query") ? [...found, CLEAR] : found;
    if (!found.length) { close(); return; }
    list.replaceChildren(...options.map((option, at) => optionNode(option, at, typed)));
    if (!isOpen()) list.showPopover();
    place();
    list.scrollTop = 0;
    // What was chosen in the list before, while this answer was on its way, stays chosen.
    activate(chosen ? options.findIndex((each) => each.kind === chosen.kind && each.line === chosen.line) : -1);
    status.textContent = `${found.length} suggestion${found.length === 1 ? "" : "s"}`;
  };
  const askForSuggestions = async () => {
    clearTimeout(timer);
    request?.abort();
    const own = request = new AbortController();
    const typed = field.value.slice(0, field.selectionStart ?? field.value.length);
    const answer = await readOperation("suggest", { line: typed }, { signal: own.signal });
    if (own !== request) return;
    if (!answer) close(); // the page has ended: Streamlit says so
    else if (document.activeElement === field) show(answer.ok ? answer.content : [], typed);
  };
  const askSoon = () => {
    clearTimeout(timer);
    request?.abort(); // its answer would be about what was typed before, and an empty one closes the list
    request = null;
    timer = setTimeout(askForSuggestions, WAIT_MS);
  };

  const choose = (/** @type {Suggestion | undefined} */ option) => {
    if (!option) return;
    if (option.kind === "clear") {
      close();
      deleteByOperation("past-queries").then((answer) => { status.textContent = answer?.ok ? "Past queries deleted" : "Past queries could not be deleted"; });
      return;
    }
    const rest = option.kind === "query" ? "" : field.value.slice(field.selectionStart ?? field.value.length);
    const line = option.line + (rest && !/^\s/.test(rest) ? " " : "") + rest;
    close();
    typeInto(field, line); // and Enter searches
    field.setSelectionRange(option.line.length, option.line.length);
    close();
    submit();
    if (wasTouched) field.blur(); // the keyboard on the screen would hide the photos
  };
  const optionNode = (/** @type {Suggestion} */ option, /** @type {number} */ at, /** @type {string} */ typed) => {
    const node = element("li");
    node.id = OPTION + at;
    node.role = "option";
    node.ariaSelected = "false";
    node.dataset.kind = option.kind;
    const text = element("span", "text");
    text.append(...beginnings(printable(option.text), typed).map(marked));
    node.append(icon(icons[option.kind] ?? ICONS[option.kind] ?? ICONS.label), text);
    if (option.kind !== "clear") node.append(element("span", "about", aboutOf(option)));
    node.onpointerdown = (event) => { wasTouched = event.pointerType === "touch"; event.preventDefault(); }; // the box keeps the focus
    node.onmousedown = (event) => event.preventDefault();
    node.onclick = () => choose(option);
    return node;
  };

  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (!field.isConnected || event.isComposing || !event.isTrusted) return;
    if (event.target !== field) {
      if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event)) {
        event.preventDefault();
        field.focus();
        field.select();
      }
      return;
    }
    wasTouched = false;
    const last = list.children.length - 1;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (event.altKey && event.key === "ArrowUp") close();
      else if (!isOpen()) askForSuggestions();
      else if (event.key === "ArrowDown") activate(active < last ? active + 1 : -1);
      else activate(active < 0 ? last : active - 1);
    } else if (event.key === "Enter" && isOpen() && active >= 0) {
      event.preventDefault();
      event.stopImmediatePropagation();
      choose(options[active]);
    } else if (event.key === "Escape" && isOpen()) {
      event.preventDefault();
      event.stopImmediatePropagation();
      close();
    } else if (event.key === "Enter" || event.key === "Tab") {
      close();
      submit();
    } else if (event.key === "ArrowLeft" || event.key === "ArrowRight" || event.key === "Home" || event.key === "End") {
      activate(-1);
    }
  };
  const onInput = (/** @type {Event} */ event) => {
    if (event.target !== field || !event.isTrusted) return;
    activate(-1);
    askSoon();
  };
  const onFocusIn = (/** @type {Event} */ event) => { if (event.target === field) describe(); };
  const onClick = (/** @type {Event} */ event) => {
    if (event.target === field) { if (!isOpen() && !field.value) askForSuggestions(); }
    else if (!(event.target instanceof Node && list.contains(event.target))) close();
  };
  const onFocusOut = (/** @type {Event} */ event) => { if (event.target === field) { close(); submit(); } };
  const onMove = () => { if (isOpen()) place(); };
  const capture = { capture: true };
  const stops = [
    listen(document, "keydown", onKey, capture), listen(document, "input", onInput, capture), listen(document, "focusin", onFocusIn, capture),
    listen(document, "focusout", onFocusOut, capture), listen(document, "click", onClick, capture), listen(document, "scroll", onMove, capture),
    listen(window, "resize", onMove, capture), listen(window, "popstate", close, capture),
  ];
  return {
    /** @param {Data} data @param {Send} setStateValue */
    update(data, setStateValue) {
      field.placeholder = data.placeholder;
      icons = data.icons;
      const last = sent.events.at(-1), isLost = last && last[1] !== data.handled[0]; // its server has ended before it was handled
      sent.update(data.handled, (events) => setStateValue("events", events));
      if (!sent.events.length && data.line !== line) {
        const isBeingTyped = document.activeElement === field && field.value !== line;
        line = data.line;
        if (!isBeingTyped && !isLost) field.value = line;
      }
      describe();
    },
    end() {
      close();
      for (const stop of stops) stop();
    },
  };
}

// A button that opens the browser's own dialog for files, on a phone with its camera.
function imageChooser() {
  const button = element("button", "imgsearch-image"), chooser = element("input");
  Object.assign(button, { type: "button", ariaLabel: "Search by image", title: "Search by image: choose one, drop it anywhere, or paste it" });
  button.append(icon("add_photo_alternate"));
  button.onclick = () => chooser.click();
  Object.assign(chooser, { type: "file", accept: ACCEPTED, hidden: true });
  chooser.onchange = () => {
    const files = [...chooser.files ?? []];
    chooser.value = ""; // or the same file again would be no change
    if (files.length) searchByImage(files);
  };
  return [button, chooser];
}

/** @param {Suggestion} suggestion */
function aboutOf({ kind_name: name, photos }) {
  return photos === null ? name : `${name} · ${photos.toLocaleString("en")}`;
}

// A part of a text, with the beginning in bold that was typed.
/** @param {[beginning: string, rest: string]} part */
function marked([beginning, rest]) {
  if (!beginning) return rest;
  const node = element("span");
  node.append(element("b", "", beginning), rest);
  return node;
}
