"""What a model card says of de-identification: by what, how well as far as anybody knows, and what was left in."""

from collections.abc import Iterator

from tunewarden.domain.canonical import decimal_text
from tunewarden.domain.deidentification import Method, Operator
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import RequestSubmitted, StepFinished
from tunewarden.domain.gates import Measurement
from tunewarden.domain.names import Digest
from tunewarden.domain.sampling import review_measurements
from tunewarden.domain.training import StepName
from tunewarden.entry.exports.evidence import brackets, cited
from tunewarden.entry.report.facts import of, only
from tunewarden.entry.report.figures import count
from tunewarden.entry.report.reading import Part, document
from tunewarden.entry.report.safe_harbor import Standing, standing
from tunewarden.usecases.reports import Lineage


def deidentification(lineage: Lineage) -> list[str]:
    """One line a statement, each with the indices of its entries; empty where the step never finished."""
    done = [
        (entry, event) for entry, event in of(lineage.report.steps, StepFinished) if event.step is StepName.DEIDENTIFY
    ]
    if not done:
        return []
    entry, event = done[-1]
    details = document(lineage.documents, event.details)
    found = {one.measurement.metric: one.measurement for one in cited(lineage) if one.index == entry.index}
    signed = details.at("report").text
    known = standing(lineage.report.reviews, event.output, Digest(signed or ""))
    return [
        *_by(lineage, details, entry.index),
        *_planted(found, entry.index),
        *_reviewed(known, entry.index),
        *_left(found, details, entry.index),
        *_signed(_claimed(lineage), known, entry.index),
    ]


def _claimed(lineage: Lineage) -> Method | None:
    """What the profile claims; None where its document does not say."""
    asked = only(lineage.report.request, RequestSubmitted)
    method = document(lineage.documents, asked.profile).at("method").text
    return Method(method) if method in list(Method) else None


def _by(lineage: Lineage, details: Part, index: int) -> Iterator[str]:
    asked, at = only(lineage.report.request, RequestSubmitted), lineage.report.request.index
    name = document(lineage.documents, asked.profile).at("name").text
    claimed = _claimed(lineage)
    claims = {None: "", Method.NONE: "; it claims nothing"}.get(claimed, f"; it claims `{claimed}`")
    yield f"By the profile {f'`{name}`, ' if name else ''}`{asked.profile}`{claims} [{at}]."
    detector = details.at("detector").text
    yield (
        f"Recognised by `{detector}` [{index}]." if detector else f"By what it was recognised is not stated [{index}]."
    )


def _planted(found: dict[str, Measurement], index: int) -> Iterator[str]:
    recall = found.get("deid.planted_recall")
    if recall is None:
        yield f"How many identifiers are found was not measured [{index}]."
        return
    yield (
        f"Of {recall.n} made-up identifiers planted into copies of the texts {decimal_text(recall.value)} were found "
        f"entirely; of such ones at least {decimal_text(recall.low)} are, with 95 % confidence [{index}]."
    )


def _reviewed(known: Standing, index: int) -> Iterator[str]:
    if known.review is None:
        opened = known.opened
        yield (
            f"Not reviewed by a person [{index}]."
            if opened is None
            else f"A random sample was drawn for people to read, and not read to its end [{opened[0].index}]."
        )
        return
    entry, event = known.review
    *_, bound = review_measurements(
        leaks=event.leaks,
        documents=event.documents,
        found=event.found,
        seeds=event.seeds,
        failed_before=known.failed_before,
    )
    yield (
        f"People read {count(event.documents, 'record')} drawn at random, found something that still identifies in "
        f"{event.leaks} and noticed {event.found} of {count(event.seeds, 'made-up identifier')} mixed in: at most "
        f"{decimal_text(bound.high)} of all records still identify, with 95 % confidence [{entry.index}]."
    )


def _left(found: dict[str, Measurement], details: Part, index: int) -> Iterator[str]:
    kept = sorted(kind for kind, does in details.at("operators").members() if does.text == Operator.KEEP)
    if kept:
        yield f"Left as they are, where they were recognised: {', '.join(f'`{kind}`' for kind in kept)} [{index}]."
    for metric, before, after in _LEFT:
        one = found.get(metric)
        if one is not None:
            interval = "" if one.low == one.high else f" ({decimal_text(one.low)} to {decimal_text(one.high)})"
            yield f"{before} {decimal_text(one.value)}{interval}{after} [{index}]."


_LEFT = (
    (
        "deid.rescan_hits_per_1000_records",
        "A closer look at what was released saw something like an identifier in",
        " of 1,000 records",
    ),
    (
        "deid.value_leaks_per_1000_records",
        "An identifier that was taken out elsewhere still stands in",
        " of 1,000 records of its person",
    ),
    ("deid.k_anonymity", "Persons who share all that stays readable of them, in the smallest group:", ""),
)


def _signed(claimed: Method | None, known: Standing, index: int) -> Iterator[str]:
    for entry, event in known.signed:
        until = f", until {event.expires.isoformat()}" if event.expires else ""
        yield f"Signed as `{event.method.value}` by `{entry.actor}`{until} [{entry.index}]."
    if known.signed or claimed is Method.NONE:
        return
    log = _withdrawn(known)
    yield f"{'The signature was withdrawn' if log else 'Nobody signed what is claimed'} {brackets(log or (index,))}."


def _withdrawn(known: Standing) -> tuple[int, ...]:
    pair: tuple[Entry, object] | None = known.withdrawn
    return () if pair is None else (pair[0].index,)
