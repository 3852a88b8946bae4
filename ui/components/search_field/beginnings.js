// Which beginnings of words in a suggestion are what was typed last.

// The parts of a text, a word each with what follows it: its beginning that was typed, "" if none was, and the rest.
/** @param {string} text @param {string} typed @returns {[beginning: string, rest: string][]} */
export function beginnings(text, typed) {
  const last = plain(typed.trimEnd().split(/[\s:"|]/).at(-1) ?? "");
  if (!last) return [["", text]];
  return text.split(/(?<=[^\p{L}\p{N}\p{M}])(?=[\p{L}\p{N}])/u).map((word) => {
    if (!plain(word).startsWith(last)) return ["", word];
    let end = 1;
    while (end < word.length && plain(word.slice(0, end)).length < last.length) end++;
    return [word.slice(0, end), word.slice(end)];
  });
}

// Without case and accents.
/** @param {string} text */
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
