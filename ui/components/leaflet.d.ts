// Leaflet, which the package django-js-lib-leaflet brings: its script defines `window.L`.

interface Window {
  L: typeof import("leaflet");
}

declare module "*/leaflet/leaflet.js" {}
