"""The shapes that the parts of `lite` agree on. Changing one makes another encoder."""

from __future__ import annotations

SIDE_PX = 260
FEATURES = 1280 + 88 + 120 + 208 + 352  # of the last layer and of four stages: see graph.py
CLASSES = 1000  # of ImageNet
TEXT_WIDTH = 384
CONTEXT_LENGTH = 128  # what the text tower was trained with, and what its tokenizer file says
