"""open_clip as people write it by hand: a DataLoader, batches of 32, a matrix of vectors in a file.

    python plain_loop.py index WEIGHTS FOLDER OUT
    python plain_loop.py text WEIGHTS OUT "a dog"
    python plain_loop.py image WEIGHTS OUT PHOTO

A contestant of bench_peers.py, to be run as a process of its own.
"""

# ruff: noqa: T201

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

ARCH = "ViT-B-32-256"


class PhotoDataset(Dataset):
    def __init__(self, folder, preprocess):
        self.paths = sorted(Path(folder).glob("*.jpg"))
        self.preprocess = preprocess

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, number):
        return self.preprocess(Image.open(self.paths[number])), str(self.paths[number])


def unit(features):
    return (features / features.norm(dim=-1, keepdim=True)).numpy()


@torch.no_grad()
def index(model, preprocess, folder, out):
    loader = DataLoader(PhotoDataset(folder, preprocess), batch_size=32, num_workers=os.cpu_count())
    rows, names = [], []
    for pixels, paths in loader:
        rows.append(unit(model.encode_image(pixels)))
        names.extend(paths)
    np.savez(out, vectors=np.concatenate(rows), names=names)


@torch.no_grad()
def search(vector, out):
    data = np.load(out)
    scores = data["vectors"] @ vector
    for number in np.argsort(-scores)[:10]:
        print(f"{scores[number]:.3f} {data['names'][number]}")


@torch.no_grad()
def main(task, weights, *arguments):
    model, _, preprocess = open_clip.create_model_and_transforms(ARCH, pretrained=weights)
    model.eval()
    if task == "index":
        index(model, preprocess, *arguments)
    elif task == "text":
        out, text = arguments
        search(unit(model.encode_text(open_clip.get_tokenizer(ARCH)([text])))[0], out)
    else:
        out, path = arguments
        search(unit(model.encode_image(preprocess(Image.open(path)).unsqueeze(0)))[0], out)


if __name__ == "__main__":
    main(*sys.argv[1:])
