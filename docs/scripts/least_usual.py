"""List the photos that are least like all others first."""

import numpy as np

from imgsearch import script


@script
def least_usual(library, hits):
    batch = library.vectors.of_photos([hit.photo.id for hit in hits])
    paths = {hit.photo.id: hit.path for hit in hits}
    usual = batch.vectors @ batch.vectors.mean(axis=0)
    order = batch.ids[np.argsort(usual)]
    for photo_id in order.tolist():
        print(paths[photo_id])
    return [paths[photo_id] for photo_id in order.tolist()]
