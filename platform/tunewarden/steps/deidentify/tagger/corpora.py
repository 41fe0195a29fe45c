"""Readers of the corpora that the recogniser is trained and measured on, and which part of each is never trained on.

Held out: of the court cases the 30 documents whose SHA-256 of the id is smallest, of MEDDOCAN its `dev` part, of
WikiGold every fifth document. `training.py` reads `TRAIN` only.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.tagger.gold import GoldSpan, GoldText
from tunewarden.steps.deidentify.tagger.labels import CONLL, MEDDOCAN, TAB

COURT_CASES_HELD_OUT = 30
_WIKI_HELD_OUT_ONE_IN = 5
_NO_SPACE_BEFORE = frozenset(".,;:!?)]}%'\u2019\u201d")
_NO_SPACE_AFTER = frozenset("([{@#\u201c\u2018")


class Part(StrEnum):
    """Of a corpus: what may be trained on, and what is kept for measuring."""

    TRAIN = "train"
    HELD_OUT = "held-out"


def court_cases(root: Path, part: Part) -> Iterator[GoldText]:
    """Text Anonymization Benchmark (MIT): judgments of the European Court of Human Rights, every annotated mention."""
    lines = (root / "tab" / "tab_train_dev.jsonl").read_text(encoding="utf-8").splitlines()
    documents = sorted(map(json.loads, lines), key=lambda each: hashlib.sha256(each["id"].encode()).digest())
    chosen = documents[:COURT_CASES_HELD_OUT] if part is Part.HELD_OUT else documents[COURT_CASES_HELD_OUT:]
    for document in chosen:
        marked = (
            GoldSpan(start=each["start_offset"], end=each["end_offset"], entity=TAB[each["entity_type"]])
            for each in document["entities"]
        )
        yield GoldText(text=document["text"], spans=disjoint(marked))


def spanish_cases(root: Path, part: Part) -> Iterator[GoldText]:
    """MEDDOCAN (CC BY 4.0): Spanish clinical cases with synthetic health information, in brat standoff."""
    folder = root / "meddocan-es" / "corpus" / ("dev" if part is Part.HELD_OUT else "train") / "brat"
    for annotations in sorted(folder.glob("*.ann")):
        text = annotations.with_suffix(".txt").read_bytes().decode("utf-8")
        lines = annotations.read_text(encoding="utf-8").splitlines()
        marked = (_brat(line) for line in lines if line.startswith("T"))
        yield GoldText(text=text, spans=disjoint(marked))


def encyclopedia(root: Path, part: Part) -> Iterator[GoldText]:
    """WikiGold (CC BY 4.0): Wikipedia articles."""
    content = (root / "ner-wikigold" / "wikigold.conll.txt").read_text(encoding="utf-8")
    documents = [each for each in content.split("-DOCSTART- O") if each.strip()]
    for number, document in enumerate(documents):
        if (number % _WIKI_HELD_OUT_ONE_IN == 0) == (part is Part.HELD_OUT):
            sentences = [_tokens(sentence) for sentence in document.strip().split("\n\n")]
            yield _joined([token for sentence in sentences for token in sentence])


def tweets(root: Path, part: Part) -> Iterator[GoldText]:
    """WNUT 2017 (CC BY 4.0) and the Broad Twitter Corpus (CC BY 4.0). Nothing of them is held out."""
    if part is Part.HELD_OUT:
        return
    for path in (*sorted((root / "ner-btc").glob("*.conll")), root / "ner-wnut17" / "wnut17train.conll"):
        for block in path.read_text(encoding="utf-8").split("\n\n"):
            for sentence in block.replace("\n\t\n", "\n\n").split("\n\n"):
                if tokens := _tokens(sentence):
                    yield _joined(tokens)


CORPORA: Mapping[str, Callable[[Path, Part], Iterator[GoldText]]] = MappingProxyType(
    {"court-cases": court_cases, "spanish-cases": spanish_cases, "encyclopedia": encyclopedia, "tweets": tweets}
)


def disjoint(spans: Iterator[GoldSpan]) -> tuple[GoldSpan, ...]:
    """In order, without overlaps: of two that overlap the longer one stays, and covers less than both at most by its
    neighbour's remainder, which is kept as a span of its own."""
    kept: list[GoldSpan] = []
    for span in sorted(spans, key=lambda each: (each.start, -each.end)):
        start = max(span.start, kept[-1].end if kept else 0)
        if start < span.end:
            kept.append(GoldSpan(start=start, end=span.end, entity=span.entity))
    return tuple(kept)


def _brat(line: str) -> GoldSpan:
    _, mark, value = line.split("\t")
    kind, offsets = mark.split(" ", 1)
    pieces = offsets.split(";")  # a mark in several pieces covers what lies between them too
    entity = EntityType.POSTCODE if kind == "TERRITORIO" and value.isdigit() else MEDDOCAN[kind]
    return GoldSpan(start=int(pieces[0].split()[0]), end=int(pieces[-1].split()[1]), entity=entity)


def _tokens(sentence: str) -> Sequence[tuple[str, str]]:
    """(word, class without its B- or I-) of every line of a CoNLL sentence."""
    tokens = []
    for line in sentence.splitlines():
        parts = line.split()
        if len(parts) >= 2:
            tokens.append((parts[0], parts[-1].removeprefix("B-").removeprefix("I-")))
    return tokens


def _joined(tokens: Sequence[tuple[str, str]]) -> GoldText:
    """The text that the words make, and runs of one class as spans. Two of one class that touch are one."""
    text, spans = "", list[GoldSpan]()
    previous = "O"
    for word, kind in tokens:
        glued = not text or word[0] in _NO_SPACE_BEFORE or text[-1] in _NO_SPACE_AFTER
        start = len(text) + (not glued)
        text = f"{text}{'' if glued else ' '}{word}"
        if kind != "O":
            if kind == previous:
                start = spans.pop().start
            spans.append(GoldSpan(start=start, end=len(text), entity=_entity(kind)))
        previous = kind
    return GoldText(text=text, spans=tuple(spans))


def _entity(kind: str) -> EntityType | None:
    return CONLL.get(kind)
