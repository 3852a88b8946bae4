"""Save the vectors of all photos as a file of NumPy, to train something of your own."""

import numpy as np

from imgsearch import script


@script
def save_vectors(library, hits, file="vectors.npz"):
    batches = list(library.vectors.batches())
    np.savez(
        file,
        ids=np.concatenate([batch.ids for batch in batches]),
        vectors=np.concatenate([batch.vectors for batch in batches]),
        encoder_id=batches[0].encoder_id,
    )
    print(f"The vectors of {sum(len(batch.ids) for batch in batches)} photos are in {file}")
