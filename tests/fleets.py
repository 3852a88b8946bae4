"""What the tests of fleets share: plans that other processes understand, workers, an S3 server."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest

from imgsearch.config import default_cache_dir
from imgsearch.encoders.registry import open_encoder
from imgsearch.fleet import here as fleet_here
from imgsearch.fleet.embedding import FleetRun
from imgsearch.fleet.worker import WorkPlan
from imgsearch.indexer.reading import PhotoDecoder
from tests.small_catalogue import SmallCatalogue
from tests.stand_in import StandIn

if TYPE_CHECKING:
    from imgsearch.encoders.base import Encoder


def open_lite() -> Encoder:
    """The built-in encoder."""
    return open_encoder("lite", default_cache_dir())


def plan_for(catalogue: Path, cache_dir: Path, decoder: PhotoDecoder | None = None) -> WorkPlan:
    """A plan with the stand-in as encoder, for a `SmallCatalogue` in this file."""
    return WorkPlan(
        encoder_id=StandIn.id,
        open_encoder=StandIn,
        open_known=partial(SmallCatalogue, catalogue),
        max_megapixels=200,
        cache_dir=cache_dir,
        decoder=decoder or PhotoDecoder(),
    )


def run_in(folder: Path, decoder: PhotoDecoder | None = None) -> FleetRun:
    """A run that works in this folder, with a `SmallCatalogue` there."""
    catalogue = folder / "catalogue.db"
    return FleetRun(
        SmallCatalogue(catalogue),
        plan_for(catalogue, folder / "cache", decoder),
        folder / "work",
        notify=lambda sentence: None,
    )


def workers_here(
    plan: WorkPlan, files_per_task: int = 20
) -> AbstractContextManager[fleet_here.WorkersHere]:
    """Start workers in this process."""
    return fleet_here.workers_here(plan, threads=2, files_per_task=files_per_task)


class S3Server:
    """Object storage on the loopback interface. What is in it outlives a stop."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def start(self) -> None:
        """Answer requests."""
        from moto.server import ThreadedMotoServer

        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        """Answer no more requests, until it is started again."""
        self._server.stop()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which it is found, with credentials that are not secret."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ALLOW_HTTP": "true",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_CONFIG_FILE": os.devnull,
        }

    def empty(self) -> None:
        """Delete all buckets."""
        reset = Request(f"http://127.0.0.1:{self.port}/moto-api/reset", method="POST")
        with urlopen(reset) as answer:
            answer.read()

    def put(self, objects: Mapping[str, bytes], bucket: str = "photos") -> None:
        """Create a bucket, if need be, and objects in it."""
        import boto3

        client = boto3.client("s3")
        client.create_bucket(Bucket=bucket)
        for key, content in objects.items():
            client.put_object(Bucket=bucket, Key=key, Body=content)

    def delete(self, key: str, bucket: str = "photos") -> None:
        """Delete an object."""
        import boto3

        boto3.client("s3").delete_object(Bucket=bucket, Key=key)


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """An S3 server that this process and those it starts use."""
    server = S3Server()
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        try:
            server.empty()  # another server of this process has left its buckets
            yield server
        finally:
            server.stop()
