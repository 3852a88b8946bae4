"""Writes the tokenizer of an export from the tokenizer.json of a model's repository."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgsearch.encoders.openclip.tokens import CLIP_MARKS, CLIP_PATTERN
from imgsearch.errors import EncoderError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_THEIR_CLIP_MARKS = ("<|startoftext|>", "<|endoftext|>")  # in files of the transformers library
_CLIP_PAD_ID = 0  # open_clip's; what stands behind an end mark has no influence


def write_clip_tokens(source: Path, path: Path) -> int:
    """Write CLIP's tokenizer with the vocabulary of `source`; return the id for padding.

    Raises EncoderError if the file has another kind of vocabulary.
    """
    try:
        model: Any = json.loads(source.read_bytes())["model"]
        ids = {str(word): int(number) for word, number in model["vocab"].items()}
        merges = [
            (left, right)
            for left, right in (
                pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]
            )
        ]
        for ours, theirs in zip(CLIP_MARKS, _THEIR_CLIP_MARKS, strict=True):
            if ours not in ids:
                ids[ours] = ids.pop(theirs)
        tokenizer = clip_tokenizer(ids, merges)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unknown(source, error) from error
    if max(ids.values()) != ids[CLIP_MARKS[1]]:  # the text tower is read at the highest id
        raise _unknown(source, "its end mark is not the last entry")
    tokenizer.save(str(path))
    return _CLIP_PAD_ID


def write_siglip_tokens(source: Path, path: Path) -> int:
    """Write the tokenizer of `source`, which ends each text with a mark; return the padding's id.

    Raises EncoderError if it does not.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(source))
    except Exception as error:  # the class that the library raises
        raise _unknown(source, error) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    pad_id, begin_id, end_id = map(tokenizer.token_to_id, ("<pad>", "<bos>", "<eos>"))
    ids = tokenizer.encode("a dog").ids
    if pad_id is None or end_id is None or ids[-1] != end_id or ids[0] == begin_id:
        raise _unknown(source, "it does not end texts as SigLIP 2 does")
    tokenizer.save(str(path))
    return int(pad_id)


def clip_tokenizer(ids: dict[str, int], merges: Sequence[tuple[str, str]]) -> Tokenizer:
    """Return CLIP's byte-level byte-pair encoding with a vocabulary and its merges, best first."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

    begin, end = CLIP_MARKS
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=list(merges), end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(CLIP_PATTERN), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.add_special_tokens([begin, end])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}", special_tokens=[(begin, ids[begin]), (end, ids[end])]
    )
    return tokenizer


def _unknown(source: Path, reason: object) -> EncoderError:
    return EncoderError(f"{source} is no tokenizer of this model ({reason})")
