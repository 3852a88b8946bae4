"""The five objectives. Each has a loss to train with, and scores of texts with photos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import nn
from torch.nn import functional

from training.objectives.layers import (
    ImageTrunk,
    ModelShape,
    TextEncoder,
    WordAttention,
    WordPredictor,
    are_words,
    word_embedding,
)
from training.objectives.losses import bag_of_words_loss, contrastive_loss
from training.objectives.vocabulary import MASK, PAD

if TYPE_CHECKING:
    from torch import Tensor

CLIP_TEMPERATURE, CLIP_MAX_SCALE = 0.07, 100.0  # Radford et al. 2021, section 2.5
CONVIRT_TEMPERATURE, CONVIRT_SHARE = 0.1, 0.75  # Zhang et al. 2020, section 3.4
MASKED_SHARE = 0.15  # of the words of a caption; BERT's


@dataclass(frozen=True, slots=True)
class TextScores:
    """Scores of m texts for n photos: `scores` (m, n), higher is better.

    They are cosines, or the sums of the log-likelihoods of `terms` (m,) tokens each.
    """

    scores: Tensor
    terms: Tensor


class Objective(Protocol):
    """A model that learns from photos and their captions.

    `features` are (n, features), standardised; `tokens` (n, t) are made by CaptionVocabulary.
    """

    def loss(self, features: Tensor, tokens: Tensor) -> Tensor:
        """The loss of a batch, whose text i describes photo i."""

    def text_scores(self, features: Tensor, tokens: Tensor) -> TextScores:
        """Each text with each photo."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """The trained parameters, as in torch modules."""

    def train(self, mode: bool = True) -> object:
        """Turn dropout on or off, as torch's modules do."""


# ---------------------------------------------------------------------------- contrastive


class ContrastiveObjective(nn.Module):
    """A photo and its text have a larger cosine than other pairs of the batch.

    `projection` makes the layers between trunk, or text encoder, and the common space. The loss
    gives the text of a photo the weight `image_to_text_share`.
    """

    def __init__(
        self,
        shape: ModelShape,
        projection: Callable[[int], nn.Module],
        image_to_text_share: float,
        temperature: float,
        learns_temperature: bool,
    ) -> None:
        super().__init__()
        self._trunk, self._text = ImageTrunk(shape), TextEncoder(shape)
        self._image_projection = projection(shape.dim)
        self._text_projection = projection(shape.dim)
        log_scale = torch.tensor(1 / temperature).log()
        self._log_scale = nn.Parameter(log_scale, requires_grad=learns_temperature)
        self._share = image_to_text_share

    def loss(self, features: Tensor, tokens: Tensor) -> Tensor:
        scale = self._log_scale.exp().clamp(max=CLIP_MAX_SCALE)
        return contrastive_loss(scale * self._cosines(features, tokens), self._share)

    def text_scores(self, features: Tensor, tokens: Tensor) -> TextScores:
        return TextScores(self._cosines(features, tokens).T, torch.ones(len(tokens)))

    def _cosines(self, features: Tensor, tokens: Tensor) -> Tensor:
        photos = functional.normalize(self._image_projection(self._trunk(features)), dim=-1)
        texts = functional.normalize(self._text_projection(self._text(tokens)), dim=-1)
        return photos @ texts.T


def clip_objective(shape: ModelShape) -> ContrastiveObjective:
    """CLIP: linear projections, both directions equal, a learned temperature."""

    def projection(dim: int) -> nn.Module:
        return nn.Linear(dim, dim, bias=False)

    return ContrastiveObjective(shape, projection, 0.5, CLIP_TEMPERATURE, learns_temperature=True)


def convirt_objective(shape: ModelShape) -> ContrastiveObjective:
    """ConVIRT: projections with a hidden layer, asymmetric weights, a fixed temperature."""

    def projection(dim: int) -> nn.Module:
        return nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))

    return ContrastiveObjective(
        shape, projection, CONVIRT_SHARE, CONVIRT_TEMPERATURE, learns_temperature=False
    )


# ---------------------------------------------------------------------------- generative


class BagOfWordsObjective(nn.Module):
    """Joulin et al. 2016: a linear classifier that predicts which words a caption has."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self._trunk = ImageTrunk(shape)
        self._classifier = nn.Linear(shape.dim, shape.words)

    def loss(self, features: Tensor, tokens: Tensor) -> Tensor:
        logits = self._classifier(self._trunk(features))
        return bag_of_words_loss(logits, bags_of_words(tokens, logits.shape[1]))

    def text_scores(self, features: Tensor, tokens: Tensor) -> TextScores:
        """The sum over the different words of each text."""
        likelihoods = self._classifier(self._trunk(features)).log_softmax(dim=1)
        bags = bags_of_words(tokens, likelihoods.shape[1])
        return TextScores(bags @ likelihoods.T, bags.sum(dim=1))


def bags_of_words(tokens: Tensor, words: int) -> Tensor:
    """(n, words): 1 for each word of a text, else 0."""
    bags = torch.zeros(len(tokens), words)
    rows, columns = are_words(tokens).nonzero(as_tuple=True)
    bags[rows, tokens[rows, columns]] = 1
    return bags


class CaptionObjective(nn.Module):
    """VirTex: two decoders, of one transformer layer each, write the caption in both directions."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        embedding = word_embedding(shape)
        self._trunk = ImageTrunk(shape)
        self._forwards = CaptionDecoder(shape, embedding)
        self._backwards = CaptionDecoder(shape, embedding)

    def loss(self, features: Tensor, tokens: Tensor) -> Tensor:
        photos = self._trunk(features)
        forwards: Tensor = self._forwards(photos, tokens)
        backwards: Tensor = self._backwards(photos, reversed_words(tokens))
        return forwards + backwards

    def text_scores(self, features: Tensor, tokens: Tensor) -> TextScores:
        """The sum over both directions, END included."""
        photos = self._trunk(features)
        forwards = self._forwards.text_scores(photos, tokens)
        backwards = self._backwards.text_scores(photos, reversed_words(tokens))
        return TextScores(forwards.scores + backwards.scores, forwards.terms + backwards.terms)


class CaptionDecoder(nn.Module):
    """Predicts each token of a text from those before it and the photo."""

    def __init__(self, shape: ModelShape, embedding: nn.Embedding) -> None:
        super().__init__()
        self._attention = WordAttention(shape, embedding)
        self._predictor = WordPredictor(shape, embedding)

    def forward(self, photos: Tensor, tokens: Tensor) -> Tensor:
        """The mean loss of a token; text i describes photo i, of the vectors (n, dim)."""
        states, targets, owners = self._places(tokens)
        return functional.cross_entropy(self._predictor(states, photos[owners]), targets)

    def text_scores(self, photos: Tensor, tokens: Tensor) -> TextScores:
        """Each text with each photo."""
        states, targets, owners = self._places(tokens)
        return _summed(
            self._predictor.log_likelihoods(states, targets, photos), owners, len(tokens)
        )

    def _places(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """For each token to predict the state before it, the token, and the row of its text."""
        before, after = tokens[:, :-1], tokens[:, 1:]
        predicted = after != PAD
        states = self._attention(before, causal=True)[predicted]
        return states, after[predicted], predicted.nonzero()[:, 0]


def _summed(likelihoods: Tensor, owners: Tensor, texts: int) -> TextScores:
    """The likelihoods (m, n) of m tokens with n photos, summed over the tokens of each text."""
    scores = torch.zeros(texts, likelihoods.shape[1]).index_add_(0, owners, likelihoods)
    return TextScores(scores, torch.bincount(owners, minlength=texts).float())


def reversed_words(tokens: Tensor) -> Tensor:
    """The words of each text in the opposite order, with the marks where they were."""
    places = torch.arange(tokens.shape[1]).expand_as(tokens)
    last = (tokens != PAD).sum(dim=1, keepdim=True) - 1  # the place of END
    return tokens.gather(1, torch.where(are_words(tokens), last - places, places))


class MaskedWordObjective(nn.Module):
    """ICMLM: predicts masked words from the other words of the caption and the photo."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        embedding = word_embedding(shape)
        self._trunk = ImageTrunk(shape)
        self._attention = WordAttention(shape, embedding)
        self._predictor = WordPredictor(shape, embedding)

    def loss(self, features: Tensor, tokens: Tensor) -> Tensor:
        masked = random_words(tokens, MASKED_SHARE)
        states = self._attention(tokens.masked_fill(masked, MASK), causal=False)[masked]
        photos = self._trunk(features)[masked.nonzero()[:, 0]]
        return functional.cross_entropy(self._predictor(states, photos), tokens[masked])

    def text_scores(self, features: Tensor, tokens: Tensor) -> TextScores:
        """The pseudo-log-likelihood: each word is masked in turn (Salazar et al. 2020)."""
        owners, places = are_words(tokens).nonzero(as_tuple=True)
        each = torch.arange(len(owners))
        copies = tokens[owners]
        targets = copies[each, places]
        copies[each, places] = MASK
        states = self._attention(copies, causal=False)[each, places]
        photos = self._trunk(features)
        return _summed(
            self._predictor.log_likelihoods(states, targets, photos), owners, len(tokens)
        )


def random_words(tokens: Tensor, share: float) -> Tensor:
    """Marks (n, t) this share of the words of each text, and one of each text at least."""
    draws = torch.rand(tokens.shape).masked_fill(~are_words(tokens), 2.0)
    return (draws < share) | ((draws == draws.amin(dim=1, keepdim=True)) & (draws < 1))


# ---------------------------------------------------------------------------- all of them


@dataclass(frozen=True, slots=True)
class ObjectiveKind:
    """An objective to choose: its model, and how its scores are freed of how common a text is.

    `marginal` makes a text's score with any photo, (m,), from its scores (m, n) with n photos.
    What it costs is measured on one core, and serves to estimate the time that is left.
    """

    title: str
    build: Callable[[ModelShape], Objective]
    marginal: Callable[[Tensor], Tensor]
    training_ms: float  # for an example
    scoring_s: float  # for a point of the curve


def log_mean_likelihood(scores: Tensor) -> Tensor:
    """log p(text), as the mean of p(text | photo) over the photos."""
    return scores.logsumexp(dim=1) - torch.tensor(float(scores.shape[1])).log()


def mean_cosine(scores: Tensor) -> Tensor:
    """The mean over the photos."""
    return scores.mean(dim=1)


KINDS = {
    "contrastive": ObjectiveKind("contrastive (CLIP)", clip_objective, mean_cosine, 0.4, 0.2),
    "convirt": ObjectiveKind("contrastive (ConVIRT)", convirt_objective, mean_cosine, 0.4, 0.2),
    "bag-of-words": ObjectiveKind(
        "bag of words", BagOfWordsObjective, log_mean_likelihood, 0.06, 0.1
    ),
    "captioning": ObjectiveKind(
        "captioning (VirTex)", CaptionObjective, log_mean_likelihood, 0.6, 8.0
    ),
    "masked-words": ObjectiveKind(
        "masked words (ICMLM)", MaskedWordObjective, log_mean_likelihood, 0.3, 4.0
    ),
}
