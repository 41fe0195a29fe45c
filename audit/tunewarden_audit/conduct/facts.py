"""Entries as statements that can be judged: who did what, when, with which members."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from tunewarden_audit import canonical
from tunewarden_audit.canonical import NotCanonical

_DECIMAL = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")

Form = Callable[[object], bool]
"""Whether a member looks as it must."""


def _word(value: object) -> bool:
    """A word, an id, a digest or a date; what it must be beyond that, the rules ask."""
    return isinstance(value, str)


def _count(value: object) -> bool:
    return type(value) is int and value >= 0


def _number(value: object) -> bool:
    return isinstance(value, str) and _DECIMAL.fullmatch(value) is not None


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _list(value: object) -> bool:
    return isinstance(value, list)


def _object(value: object) -> bool:
    return isinstance(value, dict)


def _word_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _object_or_none(value: object) -> bool:
    return value is None or isinstance(value, dict)


KINDS: Mapping[str, Mapping[str, Form]] = {
    "KeyCreated": {"principal": _word, "roles": _list},
    "KeyRevoked": {"principal": _word},
    "KeyAdded": {
        "principal": _word,
        "key": _word,
        "kind": _word,
        "scope": _list,
        "request": _word_or_none,
        "expires": _word_or_none,
    },
    "KeyWithdrawn": {"principal": _word, "key": _word, "until": _word},
    "PrincipalIdentified": {"principal": _word, "issuer": _word, "roles": _list, "service": _flag},
    "LoginsRefused": {"failure": _word, "count": _count},
    "ActionRefused": {"action": _word, "resource": _word, "code": _word, "rule": _word},
    "FileUploaded": {"file": _word, "digest": _word, "size": _count},
    "FileTaken": {"file": _word},
    "FileDeleted": {"file": _word, "keys": _count},
    "FileExpired": {"file": _word, "keys": _count},
    "UploadBegun": {"upload": _word, "size": _count},
    "PartAdded": {"upload": _word, "part": _word, "size": _count},
    "UploadEnded": {"upload": _word, "state": _word, "keys": _count, "file": _word_or_none},
    "DatasetRegistered": {
        "dataset": _word,
        "purposes": _list,
        "retain_until": _word,
        "epsilon_limit": _number,
        "delta": _number,
        "row_is_person": _flag,
    },
    "DatasetVersionAdded": {"dataset": _word, "version": _word, "file": _word, "source": _word},
    "DatasetRetired": {"dataset": _word},
    "PurposesChanged": {"dataset": _word, "purposes": _list},
    "RequestSubmitted": {
        "request": _word,
        "plan": _word,
        "dataset": _word,
        "dataset_version": _word,
        "purpose": _word,
        "training_gate": _word,
    },
    "RequestApproved": {"request": _word, "plan": _word},
    "RequestEndorsed": {
        "request": _word,
        "plan": _word,
        "role": _word,
        "quorum": _word,
        "persons": _count,
        "roles": _count,
    },
    "VoteLapsed": {"request": _word, "plan": _word, "principal": _word},
    "QuorumInForce": {"quorum": _word, "needed": _object},
    "RequestEnded": {"request": _word, "state": _word},
    "BudgetReserved": {"dataset": _word, "request": _word, "mechanism": _object, "epsilon": _number, "delta": _number},
    "CohortAdmitted": {
        "request": _word,
        "dataset": _word,
        "attempt": _count,
        "what": _word,
        "cohort": _word,
        "persons": _count,
        "left_out": _count,
        "namespace": _word_or_none,
        "epsilon": _number,
        "delta": _number,
        "over": _word,
        "limit": _word,
        "others": _list,
        "beside": _list,
    },
    "BudgetCharged": {"dataset": _word, "request": _word, "attempt": _count, "updates": _count, "charged": _count},
    "BudgetSettled": {
        "dataset": _word,
        "request": _word,
        "charged": _count,
        "returned": _count,
        "epsilon_spent": _number,
    },
    "StepStarted": {"request": _word, "attempt": _count, "step": _word, "given": _word},
    "StepFinished": {"request": _word, "attempt": _count, "step": _word, "output": _word, "counts": _object},
    "StepFailed": {"request": _word, "attempt": _count, "step": _word, "code": _word},
    "GateJudged": {
        "request": _word,
        "gate": _word,
        "gate_digest": _word,
        "about": _word,
        "outcome": _word,
        "findings": _list,
    },
    "ModelRegistered": {"model": _word, "request": _word, "plan": _word, "adapter": _word},
    "PromotionProposed": {"promotion": _word, "model": _word, "alias": _word, "verdict": _word, "outcome": _word},
    "PromotionApproved": {"promotion": _word, "model": _word, "verdict": _word},
    "AliasClearingAsked": {"alias": _word, "model": _word, "project": _word, "role": _word, "reason": _word},
    "AliasCleared": {
        "alias": _word,
        "model": _word,
        "project": _word,
        "role": _word,
        "reason": _word,
        "protected": _flag,
        "registry": _word,
    },
    "ModelRetired": {"model": _word, "reason": _word},
    "GateOverridden": {"promotion": _word, "model": _word, "verdict": _word, "role": _word, "reason": _word},
    "AliasMoved": {"alias": _word, "model": _word, "previous": _word_or_none},
    "HoldPlaced": {"hold": _word, "resource": _word},
    "HoldReleased": {"hold": _word},
    "PruneProposed": {"prune": _word, "entries": _count, "indices": _word},
    "PruneStarted": {"prune": _word, "indices": _word},
    "PruneFinished": {"prune": _word, "entries": _count, "indices": _word},
    "SigningKeyRotated": {"old_key": _word, "new_key": _word},
    "AdapterTaken": {"model": _word, "adapter": _word},
    "ReviewOpened": {
        "review": _word,
        "request": _word,
        "about": _word,
        "sample": _word,
        "documents": _count,
        "seeds": _count,
        "failed_before": _count,
    },
    "ReviewAnswered": {"review": _word, "item": _count, "marks": _count},
    "ReviewClosed": {"review": _word, "leaks": _count, "documents": _count, "found": _count, "seeds": _count},
    "ReportAttested": {"about": _word, "report": _word, "method": _word, "expires": _word_or_none},
    "SignatureWithdrawn": {"about": _word, "because": _word, "signatures": _count},
    "PersonTraced": {"dataset": _word, "versions": _count, "models": _count},
    "ErasureAsked": {"erasure": _word, "dataset": _word},
    "PersonErased": {"erasure": _word, "dataset": _word, "keys": _count},
    "MasterKeyRotated": {"purpose": _word, "version": _word, "keys": _count},
    "VersionDestroyed": {"dataset": _word, "version": _word},
    "AttributesKept": {"request": _word, "attempt": _count, "dataset": _word, "version": _word, "table": _word},
    "AttributesRead": {
        "request": _word,
        "attempt": _count,
        "dataset": _word,
        "version": _word,
        "table": _word,
        "reads": _count,
    },
    "AttributesDestroyed": {"request": _word, "dataset": _word},
    "PolicyInstalled": {"policy": _word, "digest": _word, "decides": _word, "rules": _count},
    "PolicyProposed": {
        "policy": _word,
        "digest": _word,
        "base": _word,
        "report": _word,
        "restores": _word_or_none,
        "rules": _count,
        "gains": _count,
        "losses": _count,
    },
    "PolicyActivated": {"policy": _word, "digest": _word, "previous": _word, "report": _word, "decides": _word},
    "RoleGranted": {"principal": _word, "role": _word, "project": _word, "decides": _word},
    "RoleRevoked": {"principal": _word, "role": _word, "project": _word, "decides": _word},
    "GroupCreated": {"group": _word},
    "GroupRenamed": {"group": _word},
    "GroupDeleted": {"group": _word, "members": _count, "roles": _count, "decides": _word},
    "MemberAdded": {"group": _word, "principal": _word, "decides": _word},
    "MemberRemoved": {"group": _word, "principal": _word, "decides": _word},
    "GroupRoleGranted": {"group": _word, "role": _word, "project": _word, "decides": _word},
    "GroupRoleRevoked": {"group": _word, "role": _word, "project": _word, "decides": _word},
    "EmergencyOpened": {"emergency": _word, "reason": _word, "incident": _word, "ends_at": _word},
    "EmergencyConfirmed": {"emergency": _word},
    "EmergencyClosed": {"emergency": _word},
    "EmergencyReviewed": {"emergency": _word, "finding": _word},
    "EmergencyUsed": {"emergency": _word, "action": _word, "model": _word},
    "RequestSuspended": {"request": _word, "emergency": _word_or_none},
    "RequestResumed": {"request": _word},
    "AliasRolledBack": {
        "alias": _word,
        "model": _word,
        "previous": _word,
        "emergency": _word_or_none,
        "promotion": _word_or_none,
    },
    "WebhookCreated": {"webhook": _word, "project": _word},
    "WebhookChanged": {"webhook": _word},
    "WebhookSecretRotated": {"webhook": _word},
    "WebhookDisabled": {"webhook": _word, "because": _word},
    "WebhookDeleted": {"webhook": _word},
    "WebhookGivenUp": {"webhook": _word, "entry": _count, "attempts": _count},
    "ProjectCreated": {"project": _word},
    "ProjectRenamed": {"project": _word},
    "ProjectArchived": {"project": _word},
    "PromiseDisproved": {"model": _word, "request": _word, "claimed": _number, "shown": _number, "delta": _number},
}
"""Each type of entry, with the members that the rules need of it. Further members may be there: none is looked at."""

LATER: Mapping[str, Mapping[str, Form]] = {
    "KeyCreated": {"project": _word_or_none},
    "KeyAdded": {"project": _word_or_none},
    "FileUploaded": {"project": _word, "expires": _word_or_none},
    "UploadBegun": {"project": _word},
    "DatasetRegistered": {"namespace": _word_or_none, "project": _word},
    "RequestSubmitted": {"task": _word, "project": _word},
    "ModelRegistered": {"project": _word},
    "PromotionProposed": {"project": _word},
    "AliasMoved": {"project": _word},
    "RequestApproved": {"role": _word_or_none, "quorum": _word_or_none, "persons": _count, "roles": _count},
    "PromotionApproved": {"role": _word_or_none, "unassessed": _count},
    "AdapterTaken": {"purpose": _word_or_none},
    "EmergencyConfirmed": {"role": _word_or_none},
    "EmergencyClosed": {"role": _word_or_none},
    "EmergencyReviewed": {"role": _word_or_none},
    "RequestResumed": {"role": _word_or_none},
    "ModelRetired": {"role": _word_or_none},
    "BudgetReserved": {"metrics": _object_or_none, "person_limit": _word_or_none, "curve": _list},
    "BudgetCharged": {"what": _word},
    "BudgetSettled": {"metrics_charged": _count, "metrics_returned": _count},
}
"""Members that came later: entries of before lack them, and so does every entry in which they say nothing."""

MECHANISM = {
    "relation": _word,
    "sampling_rate": _number,
    "noise_multiplier": _number,
    "updates": _count,
    "contributions": _count,
}
"""Of a mechanism. Where one unit is all that a person has, `contributions` is left out."""


class NotAFact(ValueError):
    """An entry is not what its type says. The message never quotes it."""


@dataclass(frozen=True, slots=True)
class Fact:
    """An entry: its index, its time (UTC), who acted, its type, and the members of its fact."""

    index: int
    at: datetime
    actor: str
    kind: str
    members: Mapping[str, Any]

    def __getitem__(self, member: str) -> Any:
        return self.members[member]

    def digest_of(self, *names: str) -> str:
        """The SHA-256 of an object with these members of the fact, in canonical form."""
        document = canonical.encode({name: self.members.get(name) for name in names})
        return f"sha256:{hashlib.sha256(document).hexdigest()}"

    @property
    def is_known(self) -> bool:
        """Whether these rules know its type."""
        return self.kind in KINDS


def read_fact(index: int, entry: bytes) -> Fact:
    """The statement in an entry's bytes; raises NotAFact. The members of a type that is not known are not checked."""
    try:
        body = canonical.decode(entry)
    except NotCanonical as error:
        raise NotAFact(f"entry {index}: {error}") from None
    if not isinstance(body, dict) or body.keys() != {"actor", "at", "fact", "type", "v"} or body["v"] != 1:
        raise NotAFact(f"entry {index} has not the members of version 1")
    actor, at, kind, members = body["actor"], body["at"], body["type"], body["fact"]
    if not (isinstance(actor, str) and isinstance(at, str) and isinstance(kind, str) and isinstance(members, dict)):
        raise NotAFact(f"entry {index} has not the members of version 1")
    instant = _instant(at)
    if instant is None:
        raise NotAFact(f"the time of entry {index} is not RFC 3339 in UTC with milliseconds")
    require_members(index, members, KINDS.get(kind, {}))
    later = LATER.get(kind, {})
    require_members(index, members, {name: form for name, form in later.items() if name in members})
    if kind == "BudgetReserved":
        for mechanism in (members["mechanism"], members.get("metrics")):
            if mechanism is not None:
                require_members(index, {"contributions": 1, **mechanism}, MECHANISM)
    return Fact(index, instant, actor, kind, members)


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text[:-1]).replace(tzinfo=timezone.utc) if _INSTANT.fullmatch(text) else None
    except ValueError:  # the 31st of February
        return None


def require_members(index: int, members: Mapping[str, Any], needed: Mapping[str, Form]) -> None:
    """Raise NotAFact unless each member is there and looks as it must."""
    for name, form in needed.items():
        if name not in members or not form(members[name]):
            raise NotAFact(f"member {name} of entry {index} is missing or of another form")
