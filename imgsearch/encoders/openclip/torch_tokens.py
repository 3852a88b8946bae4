"""open_clip's own tokenizer behind two calls: ids of texts, and how many a text has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import open_clip
from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, HFTokenizer

from imgsearch.encoders.openclip import hub

if TYPE_CHECKING:
    from numpy.typing import NDArray


class TorchTokens:
    """The tokenizer of an architecture; a vocabulary that lies on the hub is fetched first."""

    def __init__(self, arch: str) -> None:
        config = open_clip.get_model_config(arch)["text_cfg"]
        repo = config.get("hf_tokenizer_name")
        if repo:
            self.inner = _from_hub(repo, config)
        else:
            self.inner = open_clip.get_tokenizer(arch)
        self.context_length = int(self.inner.context_length)

    def ids(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Token ids, shape (n, context_length), longer texts cut off."""
        if not texts:
            return np.zeros((0, self.context_length), np.int64)
        return np.asarray(self.inner(list(texts)).numpy(), dtype=np.int64)

    def count(self, text: str) -> int:
        """How many tokens a text has before it is cut off, begin and end marks included."""
        if isinstance(self.inner, HFTokenizer):
            return len(self.inner.tokenizer(self.inner.clean_fn(text))["input_ids"])
        return len(self.inner.encode(text)) + 2


def _from_hub(repo: str, config: dict[str, object]) -> HFTokenizer:
    """Read from the cached folder by path, so that nothing behind it asks the network."""
    folder = hub.fetch(repo, ("tokenizer.json",)).parent
    for companion in ("tokenizer_config.json", "special_tokens_map.json"):
        hub.fetch_if_there(repo, companion)
    arguments = config.get("tokenizer_kwargs", {})
    assert isinstance(arguments, dict)
    return HFTokenizer(
        str(folder),
        context_length=config.get("context_length", DEFAULT_CONTEXT_LENGTH),
        tokenizer_mode=config.get("tokenizer_mode"),
        **arguments,
    )
