// Which album an address shows.

// The name of the album that an address shows, if it shows one and nothing else; else "".
/** @param {{ pathname: string, search: string }} address */
export function albumOf({ pathname, search }) {
  const query = pathname === "/" ? new URLSearchParams(search).get("q") ?? "" : "";
  const found = query.trim().match(/^album:(?:"((?:[^"\\]|\\.)+)"|([^\s"|]+))$/);
  return found?.[1]?.replace(/\\(.)/g, "$1") ?? found?.[2] ?? "";
}
