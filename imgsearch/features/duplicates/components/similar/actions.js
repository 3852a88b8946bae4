// The keys of near-duplicates, for the list of keyboard shortcuts.

/** @type {[key: string, text: string][]} */
export const shortcuts = [["k", "keep the photo, or not, among near-duplicates"]];
