"""open_clip used directly: a DataLoader, batches of 32, and a matrix of vectors in a file.

    python plain_loop.py index WEIGHTS FOLDER OUT
    python plain_loop.py text WEIGHTS OUT "a dog"
    python plain_loop.py image WEIGHTS OUT PHOTO

One of the programs that bench_peers.py compares; each run is a process of its own.
"""

# ruff: noqa: T201

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader, Dataset

ARCH = "ViT-B-32-256"


Preprocess = Callable[[Image.Image], torch.Tensor]


class PhotoDataset(Dataset[tuple[torch.Tensor, str]]):
    """The JPEG files of a folder, each as pixels and its path."""

    def __init__(self, folder: str, preprocess: Preprocess) -> None:
        self.paths = sorted(Path(folder).glob("*.jpg"))
        self.preprocess = preprocess

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, str]:
        return self.preprocess(Image.open(self.paths[number])), str(self.paths[number])


def unit(features: torch.Tensor) -> NDArray[np.float32]:
    return np.asarray(features / features.norm(dim=-1, keepdim=True))


@torch.no_grad()
def index(model: open_clip.CLIP, preprocess: Preprocess, folder: str, out: str) -> None:
    photos = PhotoDataset(folder, preprocess)
    loader = DataLoader(photos, batch_size=32, num_workers=os.cpu_count() or 1)
    rows: list[NDArray[np.float32]] = []
    names: list[str] = []
    for pixels, paths in loader:
        rows.append(unit(model.encode_image(pixels)))
        names.extend(paths)
    np.savez(out, vectors=np.concatenate(rows), names=names)


@torch.no_grad()
def search(vector: NDArray[np.float32], out: str) -> None:
    data = np.load(out)
    scores = data["vectors"] @ vector
    for number in np.argsort(-scores)[:10]:
        print(f"{scores[number]:.3f} {data['names'][number]}")


@torch.no_grad()
def main(task: str, weights: str, *arguments: str) -> None:
    model, _, preprocess = open_clip.create_model_and_transforms(ARCH, pretrained=weights)
    model.eval()
    if task == "index":
        folder, out = arguments
        index(model, preprocess, folder, out)
    elif task == "text":
        out, text = arguments
        search(unit(model.encode_text(open_clip.get_tokenizer(ARCH)([text])))[0], out)
    else:
        out, path = arguments
        search(unit(model.encode_image(preprocess(Image.open(path)).unsqueeze(0)))[0], out)


if __name__ == "__main__":
    main(*sys.argv[1:])
