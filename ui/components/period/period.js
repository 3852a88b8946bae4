// The first and the last day of a period, beside each other. The browser's own fields are typed into
// on a desktop, and open the picker of the system on a phone.

import { element } from "../shared/dom.js";
import { UnhandledEvents } from "../shared/unhandled_events.js";

/** @import { StreamlitComponent } from "../types.d.ts" */
/** @typedef {"from" | "to"} End */
/** @typedef {{ [Name in End]: string } & { range: [first: string, last: string], handled: [session: string, handled: number] }} Data */
/** @typedef {{ inputs: Map<End, HTMLInputElement>, days: Partial<Record<End, string>>, changes: UnhandledEvents }} State */
/** @type {[End, string][]} */
const ENDS = [["from", "From"], ["to", "To"]];

/** @param {HTMLElement & { state?: State }} box @param {StreamlitComponent<Data>} component */
export default function (box, { data, setStateValue }) {
  /** @type {State} */
  const state = (box.state ??= { inputs: new Map(), days: {}, changes: new UnhandledEvents(box) });
  state.changes.update(data.handled, (events) => setStateValue("events", events));
  if (!state.inputs.size) {
    for (const [name, title] of ENDS) {
      const label = element("label", "", title), input = element("input");
      input.type = "date";
      // While a year is being typed, "2" and "20" are years as well: those are out of the range.
      input.onchange = () => {
        // A browser also reports what Python has changed meanwhile.
        if (!input.validity.valid || input.value === state.days[name]) return;
        state.days[name] = input.value;
        state.changes.add(name, input.value);
      };
      label.append(input);
      box.append(label);
      state.inputs.set(name, input);
    }
  }
  for (const [name, input] of state.inputs) {
    [input.min, input.max] = data.range;
    if (input.value !== data[name]) input.value = data[name];
    state.days[name] = data[name];
  }
}
