"""The parts that the objectives are made of: the image trunk, and a transformer layer for words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from training.objectives.vocabulary import MARKS, PAD, UNKNOWN

if TYPE_CHECKING:
    from torch import Tensor

_PAIRS_AT_ONCE = 256  # the logits of all words for them fit the processor's cache
_EMBEDDING_STD = 0.05


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The sizes that all objectives share."""

    features: int  # of a photo
    words: int  # token ids
    tokens: int  # of a text at most, marks included
    dim: int = 128
    attention_heads: int = 4
    feature_dropout: float = 0.2
    word_dropout: float = 0.1


class ImageTrunk(nn.Module):
    """The same for every objective: features (n, features) to photo vectors (n, dim)."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self._drop = nn.Dropout(shape.feature_dropout)
        self._linear = nn.Linear(shape.features, shape.dim)
        self._norm = nn.LayerNorm(shape.dim)

    def forward(self, features: Tensor) -> Tensor:
        return self._norm(self._linear(self._drop(features)))  # type: ignore[no-any-return]


def word_embedding(shape: ModelShape) -> nn.Embedding:
    """A vector for each token id."""
    embedding = nn.Embedding(shape.words, shape.dim)
    nn.init.normal_(embedding.weight, std=_EMBEDDING_STD)
    return embedding


class WordAttention(nn.Module):
    """Embeddings and one self-attention: tokens (n, t) to states (n, t, dim)."""

    def __init__(self, shape: ModelShape, embedding: nn.Embedding) -> None:
        super().__init__()
        self._heads, self._dropout = shape.attention_heads, shape.word_dropout
        self._embedding = embedding
        self._positions = nn.Parameter(torch.randn(shape.tokens, shape.dim) * _EMBEDDING_STD)
        self._norm = nn.LayerNorm(shape.dim)
        self._project = nn.Linear(shape.dim, 3 * shape.dim)
        self._out = nn.Linear(shape.dim, shape.dim)

    def forward(self, tokens: Tensor, causal: bool) -> Tensor:
        """With `causal`, a token attends to itself and to those before it."""
        count, length = tokens.shape
        states = self._embedding(tokens) + self._positions[:length]
        heads = self._project(self._norm(states)).view(count, length, 3, self._heads, -1)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        visible = (tokens != PAD)[:, None, None, :]
        if causal:
            visible = visible & torch.ones(length, length, dtype=torch.bool).tril()
        attended = functional.scaled_dot_product_attention(
            query, key, value, visible, self._dropout if self.training else 0.0
        )
        mixed: Tensor = states + self._out(attended.transpose(1, 2).reshape(count, length, -1))
        return mixed


class FeedForward(nn.Module):
    """The second half of a transformer layer, with its residual connection."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self._layers = nn.Sequential(
            nn.LayerNorm(shape.dim),
            nn.Linear(shape.dim, 2 * shape.dim),
            nn.GELU(),
            nn.Linear(2 * shape.dim, shape.dim),
            nn.Dropout(shape.word_dropout),
        )

    def forward(self, states: Tensor) -> Tensor:
        changed: Tensor = states + self._layers(states)
        return changed


class TextEncoder(nn.Module):
    """One transformer layer, and the mean over the words: tokens (n, t) to (n, dim)."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self._attention = WordAttention(shape, word_embedding(shape))
        self._feed_forward = FeedForward(shape)
        self._norm = nn.LayerNorm(shape.dim)

    def forward(self, tokens: Tensor) -> Tensor:
        states = self._norm(self._feed_forward(self._attention(tokens, causal=False)))
        is_word = are_words(tokens)[:, :, None]
        mean: Tensor = (states * is_word).sum(dim=1) / is_word.sum(dim=1).clamp(min=1)
        return mean


class WordPredictor(nn.Module):
    """The likelihood of each word, given the state of a place in a text, and a photo.

    A photo is one vector here, and attention to a single vector adds a linear map of it. That is
    what remains of VirTex's attention to a grid of image features. The output weights are those of
    the word embedding, as in VirTex.
    """

    def __init__(self, shape: ModelShape, embedding: nn.Embedding) -> None:
        super().__init__()
        self._embedding = embedding
        self._image = nn.Linear(shape.dim, shape.dim)
        self._feed_forward = FeedForward(shape)
        self._norm = nn.LayerNorm(shape.dim)
        self._bias = nn.Parameter(torch.zeros(shape.words))

    def forward(self, states: Tensor, photos: Tensor) -> Tensor:
        """Logits (m, words) for states (m, dim), each with its photo's vector (m, dim)."""
        return self._logits(states + self._image(photos))

    def log_likelihoods(self, states: Tensor, targets: Tensor, photos: Tensor) -> Tensor:
        """Of word `targets[i]` at `states[i]` with each photo: (m, n) for m states, n photos."""
        shown = self._image(photos)
        rows = max(1, _PAIRS_AT_ONCE // len(photos))
        parts = []
        for start in range(0, len(states), rows):
            block = states[start : start + rows]
            pairs = (block[:, None] + shown[None]).flatten(0, 1)
            words = targets[start : start + rows].repeat_interleave(len(photos))
            losses = functional.cross_entropy(self._logits(pairs), words, reduction="none")
            parts.append(-losses.view(len(block), len(photos)))
        return torch.cat(parts)

    def _logits(self, states: Tensor) -> Tensor:
        hidden = self._norm(self._feed_forward(states))
        # In bfloat16, which is four times as fast where the processor has it. The error of a
        # logit, less than .4 %, is small against what a photo changes.
        half = functional.linear(hidden.bfloat16(), self._embedding.weight.bfloat16())
        return half.float() + self._bias


def are_words(tokens: Tensor) -> Tensor:
    """Whether each token is a word, known or not, and no mark."""
    return (tokens >= MARKS) | (tokens == UNKNOWN)
