// Teaching a concept by the selected photos, with a form of Python.

import { ASKED_FORM, tray } from "../shared/tray.js";

/** @import { FeatureAction } from "../types.d.ts" */

/** @returns {FeatureAction[]} */
export function forSelection() {
  return tray.has("files") ? [{ icon: "school", label: "Teach from these", act: () => tray.tell(ASKED_FORM, "teach"), isMinor: true }] : [];
}
