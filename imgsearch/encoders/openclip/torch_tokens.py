"""open_clip's own tokenizer: ids of texts, and writing it down for use without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import open_clip
from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, HFTokenizer, SimpleTokenizer
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

from imgsearch.encoders.openclip import hub
from imgsearch.encoders.openclip.tokens import PROBES, FastTokens

if TYPE_CHECKING:
    from numpy.typing import NDArray


class TorchTokens:
    """The tokenizer of an architecture; a vocabulary that lies on the hub is fetched first."""

    def __init__(self, arch: str) -> None:
        config = open_clip.get_model_config(arch)["text_cfg"]
        repo = config.get("hf_tokenizer_name")
        arguments = config.get("tokenizer_kwargs", {})
        if repo:
            self._inner = _from_hub(repo, config)
            self._cleaner = arguments.get("clean", "whitespace")
        else:
            self._inner = open_clip.get_tokenizer(arch)
            self._cleaner = arguments.get("clean", "lower")
        self.context_length = int(self._inner.context_length)

    def ids(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Token ids, shape (n, context_length), longer texts cut off."""
        if not texts:
            return np.zeros((0, self.context_length), np.int64)
        return np.asarray(self._inner(list(texts)).numpy(), dtype=np.int64)

    def count(self, text: str) -> int:
        """How many tokens a text has before it is cut off, begin and end marks included."""
        if isinstance(self._inner, HFTokenizer):
            return len(self._inner.tokenizer(self._inner.clean_fn(text))["input_ids"])
        return len(self._inner.encode(text)) + 2

    def write(self, path: Path) -> dict[str, str | int] | None:
        """Write `path` for FastTokens and return its other arguments.

        None, and nothing written, where the written one does not give exactly open_clip's ids.
        """
        tokenizer, pad_id = _written(self._inner)
        if tokenizer is None:
            return None
        tokenizer.save(str(path))
        arguments = (self._cleaner, pad_id, self.context_length)
        if not np.array_equal(FastTokens(path, *arguments).ids(PROBES), self.ids(PROBES)):
            path.unlink()
            return None
        return dict(zip(("cleaner", "pad_id", "context_length"), arguments, strict=True))


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


def _written(inner: HFTokenizer | SimpleTokenizer) -> tuple[Tokenizer | None, int]:
    """The tokenizer as the `tokenizers` library's, untruncated and unpadded; its padding id."""
    if isinstance(inner, SimpleTokenizer):
        return _clip_bpe(inner), 0
    backend = getattr(inner.tokenizer, "backend_tokenizer", None)
    if backend is None or inner.tokenizer.padding_side != "right":
        return None, 0
    tokenizer = Tokenizer.from_str(backend.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer, int(inner.tokenizer.pad_token_id)


def _clip_bpe(inner: SimpleTokenizer) -> Tokenizer:
    """CLIP's byte-level byte-pair encoding, from the vocabulary and merges of open_clip's."""
    begin, end = (inner.decoder[token] for token in (inner.sot_token_id, inner.eot_token_id))
    tokenizer = Tokenizer(
        models.BPE(
            vocab=inner.encoder,
            merges=sorted(inner.bpe_ranks, key=inner.bpe_ranks.__getitem__),
            end_of_word_suffix="</w>",
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(inner.pat.pattern), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.add_special_tokens([begin, end])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}",
        special_tokens=[(begin, inner.sot_token_id), (end, inner.eot_token_id)],
    )
    return tokenizer
