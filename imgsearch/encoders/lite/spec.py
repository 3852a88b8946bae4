"""The shapes shared by the parts of `lite`. Changing one makes another encoder."""

from __future__ import annotations

SIDE_PX = 260
VIEWS_SIDE_PX = 371  # the middle 260 px of it are 70 % of its side
FEATURES = 1280 + 88 + 120 + 208 + 352  # of the last layer and of four stages: see graph.py
CLASSES = 1000  # of ImageNet
TEXT_WIDTH = 384
TEXT_LAYERS = (3, 0)  # layers of the text tower read besides the last; 0: the embeddings
TEXT_FEATURES = TEXT_WIDTH * (1 + len(TEXT_LAYERS))
CONTEXT_LENGTH = 128  # as in the training of the text tower and in its tokenizer file
DINO_SIDE_PX = 224  # 16 patches of 14 px
DINO_WIDTH = 384
DINO_LAYERS = (5, 8, 10, 12)  # of the second image tower, from 0; 12: the last after its norm
DINO_FEATURES = 2 * DINO_WIDTH * len(DINO_LAYERS)  # the class token and the mean of the patches
