// The names of clusters on the map: as many as have room, of clusters that are as fine as the map is close.

import { element, printable, setLast } from "../shared/dom.js";

/** @import { Plane } from "./plane.js" */
/** @import { MeaningCluster } from "../operations.d.ts" */
/**
 * Photos that show similar things. `parent` is the number of the cluster that it is in.
 * @typedef {{ number: number, level: number, parent: number | null, name: string, x: number, y: number, src: string }} Cluster
 */

const MOST = 40, CHARACTER_PX = 7.6, SPACE_PX = 76, HEIGHT_PX = 34, GAP_PX = 6, FIRST_SHARE = .5;
const RAISED_PX = 56, MOST_ZOOM = 1.5; // where photos are shown

// A cluster as it is drawn, with a picture of its example.
/** @param {MeaningCluster} cluster @returns {Cluster} */
export function clusterOf({ number, level, parent, name, x, y, example, example_version: version }) {
  return { number, level, parent, name: printable(name), x, y, src: version && `/thumbnail/small/${example}?v=${version}` };
}

export class Names {
  /** @type {Map<number | null, Cluster[]>} */ inside = new Map(); // by the number of their parent
  /** @type {Map<number, { node: HTMLElement, cluster: Cluster }>} */ nodes = new Map();
  raised = 0;
  finest = 0;

  // `onChoose(cluster)` is called when a name is clicked.
  /** @param {HTMLElement} box @param {(cluster: Cluster) => void} onChoose */
  constructor(box, onChoose) {
    this.box = box;
    this.onChoose = onChoose;
  }

  /** @param {Cluster[]} clusters */
  setClusters(clusters) {
    this.inside.clear();
    this.finest = 0;
    for (const cluster of clusters) {
      const siblings = this.inside.get(cluster.parent);
      if (siblings) siblings.push(cluster); else this.inside.set(cluster.parent, [cluster]);
      this.finest = Math.max(this.finest, cluster.level);
    }
    for (const { node } of this.nodes.values()) node.remove();
    this.nodes.clear();
  }

  // `counts` has the number of photos of each cluster, by its number. Photos that are shown themselves say more from
  // close by than names, which would hide them; from afar, names are above them.
  /** @param {Plane} plane @param {number[]} counts @param {boolean} hasPhotos */
  show(plane, counts, hasPhotos) {
    this.raised = hasPhotos ? RAISED_PX : 0;
    const level = Math.min(this.finest, Math.max(0, Math.floor(plane.zoom + FIRST_SHARE)));
    const found = (hasPhotos && plane.zoom > MOST_ZOOM ? [] : this.named(null, level)).filter(({ number, x, y }) => {
      const left = plane.screenX(x), top = plane.screenY(y);
      return counts[number] && left > 0 && left < plane.width && top > 0 && top < plane.height;
    });
    found.sort((one, other) => counts[other.number] - counts[one.number] || one.number - other.number);
    const /** @type {{ left: number, top: number, width: number }[]} */ taken = [], /** @type {Set<number>} */ shown = new Set();
    for (const cluster of found) {
      const width = cluster.name.length * CHARACTER_PX + SPACE_PX;
      const left = plane.screenX(cluster.x) - width / 2, top = plane.screenY(cluster.y) - this.raised - HEIGHT_PX / 2;
      const isFree = taken.every((each) => left > each.left + each.width + GAP_PX || left + width + GAP_PX < each.left || Math.abs(top - each.top) > HEIGHT_PX + GAP_PX);
      if (!isFree) continue;
      taken.push({ left, top, width });
      shown.add(cluster.number);
      this.showOne(cluster, counts[cluster.number]);
      if (shown.size === MOST) break;
    }
    for (const [number, { node }] of this.nodes) {
      if (!shown.has(number)) { node.remove(); this.nodes.delete(number); }
    }
    this.follow(plane);
  }

  // Those with a name up to a level. Where a cluster has none, finer ones in it stand for it; where these have no other
  // name than their cluster, it stands for them.
  /** @param {number | null} parent @param {number} level @returns {Cluster[]} */
  named(parent, level) {
    return (this.inside.get(parent) ?? []).flatMap((cluster) => {
      const finer = cluster.level < level || !cluster.name ? this.named(cluster.number, level) : [];
      return cluster.name && finer.every(({ name }) => name === cluster.name) ? [cluster] : finer;
    });
  }

  /** @param {Cluster} cluster @param {number} count */
  showOne(cluster, count) {
    let node = this.nodes.get(cluster.number)?.node;
    if (!node) {
      const button = node = element("button", "name");
      button.type = "button";
      if (cluster.src) node.append(Object.assign(element("img"), { src: cluster.src, alt: "", draggable: false }));
      node.append(element("span", "", cluster.name), element("span", "count"));
      node.onclick = () => this.onChoose(cluster);
      this.nodes.set(cluster.number, { node, cluster });
      this.box.append(node);
    }
    setLast(node, count.toLocaleString("en"));
    node.ariaLabel = `${cluster.name}, ${count.toLocaleString("en")} photo${count === 1 ? "" : "s"}`;
  }

  // Moves the names with the map.
  /** @param {Plane} plane */
  follow(plane) {
    for (const { node, cluster: { x, y } } of this.nodes.values()) {
      node.style.transform = `translate(${plane.screenX(x)}px, ${plane.screenY(y) - this.raised}px) translate(-50%, -50%)`;
    }
  }
}
