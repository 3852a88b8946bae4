// Names of towns on the map, as many as there is room for; the server chooses them.

import { askOperation } from "../shared/ask.js";
import { element, printable } from "../shared/dom.js";

/** @import { Map as LeafletMap, Marker } from "leaflet" */
/** @import { MapArea, MapTown } from "../operations.d.ts" */
/** @typedef {{ marker: Marker, label: HTMLElement }} Named */

const { L } = window;
const PANE = "towns", LARGE = 1_000_000, MIDDLING = 100_000; // people
const NAME_PX = 20, LINE_PX = 18; // how far a name reaches to a side, at least, and below its dot

export class Towns {
  /** @param {LeafletMap} map */
  constructor(map) {
    this.map = map;
    /** @type {Map<string, Named>} */
    this.markers = new Map();
    Object.assign(map.createPane(PANE).style, { zIndex: "450", pointerEvents: "none" }); // below clusters and circles
  }

  // Shows the towns of an area; the names of before stay until then.
  /** @param {MapArea} area @param {number} zoom @param {AbortSignal} signal */
  async show(area, zoom, signal) {
    const answer = await askOperation("map/towns", { area, zoom }, { signal });
    if (signal.aborted || !answer) return "";
    if (!answer.ok) return answer.content;
    const kept = new Set();
    for (const town of answer.content) {
      const key = `${town.name} ${town.lat} ${town.lon}`;
      kept.add(key);
      if (!this.markers.has(key)) this.markers.set(key, this.createMarker(town));
    }
    for (const [key, { marker }] of this.markers) if (!kept.has(key)) { marker.remove(); this.markers.delete(key); }
    return "";
  }

  // Moves names that the pictures of clusters would cover below them, and hides those that would lie on another name there.
  // `reach_px` is half the side of a picture.
  /** @param {Marker[]} clusters @param {number} reach_px */
  avoid(clusters, reach_px) {
    const places = clusters.map((cluster) => this.map.latLngToLayerPoint(cluster.getLatLng()));
    const /** @type {HTMLElement[]} */ staying = [], /** @type {HTMLElement[]} */ moved = [];
    for (const { marker, label } of this.markers.values()) {
      const at = this.map.latLngToLayerPoint(marker.getLatLng());
      const above = places.find(({ x, y }) => Math.abs(at.x - x) < reach_px + NAME_PX && at.y > y - reach_px - LINE_PX && at.y < y + reach_px);
      Object.assign(label.style, { top: above ? `${above.y + reach_px - at.y + 2}px` : "", visibility: "" });
      (above ? moved : staying).push(label);
    }
    const taken = staying.map((label) => label.getBoundingClientRect());
    for (const label of moved) {
      const own = label.getBoundingClientRect();
      if (taken.some((other) => overlap(own, other))) label.style.visibility = "hidden";
      else taken.push(own);
    }
  }

  /** @param {MapTown} town @returns {Named} */
  createMarker({ name, lat, lon, population }) {
    const label = element("span", "", printable(name));
    label.dir = "auto";
    const size = population >= LARGE ? "large" : population >= MIDDLING ? "middling" : "";
    const icon = L.divIcon({ className: `town ${size}`, html: label, iconSize: [0, 0] });
    const marker = L.marker([lat, lon], { icon, pane: PANE, interactive: false, keyboard: false }).addTo(this.map);
    const node = marker.getElement();
    if (node) node.ariaHidden = "true"; // a map without sight is its clusters, which have names
    return { marker, label };
  }
}

/** @param {DOMRect} one @param {DOMRect} other */
const overlap = (one, other) => one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
