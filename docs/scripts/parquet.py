"""Write ids, paths and vectors as a Parquet file, for DuckDB, Polars or a vector database."""

import pyarrow.parquet as pq

from imgsearch import script


@script
def parquet(library, hits, file="photos.parquet"):
    reader = library.vectors.arrow([hit.photo.id for hit in hits])
    with pq.ParquetWriter(file, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
    print(f"{len(hits)} photos are in {file}")
