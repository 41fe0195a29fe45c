"""Evaluating a profile on texts whose identifiers somebody marked: what it finds, what it lets through, how fast it is.

Two views of the same run: everything that is recognised, and what the profile transforms of it. Nothing of the texts is
in the result; the words that the gold file uses for kinds are.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tunewarden.domain.deidentification import Operator, Profile
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.gold_file import Identifies, MarkedText, Place
from tunewarden.steps.deidentify.reading import Find, everywhere, read_in_batches
from tunewarden.steps.deidentify.scoring import IOU, Counted, Figure, Scores, f_beta
from tunewarden.steps.deidentify.spans import Span, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What came of it.

    Attributes:
        seconds: wall time of recognising and settling, without reading the gold file and without counting.
        threads: that the model was allowed.
        mentions: places that are marked as an identifier.
        cutting: those of them that begin or end inside a word; where they are many, the offsets were counted in
            another unit than code points.
        data: digest of the gold file's bytes.
        marked_kinds: the only ones whose precision is told; None for every kind.
        recognised, transformed: the two views.
    """

    profile: Profile
    detector: Digest
    data: Digest
    documents: int
    characters: int
    mentions: int
    cutting: int
    seconds: float
    threads: int
    marked_kinds: tuple[EntityType, ...] | None
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
    marked_kinds: Collection[EntityType] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Look for identifiers in every document, once, and compare. Holds one batch of documents at a time.

    `data` is the digest of the gold file, `marked_kinds` what it marks at all (see `Scores.add`); `progress` is told
    after every batch how many documents it had.
    """
    recognised, transformed = Scores(), Scores()
    characters = mentions = cutting = done = 0
    seconds = 0.0
    for batch in read_in_batches(find, documents):
        began = time.perf_counter()
        settled = [_settled(gold.text, found, profile) for gold, found in zip(batch.items, batch.found, strict=True)]
        seconds += batch.seconds + time.perf_counter() - began
        for gold, (everything, taken) in zip(batch.items, settled, strict=True):
            recognised.add(gold, everything, marked_kinds)
            transformed.add(gold, taken, marked_kinds)
            characters += len(gold.text)
            places = {mark.place for mark in gold.spans if mark.type is not None}
            mentions += len(places)
            cutting += sum(_cuts(gold.text, place) for place in places)
        done += len(batch.items)
        if progress is not None:
            progress(len(batch.items))
    return Evaluation(
        profile=profile,
        detector=detector,
        data=data,
        documents=done,
        characters=characters,
        mentions=mentions,
        cutting=cutting,
        seconds=seconds,
        threads=threads,
        marked_kinds=None if marked_kinds is None else tuple(sorted(marked_kinds)),
        recognised=recognised,
        transformed=transformed,
    )


def to_json(result: Evaluation) -> Mapping[str, object]:
    """For programs; numbers are floats, because they leave for people and plots."""
    return {
        "profile": {"name": result.profile.name, "digest": result.profile.digest()},
        "detector": result.detector,
        "data": result.data,
        "documents": result.documents,
        "characters": result.characters,
        "mentions": result.mentions,
        "mentions_that_cut_a_word": result.cutting,
        "precision_of_kinds": "all" if result.marked_kinds is None else result.marked_kinds,
        "speed": {
            "characters_per_second": round(result.characters / result.seconds) if result.seconds else None,
            "seconds": round(result.seconds, 3),
            "threads": result.threads,
        },
        "recognised": _view(result.recognised),
        "transformed": _view(result.transformed),
    }


def _cuts(text: str, place: Place) -> bool:
    """Whether a letter stands on both sides of where it begins, or of where it ends."""
    return any(text[max(0, at - 1) : at].isalpha() and text[at : at + 1].isalpha() for at in place)


def _settled(text: str, found: Sequence[Span], profile: Profile) -> tuple[Sequence[Span], Sequence[Span]]:
    """Everything that is recognised, and what the profile transforms: as `Deidentifier.settle` of a person unknown."""
    candidates = everywhere(text, found)
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
