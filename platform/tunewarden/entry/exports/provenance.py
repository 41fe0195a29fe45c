"""`lineage.prov.json`: the lineage as W3C PROV-JSON, made with the library `prov`.

Every entry is an activity of its actor, refusals too, and every attempt of a step is one that lasts, in which a worker
acts on behalf of whoever asked. Artefacts are entities named by their digests (`sha256:` and hex), so that the same
artefact is the same entity in every document; each is attributed to whoever acted when it came to be. `tw:index` of an
element is the log index of the entry that it rests on. Sources: W3C PROV-DM, PROV-CONSTRAINTS (an entity is generated
once) and PROV-JSON (member submission of 2013).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from prov.model import ProvDocument

from tunewarden.domain.canonical import encode
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import (
    AliasMoved,
    DatasetRetired,
    DatasetVersionAdded,
    Event,
    GateJudged,
    ModelRegistered,
    PromotionApproved,
    PromotionProposed,
    RequestSubmitted,
    StepFailed,
    StepFinished,
    StepStarted,
)
from tunewarden.domain.names import Digest
from tunewarden.domain.override_events import GateOverridden
from tunewarden.domain.training import StepName
from tunewarden.entry.report.facts import of, only
from tunewarden.usecases.reports import Lineage

_NAMESPACES = {"tw": "urn:tunewarden:prov:", "sha256": "urn:sha256:"}

# What the digest in a field of an entry is of. The first that applies counts: an adapter is a step's output, too.
_KINDS = {
    "adapter": "Adapter",
    "version": "DatasetVersion",
    "source": "Upload",
    "base_digest": "BaseModel",
    "plan": "Plan",
    "profile": "DeidentificationProfile",
    "training_gate": "Gate",
    "gate_digest": "Gate",
    "evidence": "Evidence",
    "details": "Details",
    "verdict": "Verdict",
    "signature": "ModelSignature",
    "statement": "Statement",
    "release_key": "ReleaseKey",
    "columns": "Columns",
    "output": "StepOutput",
}
# Digests that come into being with the entry that names them; the entry uses all others.
_MADE: Mapping[type[Event], frozenset[str]] = {
    DatasetVersionAdded: frozenset({"version"}),
    RequestSubmitted: frozenset({"plan"}),
    ModelRegistered: frozenset({"signature", "statement"}),
    PromotionProposed: frozenset({"verdict"}),
}
_WORDS = ("action", "code", "outcome", "alias")  # what an entry decided, where it has such a field


def provenance(lineage: Lineage) -> bytes:
    """PROV-JSON in canonical form."""
    graph = _Graph(lineage)
    graph.artefacts()
    graph.people()
    for entry in lineage.report.entries():
        graph.entry(entry)
    graph.attempts()
    graph.model()
    return encode(json.loads(graph.document.serialize(format="json") or ""))


class _Graph:
    """The document while it grows; ids of relations are counted, so that the same lineage gives the same document."""

    def __init__(self, lineage: Lineage) -> None:
        self.document = ProvDocument()
        for prefix, uri in _NAMESPACES.items():
            self.document.add_namespace(prefix, uri)
        self._report = lineage.report
        self._relations = 0
        self._generated: set[str] = set()

    def artefacts(self) -> None:
        """An entity for every digest that an entry names."""
        kinds: dict[Digest, list[str]] = {}
        first: dict[Digest, int] = {}
        for entry in self._report.entries():
            for name, digest in _digests(entry.event):
                kinds.setdefault(digest, []).append(name)
                first.setdefault(digest, entry.index)
        for digest, names in kinds.items():
            kind = next((word for name, word in _KINDS.items() if name in names), "Artefact")
            self.document.entity(digest, self._about(kind, first[digest]))

    def people(self) -> None:
        """An agent for everybody who acts, by opaque id; its index is that of the first entry that speaks of it."""
        first: dict[str, int] = {}
        for entry in self._report.entries():
            for principal in (getattr(entry.event, "principal", None), entry.actor):
                if principal is not None:
                    first.setdefault(principal, entry.index)
        for principal, index in first.items():
            self.document.agent(f"tw:{principal}", {"tw:index": index})

    def entry(self, entry: Entry) -> None:
        """The entry as an activity: who did it, what it rests on, what came of it."""
        kind, activity = type(entry.event).__name__, f"tw:entry-{entry.index}"
        said = {f"tw:{name}": str(getattr(entry.event, name)) for name in _WORDS if hasattr(entry.event, name)}
        self.document.activity(activity, entry.at, entry.at, self._about(kind, entry.index) | said)
        self._associated(activity, entry)
        if not isinstance(entry.event, StepStarted | StepFinished | StepFailed):  # their attempt does these
            made = _MADE.get(type(entry.event), frozenset())
            for name, digest in _digests(entry.event):
                self._link(activity, digest, entry, made=name in made)
        match entry.event:
            case DatasetVersionAdded(version=version, source=source):
                self._derived(version, source, entry)
            case GateJudged(outcome=outcome, about=about):
                verdict = f"tw:verdict-{entry.index}"
                self.document.entity(verdict, self._about("Verdict", entry.index) | {"tw:outcome": outcome.value})
                self._link(activity, verdict, entry, made=True)
                self._derived(verdict, about, entry)
            case DatasetRetired():
                version = only(self._report.version, DatasetVersionAdded).version
                self.document.wasInvalidatedBy(
                    version, activity, entry.at, self._next(), other_attributes={"tw:index": entry.index}
                )
            case _:
                pass

    def attempts(self) -> None:
        """Each try of a step: it lasts from its first entry to its last, and links what it was given to its output."""
        asked = only(self._report.request, RequestSubmitted)
        ends = {
            end.event.attempt: end for end in self._report.steps if isinstance(end.event, StepFinished | StepFailed)
        }
        for begin, started in of(self._report.steps, StepStarted):
            activity, end = f"tw:attempt-{started.attempt}", ends.get(started.attempt)
            kind = f"{started.step.value.capitalize()}Attempt"
            self.document.activity(activity, begin.at, None if end is None else end.at, self._about(kind, begin.index))
            self._associated(activity, begin)
            self.document.actedOnBehalfOf(
                f"tw:{begin.actor}",
                f"tw:{self._report.request.actor}",
                activity,
                identifier=self._next(),
                other_attributes={"tw:index": begin.index},
            )
            given = [started.given]
            given += [asked.base_digest, asked.plan] if started.step is StepName.TRAIN else []
            for digest in given:
                self._link(activity, digest, begin, made=False)
            if end is not None and isinstance(end.event, StepFinished):
                for _, digest in _digests(end.event):
                    self._link(activity, digest, end, made=True)
                for source in given:
                    if source != asked.plan:
                        self._derived(end.event.output, source, end)

    def model(self) -> None:
        """The model version: made by its registration from the adapter, and used by what moves aliases."""
        made, index = only(self._report.model, ModelRegistered), self._report.model.index
        model = f"tw:{made.model}"
        self.document.entity(model, self._about("ModelVersion", index))
        self._link(f"tw:entry-{index}", model, self._report.model, made=True)
        self._derived(model, made.adapter, self._report.model)
        for entry in (*self._report.promotions, *self._report.aliases):
            event = entry.event
            if (
                isinstance(event, PromotionProposed | GateOverridden | PromotionApproved | AliasMoved)
                and event.model == made.model
            ):
                self._link(f"tw:entry-{entry.index}", model, entry, made=False)

    def _about(self, kind: str, index: int) -> dict[str, Any]:
        return {"prov:type": self.document.valid_qualified_name(f"tw:{kind}"), "tw:index": index}

    def _link(self, activity: str, entity: str, entry: Entry, *, made: bool) -> None:
        """What the activity used, or made; what was there already, like a verdict given twice, is used."""
        attributes = {"tw:index": entry.index}
        if made and entity not in self._generated:
            self._generated.add(entity)
            self.document.wasGeneratedBy(entity, activity, entry.at, self._next(), other_attributes=attributes)
            self.document.wasAttributedTo(entity, f"tw:{entry.actor}", self._next(), other_attributes=attributes)
        else:
            self.document.used(activity, entity, entry.at, self._next(), other_attributes=attributes)

    def _associated(self, activity: str, entry: Entry) -> None:
        self.document.wasAssociatedWith(
            activity, f"tw:{entry.actor}", identifier=self._next(), other_attributes={"tw:index": entry.index}
        )

    def _derived(self, made: str, source: str, entry: Entry) -> None:
        self.document.wasDerivedFrom(made, source, identifier=self._next(), other_attributes={"tw:index": entry.index})

    def _next(self) -> str:
        self._relations += 1
        return f"tw:relation-{self._relations}"


def _digests(event: Event) -> Iterator[tuple[str, Digest]]:
    """Every field of the event that is a digest."""
    for field in fields(event):
        value = getattr(event, field.name)
        if isinstance(value, str) and value.startswith("sha256:"):
            yield field.name, Digest(value)
