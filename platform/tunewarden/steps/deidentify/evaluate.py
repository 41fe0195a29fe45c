"""Evaluating a profile on texts whose identifiers somebody marked: what it finds, what it lets through, how fast it is.

Two views of the same run: everything that is recognised, and what the profile transforms of it. Nothing of the texts is
in the result; the words that the gold file uses for kinds are.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tunewarden.domain.deidentification import Operator, Profile
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.gold_file import Identifies, MarkedText
from tunewarden.steps.deidentify.scoring import IOU, Counted, Figure, Scores, f_beta
from tunewarden.steps.deidentify.spans import Span, propagate, resolve

_TOGETHER = 64  # texts that are handed to the detector at once
_MOST_CHARACTERS = 400_000  # of them together

Find = Callable[[Sequence[str]], Sequence[Sequence[Span]]]
"""`Detector.find`: texts -> candidates in each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What came of it.

    Attributes:
        seconds: wall time of recognising and settling, without reading the gold file and without counting.
        threads: that the model was allowed.
        data: digest of the gold file's bytes.
        recognised, transformed: the two views.
    """

    profile: Profile
    detector: Digest
    data: Digest
    documents: int
    characters: int
    mentions: int
    seconds: float
    threads: int
    recognised: Scores
    transformed: Scores


def evaluate(
    find: Find,
    profile: Profile,
    documents: Iterable[MarkedText],
    *,
    detector: Digest,
    data: Digest,
    threads: int,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Look for identifiers in every document, once, and compare. Holds one batch of documents at a time.

    `data` is the digest of the gold file; `progress` is told after every batch how many documents it had.
    """
    recognised, transformed = Scores(), Scores()
    characters = mentions = done = 0
    seconds = 0.0
    for batch in batches(documents):
        began = time.perf_counter()
        found = find([gold.text for gold in batch])
        settled = [_settled(gold.text, spans, profile) for gold, spans in zip(batch, found, strict=True)]
        seconds += time.perf_counter() - began
        for gold, (everything, taken) in zip(batch, settled, strict=True):
            recognised.add(gold, everything)
            transformed.add(gold, taken)
            characters += len(gold.text)
            mentions += sum(mark.type is not None for mark in gold.spans)
        done += len(batch)
        if progress is not None:
            progress(len(batch))
    return Evaluation(
        profile=profile,
        detector=detector,
        data=data,
        documents=done,
        characters=characters,
        mentions=mentions,
        seconds=seconds,
        threads=threads,
        recognised=recognised,
        transformed=transformed,
    )


def batches(documents: Iterable[MarkedText]) -> Iterator[list[MarkedText]]:
    """Up to 64 documents at a time, and no more characters than fit; a longer one alone."""
    batch: list[MarkedText] = []
    room = _MOST_CHARACTERS
    for gold in documents:
        if batch and (len(batch) == _TOGETHER or len(gold.text) > room):
            yield batch
            batch, room = [], _MOST_CHARACTERS
        batch.append(gold)
        room -= len(gold.text)
    if batch:
        yield batch


def to_json(result: Evaluation) -> Mapping[str, object]:
    """For programs; numbers are floats, because they leave for people and plots."""
    return {
        "profile": {"name": result.profile.name, "digest": result.profile.digest()},
        "detector": result.detector,
        "data": result.data,
        "documents": result.documents,
        "characters": result.characters,
        "mentions": result.mentions,
        "speed": {
            "characters_per_second": round(result.characters / result.seconds) if result.seconds else None,
            "seconds": round(result.seconds, 3),
            "threads": result.threads,
        },
        "recognised": _view(result.recognised),
        "transformed": _view(result.transformed),
    }


def _settled(text: str, found: Sequence[Span], profile: Profile) -> tuple[Sequence[Span], Sequence[Span]]:
    """Everything that is recognised, and what the profile transforms: as `Deidentifier.settle` of a person unknown."""
    candidates = [*found, *propagate(text, found)]
    taken = [span for span in candidates if profile.operator(span.entity) is not Operator.KEEP]
    everything = resolve(candidates)
    return everything, everything if len(taken) == len(candidates) else resolve(taken)


def _view(scores: Scores) -> Mapping[str, object]:
    precision, recall = scores.iou_precision.figure(), scores.iou_recall.figure()
    return {
        "token": {"recall": _figure(scores.token_recall), "precision": _figure(scores.token_precision)},
        "mention": {"recall": _figure(scores.mention_recall), "precision": _figure(scores.mention_precision)},
        "by_type": {
            kind: {"token_recall": _figure(tokens), "mention_recall": _figure(mentions)}
            for kind, (tokens, mentions) in sorted(scores.of_type.items())
        },
        "by_kind": {
            kind.value: {"token_precision": _figure(tokens), "mention_precision": _figure(spans)}
            for kind, (tokens, spans) in sorted(scores.of_kind.items())
        },
        "entities": {sort.value: _figure(scores.entities.get(sort, Counted())) for sort in Identifies},
        "span_iou": {
            "at_least": IOU,
            "precision": _figure(scores.iou_precision),
            "recall": _figure(scores.iou_recall),
            "f2": _rounded(f_beta(precision.value, recall.value)),
        },
        "leaking_documents": _figure(scores.leaking),
        "leaking_documents_direct": _figure(scores.leaking_direct),
    }


def _figure(counted: Counted) -> Mapping[str, object]:
    figure: Figure = counted.figure()
    return {
        "value": _rounded(figure.value),
        "low": _rounded(figure.low),
        "high": _rounded(figure.high),
        "hits": figure.hits,
        "n": figure.n,
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)
