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
import { ServerWatch } from "./server_watch.js";
import { Shortcuts } from "./shortcuts.js";
import { TrayBar } from "./tray_bar.js";
import { tray } from "../shared/tray.js";

export default function (box, { data, setTriggerValue }) {
  if (!box.shortcuts) {
    box.shortcuts = new Shortcuts();
    box.server = new ServerWatch();
    box.images = new DroppedImages();
    box.bars = element("div");
    box.buttons = new HeaderButtons(Object.keys(data.search_effects));
    box.replaceChildren(box.bars, box.buttons.node, box.shortcuts.dialog);
    box.tray = new TrayBar(box, (name) => box.askForm(name));
  }
  box.server.drawn(data.run);
  viewIsShown(data.path);
  searchDoes(data.search_effects);
  photosCanBeSearched(data.has_photos, data.image_mb);
  makeInstallable();
  box.askForm = (name) => setTriggerValue("form", name);
  tray.begin(data.parts);
  box.tray.show();
  box.buttons.show(data.can_log_out);
  const heading = element("h1", "unseen", data.title);
  const brand = element("a", "brand");
  brand.href = "/";
  brand.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit("/"); } };
  const face = element("img");
  face.src = data.face;
  face.alt = "";
  brand.append(face, element("span", "", data.name));
  const bar = element("nav", "views");
  bar.ariaLabel = "Views";
  for (const view of data.views) {
    const link = element("a");
    link.href = view.address;
    link.append(icon(view.icon), element("span", "", view.title));
    if (view.isShown) link.ariaCurrent = "page";
    link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(view.isShown ? view.address : addressKeepingSearch(view.address)); } };
    bar.append(link);
  }
  box.bars.replaceChildren(heading, brand, bar);
  const shown = bar.querySelector("[aria-current]"); // the bar may be wider than a phone
  if (shown) bar.scrollLeft = shown.offsetLeft + shown.offsetWidth / 2 - bar.clientWidth / 2;
  // The element of an earlier run stays; it is gone only when the page is.
  return () => queueMicrotask(() => {
    if (box.isConnected) return;
    box.shortcuts?.close();
    box.server?.close();
    box.tray?.close();
    box.images?.close();
    box.shortcuts = box.server = box.tray = box.images = null;
  });
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
