// A detailed map of one place, of a map server on the internet: only for who has switched it on.

import { element, styleSheet } from "../shared/dom.js";
import { isDark } from "../shared/page.js";

/** @import { Map as LeafletMap } from "leaflet" */

const ZOOM = 14, MAX_ZOOM = 19;
const CREDIT = "© OpenStreetMap contributors, © CARTO";
// The tiles of the server that Streamlit's own map asks.
/** @param {string} style */
const tilesOf = (style) => `https://basemaps.cartocdn.com/${style}/{z}/{x}/{y}{r}.png`;

export class StreetMap {
  /** @type {LeafletMap | undefined} */ map;
  isClosed = false;

  /** @param {HTMLElement} box */
  constructor(box) {
    this.node = element("div", "street-view");
    box.replaceChildren(styleSheet(new URL("../leaflet/leaflet.css", import.meta.url)), this.node);
  }

  close() {
    this.isClosed = true;
    this.map?.remove();
  }

  /** @param {number} lat @param {number} lon */
  async show(lat, lon) {
    await import("../leaflet/leaflet.js");
    if (this.isClosed) return;
    const { L } = window, style = isDark(this.node) ? "dark_all" : "light_all";
    this.map = L.map(this.node, { maxZoom: MAX_ZOOM }).setView([lat, lon], ZOOM);
    this.map.attributionControl.setPrefix(false);
    L.tileLayer(tilesOf(style), { attribution: CREDIT, maxZoom: MAX_ZOOM, referrerPolicy: "no-referrer" }).addTo(this.map);
    L.circleMarker([lat, lon], { radius: 8, weight: 3, color: "#0f766e", fillOpacity: 0.4, interactive: false }).addTo(this.map);
    this.node.ariaLabel = "Map of the place";
    this.node.role = "application";
  }
}
