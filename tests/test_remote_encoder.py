"""An encoder in another process: what it embeds, what it raises, and that it can be released."""

from __future__ import annotations

import gc
import multiprocessing
import weakref
from pathlib import Path

import numpy as np
import pytest

from imgsearch.config import Settings
from imgsearch.encoders.loader import EncoderLoader
from imgsearch.encoders.remote import EncoderHost, RemoteEncoders
from imgsearch.errors import EncoderError
from tests.stand_in import StandIn


class FailingStandIn(StandIn):
    """An encoder whose model is damaged."""

    def encode_texts(self, texts: object) -> np.ndarray:
        raise EncoderError("The model is damaged.")


def remote_of(loader: EncoderLoader) -> RemoteEncoders:
    """Encoders behind a pipe, which a host of this process serves."""
    ours, theirs = multiprocessing.Pipe()
    EncoderHost(loader.shared_by_name, lambda: None).serve(theirs)
    return RemoteEncoders(ours)


def loader_of(kind: type[StandIn], opened: list[weakref.ref[StandIn]]) -> EncoderLoader:
    def open_encoder(name: str, *rest: object) -> StandIn:
        encoder = kind()
        opened.append(weakref.ref(encoder))
        return encoder

    return EncoderLoader(Settings.load(), lambda sentence: None, None, open_encoder=open_encoder)


def test_it_is_the_same_encoder_and_is_released_when_the_loader_releases_it() -> None:
    opened: list[weakref.ref[StandIn]] = []
    loader = loader_of(StandIn, opened)
    remote = remote_of(loader).open("lite", Path())
    here = StandIn()
    assert (remote.id, remote.dim, remote.side_px) == (here.id, here.dim, here.side_px)
    np.testing.assert_array_equal(remote.encode_texts(["a cat"]), here.encode_texts(["a cat"]))
    loader.release()
    gc.collect()
    assert [each() for each in opened] == [None]
    np.testing.assert_array_equal(remote.encode_texts(["a cat"]), here.encode_texts(["a cat"]))
    assert len(opened) == 2  # opened again when it was needed


def test_its_errors_are_raised_where_it_is_used() -> None:
    remote = remote_of(loader_of(FailingStandIn, [])).open("lite", Path())
    with pytest.raises(EncoderError, match=r"The model is damaged\."):
        remote.encode_texts(["a cat"])


def test_it_says_when_its_process_has_ended() -> None:
    ours, theirs = multiprocessing.Pipe()
    theirs.close()
    with pytest.raises(EncoderError, match=r"Start it again: imgsearch serve"):
        RemoteEncoders(ours).open("lite", Path())
