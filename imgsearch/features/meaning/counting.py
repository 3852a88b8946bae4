"""Counts photos by the clusters of a map."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from msgspec.structs import replace

from imgsearch.features.meaning.records import MeaningCluster, MeaningMap, MeaningPoints, StoredMap
from imgsearch.records.arrays import Ids

_VERSION_DIGITS = 12  # of a content hash


def counted_map(known: StoredMap, points: MeaningPoints, ids: Ids, level: int) -> MeaningMap:
    """Return the map with its clusters up to this level that have any of these photos.

    Coarse clusters come first, and of each level those with the most photos.
    """
    asked = np.isin(points.photo_ids, ids)
    photo_ids, own = points.photo_ids[asked], points.clusters[asked]
    places = np.stack([points.x[asked], points.y[asked]], axis=1)
    counts = np.zeros(len(known.clusters), np.int64)
    examples: dict[int, tuple[float, int]] = {}
    parents = np.array([-1 if each.parent is None else each.parent for each in known.clusters])
    middles = np.array([(each.x, each.y) for each in known.clusters]).reshape(-1, 2)
    while len(own):  # once for each level: photos count in the clusters around theirs as well
        counts += np.bincount(own, minlength=len(counts))
        gaps = np.linalg.norm(places - middles[own], axis=1)
        order = np.lexsort((photo_ids, gaps, own))
        nearest = order[np.flatnonzero(np.diff(own[order], prepend=-1))]
        for number, photo_id, gap in zip(
            own[nearest].tolist(),
            photo_ids[nearest].tolist(),
            gaps[nearest].tolist(),
            strict=True,
        ):
            before = examples.get(number)
            if before is None or gap < before[0]:
                examples[number] = (gap, photo_id)
        around = parents[own]
        inner = around >= 0
        photo_ids, places, own = photo_ids[inner], places[inner], around[inner]
    clusters = [
        MeaningCluster(
            number,
            each.level,
            each.parent,
            each.name,
            int(counts[number]),
            examples[number][1],
            each.x,
            each.y,
        )
        for number, each in enumerate(known.clusters)
        if each.level <= level and counts[number]
    ]
    clusters.sort(key=lambda each: (each.level, -each.photos, each.number))
    on_map = int(asked.sum())
    return MeaningMap(known.made_at, on_map, len(ids) - on_map, known.placed, tuple(clusters))


def with_versions(
    found: MeaningMap, hashes: Mapping[int, str], points: MeaningPoints
) -> MeaningMap:
    """Return the map with the version of its `points`, and of the examples of its clusters.

    `hashes` are the content hashes of photos, by id.
    """
    digest = hashlib.sha256(points.photo_ids.tobytes() + points.x.tobytes())
    digest.update(found.made_at.isoformat().encode())
    clusters = tuple(
        replace(each, example_version=hashes.get(each.example, "")[:_VERSION_DIGITS])
        for each in found.clusters
    )
    return replace(found, clusters=clusters, version=digest.hexdigest()[:16])
