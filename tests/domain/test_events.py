"""The closed set of facts: their bytes are pinned for ever, and they cannot hold text that a person typed."""

import dataclasses
import hashlib
import types
import typing
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

import pytest

from tunewarden.domain import names
from tunewarden.domain.canonical import encode
from tunewarden.domain.datasets import Sensitivity
from tunewarden.domain.entries import LARGEST_ENTRY, entry_bytes, read_entry
from tunewarden.domain.errors import Corrupted
from tunewarden.domain.events import EVENT_TYPES, ActionRefused, Event, ModelRegistered
from tunewarden.domain.gates import Bound, Finding, Measurement, Outcome
from tunewarden.domain.names import Action, PrincipalId
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.domain.quorum import Needed

ACTOR, AT = PrincipalId("prn-1"), datetime(2026, 11, 21, 2, 3, 4, 567000, tzinfo=UTC)
SOME = "sha256:" + "a" * 64
MECHANISM = Mechanism(
    unit=PrivacyUnit.PERSON,
    relation=Relation.ADD_OR_REMOVE_ONE,
    sampling_rate=Decimal("0.1"),
    noise_multiplier=Decimal("1.25"),
    updates=10,
)
FINDING = Finding(
    metric="utility.accuracy",
    bound=Bound.AT_LEAST,
    limit=Decimal("0.5"),
    outcome=Outcome.PASS,
    measured=Measurement(
        metric="utility.accuracy", low=Decimal("0.6"), value=Decimal("0.7"), high=Decimal("0.8"), n=100
    ),
)

# Type of event -> first 16 hexadecimal digits of SHA-256 of its example's canonical bytes. A change here means that
# logs already written could no longer be read: make a new event type instead.
PINNED: Mapping[str, str] = {
    "ActionRefused": "4a56c4fa21bc9a6a",
    "AdapterTaken": "7cfca2c417c26fa0",
    "AliasMoved": "ab7e875f61517259",
    "BudgetCharged": "5f0748ed4e319d4a",
    "BudgetReserved": "1ff7fc1ca2db4fc0",
    "BudgetSettled": "62ad75b17e1138cf",
    "CohortAdmitted": "e2c02cdc32c0b037",
    "DatasetRegistered": "7bad641c58176f69",
    "DatasetRetired": "aba798f469123ba5",
    "DatasetVersionAdded": "9c56b6c80ccc83e1",
    "ErasureAsked": "cc29574389101109",
    "FileDeleted": "4627235daf8a5ee9",
    "FileExpired": "0dd53ef394f1d337",
    "FileTaken": "c1d44fed3c559fed",
    "FileUploaded": "fe7c5f8ca44fc23f",
    "PartAdded": "4c86746161a6b062",
    "UploadBegun": "2f79dbe722216bb1",
    "UploadEnded": "80616e1bbcd3c1c9",
    "GateJudged": "e131222676aa8eed",
    "AliasCleared": "c1924beb3a9f2844",
    "AliasClearingAsked": "3045d4dd1a6e5cad",
    "ModelRetired": "912d24751a01aad1",
    "GateOverridden": "c637357507c3beab",
    "GroupCreated": "fa397245afd169a6",
    "GroupDeleted": "26fb0fe24bba8d9c",
    "GroupRenamed": "435dd07dcde48c70",
    "GroupRoleGranted": "5cf92842dc88858e",
    "GroupRoleRevoked": "f6188182f914a3b3",
    "HoldPlaced": "58489afdb258bf61",
    "HoldReleased": "6a1ea970076e4c52",
    "KeyAdded": "4b6174a46ef85fe8",
    "KeyCreated": "575fc94be928325f",
    "KeyRevoked": "fde976d0afbb3acf",
    "KeyWithdrawn": "0e6d211fccbd5891",
    "LoginsRefused": "04a1284066036567",
    "MasterKeyRotated": "38a44c3fafe979ef",
    "MemberAdded": "67daaede0428971f",
    "MemberRemoved": "f6b84698956fbaf5",
    "ModelRegistered": "2d18aa38eece8688",
    "PersonErased": "3571ddb4f3ab9bbe",
    "PersonTraced": "3fb76dbd0e8f2c4b",
    "PolicyInstalled": "5f55c4ca636a1c79",
    "PolicyProposed": "3de6dfbf0f101ebc",
    "PolicyActivated": "92e032a9613677f0",
    "PrincipalIdentified": "d9165ce6a72d641e",
    "ProjectCreated": "6ce82cbba9b3753b",
    "ProjectRenamed": "a71db1af8046a453",
    "ProjectArchived": "02c60b177d356a99",
    "PromiseDisproved": "79f8cff2bbe28635",
    "PromotionApproved": "4daa99015ad0495d",
    "PromotionProposed": "27f20c5646585875",
    "PruneFinished": "dc524a1dc054a295",
    "PruneProposed": "8ca14e2524acdbfd",
    "PruneStarted": "2639744eb3b56807",
    "QuorumInForce": "7b3248b9c9a90adb",
    "PurposesChanged": "0a0d1ae59c27529c",
    "ReportAttested": "8ca054625e7d2422",
    "RequestApproved": "392a98fb49cc1329",
    "RequestEnded": "b8a6e63a806a3241",
    "RequestEndorsed": "54874e13af569ff9",
    "RequestSubmitted": "b7eee2bf880ba607",
    "ReviewAnswered": "184f193e49c2f8f4",
    "ReviewClosed": "323873c4010f8826",
    "ReviewOpened": "23d2f175d443a928",
    "RoleGranted": "57ad9c8555095249",
    "RoleRevoked": "6f74fe5daf5c02a5",
    "SignatureWithdrawn": "3bbac873af5f5d5e",
    "SigningKeyRotated": "e5368bc9b307e57a",
    "StepFailed": "97aa7454dde00751",
    "StepFinished": "cb4e0c7889d43fb5",
    "StepStarted": "c780c2d83c16077a",
    "AliasRolledBack": "ef821a3469b5c036",
    "EmergencyClosed": "535e228654535b17",
    "EmergencyConfirmed": "0c63154c6024a5c0",
    "EmergencyOpened": "74aafdf57f01d8fb",
    "EmergencyReviewed": "c00ae22f80c1b84c",
    "EmergencyUsed": "5f678019babed7b8",
    "RequestResumed": "206a6e4a1ab81bb4",
    "RequestSuspended": "00d28140b3d89d63",
    "VersionDestroyed": "867072bc66bb8715",
    "AttributesDestroyed": "5cfcf06b034139db",
    "AttributesKept": "f2c4dc5c7988522d",
    "AttributesRead": "233393f44185efd8",
    "VoteLapsed": "16d31cd2008d9c2b",
    "WebhookChanged": "1184b5d30ecac152",
    "WebhookCreated": "fa98a2a52b271d04",
    "WebhookDeleted": "99082bef37037247",
    "WebhookDisabled": "9a5dc1f4231568dd",
    "WebhookGivenUp": "48295bfd93600b29",
    "WebhookSecretRotated": "a27ebe301c1f4607",
}


def example(kind: type[Event]) -> Event:
    """One example with a value in every field, chosen by the field's type alone."""
    hints = typing.get_type_hints(kind)
    return kind(**{field.name: _value(hints[field.name]) for field in dataclasses.fields(kind)})


def _value(hint: typing.Any) -> typing.Any:
    if isinstance(hint, typing.NewType):
        return SOME if hint is names.Digest else f"{hint.__name__.lower()}-1"
    if typing.get_origin(hint) in {types.UnionType, typing.Union}:
        return _value(typing.get_args(hint)[0])
    if typing.get_origin(hint) is tuple:
        return (_value(typing.get_args(hint)[0]),)
    if hint == Mapping[Sensitivity, Needed]:
        return dict.fromkeys(Sensitivity, Needed(persons=2, roles=1))
    if typing.get_origin(hint) is not None:
        return {"records": 3}
    if hint is names.Alias:
        return names.Alias.CANDIDATE
    if issubclass(hint, StrEnum):
        return next(iter(hint))
    known = {str: "word", int: 3, bool: True, Decimal: Decimal("1.5"), date: date(2026, 1, 2), datetime: AT}
    return {**known, Mechanism: MECHANISM, Finding: FINDING}[hint]


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_the_bytes_of_each_event_are_what_they_always_were(name: str) -> None:
    data = entry_bytes(example(EVENT_TYPES[name]), actor=ACTOR, at=AT)
    assert hashlib.sha256(data).hexdigest()[:16] == PINNED[name], data.decode()


def test_an_entry_from_before_releases_were_signed_is_still_read() -> None:
    fact = {"adapter": SOME, "model": "modelid-1", "plan": SOME, "request": "requestid-1"}
    data = encode({"actor": ACTOR, "at": "2026-11-21T02:03:04.567Z", "fact": fact, "type": "ModelRegistered", "v": 1})
    assert hashlib.sha256(data).hexdigest()[:16] == "97ab0c6663f46b89", "the bytes that were pinned then"
    event = read_entry(7, data).event
    assert isinstance(event, ModelRegistered)
    assert (event.adapter, event.signature, event.statement, event.release_key) == (SOME, None, None, None)


@pytest.mark.parametrize(
    ("name", "pinned"),
    [
        ("AdapterTaken", "d1cb21cf5d347648"),
        ("AliasMoved", "14d9daa1beec2a9f"),
        ("PromotionProposed", "a0e9ae338558f85e"),
        ("ModelRegistered", "e20556ecdf658d82"),
        ("RequestSubmitted", "325042382f00cd61"),
        ("FileUploaded", "62807149cebe3728"),
        ("UploadBegun", "ebfb33fc5099b9a0"),
        ("KeyAdded", "4062ef709e6d6c73"),
        ("BudgetReserved", "6304b186d01e46d3"),
        ("BudgetSettled", "b552401b15c31873"),
        ("DatasetRegistered", "05a7db3b276ae4f7"),
        ("DatasetVersionAdded", "6f4d1ae902c155d6"),
        ("KeyCreated", "148f57470da58ff6"),
        ("PersonErased", "da8dd69c37aee918"),
        ("PromotionApproved", "b3c3971085ef58b5"),
        ("RequestApproved", "8746f5468a522491"),
        ("EmergencyConfirmed", "25ea36f6be856fa8"),
        ("EmergencyClosed", "a8e61d65be6665f3"),
        ("EmergencyReviewed", "9bcfda7b2dd8668b"),
        ("RequestResumed", "5fde01c61297b6fe"),
        ("ModelRetired", "aefe47a91f73ffa0"),
    ],
)
def test_an_entry_that_says_nothing_in_its_later_fields_is_what_it_was_before_they_came(name: str, pinned: str) -> None:
    whole = example(EVENT_TYPES[name])
    later = {field.name: field.default for field in dataclasses.fields(whole) if field.metadata.get("later")}
    assert later
    data = entry_bytes(dataclasses.replace(whole, **later), actor=ACTOR, at=AT)
    assert hashlib.sha256(data).hexdigest()[:16] == pinned
    assert read_entry(7, data).event == dataclasses.replace(whole, **later)


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_an_entry_comes_back_as_it_was(name: str) -> None:
    event = example(EVENT_TYPES[name])
    entry = read_entry(7, entry_bytes(event, actor=ACTOR, at=AT))
    assert (entry.index, entry.actor, entry.at, entry.event) == (7, ACTOR, AT, event)


def test_no_event_has_a_field_for_free_text() -> None:
    """Bare `str` is allowed only where the writer fills it from our own words: codes, rule names, ids."""
    bare = {
        f"{kind.__name__}.{name}"
        for kind in EVENT_TYPES.values()
        for name, hint in typing.get_type_hints(kind).items()
        if _holds_text(hint)
    }
    assert bare == {
        "ActionRefused.code",
        "ActionRefused.resource",
        "ActionRefused.rule",
        "HoldPlaced.resource",
        "RequestEnded.because",
        "SigningKeyRotated.new_key",
        "SigningKeyRotated.new_signature",
        "SigningKeyRotated.old_key",
        "SigningKeyRotated.old_signature",
        "StepFailed.code",
        "StepFinished.counts",
    }


def _holds_text(hint: typing.Any) -> bool:
    return hint is str or str in typing.get_args(hint)


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        encode({"actor": "a", "at": "2026-01-01T00:00:00.000Z", "fact": {}, "type": "Nothing", "v": 1}),
        encode({"actor": "a", "at": "2026-01-01T00:00:00.000Z", "fact": {}, "type": "DatasetRetired", "v": 1}),
        encode({"actor": "a", "at": "2026-01-01T00:00:00.000Z", "fact": {}, "type": "DatasetRetired", "v": 2}),
    ],
)
def test_an_entry_that_this_version_cannot_read_exactly_is_refused(data: bytes) -> None:
    with pytest.raises(Corrupted):
        read_entry(0, data)


def test_an_entry_is_never_larger_than_its_format_allows() -> None:
    with pytest.raises(Corrupted, match="larger"):
        entry_bytes(
            ActionRefused(action=Action.SUBMIT_REQUEST, resource="x" * LARGEST_ENTRY, code="c", rule=""),
            actor=ACTOR,
            at=AT,
        )
