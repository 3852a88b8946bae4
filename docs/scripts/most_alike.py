"""Print the pairs of photos that look most alike."""

import numpy as np

from imgsearch import script


@script
def most_alike(library, hits, pairs=5):
    batch = library.vectors.of_photos([hit.photo.id for hit in hits])
    paths = {hit.photo.id: hit.path for hit in hits}
    likeness = np.triu(batch.vectors @ batch.vectors.T, 1)
    for at in np.argsort(-likeness, axis=None)[:pairs]:
        a, b = np.unravel_index(at, likeness.shape)
        print(f"{likeness[a, b]:.3f}  {paths[batch.ids[a]]}  {paths[batch.ids[b]]}")
