"""How what was found compares with what somebody marked, whatever the kinds are called: the figures of an evaluation.

    token recall        content words that are marked, every marked character of which is covered
    token precision     content words of which anything is covered, that are marked
    mention recall      marks whose content words are all covered
    mention precision   found spans whose content words are all marked
    span IoU            runs of marked and of found words, joined where nothing but function words lies between; two
                        match where they share 3/4 or more of the characters of both. Close to, not the same as, what
                        presidio-research computes.

A content word is a run of `\\w` that is no title and no function word of English or Spanish (`NOT_CONTENT`): whether
"Mr" or "the" belongs to a name is a convention, not a leak. A mark without any content word counts by its words, or
else by its characters. Words where the gold file says neither nor are left out of everything. What is marked twice at
the same place counts once, and once for each type; marks that merely overlap count each.

Words and marks of one document are not independent, so intervals are those of Korn and Graubard (1998, Survey
Methodology 24:193): the exact interval of Clopper and Pearson at the effective size that the spread between documents
tells. Where every document says the same there is no spread to tell; then the effective size is the smallest possible
one (Kish 1965). Documents themselves count as independent.
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile

from scipy.special import stdtrit

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.gold_file import Identifies, Marked, MarkedText, Place
from tunewarden.steps.deidentify.proportions import exact_interval
from tunewarden.steps.deidentify.spans import Span

IOU = 0.75
_WORD = re.compile(r"\w+")
_TITLES = "mr mrs ms miss mx dr prof sir madam sr sra srta dra don doña dña dn"
# "will", "may" and "mark" are names too and stay content.
_ENGLISH = """
    a an the and or but nor of in on at to by for from with into onto as is was were are be been being has had have did
    do does not no this that these those his her their its my your our he she it they we you who whom which
"""
_SPANISH = """
    el la los las lo un una unos unas y e o u ni de del al en con por para sin sobre entre desde hasta que se su sus es
    fue era son han ha había
"""
NOT_CONTENT = frozenset(f"{_TITLES} {_ENGLISH} {_SPANISH}".split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A share with its 95 % interval: `hits` of `n`. All of it is None where there was nothing to count (n = 0)."""

    hits: int
    n: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(slots=True)
class Counted:
    """Hits and numbers summed over documents, with what their spread is computed from. Grows with nothing."""

    hits: int = 0
    n: int = 0
    documents: int = 0
    _hits_squared: int = 0
    _n_squared: int = 0
    _product: int = 0

    def add(self, hits: int, n: int) -> None:
        """One document's; a document without anything to count changes nothing."""
        if n:
            self.hits, self.n, self.documents = self.hits + hits, self.n + n, self.documents + 1
            self._hits_squared += hits * hits
            self._n_squared += n * n
            self._product += hits * n

    def figure(self) -> Figure:
        """The share with the interval of Korn and Graubard."""
        if not self.n:
            return Figure(hits=0, n=0, value=None, low=None, high=None)
        share, size = self.hits / self.n, self._effective_size()
        low, high = exact_interval(share * size, size)
        return Figure(hits=self.hits, n=self.n, value=share, low=min(low, share), high=max(high, share))

    def _effective_size(self) -> float:
        least = self.n**2 / self._n_squared
        share, more = self.hits / self.n, self.documents - 1
        spread = self._hits_squared - 2 * share * self._product + share * share * self._n_squared
        if more == 0 or spread <= 1e-9 or not 0 < share < 1:
            return least
        variance = self.documents / more * spread / self.n**2
        shrunk = (stdtrit(self.n - 1, 0.975) / stdtrit(more, 0.975)) ** 2
        return min(float(self.n), max(least, float(share * (1 - share) / variance * shrunk)))


@dataclass(slots=True)
class Scores:
    """Everything that is counted, document after document; its size hangs on the number of kinds alone."""

    token_recall: Counted = field(default_factory=Counted)
    token_precision: Counted = field(default_factory=Counted)
    mention_recall: Counted = field(default_factory=Counted)
    mention_precision: Counted = field(default_factory=Counted)
    of_type: dict[str, tuple[Counted, Counted]] = field(default_factory=dict)
    """Word of the gold file -> recall of its tokens, of its mentions."""
    of_kind: dict[EntityType, tuple[Counted, Counted]] = field(default_factory=dict)
    """Kind of ours -> precision of its tokens, of its mentions."""
    entities: dict[Identifies, Counted] = field(default_factory=dict)
    """What is marked DIRECT or QUASI: entities all mentions of which are covered."""
    iou_recall: Counted = field(default_factory=Counted)
    iou_precision: Counted = field(default_factory=Counted)
    leaking: Counted = field(default_factory=Counted)
    """Documents in which a mention is left uncovered, of those that have mentions."""
    leaking_direct: Counted = field(default_factory=Counted)

    def add(self, gold: MarkedText, found: Sequence[Span], marked_kinds: Collection[EntityType] | None = None) -> None:
        """Count one document. `found` is disjoint and in order.

        `marked_kinds` are what the gold file marks at all: what is found of other kinds is not held against precision.
        It counts for recall as ever, because kinds need not agree. None: every kind.
        """
        judged = [span for span in found if marked_kinds is None or span.entity in marked_kinds]
        page = _Page(gold, found, judged)
        self.token_recall.add(*_of(page.covered(word) for word in page.words if page.is_marked(word)))
        self.token_precision.add(*_of(page.is_marked(word) for word in page.words if page.is_judged(word)))
        mentions = [mark for mark in gold.spans if mark.type is not None]
        hidden = {place: page.hidden(place) for place in dict.fromkeys(mark.place for mark in mentions)}
        right = [(span, page.right(span)) for span in judged if page.counts(span)]
        self.mention_recall.add(*_of(hidden.values()))
        self.mention_precision.add(*_of(verdict for _, verdict in right))
        self._add_types(page, mentions, hidden)
        self._add_kinds(page, right)
        self._add_entities(mentions, hidden)
        self._add_runs(page)
        if mentions:
            self.leaking.add(not all(hidden.values()), 1)

    def _add_types(self, page: "_Page", mentions: Sequence[Marked], hidden: Mapping[Place, bool]) -> None:
        of_type: dict[str, dict[Place, bool]] = {}
        for mark in mentions:
            of_type.setdefault(mark.type or "", {})[mark.place] = hidden[mark.place]
        for kind, places in of_type.items():
            words = dict.fromkeys(word for place in places for word in page.content(*place))
            tokens, marks = self.of_type.setdefault(kind, (Counted(), Counted()))
            tokens.add(*_of(page.covered(word) for word in words))
            marks.add(*_of(places.values()))

    def _add_kinds(self, page: "_Page", right: Sequence[tuple[Span, bool]]) -> None:
        for kind in {span.entity for span, _ in right}:
            own = [(span, verdict) for span, verdict in right if span.entity is kind]
            words = dict.fromkeys(word for span, _ in own for word in page.content(span.start, span.end))
            tokens, spans = self.of_kind.setdefault(kind, (Counted(), Counted()))
            tokens.add(*_of(page.is_marked(word) for word in words if not page.is_open(word)))
            spans.add(*_of(verdict for _, verdict in own))

    def _add_entities(self, mentions: Sequence[Marked], hidden: Mapping[Place, bool]) -> None:
        for sort in Identifies:
            entities: dict[object, bool] = {}
            for mark in mentions:
                if mark.identifies is sort:
                    key = mark.entity or mark.place
                    entities[key] = entities.get(key, True) and hidden[mark.place]
            self.entities.setdefault(sort, Counted()).add(*_of(entities.values()))
            if sort is Identifies.DIRECT and entities:
                self.leaking_direct.add(not all(entities.values()), 1)

    def _add_runs(self, page: "_Page") -> None:
        marked, found, judged = page.runs(page.marked), page.runs(page.found), page.runs(page.judged)
        hit = {other for run in marked for other in _matches(run, judged)}
        self.iou_recall.add(sum(bool(_matches(run, found)) for run in marked), len(marked))
        self.iou_precision.add(len(hit), len(judged))


Word = tuple[int, int]
"""Start and end of a run of `\\w` in a text."""


class _Page:
    """A text with layers of ink, one byte a character: what is marked, what is found, what of it is judged."""

    def __init__(self, gold: MarkedText, found: Sequence[Span], judged: Sequence[Span]) -> None:
        self.text = gold.text
        self.marked, self.open = bytearray(len(gold.text)), bytearray(len(gold.text))
        for mark in gold.spans:
            layer = self.open if mark.type is None else self.marked
            layer[mark.start : mark.end] = b"\1" * (mark.end - mark.start)
        self.found, self.judged = bytearray(len(gold.text)), bytearray(len(gold.text))
        for layer, spans in ((self.found, found), (self.judged, judged)):
            for span in spans:
                layer[span.start : span.end] = b"\1" * (span.end - span.start)
        words = self._content(match.span() for match in _WORD.finditer(gold.text))
        self.words = [word for word in words if not self.is_open(word)]

    def content(self, start: int, end: int) -> list[Word]:
        """Content words that lie in this stretch, cut to it; its words where it has none, its characters else."""
        words = [match.span() for match in _WORD.finditer(self.text, start, end)]
        return self._content(words) or words or [(start, end)]

    def _content(self, words: Iterable[Word]) -> list[Word]:
        return [word for word in words if self.text[slice(*word)].lower() not in NOT_CONTENT]

    def is_marked(self, word: Word) -> bool:
        return any(self.marked[slice(*word)])

    def is_judged(self, word: Word) -> bool:
        return any(self.judged[slice(*word)])

    def is_open(self, word: Word) -> bool:
        """Whether the gold file says neither nor of it."""
        return any(self.open[slice(*word)]) and not self.is_marked(word)

    def covered(self, word: Word) -> bool:
        """Whether every marked character of it is found."""
        return all(self.found[place] for place in range(*word) if self.marked[place])

    def hidden(self, place: Place) -> bool:
        """Whether all content of a mark is found."""
        return all(all(self.found[slice(*word)]) for word in self.content(*place))

    def counts(self, span: Span) -> bool:
        """Whether the gold file says anything about all of it."""
        return not any(self.is_open(word) for word in self.content(span.start, span.end))

    def right(self, span: Span) -> bool:
        """Whether all content of what was found is marked."""
        return all(self.is_marked(word) for word in self.content(span.start, span.end))

    def runs(self, layer: bytearray) -> list[Word]:
        """Stretches of ink from the first to the last character of words in it, joined over function words."""
        joined: list[Word] = []
        for word in self.words:
            if not any(layer[slice(*word)]):
                joined.append((word[1], word[1]))  # a content word without ink keeps its neighbours apart
                continue
            start = next(place for place in range(*word) if layer[place])
            end = next(place for place in range(word[1] - 1, word[0] - 1, -1) if layer[place]) + 1
            if joined and joined[-1][0] < joined[-1][1]:
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((start, end))
        return [run for run in joined if run[0] < run[1]]


def _of(verdicts: Iterable[bool]) -> tuple[int, int]:
    """How many are true, of how many."""
    several = list(verdicts)
    return sum(several), len(several)


def _matches(run: Word, others: Sequence[Word]) -> list[Word]:
    """Those of `others` that meet `run`, if together they share `IOU` of the characters of all of them with it."""
    first = bisect_right(others, run[0], key=lambda other: other[1])
    meeting = list(takewhile(lambda other: other[0] < run[1], islice(others, first, None)))
    if not meeting:
        return []
    shared = sum(min(run[1], other[1]) - max(run[0], other[0]) for other in meeting)
    union = run[1] - run[0] + sum(end - start for start, end in meeting) - shared
    return meeting if shared / union >= IOU else []


def f_beta(precision: float | None, recall: float | None, beta: float = 2.0) -> float | None:
    """F2 weighs recall twice as much as precision; None where one of them is."""
    if precision is None or recall is None:
        return None
    weighted = beta * beta * precision + recall
    return (1 + beta * beta) * precision * recall / weighted if weighted else 0.0
