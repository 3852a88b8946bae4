// What frames every view: its heading for screen readers, the header with the name of the product, the places of the page
// and buttons, the row of views, and a notice when the server has ended. It takes images to search by.

import { isPlainClick, visit } from "../history/history.js";
import { element, find } from "../shared/dom.js";
import { photosCanBeSearched } from "../shared/example_image.js";
import { searchDoes } from "../shared/search_box.js";
import { uncoverWithoutPhoto } from "../shared/opening.js";
import { viewIsShown } from "./late_replies.js";
import { DroppedImages } from "./dropped_images.js";
import { HeaderButtons } from "./header_buttons.js";
import { Places } from "./places.js";
import { ServerWatch } from "./server_watch.js";
import { Shortcuts } from "./shortcuts.js";
import { TrayBar } from "./tray_bar.js";
import { modulesOf, tray } from "../shared/tray.js";

/** @import { FeatureModule, StreamlitComponent } from "../types.d.ts" */
/** @import { Place } from "./places.js" */
/** @import { Key } from "./shortcuts.js" */
/**
 * `run` is the number of the run, `path` that of the view, `parts` are those of the library, and `face` is the icon of the
 * product with this name. `actions` are the paths of modules of features, and `keys` what they bring for photos in a grid. Of searches by an image, `image_mb` is the largest; effects are those that searchDoes takes.
 * @typedef {{ run: number | string, path: string, title: string, name: string, face: string, places: Place[], parts: string[], actions: string[], keys: Key[], photo_keys: Key[], search_effects: Record<string, string>, has_photos: boolean, image_mb: number, can_log_out: boolean }} Data
 */
/** @typedef {{ shortcuts: Shortcuts, server: ServerWatch, images: DroppedImages, heading: HTMLElement, places: Places, buttons: HeaderButtons, tray: TrayBar, features?: Promise<FeatureModule[]>, askForm: (name: string) => void }} State */

/** @param {HTMLElement & { state?: State | null }} box @param {StreamlitComponent<Data>} component */
export default function (box, { data, setTriggerValue }) {
  const state = (box.state ??= begin(box, data));
  state.server.drawn(data.run);
  viewIsShown(data.path);
  uncoverWithoutPhoto(data.path);
  searchDoes(data.search_effects);
  photosCanBeSearched(data.has_photos, data.image_mb);
  makeInstallable();
  state.askForm = (name) => setTriggerValue("form", name);
  state.buttons.show(data.can_log_out);
  state.features ??= /** @type {Promise<FeatureModule[]>} */ (modulesOf(data.actions));
  state.features.then((modules) => {
    tray.begin(data.parts, modules);
    state.tray.show();
    state.buttons.show(data.can_log_out);
  });
  state.heading.textContent = data.title;
  state.places.show(data.places);
  // The element of an earlier run stays; it is gone only when the page is.
  return () => queueMicrotask(() => {
    if (box.isConnected || !box.state) return;
    for (const part of [box.state.places, box.state.shortcuts, box.state.server, box.state.tray, box.state.images]) part.close();
    box.state = null;
  });
}

/** @param {HTMLElement} box @param {Data} data @returns {State} */
function begin(box, data) {
  const shortcuts = new Shortcuts(data.keys, data.photo_keys), server = new ServerWatch(), buttons = new HeaderButtons(Object.keys(data.search_effects));
  const heading = element("h1", "unseen"), places = new Places(), header = element("div", "header");
  header.append(skipLink(), brandOf(data), places.bar, buttons.node);
  box.replaceChildren(heading, header, places.row, shortcuts.dialog);
  /** @type {State} */
  const state = {
    shortcuts, server, heading, places, buttons, images: new DroppedImages(), tray: new TrayBar(box, (name) => state.askForm(name)), askForm: () => {},
  };
  return state;
}

// The first thing that Tab reaches: it leads past the navigation, to the search box or what else the view begins with.
function skipLink() {
  const link = element("a", "skip", "Skip to the content");
  link.href = "#stMain"; // by Streamlit
  link.onclick = (event) => {
    event.preventDefault();
    const content = find(document, ".st-key-shell ~ [data-testid=stLayoutWrapper], .st-key-shell ~ [data-testid=stElementContainer]:not(.st-key-visit)");
    if (!content) return; // the view is on its way
    content.tabIndex = -1;
    content.focus();
  };
  return link;
}

/** @param {Data} data */
function brandOf({ face, name }) {
  const brand = element("a", "brand"), picture = element("img");
  brand.href = "/";
  brand.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit("/"); } };
  Object.assign(picture, { src: face, alt: "" });
  brand.append(picture, element("span", "", name));
  return brand;
}

// Streamlit writes the head of the document. The manifest is behind the login, so its request takes the cookie along.
function makeInstallable() {
  if (document.head.querySelector('link[rel="manifest"]')) return;
  const manifest = element("link"), picture = element("link"), colour = element("meta");
  Object.assign(manifest, { rel: "manifest", href: "/manifest.webmanifest", crossOrigin: "use-credentials" });
  Object.assign(picture, { rel: "apple-touch-icon", href: "/icon.png" });
  Object.assign(colour, { name: "theme-color", content: "#0f766e" });
  document.head.append(manifest, picture, colour);
}
