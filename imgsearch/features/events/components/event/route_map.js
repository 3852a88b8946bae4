// The way of an event on a small map: a line through its stops in order of time, with the names of towns. It is a picture
// that leads to the map, if there is one: it neither moves nor zooms.

import { isPlainClick, visit } from "../history/history.js";
import { unrolled } from "../map/geometry.js";
import { element, printable } from "../shared/dom.js";

/** @import { Canvas, CircleMarker, Direction, LayerGroup, Map as LeafletMap, Polyline } from "leaflet" */
/** @import { Ground } from "../map/ground.js" */
/** @typedef {[lat: number, lon: number][]} Points */
/** @import { RouteStop, RouteTown } from "../operations.d.ts" */
/** @typedef {{ all: LayerGroup, line: Polyline, dots: CircleMarker[] }} Way as it is drawn */

const CLOSEST_ZOOM = 10, PLACE_ZOOM = 7; // of a way; of one place, which needs a coast around it
const NAMED_TOWNS = 12; // at most
const PADDING_PX = 28, CREDIT_PX = 16;
/** @type {[Direction, [right: number, down: number]][]} */
const SIDES = [["right", [6, 0]], ["left", [-6, 0]], ["top", [0, -4]], ["bottom", [0, 4]]]; // of a stop, where its name may stand

export class RouteMap {
  /** @type {LeafletMap | undefined} */ map;
  /** @type {Canvas | undefined} */ renderer;
  /** @type {Ground | undefined} */ ground;
  /** @type {Way | null} */ way = null;
  /** @type {Points} */ points = [];
  /** @type {RouteTown[]} */ towns = [];
  key = "";
  isClosed = false;

  // `address` is that of a map at a point, with `{lat}`, `{lon}` and `{zoom}`; null where there is none to lead to.
  /** @param {string | null} address */
  constructor(address) {
    this.address = address;
    this.node = element("a", "route");
    this.node.hidden = true;
    if (!address) this.node.role = "img";
    this.view = element("div", "view");
    this.view.ariaHidden = "true";
    this.node.append(this.view, element("span", "credit", "Made with Natural Earth"));
    this.node.onclick = (event) => {
      if (!address || !isPlainClick(event)) return;
      event.preventDefault();
      event.stopPropagation();
      visit(this.node.getAttribute("href") ?? "");
    };
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(this.view);
  }

  close() {
    this.isClosed = true;
    this.ground?.close();
    this.resized.disconnect();
    this.map?.remove();
  }

  // `stops` are in order of time; without any there is no map. `towns` with most photos come first.
  /** @param {RouteStop[]} stops @param {RouteTown[]} towns @param {string} title */
  async show(stops, towns, title) {
    const key = JSON.stringify([stops, towns]), named = towns.slice(0, NAMED_TOWNS);
    if (this.key === key) return;
    this.key = key;
    this.node.hidden = stops.length === 0;
    if (!stops.length) return;
    const inOrder = named.toSorted((one, other) => one.stop - other.stop).map(({ name }) => printable(name));
    this.node.ariaLabel = `On the map: ${inOrder.join(", ") || title}`;
    this.points = unrolled(stops.map(({ lat, lon }) => [lat, lon]));
    this.towns = named;
    await this.draw();
  }

  async draw() {
    await import("../leaflet/leaflet.js"); // first: the other modules use it
    const { Ground } = await import("../map/ground.js");
    if (this.isClosed || !this.node.isConnected) { this.key = ""; return; }
    const { L } = window;
    const map = this.map ??= L.map(this.view, {
      zoomControl: false, attributionControl: false, dragging: false, touchZoom: false, doubleClickZoom: false, scrollWheelZoom: false, boxZoom: false,
      keyboard: false, zoomAnimation: false, fadeAnimation: false, renderer: L.canvas(), zoomSnap: 0.25,
    });
    this.way?.all.remove();
    const renderer = this.renderer ??= rendererAbove(map);
    const dots = this.points.map((point) => L.circleMarker(point, { radius: 4, weight: 2, fillOpacity: 1, interactive: false, renderer }));
    const line = L.polyline(this.points, { weight: 3, interactive: false, renderer });
    this.way = { all: L.layerGroup([line, ...dots]), line, dots };
    map.setView(this.points[0], PLACE_ZOOM);
    this.way.all.addTo(map);
    this.fit();
    const ground = this.ground ??= new Ground(map, this.turns);
    this.colour();
    if (!ground.land) await ground.draw();
    if (this.isClosed) return;
    await ground.show();
    this.view.dataset.drawn = "";
  }

  // A way across 180 degrees goes on beyond it, and so does the world there.
  get turns() {
    const lons = this.points.map(([, lon]) => lon);
    return [0, ...(Math.max(...lons) > 170 ? [360] : []), ...(Math.min(...lons) < -170 ? [-360] : [])];
  }

  fit() {
    const { map, way } = this;
    if (!map || !way || !this.view.clientWidth) return;
    map.invalidateSize({ animate: false });
    const bounds = window.L.latLngBounds(this.points), isPlace = this.points.length === 1;
    map.fitBounds(bounds, { maxZoom: isPlace ? PLACE_ZOOM : CLOSEST_ZOOM, padding: [PADDING_PX, PADDING_PX], animate: false });
    this.nameTowns(way.dots);
    const { lat, lng } = map.getCenter(), lon = ((lng + 540) % 360) - 180;
    if (this.address) this.node.href = addressAt(this.address, lat, lon, Math.max(1, Math.floor(map.getZoom())));
  }

  // Names that have room, those that matter most first: beside their stop, and above no other name.
  /** @param {CircleMarker[]} dots */
  nameTowns(dots) {
    const view = this.view.getBoundingClientRect(), /** @type {DOMRect[]} */ taken = [];
    for (const dot of dots) dot.unbindTooltip();
    for (const { stop, name } of this.towns) {
      SIDES.some(([direction, offset]) => {
        const tooltip = dots[stop].bindTooltip(element("span", "", printable(name)), { permanent: true, direction, offset, className: "town" }).getTooltip();
        const box = tooltip?.getElement()?.getBoundingClientRect();
        const isInside = box && box.left > view.left && box.right < view.right && box.top > view.top && box.bottom < view.bottom - CREDIT_PX;
        if (isInside && !taken.some((other) => box.left < other.right && other.left < box.right && box.top < other.bottom && other.top < box.bottom)) {
          taken.push(box);
          return true;
        }
        dots[stop].unbindTooltip();
        return false;
      });
    }
  }

  colour() {
    if (!this.ground || !this.way) return;
    this.ground.colour(this.node);
    const { accent, land } = this.ground.colours;
    this.way.line.setStyle({ color: accent });
    for (const dot of this.way.dots) dot.setStyle({ color: accent, fillColor: land });
  }
}

// The address of a map at a point, of its template.
/** @param {string} template @param {number} lat @param {number} lon @param {number} zoom */
export const addressAt = (template, lat, lon, zoom) => template.replace("{lat}", lat.toFixed(4)).replace("{lon}", lon.toFixed(4)).replace("{zoom}", String(zoom));

// What draws the way, above all else of a map.
/** @param {LeafletMap} map */
function rendererAbove(map) {
  map.createPane("way").style.zIndex = "450";
  return window.L.canvas({ pane: "way", padding: 0.5 });
}
