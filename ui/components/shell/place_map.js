// A map to choose a place on: a click sets a mark, and so does Enter in the middle of the map. It is drawn from files of
// this server, as the view of the map is.

import { element } from "../shared/dom.js";

const FIRST = [30, 10], FIRST_ZOOM = 1, PLACE_ZOOM = 8, MAX_ZOOM = 16;
const STYLES = ["../leaflet/leaflet.css", "../map/towns.css", "./place_map.css"];

export class PlaceMap {
  // `onChoose(lat, lon)` is called for each place that is chosen.
  constructor(box, onChoose) {
    this.box = box;
    this.onChoose = onChoose;
    this.node = element("div", "place-view");
    this.node.role = "application";
    this.node.ariaLabel = "Map of the world. Click a place, or move the map by the arrow keys and press Enter for its middle.";
    box.replaceChildren(...STYLES.map(styleSheet), this.node, element("span", "place-aim"));
    box.lastChild.ariaHidden = "true";
  }

  close() {
    this.isClosed = true;
    this.request?.abort();
    this.ground?.close();
    this.map?.remove();
  }

  async show() {
    await import("../leaflet/leaflet.js"); // first: the other modules use it
    const [{ Ground }, { Towns }] = await Promise.all([import("../map/ground.js"), import("../map/towns.js")]);
    if (this.isClosed) return;
    const { L } = window;
    this.map = L.map(this.node, {
      minZoom: 1, maxZoom: MAX_ZOOM, maxBounds: [[-85, -190], [85, 190]], maxBoundsViscosity: 1, renderer: L.canvas({ padding: 0.5 }),
      zoomAnimation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    });
    this.map.attributionControl.setPrefix(false).addAttribution("Made with Natural Earth, towns of GeoNames");
    this.ground = new Ground(this.map);
    this.towns = new Towns(this.map);
    this.map.on("moveend", () => this.moved());
    this.map.on("click", ({ latlng }) => this.choose(latlng));
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target !== this.node) return;
      event.preventDefault(); // it would send the form
      this.choose(this.map.getCenter());
    });
    this.ground.colour(this.box);
    this.map.setView(FIRST, FIRST_ZOOM);
    if (this.wanted) this.goTo(...this.wanted);
    await this.ground.draw();
    if (!this.isClosed) this.moved();
  }

  choose(point) {
    const { lat, lng } = point.wrap();
    this.mark(lat, lng);
    this.onChoose(lat, lng);
  }

  // Shows a place that was named, near enough to see where it is.
  goTo(lat, lon) {
    this.wanted = [lat, lon];
    if (!this.map) return;
    this.mark(lat, lon);
    this.map.setView([lat, lon], Math.max(PLACE_ZOOM, this.map.getZoom()), { animate: false });
  }

  mark(lat, lon) {
    const { L } = window, point = L.latLng(lat, lon), { accent } = this.ground.colours;
    this.spot ??= L.circleMarker(point, { radius: 8, weight: 3, fillOpacity: 0.4, interactive: false }).addTo(this.map);
    this.spot.setLatLng(point).setStyle({ color: accent, fillColor: accent });
  }

  // The attribute `data-drawn` says that all in sight is drawn, but for names.
  async moved() {
    delete this.node.dataset.drawn;
    this.request?.abort();
    const request = (this.request = new AbortController()), bounds = this.map.getBounds();
    const clamp = (value, limit) => Math.min(limit, Math.max(-limit, value));
    const area = { zoom: this.map.getZoom(), south: clamp(bounds.getSouth(), 90), west: clamp(bounds.getWest(), 180), north: clamp(bounds.getNorth(), 90), east: clamp(bounds.getEast(), 180) };
    this.towns.show(new URLSearchParams(area), request.signal);
    await this.ground.show();
    if (!request.signal.aborted && this.ground.land) this.node.dataset.drawn = "";
  }
}

function styleSheet(name) {
  const link = element("link");
  Object.assign(link, { rel: "stylesheet", href: new URL(name, import.meta.url) });
  return link;
}
