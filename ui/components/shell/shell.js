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
import { TOLD, tray } from "../shared/tray.js";

const FIRST_VIEWS = 4; // in the bar of a phone

export default function (box, { data, setTriggerValue }) {
  if (!box.shortcuts) {
    box.shortcuts = new Shortcuts();
    box.server = new ServerWatch();
    box.images = new DroppedImages();
    box.bars = element("div");
    box.buttons = new HeaderButtons(Object.keys(data.search_effects));
    box.replaceChildren(box.bars, box.buttons.node, box.shortcuts.dialog);
    box.refold = () => box.fold?.();
    addEventListener("resize", box.refold);
    box.tray = new TrayBar(box, (name) => box.askForm(name));
  }
  box.server.drawn(data.run);
  viewIsShown(data.path);
  searchDoes(data.search_effects);
  photosCanBeSearched(data.has_photos, data.image_mb);
  makeInstallable();
  box.askForm = (name) => setTriggerValue("form", name);
  box.buttons.show(data.can_log_out);
  box.features ??= modulesOf(data.actions);
  box.features.then((modules) => {
    tray.begin(data.parts, modules);
    box.tray.show();
    box.buttons.show(data.can_log_out);
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
    link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(view.isShown ? view.address : addressKeepingSearch(view.address)); } };
    if (place < FIRST_VIEWS) bar.append(link); else menu.list.append(link);
  }
  menu.list.classList.add("views-list");
  // All views in the bar where they fit, else the first ones, and the others behind a button.
  box.fold = () => {
    menu.close();
    menu.button.remove();
    bar.append(...menu.list.children);
    if (bar.scrollWidth <= bar.clientWidth) return;
    menu.list.append(...[...bar.children].slice(FIRST_VIEWS));
    menu.button.classList.toggle("current", Boolean(menu.list.querySelector("[aria-current]")));
    bar.append(menu.button);
  };
  box.menu?.close();
  box.menu = menu;
  box.bars.replaceChildren(heading, brand, bar, menu.list);
  box.fold();
  // The element of an earlier run stays; it is gone only when the page is.
  return () => queueMicrotask(() => {
    if (box.isConnected) return;
    removeEventListener("resize", box.refold);
    box.menu?.close();
    box.shortcuts?.close();
    box.server?.close();
    box.tray?.close();
    box.images?.close();
    box.shortcuts = box.server = box.tray = box.images = null;
  });
}

// Streamlit writes the head of the document. The manifest is behind the login, so its request takes the cookie along.
// The modules of features, by their paths among the components.
async function modulesOf(paths) {
  const loaded = await Promise.allSettled(paths.map((path) => import(`../${path}`)));
  const found = loaded.filter(({ status }) => status === "fulfilled");
  if (found.length < paths.length) tray.tell(TOLD, { text: "A part of this page could not be loaded. Reload the page.", isProblem: true });
  return found.map(({ value }) => value);
}

function makeInstallable() {
  if (document.head.querySelector('link[rel="manifest"]')) return;
  const manifest = element("link"), picture = element("link"), colour = element("meta");
  Object.assign(manifest, { rel: "manifest", href: "/manifest.webmanifest", crossOrigin: "use-credentials" });
  Object.assign(picture, { rel: "apple-touch-icon", href: "/icon.png" });
  Object.assign(colour, { name: "theme-color", content: "#0f766e" });
  document.head.append(manifest, picture, colour);
}
