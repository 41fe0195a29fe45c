"""The evidence about a model version, by what it is about: the same figures and tables that the lineage report shows.

A pure function of the lineage: nothing is measured anew, and what a step withheld is not in the documents at all.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType

from tunewarden.domain.canonical import Plain, decode, from_plain, to_plain
from tunewarden.domain.events import ReviewClosed, StepFinished
from tunewarden.domain.gates import Evidence
from tunewarden.domain.names import Digest
from tunewarden.domain.training import StepName
from tunewarden.entry.report.facts import of
from tunewarden.entry.report.reading import Part, document
from tunewarden.entry.report.verdicts import Metrics
from tunewarden.usecases.reports import Lineage


class EvidenceKind(StrEnum):
    """What evidence is about."""

    DEIDENTIFICATION = "deidentification"
    REVIEW = "review"
    TRAINING = "training"
    UTILITY = "utility"
    FAIRNESS = "fairness"
    EXPLANATION = "explanation"
    PRIVACY = "privacy"
    LEARNING_CURVE = "learning-curve"


_OF_METRIC: Mapping[str, EvidenceKind] = MappingProxyType(
    {
        "deid": EvidenceKind.DEIDENTIFICATION,
        "train": EvidenceKind.TRAINING,
        "utility": EvidenceKind.UTILITY,
        "fairness": EvidenceKind.FAIRNESS,
        "explanation": EvidenceKind.EXPLANATION,
        "privacy": EvidenceKind.PRIVACY,
        "learning_curve": EvidenceKind.LEARNING_CURVE,
    }
)
"""By the first word of a metric (`policies/metrics.toml`)."""

_MEASURED: Mapping[str, EvidenceKind] = MappingProxyType(
    {
        **dict.fromkeys(
            ("utility", "quality", "completions", "written", "few_shot", "generalisation", "left_out", "not_measured"),
            EvidenceKind.UTILITY,
        ),
        **dict.fromkeys(
            ("fairness", "mitigated", "twins", "twins_left_out", "questions", "counterfactuals"),
            EvidenceKind.FAIRNESS,
        ),
        **dict.fromkeys(("explanation", "scrutiny"), EvidenceKind.EXPLANATION),
        **dict.fromkeys(("membership", "audit", "extraction", "generations", "noisy"), EvidenceKind.PRIVACY),
        "self_check": EvidenceKind.TRAINING,
        "curve": EvidenceKind.LEARNING_CURVE,
    }
)
"""Member of the measuring step's document -> what it is about. All but what was measured, and with which libraries."""

_OF_STEP: Mapping[StepName, EvidenceKind] = MappingProxyType(
    {StepName.DEIDENTIFY: EvidenceKind.DEIDENTIFICATION, StepName.TRAIN: EvidenceKind.TRAINING}
)
"""Steps whose document is of one kind as a whole."""


def kind_of(metric: str) -> EvidenceKind | None:
    """What a metric of a step is about; None for a word that no policy of today has."""
    return _OF_METRIC.get(metric.partition(".")[0])


def kinds_of_evidence(lineage: Lineage) -> list[Mapping[str, Plain]]:
    """Each kind that there is evidence of, with the digests of the documents that hold it. Raises `Corrupted`."""
    found: list[Mapping[str, Plain]] = []
    for kind in EvidenceKind:
        measurements, tables = list(_measurements(lineage, kind, {})), list(_tables(lineage, kind))
        if measurements or tables:
            found.append(
                {
                    "kind": kind,
                    "measurements": len(measurements),
                    "evidence": sorted({str(one["evidence"]) for one in measurements}),
                    "documents": [table["document"] for table in tables],
                }
            )
    return found


def evidence_of_kind(lineage: Lineage, kind: EvidenceKind, metrics: Metrics) -> Mapping[str, Plain]:
    """Every measurement of this kind with its unit and meaning, and the tables behind them. Raises `Corrupted`."""
    return {
        "kind": kind,
        "measurements": list(_measurements(lineage, kind, metrics)),
        "documents": list(_tables(lineage, kind)),
    }


def _measurements(lineage: Lineage, kind: EvidenceKind, metrics: Metrics) -> Iterator[dict[str, Plain]]:
    for index, digest, is_review in _evidence(lineage):
        for one in from_plain(Evidence, decode(lineage.documents[digest])).measurements:
            if (EvidenceKind.REVIEW if is_review else kind_of(one.metric)) is not kind:
                continue
            known = metrics.get(one.metric, {})
            yield {
                **{name: part.value for name, part in Part(to_plain(one)).members()},
                "unit": str(known.get("unit", "")),
                "n_counts": str(known.get("n", "")),
                "meaning": str(known.get("meaning", "")),
                "evidence": digest,
                "index": index,
            }


def _evidence(lineage: Lineage) -> Iterator[tuple[int, Digest, bool]]:
    """Index of the entry, digest, and whether people said it, in log order."""
    steps = [(entry.index, event.evidence, False) for entry, event in of(lineage.report.steps, StepFinished)]
    said = [(entry.index, event.evidence, True) for entry, event in of(lineage.report.reviews, ReviewClosed)]
    yield from sorted(steps + said)


def _tables(lineage: Lineage, kind: EvidenceKind) -> Iterator[dict[str, Plain]]:
    for entry, event in of(lineage.report.steps, StepFinished):
        said = document(lineage.documents, event.details).members()
        tables = {
            name: part.value
            for name, part in said
            if part.value is not None and _OF_STEP.get(event.step, _MEASURED.get(name)) is kind
        }
        if tables:
            yield {"step": event.step, "document": event.details, "index": entry.index, "tables": tables}
