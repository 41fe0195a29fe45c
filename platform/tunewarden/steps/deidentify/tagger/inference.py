"""Reading texts with the shipped recogniser: probabilities of every token, and the spans at a threshold.

The network reads in bfloat16 where the processor multiplies in it, in float32 elsewhere. The probabilities of the two
differ in their third digit or so, and so do those of one text read among other texts (the sums run over other blocks).
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.spans import Span
from tunewarden.steps.deidentify.tagger.labels import LABELS
from tunewarden.steps.deidentify.tagger.model import folder, shipped, tokenizer, trained
from tunewarden.steps.deidentify.tagger.windows import CLS, SEP, Tokens, Window, rounded, tokenise, windows

_TOGETHER = 1024  # tokens that the network reads at once; what is between its layers still fits a processor's cache
_JOINTS = frozenset({"", " ", "-", "'", "\u2019"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the network makes of one text.

    Attributes:
        text: as it was given.
        tokens: of the text, special ones not among them.
        probabilities: float32[tokens, 1 + len(LABELS)]; column 0 is "no identifier".
    """

    text: str
    tokens: Tokens
    probabilities: NDArray[np.float32]


class Tagger:
    """The recogniser, loaded: about a second, and 90 MB (half of it in bfloat16). Keep it; it holds no text.

    Not safe to be used by several threads at once.
    """

    def __init__(self, *, threads: int = 1, weights: Path | None = None, dtype: torch.dtype | None = None) -> None:
        """
        Args:
            threads: that one multiplication may use. It is the process's setting (`torch.set_num_threads`).
            weights: other ones than those shipped, which alone are checked against a digest.
            dtype: that the network reads in; the fastest of the processor unless given.

        Raises `Corrupted` where the encoder's or the shipped weights are not the pinned ones.
        """
        torch.set_num_threads(threads)
        directory = folder()
        self._tokenizer = tokenizer(directory)
        self._model = trained(directory, shipped() if weights is None else weights.read_bytes())
        self._model.to(fastest() if dtype is None else dtype)

    def probabilities(self, texts: Sequence[str]) -> list[Reading]:
        """Every text read whole, in the order given. Holds 13 numbers a token for all of them at once."""
        tokens = tokenise(self._tokenizer, texts)
        found = [np.empty((len(each), 1 + len(LABELS)), dtype=np.float32) for each in tokens]
        for batch in _batches(tokens):
            scores = self._read(
                [tokens[text].ids[window.start : window.end] for text, window in batch],
                [tokens[text].shapes[window.start : window.end] for text, window in batch],
            )
            for row, (text, window) in enumerate(batch):
                judged = slice(1 + window.first - window.start, 1 + window.last - window.start)
                found[text][window.first : window.last] = scores[row, judged]
        return [
            Reading(text=text, tokens=each, probabilities=probabilities)
            for text, each, probabilities in zip(texts, tokens, found, strict=True)
        ]

    def spans(self, reading: Reading, threshold: float) -> list[Span]:
        """Runs of words that are an identifier with probability `threshold` or more, in order and disjoint.

        A word is taken whole if one of its pieces is. Words of one kind with nothing, one space, hyphen or apostrophe
        between them are one span; its score is that of the word the network is surest of.
        """
        return spans(reading, threshold)

    def _read(self, ids: Sequence[Sequence[int]], shapes: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        longest = rounded(2 + max(map(len, ids)))
        rows_of_ids = torch.zeros(len(ids), longest, dtype=torch.long)
        rows_of_shapes = torch.zeros_like(rows_of_ids)
        mask = torch.zeros_like(rows_of_ids)
        for row, (one, shape) in enumerate(zip(ids, shapes, strict=True)):
            rows_of_ids[row, : len(one) + 2] = torch.tensor([CLS, *one, SEP])
            rows_of_shapes[row, 1 : len(one) + 1] = torch.tensor(shape)
            mask[row, : len(one) + 2] = 1
        with torch.inference_mode():
            scores = self._model(rows_of_ids, rows_of_shapes, mask)
            probabilities: NDArray[np.float32] = scores.float().softmax(dim=-1).numpy()
        return probabilities


def fastest() -> torch.dtype:
    """bfloat16 where the processor multiplies in it (Intel AMX or AVX-512 BF16), else float32."""
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if able.get("amx_bf16") or able.get("avx512_bf16") else torch.float32


def spans(reading: Reading, threshold: float) -> list[Span]:
    """See `Tagger.spans`."""
    found: list[Span] = []
    for word in _words(reading, threshold):
        last = found[-1] if found else None
        if last and last.entity is word.entity and reading.text[last.end : word.start] in _JOINTS:
            found[-1] = replace(last, end=word.end, score=max(last.score, word.score))
        else:
            found.append(word)
    return [trimmed for span in found if (trimmed := _trimmed(reading.text, span))]


def _words(reading: Reading, threshold: float) -> Iterator[Span]:
    """Every word with a piece that reaches the threshold, and the kind that its pieces say together."""
    if not len(reading.tokens):
        return
    tokens = reading.tokens
    scores = 1 - reading.probabilities[:, 0]
    number = np.asarray(tokens.words)
    first = np.flatnonzero(np.diff(number, prepend=-1))
    best = np.maximum.reduceat(scores, first)
    kinds = np.add.reduceat(reading.probabilities[:, 1:], first, axis=0).argmax(axis=1)
    behind = np.append(first[1:], len(tokens))
    for word in np.flatnonzero(best >= threshold):
        end = _over_marks(reading.text, tokens.ends[behind[word] - 1])
        entity: EntityType = LABELS[kinds[word]]
        yield Span(start=tokens.starts[first[word]], end=end, entity=entity, score=float(best[word]))


def _over_marks(text: str, end: int) -> int:
    """Behind the accents that belong to the letter before `end`; the tokenizer drops them."""
    while end < len(text) and unicodedata.category(text[end]).startswith("M"):
        end += 1
    return end


def _trimmed(text: str, span: Span) -> Span | None:
    """Without punctuation at its ends; None where nothing else is in it."""
    start, end = span.start, span.end
    while start < end and _is_punctuation(text[start]):
        start += 1
    while start < end and _is_punctuation(text[end - 1]):
        end -= 1
    return replace(span, start=start, end=end) if start < end else None


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PZC"


def _batches(tokens: Sequence[Tokens]) -> Iterator[list[tuple[int, Window]]]:
    """(number of the text, window), like lengths together, so that next to nothing of a batch is padding."""
    every = [(text, window) for text, each in enumerate(tokens) for window in windows(len(each)) if len(each)]
    every.sort(key=lambda one: one[1].start - one[1].end)
    batch: list[tuple[int, Window]] = []
    for text, window in every:
        room = _TOGETHER // (2 + (batch[0][1].end - batch[0][1].start)) if batch else 1
        if len(batch) >= room:
            yield batch
            batch = []
        batch.append((text, window))
    if batch:
        yield batch
