"""On a CUDA GPU: the vectors of the CPU, no buffer reused too early, and a busy card."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from imgsearch.encoders.base import Encoder
from imgsearch.encoders.measurements import BatchSizes
from imgsearch.encoders.openclip.encoder import OpenClip
from imgsearch.encoders.registry import open_encoder
from tests.factories import cosines, prepared

if TYPE_CHECKING:
    from imgsearch.records.arrays import PixelBatch

pytestmark = pytest.mark.alone  # one card, and some of it measures time

SMALL, DEFAULT = "ViT-S-32-alt/random", "ViT-B-32-256/random"


@pytest.fixture(autouse=True)
def _needs_a_gpu() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU and a torch that can use it")


def photos(count: int, side_px: int, seed: int = 0) -> PixelBatch:
    """Noise, each with a colour of its own, so that random weights distinguish them."""
    noise = np.random.default_rng(seed)
    shape = (count, 3, side_px, side_px)
    return noise.integers(0, noise.integers(64, 256, (count, 3, 1, 1)), shape, np.uint8)


def test_a_gpu_gives_the_vectors_of_the_cpu(tmp_path: Path, demo_photos: Path) -> None:
    gpu, cpu = (open_encoder(f"openclip:{SMALL}", tmp_path, device) for device in ("cuda", "cpu"))
    assert gpu.id == cpu.id
    pixels = prepared(gpu, [Image.open(path) for path in sorted(demo_photos.iterdir())])
    assert cosines(gpu.encode_pixels(pixels), cpu.encode_pixels(pixels)).min() >= 0.999
    texts = ["a cat", "a rocket launch at night"]
    assert cosines(gpu.encode_texts(texts), cpu.encode_texts(texts)).min() >= 0.999


def test_the_default_architecture_gives_the_vectors_of_the_cpu(tmp_path: Path) -> None:
    from imgsearch.encoders.openclip.torch import random_model

    gpu, cpu = OpenClip(DEFAULT, tmp_path, "cuda"), random_model("ViT-B-32-256", 0, "cpu")
    pixels = photos(21, gpu.side_px)
    rows = gpu.encode_pixels(pixels)
    assert rows.shape == (21, gpu.dim) and rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert cosines(rows, cpu.images(pixels)).min() >= 0.999


def test_no_buffer_is_overwritten_before_it_is_read(tmp_path: Path) -> None:
    """Many threads embed batches of all sizes repeatedly; each gets its own vectors."""
    encoder = OpenClip(SMALL, tmp_path, "cuda", batch_size=64)
    assert encoder.batches_at_once == 2
    batches = [photos(1 + 23 * number, encoder.side_px, number) for number in range(8)]
    alone = [encoder.encode_pixels(batch) for batch in batches]
    texts = encoder.encode_texts(["a cat"])
    with ThreadPoolExecutor(8) as threads:
        for _ in range(10):
            answers = threads.map(encoder.encode_pixels, batches)
            assert cosines(encoder.encode_texts(["a cat"]), texts).min() >= 0.9999
            for rows, expected in zip(answers, alone, strict=True):
                assert cosines(rows, expected).min() >= 0.9999
    between = alone[7] @ alone[7].T - 2 * np.eye(len(alone[7]), dtype=np.float32)
    assert between.max() < 0.9999, "all photos are alike: this shows nothing"


@pytest.fixture
def little_memory() -> Iterator[Callable[[int], None]]:
    """Leaves this process so many bytes of the card beyond what it uses."""
    import torch

    def leave(size_bytes: int) -> None:
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(
            min(1.0, (torch.cuda.memory_reserved() + size_bytes) / total)
        )

    yield leave
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_the_batch_is_halved_when_memory_runs_out(
    tmp_path: Path, little_memory: Callable[[int], None]
) -> None:
    encoder = OpenClip(DEFAULT, tmp_path, "cuda", batch_size=1024)
    pixels = photos(1100, encoder.side_px)
    expected = encoder.encode_pixels(pixels)
    assert encoder.batch_size == 1024
    cramped = OpenClip(DEFAULT, tmp_path, "cuda", batch_size=1024)
    little_memory(500_000_000)
    assert cosines(cramped.encode_pixels(pixels), expected).min() >= 0.999
    assert 1 <= cramped.batch_size < 1024
    assert cosines(cramped.encode_pixels(pixels), expected).min() >= 0.999


def test_the_batch_size_is_measured_once_for_a_card(tmp_path: Path) -> None:
    import torch

    encoder = OpenClip(SMALL, tmp_path, "cuda")
    size = encoder.batch_size
    assert size in (32, 64, 128, 256, 512)
    assert BatchSizes(tmp_path, encoder.id).get(torch.cuda.get_device_name()) == size
    again = OpenClip(SMALL, tmp_path, "cuda")
    started = time.perf_counter()
    assert again.batch_size == size
    assert time.perf_counter() - started < 0.1


def test_batching_reaches_four_fifths_of_the_speed_of_the_model(tmp_path: Path) -> None:
    import torch

    from imgsearch.encoders.openclip.torch import random_model

    encoder = OpenClip(DEFAULT, tmp_path, "cuda")
    size = encoder.batch_size
    model = random_model("ViT-B-32-256", 0, "cuda")
    on_card = torch.from_numpy(photos(size, encoder.side_px)).cuda()
    batches = max(12, 4096 // size)
    decoded = np.concatenate([photos(size, encoder.side_px)] * batches)

    def bare() -> None:
        for _ in range(batches):
            model.image_rows(on_card)
        torch.cuda.synchronize()

    def in_one_call() -> None:
        encoder.encode_pixels(decoded)

    def as_indexing_does() -> None:
        with ThreadPoolExecutor(encoder.batches_at_once) as threads:
            list(threads.map(encoder.encode_pixels, np.split(decoded, batches)))

    seconds = {work.__name__: fastest(work) for work in (bare, in_one_call, as_indexing_does)}
    rates = {name: round(len(decoded) / taken) for name, taken in seconds.items()}
    print(f"{torch.cuda.get_device_name()}, batches of {size}, images/s: {rates}")  # noqa: T201
    assert rates["in_one_call"] >= 0.8 * rates["bare"], rates
    assert rates["as_indexing_does"] >= 0.8 * rates["bare"], rates


def fastest(work: Callable[[], None]) -> float:
    """The shortest of five times, in seconds, after one that does not count."""
    work()
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def test_an_empty_batch_gives_no_rows(tmp_path: Path) -> None:
    encoder: Encoder = OpenClip(SMALL, tmp_path, "cuda")
    none = encoder.encode_pixels(np.zeros((0, 3, encoder.side_px, encoder.side_px), np.uint8))
    assert none.shape == (0, encoder.dim) and none.dtype == np.float32
