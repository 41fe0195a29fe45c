"""The model card as canonical JSON: what was judged before an alias could name a model version, and on which figures.

It is a pure function of the log's entries about the model version, of the documents that they name by digest (plan,
gates, evidence and the tables behind it), and of what `policies/metrics.toml` says of each metric on the day on which
the card is made (`metrics` is the digest of that), so the same state gives the same bytes, and its digest says which
card was read. There is no door for a figure typed by hand. A figure comes with its 95 % interval and n, with the index
of the entry and the digest of the evidence that hold it. Mitchell et al. 2019 (arXiv 1810.03993) say what a card is
for.

Not in it: anything about single persons, and terms and probes of the explanation, which the lineage report shows.
"""

from collections.abc import Iterator, Mapping

from tunewarden.domain.canonical import Plain, decode, digest_of, from_plain, to_plain
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import GateJudged, StepFinished
from tunewarden.domain.gates import Evidence, Verdict
from tunewarden.domain.training import StepName
from tunewarden.entry.exports.evidence import learnt, plan
from tunewarden.entry.exports.model_card import NOT_KNOWN, not_measured
from tunewarden.entry.report.facts import of
from tunewarden.entry.report.reading import Part, document
from tunewarden.entry.report.summary import summary
from tunewarden.entry.report.verdicts import Metrics
from tunewarden.usecases.reports import Lineage

_SAME = (
    *("as_of", "model", "adapter", "request", "plan", "purpose", "base_model", "profile"),
    *("requested", "approvals", "endorsements", "lapsed"),
    *("dataset", "dataset_registered", "dataset_version", "dataset_version_added", "purposes_set"),
    *("privacy", "attestations", "withdrawals", "aliases", "aliases_taken_off", "retired", "alarms"),
)
"""What `lineage.json` says in the same words."""
_OF_A_GROUP = ("attribute", "group", "persons", "accuracy", "shortfall", "calibration")
_OF_A_COMPARISON = ("attribute", "group", "metric", "label", "behind", "tolerance", "standing")


def card(lineage: Lineage, metrics: Metrics) -> Mapping[str, Plain]:
    """The whole card; `metrics` are the tables of `policies/metrics.toml`, whose unit and meaning are copied.

    Its member `metrics` is the digest of their canonical form, of all of them.

    Raises `Corrupted` for a plan or evidence that is not what its digest says, and for a promotion whose verdict is in
    no entry.
    """
    told = Part(summary(lineage, size=lineage.report.size))
    return {
        "object": "model.card",
        **{name: told.at(name).value for name in _SAME},
        "task": learnt(lineage).hub,
        "max_tokens": plan(lineage).recipe.max_tokens,
        "promotions": [_decision(one, _judged(lineage)) for one in told.at("promotions").items()],
        "metrics": digest_of(metrics),
        "measured": list(_measured(lineage, metrics)),
        "fairness": _fairness(lineage),
        "not_known": [*not_measured(lineage), *NOT_KNOWN],
    }


def _judged(lineage: Lineage) -> Mapping[str, tuple[Entry, GateJudged]]:
    """Digest of a verdict -> the entry that gave it first."""
    found: dict[str, tuple[Entry, GateJudged]] = {}
    for entry, event in of(lineage.report.verdicts, GateJudged):
        verdict = Verdict(gate=event.gate, gate_digest=event.gate_digest, about=event.about, findings=event.findings)
        found.setdefault(digest_of(verdict), (entry, event))
    return found


def _decision(promotion: Part, judged: Mapping[str, tuple[Entry, GateJudged]]) -> Plain:
    """A promotion with the findings it was decided on; `findings` is None where the log has no such verdict."""
    said = dict(promotion.members())
    found = judged.get(promotion.at("verdict").text or "")
    return {
        **{name: part.value for name, part in said.items()},
        "gate": None if found is None else found[1].gate,
        "gate_digest": None if found is None else found[1].gate_digest,
        "judged": None if found is None else found[0].index,
        "findings": None if found is None else to_plain(found[1].findings),
    }


def _measured(lineage: Lineage, metrics: Metrics) -> Iterator[Plain]:
    """Every measurement of the finished steps, in log order."""
    for entry, event in of(lineage.report.steps, StepFinished):
        for one in from_plain(Evidence, decode(lineage.documents[event.evidence])).measurements:
            known = metrics.get(one.metric, {})
            yield {
                **{name: part.value for name, part in Part(to_plain(one)).members()},
                "unit": str(known.get("unit", "")),
                "n_counts": str(known.get("n", "")),
                "meaning": str(known.get("meaning", "")),
                "evidence": event.evidence,
                "index": entry.index,
            }


def _fairness(lineage: Lineage) -> Plain:
    """By group, and every comparison that the plan declared; None where the evidence has no such tables."""
    done = [(entry, event) for entry, event in of(lineage.report.steps, StepFinished) if event.step is StepName.MEASURE]
    if not done:
        return None
    entry, event = done[-1]
    part = document(lineage.documents, event.details).at("fairness")
    if part.value is None:
        return None
    return {
        "index": entry.index,
        "details": event.details,
        "least_persons": part.at("least_persons").value,
        "groups": [_members(one, _OF_A_GROUP) for one in part.at("assessed").items()],
        "too_small": [_members(one, ("attribute", "group")) for one in part.at("not_assessable").items()],
        "declaration": part.at("decided", "declaration").value,
        "comparisons": [_members(one, _OF_A_COMPARISON) for one in part.at("decided", "comparisons").items()],
        "merged": [one.at("attribute").value for one in part.at("decided", "merged").items()],
        "unassessed": part.at("decided", "unassessed").value,
    }


def _members(part: Part, names: tuple[str, ...]) -> Plain:
    return {name: part.at(name).value for name in names if part.at(name).value is not None}
