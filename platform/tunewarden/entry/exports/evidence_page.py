"""The evidence about a model version as pages: a list of its kinds, and one page for each.

What was found is told by the sections of the lineage report, from the same view. Around them stand who measured, in
which entry of the log and under which digests, and every figure as `GET /v1/models/{id}/evidence/{kind}` has it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from tunewarden.domain.entries import Entry
from tunewarden.domain.events import ModelRegistered, ReviewAnswered, ReviewClosed, StepFinished
from tunewarden.domain.names import Digest
from tunewarden.entry.exports.card_page import measured
from tunewarden.entry.exports.evidence_kinds import EvidenceKind, evidence_of_kind
from tunewarden.entry.report.cited import Cited, cited
from tunewarden.entry.report.facts import Name, indices, of, only
from tunewarden.entry.report.figures import instant
from tunewarden.entry.report.head import head
from tunewarden.entry.report.reading import Part, document
from tunewarden.entry.report.render import environment
from tunewarden.entry.report.verdicts import Metrics
from tunewarden.entry.report.view import view
from tunewarden.entry.report.words import STEPS
from tunewarden.usecases.reports import Lineage

_LOG = re.compile(r'data-log="([0-9 -]+)"')
"""All that a footnote of `parts.html` names, as runs `FIRST-LAST`; of many it shows the first and the last alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a kind of evidence is told.

    Attributes:
        sections: templates of the lineage report, or made of parts of it.
        unproven: macros of `unproven.html`: what it does not show.
    """

    title: str
    about: str
    sections: tuple[str, ...]
    unproven: tuple[str, ...] = ()


KINDS: Mapping[EvidenceKind, Told] = MappingProxyType(
    {
        EvidenceKind.DEIDENTIFICATION: Told(
            title="De-identification",
            about="Which identifiers were found and transformed, and how many planted ones were found again.",
            sections=("deidentification.html",),
            unproven=("identifiers",),
        ),
        EvidenceKind.REVIEW: Told(
            title="Reading by people",
            about="What people marked who read a sample of what was released.",
            sections=("reviewed_apart.html",),
            unproven=("identifiers",),
        ),
        EvidenceKind.TRAINING: Told(
            title="Training",
            about="What was run, what was tried before the first update, and whether the adapter is what was trained.",
            sections=("training.html", "versions.html"),
            unproven=("noise",),
        ),
        EvidenceKind.UTILITY: Told(
            title="Utility",
            about="How well the model does on persons held out of training, and beside what.",
            sections=("utility.html",),
            unproven=("held_out", "groups"),
        ),
        EvidenceKind.FAIRNESS: Told(
            title="Fairness",
            about="How groups fare beside everybody else, and what could be done about gaps.",
            sections=("fairness.html",),
            unproven=("groups", "held_out"),
        ),
        EvidenceKind.EXPLANATION: Told(
            title="Explanation",
            about="Which words move the answers, and whether explanations deserve to be believed.",
            sections=("explanation.html",),
        ),
        EvidenceKind.PRIVACY: Told(
            title="Privacy",
            about="What the training promises one person, and what attacks on the model showed.",
            sections=("privacy.html",),
            unproven=("noise", "held_out"),
        ),
        EvidenceKind.LEARNING_CURVE: Told(
            title="Learning curve",
            about="Whether less data would have done.",
            sections=("learning_curve.html",),
            unproven=("held_out",),
        ),
    }
)
"""Every kind, in the order of the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An entry that evidence comes from: who said it, and each digest that it is kept under, whole."""

    what: str
    by: tuple[Name, ...]
    at: str
    documents: tuple[tuple[str, str], ...]
    log: tuple[int, ...]


def render_kinds(lineage: Lineage, *, origin: str, metrics: Metrics) -> str:
    """The list: every kind, how many figures there are of it, and where it comes from. Raises `Corrupted`."""
    kinds = []
    for kind, told in KINDS.items():
        said = Part(evidence_of_kind(lineage, kind, metrics))
        kinds.append((kind, told, len(list(said.at("measurements").items())), tuple(_sources(lineage, said))))
    return (
        environment()
        .get_template("evidence.html")
        .render(
            model=Name(only(lineage.report.model, ModelRegistered).model),
            registered=(lineage.report.model.index,),
            origin=origin,
            size=f"{lineage.report.size:,}",
            kinds=kinds,
            cited_in=_citing(lineage),
        )
    )


def render_evidence(lineage: Lineage, kind: EvidenceKind, *, origin: str, metrics: Metrics) -> str:
    """One kind. Where nothing of it was measured the page says so.

    Raises `Corrupted` where a plan, a gate or evidence is not what its digest says. Not checked: signatures and proofs.
    """
    said = Part(evidence_of_kind(lineage, kind, metrics))
    return (
        environment()
        .get_template("evidence_kind.html")
        .render(
            kind=kind,
            told=KINDS[kind],
            view=view(lineage, head=head(origin, lineage.report.size, "", ""), metrics=metrics),
            sources=tuple(_sources(lineage, said)),
            figures=tuple(measured(one) for one in said.at("measurements").items()),
            cited_in=_citing(lineage),
        )
    )


def _citing(lineage: Lineage) -> Callable[[str], tuple[Cited, ...]]:
    """From a page's text, the entries that it points at, in log order."""
    entries = lineage.report.entries()

    def pointed_at(page: str) -> tuple[Cited, ...]:
        runs = [run.split("-") for said in set(_LOG.findall(page)) for run in said.split()]
        found = {index for first, last in runs for index in range(int(first), int(last) + 1)}
        return cited(one for one in entries if one.index in found)

    return pointed_at


def _sources(lineage: Lineage, said: Part) -> Iterator[Source]:
    """The entries that `said` comes from, in log order; the names of its members are those of `evidence_of_kind`."""
    members = ("measurements", "documents")
    where = {one.at("index").whole for member in members for one in said.at(member).items()}
    for entry, event in of(lineage.report.steps, StepFinished):
        if entry.index in where:
            yield _source(lineage, entry, f"Step: {STEPS[event.step]}", event.evidence, event.details)
    for entry, closed in of(lineage.report.reviews, ReviewClosed):
        if entry.index in where:
            answered = of(lineage.report.reviews, ReviewAnswered)
            readers = [one for one, read in answered if read.review == closed.review]
            yield replace(
                _source(lineage, entry, "A sample that people read", closed.evidence),
                by=tuple(Name(who) for who in dict.fromkeys(one.actor for one in readers)),
                log=indices((*readers, entry)),
            )


def _source(lineage: Lineage, entry: Entry, what: str, evidence: Digest, tables: Digest | None = None) -> Source:
    part = document(lineage.documents, evidence)
    named = {
        "Measurements": evidence,
        "Tables behind them": tables,
        "What was measured": part.at("about").text,
        "Code and settings that measured": part.at("produced_by").text,
    }
    return Source(
        what=what,
        by=(Name(entry.actor),),
        at=instant(entry.at),
        documents=tuple((label, digest) for label, digest in named.items() if digest is not None),
        log=(entry.index,),
    )
