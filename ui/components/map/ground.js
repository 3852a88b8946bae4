// What every map stands on: land, borders, lakes and rivers of the world, and from zoom level 6 on their detail. Leaflet
// has to be loaded before this module.

import { isDark } from "../shared/page.js";
import { Detail } from "./detail.js";
import { loadWorld } from "./world.js";

/** @import { GeoJSON, LayerGroup, Map as LeafletMap, PathOptions } from "leaflet" */
/** @import { MultiLineString, MultiPolygon } from "geojson" */
/** @typedef {{ sea: string, land: string, urban: string, river: string, border: string, accent: string }} Colours */

const { L } = window;
const LIGHT = { sea: "#c9dfea", land: "#f6f3ec", urban: "#e6dfd2", river: "#9cc3d6", border: "#a89f8d", accent: "#0f766e" };
const DARK = { sea: "#16222a", land: "#33403f", urban: "#4a5653", river: "#2b5266", border: "#71807e", accent: "#2dd4bf" };

export class Ground {
  /** @type {LayerGroup<GeoJSON> | undefined} */ land;
  /** @type {LayerGroup<GeoJSON> | undefined} */ borders;
  /** @type {LayerGroup<GeoJSON> | undefined} */ lakes;
  /** @type {LayerGroup<GeoJSON> | undefined} */ rivers;
  /** @type {Detail | undefined} */ detail;
  /** @type {Colours} */ colours = LIGHT;
  isClosed = false;

  // `turns` are the degrees by which the world is drawn again, for a map that goes on beyond 180 degrees.
  /** @param {LeafletMap} map @param {number[]} [turns] */
  constructor(map, turns = [0]) {
    this.map = map;
    this.turns = turns;
  }

  close() {
    this.isClosed = true;
    this.detail?.close();
  }

  get isDark() { return this.colours === DARK; }

  // Draws the world; without an answer of the server there is only the sea.
  async draw() {
    const world = await loadWorld();
    if (!world || this.isClosed) return;
    /** @param {MultiLineString | MultiPolygon} shapes @returns {LayerGroup<GeoJSON>} */
    const add = (shapes) => L.layerGroup(this.turns.map((turn) => L.geoJSON(shapes, {
      interactive: false, coordsToLatLng: ([lon, lat]) => L.latLng(lat, lon + turn),
    }))).addTo(this.map);
    this.borders = add({ type: "MultiLineString", coordinates: world.borders });
    this.lakes = add({ type: "MultiPolygon", coordinates: world.lakes });
    this.rivers = add({ type: "MultiLineString", coordinates: world.rivers }); // through lakes as well, which cover them
    this.land = add({ type: "MultiPolygon", coordinates: world.land });
    for (const layers of [this.borders, this.lakes, this.rivers, this.land]) each(layers, (layer) => layer.bringToBack());
    this.detail = new Detail(this.map, world.tiles, this.colours);
    this.setStyles();
  }

  // Takes the colours of the page around an element.
  /** @param {Element} box */
  colour(box) {
    this.colours = isDark(box) ? DARK : LIGHT;
    this.map.getContainer().style.background = this.colours.sea;
    this.map.getContainer().classList.toggle("dark", this.isDark);
    this.setStyles();
  }

  setStyles() {
    const { land, sea, river, border } = this.colours;
    /** @param {LayerGroup<GeoJSON> | undefined} layers @param {PathOptions} style */
    const set = (layers, style) => { if (layers) each(layers, (layer) => layer.setStyle(style)); };
    set(this.land, { stroke: false, fillColor: land, fillOpacity: 1 });
    set(this.borders, { color: border, weight: 1, fill: false, opacity: 1 });
    set(this.lakes, { stroke: false, fillColor: sea, fillOpacity: 1 });
    set(this.rivers, { color: river, weight: 1, fill: false, opacity: 1 });
    this.detail?.colour(this.colours);
  }

  // Shows the detail of what is in sight, when the world is drawn. The promise is kept when all of it is drawn.
  async show() { await this.detail?.show(this.colours); }
}

/** @param {LayerGroup<GeoJSON>} layers @param {(layer: GeoJSON) => void} act */
function each(layers, act) {
  for (const layer of layers.getLayers()) act(/** @type {GeoJSON} */ (layer));
}
