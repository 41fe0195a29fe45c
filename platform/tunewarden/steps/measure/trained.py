"""What the training step said of the adapter that is measured: its evidence and the document behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tunewarden.domain.canonical import Plain, decode, from_plain
from tunewarden.domain.errors import Corrupted
from tunewarden.domain.gates import Evidence
from tunewarden.domain.names import Digest
from tunewarden.domain.training import StepName
from tunewarden.usecases.ports import Attempt, Blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The parts that measuring needs; None where the training did not say it.

    Attributes:
        epsilon, delta: what is claimed of what was really run for the model, repeated updates included, for one
            person.
        canaries: digest of the document of the canaries.
        answers: what the model answered in the worker's memory; see `steps/train/probe.py`.
        curve: what was trained on parts of the persons; see `steps/train/parts.py`.
        persons: how many the model was trained on.
    """

    epsilon: Decimal | None = None
    delta: Decimal | None = None
    canaries: Digest | None = None
    answers: Plain = None
    curve: Plain = None
    persons: int = 0


def read_trained(blobs: Blobs, attempt: Attempt) -> Trained:
    """Raises `NotFound` or `Corrupted`, also for evidence about another adapter."""
    digest = attempt.evidence.get(StepName.TRAIN)
    if digest is None:
        return Trained()
    evidence = from_plain(Evidence, decode(blobs.read(digest)))
    if evidence.about != attempt.outputs[StepName.TRAIN]:
        raise Corrupted("evidence_of_another_adapter", "The evidence of the training is about another adapter.")
    said = {measurement.metric: measurement.high for measurement in evidence.measurements}
    details = decode(blobs.read(evidence.details)) if evidence.details else {}
    members = details if isinstance(details, Mapping) else {}
    canaries = members.get("canaries")
    return Trained(
        epsilon=said.get("privacy.epsilon_model", said.get("privacy.epsilon")),
        delta=said.get("privacy.delta"),
        canaries=Digest(canaries) if isinstance(canaries, str) else None,
        answers=members.get("answers"),
        curve=members.get("curve"),
        persons=persons if isinstance(persons := members.get("persons"), int) else 0,
    )
