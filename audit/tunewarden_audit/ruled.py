"""Whether entries say of the rules they were decided by what the documents of these rules say.

That nobody may let pass what a rule stops (`hard`), and that it takes two to take an alias off (`protected`), is said
by entries and believed by whoever judges what people did. Both come from documents that the same entries name: the gate
of a verdict, and the list of aliases. So does what an approver signs for: how many groups nobody can say anything about
is counted in the evidence of the model version. Where such a document stays outside of the bundle, nothing is said.

Not checked: that these were the documents the organisation had reviewed; compare their digests with your own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

_OF_A_RULE: Mapping[str, object] = {"metric": None, "bound": None, "limit": None, "otherwise": "fail", "hard": False}
"""What a finding repeats of its rule -> what it is where either leaves it out."""


class Unruled(ValueError):
    """An entry says something else than the document of its rules. The message quotes neither."""


def require_ruled(entries: Mapping[int, Mapping[str, Any]], documents: Mapping[str, Any]) -> None:
    """Raise Unruled for an entry that does. `documents`: the hex of a digest -> what the document with it says."""
    try:
        for fact in _of(entries, "GateJudged"):
            gate = documents.get(_hex(fact.get("gate_digest")))
            if gate is not None and _repeated(fact["findings"]) != _repeated(gate["rules"]):
                raise Unruled("a verdict does not have the rules of its gate")
        for fact in _of(entries, "AliasCleared"):
            listed = documents.get(_hex(fact.get("registry")))
            if listed is not None and listed["protected"].get(fact["alias"], True) is not fact["protected"]:
                raise Unruled("an alias was taken off as another kind of alias than the list of aliases says")
        _require_signed_for(entries, documents)
    except Unruled:
        raise
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unruled("the rules of a decision cannot be read") from error


def _require_signed_for(entries: Mapping[int, Mapping[str, Any]], documents: Mapping[str, Any]) -> None:
    """Of before nobody signed for it; from the first approval that says how many on, every one does."""
    requests = {fact.get("model"): fact.get("request") for fact in _of(entries, "ModelRegistered")}
    finished = [fact for fact in _of(entries, "StepFinished") if fact.get("step") == "measure"]
    measured = {fact.get("request"): fact.get("evidence") for fact in finished}
    is_said = False
    for fact in _of(entries, "PromotionApproved"):
        signed = fact.get("unassessed")
        if signed is None and is_said:
            raise Unruled("a promotion was approved and nobody signed for whom the evidence says nothing about")
        is_said = is_said or signed is not None
        evidence = documents.get(_hex(measured.get(requests.get(fact.get("model")))))
        if signed is not None and evidence is not None and signed != _not_assessable(evidence):
            raise Unruled("a promotion was approved for another number of unassessed groups than the evidence says")


def _not_assessable(evidence: Mapping[str, Any]) -> Decimal:
    said = [one["value"] for one in evidence["measurements"] if one["metric"] == "fairness.not_assessable"]
    return max(map(Decimal, said), default=Decimal(0))


def _repeated(said: list[Mapping[str, Any]]) -> list[list[object]]:
    return [[one.get(name, default) for name, default in _OF_A_RULE.items()] for one in said]


def _of(entries: Mapping[int, Mapping[str, Any]], kind: str) -> Iterator[Mapping[str, Any]]:
    for _, entry in sorted(entries.items()):
        if entry["type"] == kind and isinstance(entry.get("fact"), dict):
            yield entry["fact"]


def _hex(digest: object) -> str:
    return digest.removeprefix("sha256:") if isinstance(digest, str) else ""
