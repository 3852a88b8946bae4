// Photos on a map of the world. The map is drawn from a file of this server; nothing is fetched from
// elsewhere. Python gives the search, as the parameters of its address; clusters come from the page's
// own server as the map moves. The address keeps what is in sight.

import "../leaflet/leaflet.js"; // of the package django-js-lib-leaflet; defines window.L
import { closest, countOf, element } from "../shared/dom.js";
import { isPlainClick, visit } from "../history/history.js";
import { NO_SERVER, ask, askOperation, queryOf } from "../shared/ask.js";
import { fillWindow, mount } from "../shared/page.js";
import { createTile, fillTile, markByKey, showMarks, showSelected } from "../shared/photo_tile.js";
import { showPicture } from "../shared/picture.js";
import { CHANGED, MARKED, tray } from "../shared/tray.js";
import { areaOf } from "../map/geometry.js";
import { Ground } from "../map/ground.js";
import { Towns } from "../map/towns.js";
import { circleOf, clusterOf, radiusName } from "./circles.js";

/** @import { Circle as LeafletCircle, LatLngBoundsLiteral, Marker } from "leaflet" */
/** @import { Parameters, Response, Tile, TilePhoto } from "../types.d.ts" */
/** @import { MapArea } from "../operations.d.ts" */
/** @import { Circle, Cluster } from "./circles.js" */
/** @typedef {{ search: Parameters, area: LatLngBoundsLiteral, max_zoom: number }} Data */
/** @typedef {{ photos: number, ids: string[], tiles: TilePhoto[] }} InCircle: no ids where there are too many to select */

const { L } = window;
const ICON_PX = 54, MARGIN_PX = 90; // around the window, so that clusters at its edge are shown
const FOLLOWED = /** @type {const} */ ([CHANGED, MARKED]);
const FIRST_ZOOM = 6; // at most, at first: enough to see a coast

class PhotoMap {
  /** @type {Parameters | undefined} */ search;
  /** @type {Map<string, Marker>} */ markers = new Map();
  /** @type {AbortController | undefined} */ request;
  /** @type {LeafletCircle | null} */ circle = null;
  /** @type {Circle | null} */ selected = null;
  /** @type {HTMLElement | null} */ problem = null; // why there are no names of towns
  /** @type {HTMLButtonElement | null} */ all = null; // selects all of a circle
  /** @type {{ tile: Tile, photo: TilePhoto }[]} */ tiles = []; // some of a circle
  /** @type {string[]} */ ids = []; // all of it
  isDrawing = false;
  isDrawn = false;

  /** @param {HTMLElement} box @param {Data} data */
  constructor(box, data) {
    this.box = box;
    this.path = location.pathname;
    this.node = element("div", "map");
    this.panel = element("div", "panel");
    Object.assign(this.panel, { role: "status", hidden: true });
    this.draw = element("button", "draw", "Draw a circle");
    Object.assign(this.draw, { type: "button", ariaPressed: "false", onclick: () => this.setDrawing(!this.isDrawing) });
    box.replaceChildren(this.node, this.draw, this.panel);
    this.follow = () => this.showSelection();
    for (const kind of FOLLOWED) tray.addEventListener(kind, this.follow);
    fillWindow(box);
    this.map = L.map(this.node, {
      minZoom: 1, maxZoom: data.max_zoom, maxBounds: [[-85, -190], [85, 190]], maxBoundsViscosity: 1, zoomControl: false,
      renderer: L.canvas({ padding: 0.5 }), zoomAnimation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    });
    this.fit = () => { fillWindow(box); this.map.invalidateSize(); };
    addEventListener("resize", this.fit);
    this.node.ariaLabel = "Map of the world. Arrow keys move it, plus and minus zoom.";
    this.node.role = "application";
    L.control.zoom({ position: "topright" }).addTo(this.map);
    this.map.attributionControl.setPrefix(false).addAttribution("Made with Natural Earth, towns of GeoNames");
    this.ground = new Ground(this.map);
    this.towns = new Towns(this.map);
    this.map.on("moveend", () => this.moved());
    this.node.addEventListener("keydown", (event) => this.onKey(event));
    this.node.addEventListener("pointerdown", (event) => this.onDraw(event));
    this.showWorld();
  }

  /** @param {Data} data */
  update(data) {
    const isOther = JSON.stringify(this.search) !== JSON.stringify(data.search), isFirst = !this.search;
    // Read first: `fit` moves the map, and then the address has the area of the search before.
    const at = new URLSearchParams(location.search).get("at")?.split(",").map(Number);
    this.fit();
    this.colour();
    if (!isOther) return;
    this.search = data.search;
    if (at?.length === 3 && at.every(Number.isFinite)) this.map.setView([at[0], at[1]], at[2]);
    else this.map.fitBounds(data.area, { maxZoom: FIRST_ZOOM, padding: [ICON_PX, ICON_PX], animate: false });
    // The way back leads to what was chosen, also where Streamlit makes the element of this view twice.
    this.select(isFirst ? (history.state?.circle ?? null) : null);
  }

  close() {
    removeEventListener("resize", this.fit);
    for (const kind of FOLLOWED) tray.removeEventListener(kind, this.follow);
    this.request?.abort();
    this.ground.close();
    this.map.remove();
  }

  async showWorld() {
    await this.ground.draw();
    this.isDrawn = Boolean(this.ground.land);
    if (this.box.isConnected) this.showDetail();
  }

  colour() {
    this.ground.colour(this.box);
    this.circle?.setStyle({ color: this.accent });
  }

  get accent() { return this.ground.colours.accent; }

  // The attribute `data-drawn` says that all of the map in sight is drawn, but for its clusters and names.
  async showDetail() {
    if (!this.isDrawn) return;
    delete this.node.dataset.drawn;
    const shown = (this.shown = this.ground.show());
    await shown;
    if (this.shown === shown) this.node.dataset.drawn = "";
  }

  // Names are missing where the package that has them is: the attribution says so.
  /** @param {MapArea} area @param {number} zoom @param {AbortSignal} signal */
  async showTowns(area, zoom, signal) {
    const problem = await this.towns.show(area, zoom, signal);
    if (signal.aborted) return;
    this.towns.avoid([...this.markers.values()], ICON_PX / 2);
    if (!problem || this.problem) return;
    this.problem = element("span", "", `Without names of towns: ${problem}`);
    this.map.attributionControl.addAttribution(this.problem.outerHTML);
  }

  // ---------------------------------------------------------------- clusters

  async moved() {
    this.remember();
    this.showDetail();
    this.request?.abort();
    const request = (this.request = new AbortController());
    const size = this.map.getSize(), zoom = this.map.getZoom();
    const corner = this.map.containerPointToLatLng([-MARGIN_PX, size.y + MARGIN_PX]);
    const opposite = this.map.containerPointToLatLng([size.x + MARGIN_PX, -MARGIN_PX]);
    const area = areaOf(corner, opposite);
    this.showTowns(area, zoom, request.signal);
    const answer = await askOperation("map/clusters", { area, zoom, query: queryOf(this.search ?? {}) }, { signal: request.signal });
    if (request.signal.aborted) return;
    if (answer?.ok) this.showClusters(answer.content.map(clusterOf), zoom);
    else this.say(answer ? answer.content : NO_SERVER);
  }

  /** @param {Cluster[]} clusters @param {number} zoom */
  showClusters(clusters, zoom) {
    const kept = new Set();
    for (const cluster of clusters) {
      const key = `${zoom} ${cluster.lat} ${cluster.lon} ${cluster.photos}`;
      kept.add(key);
      if (!this.markers.has(key)) this.markers.set(key, this.createMarker(cluster));
    }
    for (const [key, marker] of this.markers) {
      if (!kept.has(key)) { marker.remove(); this.markers.delete(key); }
    }
    this.towns.avoid([...this.markers.values()], ICON_PX / 2);
    this.node.dataset.clusters = String(clusters.length);
  }

  /** @param {Cluster} cluster */
  createMarker(cluster) {
    const face = element("div", "face"), image = element("img");
    Object.assign(image, { alt: "", draggable: false });
    showPicture(image, cluster.src, () => image.remove());
    face.append(image);
    if (cluster.photos > 1) face.append(element("span", "count", cluster.photos.toLocaleString("en")));
    const icon = L.divIcon({ className: "cluster", html: face, iconSize: [ICON_PX, ICON_PX] });
    const marker = L.marker([cluster.lat, cluster.lon], { icon, zIndexOffset: cluster.photos });
    marker.addTo(this.map).on("click", () => this.select(cluster));
    const node = marker.getElement();
    if (!node) return marker;
    node.ariaLabel = [countOf(cluster.photos), cluster.place].filter(Boolean).join(", ");
    node.onkeydown = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      this.select(cluster);
    };
    return marker;
  }

  // ---------------------------------------------------------------- a circle

  // Show a circle {lat, lon, radius_km} and what is in it; null for none.
  /** @param {Cluster | Circle | null} circle */
  async select(circle) {
    this.circle?.remove();
    this.circle = null;
    this.selected = circle;
    this.panel.hidden = true;
    if (location.pathname === this.path) history.replaceState({ ...history.state, circle }, "");
    if (!circle) return;
    const { lat, lon, radius_km } = circle;
    this.circle = L.circle([lat, lon], { radius: radius_km * 1000, color: this.accent, weight: 2, interactive: false }).addTo(this.map);
    const parameters = new URLSearchParams({ ...this.search, lat: String(lat), lon: String(lon), radius_km: String(radius_km) });
    /** @type {Response<InCircle> | null} */
    const answer = await ask(`/map/circle?${parameters}`);
    if (this.selected !== circle) return; // another was chosen meanwhile
    if (answer?.ok) this.showPanel(circle, answer.content);
    else this.say(answer ? answer.content : NO_SERVER);
  }

  /** @param {Cluster | Circle} circle @param {InCircle} found */
  showPanel(circle, { photos, ids, tiles }) {
    const { lat, lon, radius_km } = circle, { place, area } = "area" in circle ? circle : { place: "", area: null };
    const q = [this.search?.q, `near:${lat},${lon},${radius_km}km`].filter(Boolean).join(" ");
    const link = (/** @type {string} */ text, /** @type {string} */ path) => {
      const node = element("a", "", text);
      node.href = `${path}?${new URLSearchParams({ ...this.search, q })}`;
      node.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(node.getAttribute("href") ?? ""); } };
      return node;
    };
    const button = (/** @type {string} */ text, /** @type {() => void} */ onclick) => Object.assign(element("button", "", text), { type: /** @type {const} */ ("button"), onclick });
    const /** @type {HTMLElement[]} */ parts = [element("strong", "", countOf(photos)), element("span", "", `within ${radiusName(radius_km)}${place ? `, ${place}` : ""}`)];
    if (photos) parts.push(link("Show photos", "/"), link("By date", "/timeline"));
    this.ids = ids;
    this.all = ids.length ? button("", () => tray.set(this.ids, !this.isAllSelected)) : null;
    if (this.all) parts.push(this.all);
    const isWide = area && (area[1][0] - area[0][0] > 1e-4 || area[1][1] - area[0][1] > 1e-4);
    if (isWide && this.map.getZoom() < this.map.getMaxZoom()) {
      // Above the panel, which would cover some of them.
      const below = () => ICON_PX + this.panel.offsetHeight;
      parts.push(button("Zoom in", () => this.map.fitBounds(area, { paddingTopLeft: [ICON_PX, ICON_PX], paddingBottomRight: [ICON_PX, below()] })));
    }
    parts.push(button("Close", () => this.select(null)));
    this.tiles = tiles.map((photo) => ({ tile: this.tileOf(photo), photo }));
    this.panel.replaceChildren(this.strip(), ...parts);
    this.panel.hidden = false;
    this.showSelection();
  }

  // A photo of a circle, to open and to select.
  /** @param {TilePhoto} photo */
  tileOf(photo) {
    const tile = createTile();
    fillTile(tile, photo, (isSelected) => tray.set([photo.id], isSelected));
    tile.link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(photo.link); } };
    return tile;
  }

  // The latest photos of a circle.
  strip() {
    const strip = element("div", "strip");
    strip.append(...this.tiles.map(({ tile }) => tile));
    strip.onkeydown = (event) => { markByKey(event); }; // what it returned would say whether the browser acts
    return strip;
  }

  get isAllSelected() { return this.ids.every((id) => tray.isSelected(id)); }

  // What is ticked may have been ticked elsewhere.
  showSelection() {
    if (!this.selected || this.panel.hidden) return;
    this.box.classList.toggle("selecting", tray.size > 0);
    if (this.all) this.all.textContent = this.isAllSelected ? "Select none" : "Select all";
    for (const { tile, photo } of this.tiles) {
      showSelected(tile, tray.isSelected(photo.id));
      showMarks(tile, tray.marksOf(photo));
    }
  }

  /** @param {string} text */
  say(text) {
    this.tiles = [];
    this.all = null;
    this.panel.replaceChildren(element("span", "", text));
    this.panel.hidden = false;
  }

  /** @param {boolean} isDrawing */
  setDrawing(isDrawing) {
    this.isDrawing = isDrawing;
    this.draw.ariaPressed = String(isDrawing);
    this.node.classList.toggle("drawing", isDrawing);
    for (const handler of [this.map.dragging, this.map.touchZoom]) if (isDrawing) handler.disable(); else handler.enable();
    if (!isDrawing) return;
    this.select(null);
    this.say("Drag from the middle of the circle outwards. Or press Enter for a circle in the middle of the map.");
    this.node.focus({ preventScroll: true });
  }

  /** @param {PointerEvent} event */
  onDraw(event) {
    if (!this.isDrawing || !event.isPrimary || closest(event, ".leaflet-control")) return;
    event.preventDefault();
    event.stopPropagation();
    const centre = this.map.mouseEventToLatLng(event).wrap();
    this.node.setPointerCapture(event.pointerId);
    const drawn = L.circle(centre, { radius: 1, color: this.accent, weight: 2, interactive: false }).addTo(this.map);
    const radiusAt = (/** @type {PointerEvent} */ move) => this.map.distance(centre, this.map.mouseEventToLatLng(move));
    this.node.onpointermove = (move) => drawn.setRadius(radiusAt(move));
    const end = (/** @type {PointerEvent} */ up) => {
      this.node.onpointermove = this.node.onpointerup = this.node.onpointercancel = null;
      drawn.remove();
      this.setDrawing(false);
      if (up.type === "pointerup") this.select(circleOf(centre, radiusAt(up)));
    };
    this.node.onpointerup = this.node.onpointercancel = end;
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.key === "Escape") { this.setDrawing(false); this.select(null); }
    if (event.key !== "Enter" || !this.isDrawing || event.target !== this.node) return;
    const size = this.map.getSize(), centre = this.map.getCenter();
    const edge = this.map.containerPointToLatLng([size.x / 2, size.y / 4]);
    this.setDrawing(false);
    this.select(circleOf(centre, this.map.distance(centre, edge)));
  }

  // Keep what is in sight in the address of this view, without a new entry in the history.
  remember() {
    if (!this.box.isConnected || location.pathname !== this.path) return; // the view has changed
    const { lat, lng } = this.map.getCenter(), address = new URL(location.href);
    // To a decimetre: at the nearest zoom, a pixel is two metres.
    address.searchParams.set("at", `${lat.toFixed(6)},${lng.toFixed(6)},${this.map.getZoom()}`);
    history.replaceState(history.state, "", address);
  }
}

export default mount(PhotoMap);
