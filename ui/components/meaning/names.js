// The names of clusters on the map: as many as have room, of clusters that are as fine as the map is close.

import { element } from "../shared/dom.js";

const MOST = 40, CHARACTER_PX = 7.6, SPACE_PX = 76, HEIGHT_PX = 34, GAP_PX = 6, FIRST_SHARE = .5;
const RAISED_PX = 56, MOST_ZOOM = 1.5; // where photos are shown

export class Names {
  // `onChoose(cluster)` is called when a name is clicked.
  constructor(box, onChoose) {
    this.box = box;
    this.onChoose = onChoose;
    this.raised = 0;
    this.nodes = new Map();
    this.setClusters([]);
  }

  setClusters(clusters) {
    this.clusters = clusters;
    this.inside = new Map();
    this.finest = 0;
    for (const cluster of clusters) {
      if (!this.inside.has(cluster.parent)) this.inside.set(cluster.parent, []);
      this.inside.get(cluster.parent).push(cluster);
      this.finest = Math.max(this.finest, cluster.level);
    }
    for (const node of this.nodes.values()) node.remove();
    this.nodes.clear();
  }

  // `counts` has the number of photos of each cluster, by its number. Photos that are shown themselves say more from
  // close by than names, which would hide them; from afar, names are above them.
  show(plane, counts, hasPhotos) {
    this.raised = hasPhotos ? RAISED_PX : 0;
    const level = Math.min(this.finest, Math.max(0, Math.floor(plane.zoom + FIRST_SHARE)));
    const found = (hasPhotos && plane.zoom > MOST_ZOOM ? [] : this.named(null, level)).filter(({ number, x, y }) => {
      const left = plane.screenX(x), top = plane.screenY(y);
      return counts[number] && left > 0 && left < plane.width && top > 0 && top < plane.height;
    });
    found.sort((one, other) => counts[other.number] - counts[one.number] || one.number - other.number);
    const taken = [], shown = new Set();
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
    for (const [number, node] of this.nodes) {
      if (!shown.has(number)) { node.remove(); this.nodes.delete(number); }
    }
    this.follow(plane);
  }

  // Those with a name up to a level. Where a cluster has none, finer ones in it stand for it; where these have no other
  // name than their cluster, it stands for them.
  named(parent, level) {
    return (this.inside.get(parent) ?? []).flatMap((cluster) => {
      const finer = cluster.level < level || !cluster.name ? this.named(cluster.number, level) : [];
      return cluster.name && finer.every(({ name }) => name === cluster.name) ? [cluster] : finer;
    });
  }

  showOne(cluster, count) {
    let node = this.nodes.get(cluster.number);
    if (!node) {
      node = element("button", "name");
      node.type = "button";
      if (cluster.src) node.append(Object.assign(element("img"), { src: cluster.src, alt: "", draggable: false }));
      node.append(element("span", "", cluster.name), element("span", "count"));
      node.onclick = () => this.onChoose(cluster);
      node.cluster = cluster;
      this.nodes.set(cluster.number, node);
      this.box.append(node);
    }
    node.lastChild.textContent = count.toLocaleString("en");
    node.ariaLabel = `${cluster.name}, ${count.toLocaleString("en")} photo${count === 1 ? "" : "s"}`;
  }

  // Moves the names with the map.
  follow(plane) {
    for (const node of this.nodes.values()) {
      const { x, y } = node.cluster;
      node.style.transform = `translate(${plane.screenX(x)}px, ${plane.screenY(y) - this.raised}px) translate(-50%, -50%)`;
    }
  }
}
