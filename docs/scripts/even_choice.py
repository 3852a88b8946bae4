"""Choose photos that differ as much as possible: each next one is the farthest from the others."""

import numpy as np

from imgsearch import script


@script
def even_choice(library, hits, photos=8):
    batch = library.vectors.of_photos([hit.photo.id for hit in hits])
    paths = {hit.photo.id: hit.path for hit in hits}
    chosen, nearest = [], np.full(len(batch.ids), -1.0)
    for _ in range(min(photos, len(batch.ids))):
        at = int(nearest.argmin())
        chosen.append(paths[int(batch.ids[at])])
        nearest = np.maximum(nearest, batch.vectors @ batch.vectors[at])
        nearest[at] = np.inf
    print(*chosen, sep="\n")
    return chosen
