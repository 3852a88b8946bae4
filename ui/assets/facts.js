// A list of names and values, inserted as text.

/** @import { StreamlitComponent } from "../components/types.d.ts" */

/** @param {StreamlitComponent<[name: string, value: string][]>} component */
export default function ({ data, parentElement }) {
  parentElement.querySelector("dl")?.replaceChildren(...data.flatMap(([name, value]) => {
    const term = document.createElement("dt"), detail = document.createElement("dd");
    term.textContent = name;
    detail.textContent = value;
    return [term, detail];
  }));
}
