// A map to choose a place on: a click sets a mark, and so does Enter in the middle of the map. It is drawn from files of
// this server, as the view of the map is.

import { areaOf } from "../map/geometry.js";
import { element, styleSheet } from "../shared/dom.js";

/** @import { CircleMarker, LatLng, LatLngTuple, Map as LeafletMap } from "leaflet" */
/** @import { Ground } from "../map/ground.js" */
/** @import { Towns } from "../map/towns.js" */

/** @type {LatLngTuple} */
const FIRST = [30, 10];
const FIRST_ZOOM = 1, PLACE_ZOOM = 8, MAX_ZOOM = 16;
const STYLES = ["../leaflet/leaflet.css", "../map/towns.css", "./place_map.css"].map((name) => new URL(name, import.meta.url));

export class PlaceMap {
  /** @type {{ map: LeafletMap, ground: Ground, towns: Towns, spot: CircleMarker } | null} */ drawn = null;
  /** @type {LatLngTuple | null} */ wanted = null; // a place to show as soon as there is a map
  /** @type {AbortController | null} */ request = null;
  isClosed = false;

  // `onChoose(lat, lon)` is called for each place that is chosen.
  /** @param {HTMLElement} box @param {(lat: number, lon: number) => void} onChoose */
  constructor(box, onChoose) {
    this.box = box;
    this.onChoose = onChoose;
    this.node = element("div", "place-view");
    this.node.role = "application";
    this.node.ariaLabel = "Map of the world. Click a place, or move the map by the arrow keys and press Enter for its middle.";
    const aim = element("span", "place-aim");
    aim.ariaHidden = "true";
    box.replaceChildren(...STYLES.map(styleSheet), this.node, aim);
  }

  close() {
    this.isClosed = true;
    this.request?.abort();
    this.drawn?.ground.close();
    this.drawn?.map.remove();
  }

  async show() {
    await import("../leaflet/leaflet.js"); // first: the other modules use it
    const [{ Ground }, { Towns }] = await Promise.all([import("../map/ground.js"), import("../map/towns.js")]);
    if (this.isClosed) return;
    const { L } = window;
    const map = L.map(this.node, {
      minZoom: 1, maxZoom: MAX_ZOOM, maxBounds: [[-85, -190], [85, 190]], maxBoundsViscosity: 1, renderer: L.canvas({ padding: 0.5 }),
      zoomAnimation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    });
    map.attributionControl.setPrefix(false).addAttribution("Made with Natural Earth, towns of GeoNames");
    const ground = new Ground(map), spot = L.circleMarker(FIRST, { radius: 8, weight: 3, fillOpacity: 0.4, interactive: false });
    this.drawn = { map, ground, towns: new Towns(map), spot };
    map.on("moveend", () => this.moved());
    map.on("click", ({ latlng }) => this.choose(latlng));
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target !== this.node) return;
      event.preventDefault(); // it would send the form
      this.choose(map.getCenter());
    });
    ground.colour(this.box);
    map.setView(FIRST, FIRST_ZOOM);
    if (this.wanted) this.goTo(this.wanted[0], this.wanted[1]);
    await ground.draw();
    if (!this.isClosed) this.moved();
  }

  /** @param {LatLng} point */
  choose(point) {
    const { lat, lng } = point.wrap();
    this.mark(lat, lng);
    this.onChoose(lat, lng);
  }

  // Shows a place that was named, near enough to see where it is.
  /** @param {number} lat @param {number} lon */
  goTo(lat, lon) {
    this.wanted = [lat, lon];
    if (!this.drawn) return;
    this.mark(lat, lon);
    const { map } = this.drawn;
    map.setView([lat, lon], Math.max(PLACE_ZOOM, map.getZoom()), { animate: false });
  }

  /** @param {number} lat @param {number} lon */
  mark(lat, lon) {
    if (!this.drawn) return;
    const { map, ground, spot } = this.drawn, { accent } = ground.colours;
    spot.setLatLng([lat, lon]).addTo(map).setStyle({ color: accent, fillColor: accent });
  }

  // The attribute `data-drawn` says that all in sight is drawn, but for names.
  async moved() {
    if (!this.drawn) return;
    delete this.node.dataset.drawn;
    this.request?.abort();
    const { map, ground, towns } = this.drawn, request = (this.request = new AbortController()), bounds = map.getBounds();
    towns.show(areaOf(bounds.getSouthWest(), bounds.getNorthEast()), map.getZoom(), request.signal);
    await ground.show();
    if (!request.signal.aborted && ground.land) this.node.dataset.drawn = "";
  }
}
