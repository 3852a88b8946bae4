"""The contrastive losses, from the scores of all photos with all texts of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor


def contrastive_loss(scores: Tensor, image_to_text_share: float) -> Tensor:
    """The weighted sum of two cross-entropies over `scores` (n, n), photos by texts.

    Text i describes photo i. One cross-entropy finds the text of each photo, and has the weight
    `image_to_text_share`, 0 to 1; the other finds the photo of each text. With .5 this is the loss
    of CLIP (Radford et al. 2021, figure 3), with .75 that of ConVIRT (Zhang et al. 2020,
    arXiv 2010.00747, equations 2 to 4). `scores` are cosines divided by a temperature.
    """
    own = torch.arange(len(scores))
    text_of_photo = functional.cross_entropy(scores, own)
    photo_of_text = functional.cross_entropy(scores.T, own)
    return image_to_text_share * text_of_photo + (1 - image_to_text_share) * photo_of_text


def bag_of_words_loss(logits: Tensor, bags: Tensor) -> Tensor:
    """Cross-entropy of the predicted words (n, words) with each text's words, in equal shares.

    `bags` (n, words) is 1 for each word of a text, else 0. This is the multiclass logistic loss of
    Joulin et al. 2016, arXiv 1511.02251, equation 2.
    """
    shares = bags / bags.sum(dim=1, keepdim=True)
    return functional.cross_entropy(logits, shares)
