// What frames every view: its heading for screen readers, the buttons at the end of the header, on narrow screens the
// name of the product and a bar with the views where the thumb reaches it, and a notice when the server has ended. It
// takes images to search by.

import { isPlainClick, visit } from "../history/history.js";
import { element, icon } from "../shared/dom.js";
import { photosCanBeSearched } from "../shared/example_image.js";
import { addressKeepingSearch, searchDoes } from "../shared/search_box.js";
import { viewIsShown } from "./late_replies.js";
import { DroppedImages } from "./dropped_images.js";
import { HeaderButtons } from "./header_buttons.js";
import { Menu } from "./menu.js";
import { ServerWatch } from "./server_watch.js";
import { Shortcuts } from "./shortcuts.js";
import { TrayBar } from "./tray_bar.js";
import { modulesOf, tray } from "../shared/tray.js";

/** @import { FeatureModule, StreamlitComponent } from "../types.d.ts" */
/** @import { Key } from "./shortcuts.js" */
/** @typedef {{ address: string, title: string, icon: string, isShown: boolean }} View */
/**
 * `run` is the number of the run, `path` that of the view, `parts` are those of the library, and `face` is the icon of the
 * product with this name. `actions` are the paths of modules of features, and `keys` what they bring for photos in a grid. Of searches by an image, `image_mb` is the largest; effects are those that searchDoes takes.
 * @typedef {{ run: number | string, path: string, title: string, name: string, face: string, views: View[], parts: string[], actions: string[], keys: Key[], photo_keys: Key[], search_effects: Record<string, string>, has_photos: boolean, image_mb: number, can_log_out: boolean }} Data
 */
/** @typedef {{ shortcuts: Shortcuts, server: ServerWatch, images: DroppedImages, bars: HTMLElement, buttons: HeaderButtons, tray: TrayBar, features?: Promise<FeatureModule[]>, menu: Menu | null, fold: () => void, refold: () => void, askForm: (name: string) => void }} State */

const FIRST_VIEWS = 4; // in the bar of a phone

/** @param {HTMLElement & { state?: State | null }} box @param {StreamlitComponent<Data>} component */
export default function (box, { data, setTriggerValue }) {
  const state = (box.state ??= begin(box, data));
  state.server.drawn(data.run);
  viewIsShown(data.path);
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
  const heading = element("h1", "unseen", data.title);
  const brand = element("a", "brand");
  brand.href = "/";
  brand.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit("/"); } };
  const face = element("img");
  face.src = data.face;
  face.alt = "";
  brand.append(face, element("span", "", data.name));
  const bar = element("nav", "views"), menu = new Menu("Menu", "more_horiz");
  bar.ariaLabel = "Views";
  for (const [place, view] of data.views.entries()) {
    const link = element("a");
    link.href = view.address;
    link.append(icon(view.icon), element("span", "", view.title));
    if (view.isShown) link.ariaCurrent = "page";
    link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(addressOfView(view.address)); } };
    if (place < FIRST_VIEWS) bar.append(link); else menu.list.append(link);
  }
  menu.list.classList.add("views-list");
  // All views in the bar where they fit, else the first ones, and the others behind a button.
  state.fold = () => {
    menu.close();
    menu.button.remove();
    bar.append(...menu.list.children);
    if (bar.scrollWidth <= bar.clientWidth) return;
    menu.list.append(...[...bar.children].slice(FIRST_VIEWS));
    menu.button.classList.toggle("current", Boolean(menu.list.querySelector("[aria-current]")));
    bar.append(menu.button);
  };
  state.menu?.close();
  state.menu = menu;
  state.bars.replaceChildren(heading, brand, bar, menu.list);
  state.fold();
  // The element of an earlier run stays; it is gone only when the page is.
  return () => queueMicrotask(() => {
    if (box.isConnected || !box.state) return;
    removeEventListener("resize", box.state.refold);
    for (const part of [box.state.menu, box.state.shortcuts, box.state.server, box.state.tray, box.state.images]) part?.close();
    box.state = null;
  });
}

/** @param {HTMLElement} box @param {Data} data @returns {State} */
function begin(box, data) {
  const shortcuts = new Shortcuts(data.keys, data.photo_keys), server = new ServerWatch(), bars = element("div"), buttons = new HeaderButtons(Object.keys(data.search_effects));
  box.replaceChildren(bars, buttons.node, shortcuts.dialog);
  /** @type {State} */
  const state = {
    shortcuts, server, bars, buttons, images: new DroppedImages(), tray: new TrayBar(box, (name) => state.askForm(name)), menu: null,
    fold: () => {}, refold: () => state.fold(), askForm: () => {},
  };
  addEventListener("resize", state.refold);
  return state;
}

// Where a click on the name of a view leads. The view of the address counts, not the one that is shown: it may be on its way.
/** @param {string} path */
const addressOfView = (path) => (path === location.pathname ? path : addressKeepingSearch(path));

// Streamlit writes the head of the document. The manifest is behind the login, so its request takes the cookie along.
function makeInstallable() {
  if (document.head.querySelector('link[rel="manifest"]')) return;
  const manifest = element("link"), picture = element("link"), colour = element("meta");
  Object.assign(manifest, { rel: "manifest", href: "/manifest.webmanifest", crossOrigin: "use-credentials" });
  Object.assign(picture, { rel: "apple-touch-icon", href: "/icon.png" });
  Object.assign(colour, { name: "theme-color", content: "#0f766e" });
  document.head.append(manifest, picture, colour);
}
