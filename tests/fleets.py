"""What the tests of fleets share: plans that other processes understand, and workers."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.archive.fleet import here as fleet_here
from imgsearch.archive.fleet.embedding import FleetRun
from imgsearch.archive.fleet.worker import WorkPlan
from imgsearch.config import default_cache_dir
from imgsearch.encoders.registry import open_encoder
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
        address=str(catalogue),
    )


def workers_here(
    plan: WorkPlan, files_per_task: int = 20
) -> AbstractContextManager[fleet_here.WorkersHere]:
    """Start workers in this process."""
    return fleet_here.workers_here(plan, threads=2, files_per_task=files_per_task)
