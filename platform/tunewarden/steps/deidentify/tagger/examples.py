"""Training examples: a window of a gold text, changed a little, as tokens with the labels that each may have."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, count
from random import Random

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.tagger.augment import changed
from tunewarden.steps.deidentify.tagger.gold import GoldSpan, GoldText
from tunewarden.steps.deidentify.tagger.labels import LABELS, NUMBER, label_of
from tunewarden.steps.deidentify.tagger.windows import CLS, LONGEST, SEP, Tokens, rounded, tokenise

_WINDOW = 520  # characters of a text that become one example; about as many as the model reads at once
_TOGETHER = 4  # short texts are read up to so many at once, as messages of a thread are
_AMONG = 0.25
_BATCHES = 8  # of a part

Allowed = frozenset[int]
"""The labels that a token may have: one where the corpus says which, several where it leaves that open."""

_OPEN: Mapping[EntityType, frozenset[EntityType]] = {
    EntityType.DEMOGRAPHIC: frozenset({EntityType.DEMOGRAPHIC, EntityType.OCCUPATION, EntityType.AGE}),
    EntityType.PARTICULAR: frozenset({EntityType.PARTICULAR, EntityType.RELATIVE, EntityType.OTHER_ID, EntityType.AGE}),
    EntityType.DATE: frozenset({EntityType.DATE, EntityType.AGE}),
}
"""What the court cases call demographic, quantity or date is more than what we call so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Texts of one corpus.

    Attributes:
        share: of the examples that come from here; only the proportions count.
        marks: the kinds that the corpus marks. A token that it leaves unmarked is none of these; of other kinds it may
            be. None where it marks every kind.
        loosely: whether its kinds are wider than ours (`_OPEN`).
        among: texts in which nobody is named; now and then one stands before and one behind a text of this source.
    """

    name: str
    texts: Sequence[GoldText]
    share: float
    marks: frozenset[EntityType] | None = None
    loosely: bool = False
    among: Sequence[GoldText] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows x tokens: ids, shapes, mask (1 is a token), and rows x tokens x labels: which are allowed."""

    ids: Tensor
    shapes: Tensor
    mask: Tensor
    allowed: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same batch where the network is."""
        return Batch(
            ids=self.ids.to(device),
            shapes=self.shapes.to(device),
            mask=self.mask.to(device),
            allowed=self.allowed.to(device),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How examples are drawn: in parts of several batches, each of which depends on nothing but its number.

    Attributes:
        sources: of the part with this number.
        tokenizer: made where it is used, which may be another process.
        rows: of a batch.
        seed: the same one draws the same examples.
    """

    sources: Callable[[int], Sequence[Source]]
    tokenizer: Callable[[], Tokenizer]
    rows: int
    seed: int

    def part(self, number: int) -> list[Batch]:
        """The batches of one part; sources by their share, texts of a source alike, windows of a text alike."""
        chance = Random(f"{self.seed} {number}")  # noqa: S311  reproducible on purpose
        sources = self.sources(number)
        chosen = chance.choices(sources, [source.share for source in sources], k=self.rows * _BATCHES)
        drawn = [(changed(_drawn(source, chance), chance), source) for source in chosen]
        tokens = tokenise(self.tokenizer(), [gold.text for gold, _ in drawn])
        examples = [(one, allowed(one, gold.spans, source)) for one, (gold, source) in zip(tokens, drawn, strict=True)]
        # Neighbours in length share a batch, so that little of it is padding; batches come in any order.
        examples.sort(key=lambda example: len(example[0]))
        parts = [examples[start : start + self.rows] for start in range(0, len(examples), self.rows)]
        chance.shuffle(parts)
        return list(map(_padded, parts))


def batches(drawing: Drawing, workers: int = 0) -> Iterator[Batch]:
    """Batches without end, the same ones in the same order however many worker processes draw them (0: this one)."""
    parts: DataLoader[list[Batch]] = DataLoader(
        _Parts(drawing),
        batch_size=None,
        num_workers=workers,
        # The corpora are read once and shared with the workers, so they are forks of this process.
        multiprocessing_context="fork" if workers else None,
    )
    return chain.from_iterable(parts)


class _Parts(IterableDataset[list[Batch]]):
    """All parts; of several workers each draws every so-manieth, and the loader takes them by turns."""

    def __init__(self, drawing: Drawing) -> None:
        self._drawing = drawing

    def __iter__(self) -> Iterator[list[Batch]]:
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        return map(self._drawing.part, count(first, step))


def allowed(tokens: Tokens, spans: Sequence[GoldSpan], source: Source) -> list[Allowed]:
    """For each token the labels that it may have."""
    everything = frozenset(range(1 + len(LABELS)))
    unmarked = frozenset({0})
    if source.marks is not None:
        unmarked = everything - {NUMBER[entity] for entity in source.marks}
    found, position = [], 0
    for start, end in zip(tokens.starts, tokens.ends, strict=True):
        while position < len(spans) and spans[position].end <= start:
            position += 1
        span = spans[position] if position < len(spans) and spans[position].start < end else None
        if span is None:
            found.append(unmarked)
        elif span.entity is None:
            found.append(everything)
        else:
            wide = _OPEN.get(span.entity) if source.loosely else None
            found.append(frozenset(NUMBER[each] for each in wide) if wide else frozenset({label_of(span.entity)}))
    return found


def _drawn(source: Source, chance: Random) -> GoldText:
    """A window of a long text, or a few short texts one after the other."""
    gold = chance.choice(source.texts)
    if len(gold.text) > _WINDOW:
        return window(gold, chance.randrange(len(gold.text) - _WINDOW // 2), _WINDOW)
    together = chance.choice((1, 1, 2, _TOGETHER))
    while together > 1 and len(gold.text) < _WINDOW // 2:
        gold = _after(gold, chance.choice(source.texts), chance.choice((" ", "\n", "\n\n")))
        together -= 1
    if source.among and chance.random() < _AMONG:
        gold = _after(chance.choice(source.among), gold, chance.choice((" ", "\n")))
    if source.among and chance.random() < _AMONG:
        gold = _after(gold, chance.choice(source.among), chance.choice((" ", "\n")))
    return window(gold, 0, _WINDOW) if len(gold.text) > _WINDOW else gold


def window(gold: GoldText, start: int, length: int) -> GoldText:
    """The part of a text from about `start` on, without cutting an identifier in two."""
    end = min(len(gold.text), start + length)
    for span in gold.spans:
        if span.start < start < span.end:
            start = span.end
        if span.start < end < span.end:
            end = span.start
    kept = tuple(
        GoldSpan(start=span.start - start, end=span.end - start, entity=span.entity)
        for span in gold.spans
        if start <= span.start and span.end <= end
    )
    return GoldText(text=gold.text[start:end], spans=kept)


def _after(first: GoldText, second: GoldText, between: str) -> GoldText:
    offset = len(first.text) + len(between)
    moved = (GoldSpan(start=s.start + offset, end=s.end + offset, entity=s.entity) for s in second.spans)
    return GoldText(text=first.text + between + second.text, spans=(*first.spans, *moved))


def _padded(examples: Sequence[tuple[Tokens, Sequence[Allowed]]]) -> Batch:
    longest = min(LONGEST, rounded(2 + max(len(tokens) for tokens, _ in examples)))
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    shapes = torch.zeros_like(ids)
    mask = torch.zeros_like(ids)
    labels = np.full((len(examples), longest), _bits(frozenset(range(1 + len(LABELS)))))
    for row, (tokens, may_be) in enumerate(examples):
        fits = min(len(tokens), longest - 2)
        ids[row, : fits + 2] = torch.tensor([CLS, *tokens.ids[:fits], SEP])
        shapes[row, 1 : fits + 1] = torch.tensor(tokens.shapes[:fits], dtype=torch.long)
        mask[row, : fits + 2] = 1
        labels[row, 1 : fits + 1] = [_bits(each) for each in may_be[:fits]]
    each = (labels[:, :, np.newaxis] >> np.arange(1 + len(LABELS))) & 1
    return Batch(ids=ids, shapes=shapes, mask=mask, allowed=torch.from_numpy(each.astype(bool)))


@cache
def _bits(labels: Allowed) -> int:
    return sum(1 << label for label in labels)
