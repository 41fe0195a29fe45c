"""OCSF 1.9.0 (schema.ocsf.io), with the profile `record_integrity`.

Classes: 3001 Account Change, 6005 Datastore Activity, 2003 Compliance Finding (verdicts that do not pass, and a model
shown to leak more than was promised), and 6003 API Activity for everything else. The log's place and the whole fact are
under `unmapped`.

`attestation.fingerprint` is SHA-256 over the event's own RFC 8785 form without the fingerprint, as the profile asks.
It is not signed: what is signed is the log. So the proof of an event is its leaf hash under a signed tree head, and the
fingerprint only shows damage on the way.
"""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

from tunewarden.domain.canonical import Plain, encode
from tunewarden.entry.siem.events import SEALER, Exported, Gravity

MEDIA_TYPE = "application/json; charset=utf-8"
VERSION = "1.9.0"

_ACCOUNT, _DATASTORE, _FINDING, _API = 3001, 6005, 2003, 6003
_SEVERITY = MappingProxyType({Gravity.INFORMATIONAL: 1, Gravity.NOTICE: 2, Gravity.WARNING: 3, Gravity.CRITICAL: 5})
_OTHER = 99

_CLASSES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "KeyCreated": (_ACCOUNT, 1),  # create
        "KeyRevoked": (_ACCOUNT, 5),  # disable
        "KeyAdded": (_API, 1),  # create
        "PrincipalIdentified": (_ACCOUNT, _OTHER),  # somebody is there, or with other roles
        "LoginsRefused": (_API, _OTHER),  # of nobody in particular, so class 3002, which names a user, does not fit
        "FileUploaded": (_DATASTORE, 5),  # write
        "FileTaken": (_DATASTORE, 1),  # read
        "FileDeleted": (_DATASTORE, 7),  # delete
        "FileExpired": (_DATASTORE, 7),
        "UploadBegun": (_API, 1),
        "PartAdded": (_API, 3),
        "DatasetRegistered": (_DATASTORE, 6),  # create
        "DatasetVersionAdded": (_DATASTORE, 5),
        "DatasetRetired": (_DATASTORE, 2),  # update: nothing is deleted by it
        "PurposesChanged": (_DATASTORE, 2),
        "PersonTraced": (_API, 2),  # read
        "AdapterTaken": (_API, 2),
        "PromiseDisproved": (_FINDING, 1),
        "ErasureAsked": (_API, 1),
        "PersonErased": (_API, 4),  # delete
        "VersionDestroyed": (_API, 4),
        "AttributesKept": (_API, 1),
        "AttributesRead": (_API, 2),
        "AttributesDestroyed": (_API, 4),
        "MasterKeyRotated": (_API, 3),  # update
        "PruneFinished": (_API, 4),  # delete
        "PolicyInstalled": (_API, 1),
        "PolicyActivated": (_API, 3),
        "QuorumInForce": (_API, 3),
        "RoleGranted": (_ACCOUNT, _OTHER),  # as PrincipalIdentified: with other roles
        "RoleRevoked": (_ACCOUNT, _OTHER),
        "EmergencyConfirmed": (_API, 3),
        "EmergencyReviewed": (_API, 3),
        "EmergencyUsed": (_API, 2),
        "RequestSuspended": (_API, 3),
        "RequestResumed": (_API, 3),
        "AliasRolledBack": (_API, 3),
        "GateOverridden": (_API, 3),
        "AliasClearingAsked": (_API, 3),
        "AliasCleared": (_API, 3),
        "ModelRetired": (_API, 3),
        "ProjectCreated": (_API, 1),
        "ProjectRenamed": (_API, 3),
        "ProjectArchived": (_API, 3),
        "WebhookCreated": (_API, 1),
        "WebhookChanged": (_API, 3),
        "WebhookSecretRotated": (_API, 3),
        "WebhookDisabled": (_API, 3),
        "WebhookDeleted": (_API, 4),
        "WebhookGivenUp": (_API, 3),
        "GroupCreated": (_API, 1),
        "GroupRenamed": (_API, 3),
        "GroupDeleted": (_API, 4),
        "MemberAdded": (_ACCOUNT, _OTHER),
        "MemberRemoved": (_ACCOUNT, _OTHER),
        "GroupRoleGranted": (_API, 3),  # it names no user
        "GroupRoleRevoked": (_API, 3),
    }
)
"""Type of event -> class and activity, where its name does not say them."""

_CHECKS: Mapping[object, tuple[int, str]] = MappingProxyType({"fail": (3, "Fail"), "unknown": (2, "Warning")})
"""Outcome of a gate -> `compliance.status_id` and its caption; 2 is "no result due to missing information"."""

_CREATING = ("Submitted", "Proposed", "Registered", "Reserved", "Started", "Placed", "Signed", "Opened", "Attested")
_UPDATING = (
    "Approved",
    "Endorsed",
    "Admitted",
    "Charged",
    "Settled",
    "Finished",
    "Failed",
    "Ended",
    "Moved",
    "Released",
    "Judged",
    "Rotated",
    "Answered",
    "Closed",
    "Withdrawn",
    "Lapsed",
)
_THINGS = (
    "request",
    "dataset",
    "model",
    "promotion",
    "file",
    "upload",
    "principal",
    "key",
    "hold",
    "prune",
    "review",
    "erasure",
    "policy",
    "emergency",
    "group",
    "webhook",
    "resource",
)


def render(event: Exported) -> str:
    """One line."""
    class_uid, activity = _class(event)
    record: dict[str, Plain] = {
        "activity_id": activity,
        "category_uid": class_uid // 1000,
        "class_uid": class_uid,
        "type_uid": class_uid * 100 + activity,
        "time": int(event.at.timestamp() * 1000),
        "severity_id": _SEVERITY[event.gravity],
        "message": event.type,
        "metadata": _metadata(event),
        "unmapped": _unmapped(event),
        **_PARTS[class_uid](event),
    }
    if activity == _OTHER:
        record["activity_name"] = event.type
    attestation: dict[str, Plain] = {"authority_uid": event.origin, "chain_uid": event.origin, "uid": event.id}
    value = hashlib.sha256(encode({**record, "attestation": attestation})).hexdigest()
    return encode({**record, "attestation": {**attestation, "fingerprint": _fingerprint(value)}}).decode()


def _class(event: Exported) -> tuple[int, int]:
    if event.type == "GateJudged" and event.gravity is Gravity.WARNING:
        return _FINDING, 1
    if event.type in _CLASSES:
        return _CLASSES[event.type]
    if event.type.endswith(_CREATING):
        return _API, 1
    return _API, 3 if event.type.endswith(_UPDATING) else _OTHER


def _metadata(event: Exported) -> Plain:
    return {
        "version": VERSION,
        "product": {"name": "Tunewarden", "vendor_name": "Tunewarden"},
        "profiles": ["record_integrity"],
        "uid": event.id,
        "log_name": event.origin,
        "event_code": event.type,
        **({"sequence": event.index} if event.index is not None else {}),
    }


def _unmapped(event: Exported) -> Plain:
    place: dict[str, Plain] = {"log_origin": event.origin, "fact": event.fact}
    if event.index is not None:
        place |= {"log_index": event.index, "leaf_hash": event.leaf_hash}
    return place


def _fingerprint(value: str) -> Plain:
    return {
        "algorithm": "SHA-256",
        "algorithm_id": 3,
        "encoding_id": 1,  # hex
        "serialization": "RFC 8785",
        "serialization_id": _OTHER,  # "other": said in words
        "value": value,
    }


def _account(event: Exported) -> Mapping[str, Plain]:
    return {"actor": _actor(event), "user": {"uid": event.fact["principal"]}, "status_id": 1}


def _datastore(event: Exported) -> Mapping[str, Plain]:
    identifier = event.fact.get("dataset") or event.fact["file"]
    kind = "dataset" if "dataset" in event.fact else "file"
    return {
        "actor": _actor(event),
        "src_endpoint": _SOURCE,
        "databucket": {"uid": identifier, "type": kind, "type_id": _OTHER},
        "status_id": 1,
    }


def _finding(event: Exported) -> Mapping[str, Plain]:
    disproved = event.type == "PromiseDisproved"
    status_id, status = _CHECKS["fail" if disproved else event.fact["outcome"]]
    title = "A model leaks more than was promised" if disproved else f"The gate {event.fact['gate']} did not pass"
    return {
        "finding_info": {"uid": event.id, "title": title},
        "compliance": {
            "control": _PROMISE if disproved else event.fact["gate"],
            "status": status,
            "status_id": status_id,
        },
        "resources": _resources(event),
        "status_id": 1,  # new
    }


def _api(event: Exported) -> Mapping[str, Plain]:
    refused = event.type == "ActionRefused"
    common: dict[str, Plain] = {
        "actor": _actor(event),
        "api": {
            "operation": event.fact["action"] if refused else event.type,
            "service": {"name": "tunewarden"},
        },
        "src_endpoint": _SOURCE,
        "resources": _resources(event),
        "status_id": 2 if refused or event.type == "LoginsRefused" else 1,
    }
    return {**common, "status_code": event.fact["code"], "status_detail": event.fact["rule"]} if refused else common


def _actor(event: Exported) -> Plain:
    if event.actor == SEALER or not event.actor:
        return {"application": {"name": event.actor or "tunewarden"}}
    return {"user": {"uid": event.actor}}


def _resources(event: Exported) -> Plain:
    return [{"type": name, "uid": event.fact[name]} for name in _THINGS if event.fact.get(name)]


_PROMISE = "differential-privacy"
_SOURCE: Plain = {"svc_name": "tunewarden"}  # required; the log holds no addresses
_PARTS = MappingProxyType({_ACCOUNT: _account, _DATASTORE: _datastore, _FINDING: _finding, _API: _api})
