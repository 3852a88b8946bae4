// A chart that Python has drawn as SVG (ui/bars.py), in which names are text.

/** @import { StreamlitComponent } from "../components/types.d.ts" */

/** @param {StreamlitComponent<string>} component */
export default function ({ data, parentElement }) {
  const drawing = new DOMParser().parseFromString(data, "image/svg+xml").documentElement;
  parentElement.querySelector(".bars")?.replaceChildren(drawing);
}
