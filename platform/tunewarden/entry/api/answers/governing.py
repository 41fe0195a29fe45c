"""The access policy, who may do what, keys, emergencies, and the log."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from tunewarden.domain.break_glass import EmergencyFinding, EmergencyReason, Standing
from tunewarden.domain.identities import KeyKind
from tunewarden.domain.names import Action, Role
from tunewarden.domain.policies import PolicyState
from tunewarden.entry.api.answers.shapes import Count, Index, Instant, Listed, Page, Paged, Receipt, Sha256

Base64 = Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]


class Rule(TypedDict):
    """A line of the access policy."""

    role: str
    action: str
    kind: str
    condition: str
    effect: str
    project: str


class Link(TypedDict):
    """Who holds a role or is in a group."""

    member: str
    role: str
    project: str


class Shift(TypedDict):
    """A set of roles that gains or loses an action, with one example."""

    roles: list[Role]
    action: Action
    gains: bool
    kind: str
    situation: list[str]
    project: str
    thing: str


class Replay(TypedDict):
    """What the other policy would have said in the last 90 days."""

    since: Instant
    refusals: Count
    deeds: Count
    allowed: Count
    refused: Count
    examples: list[Index]


class WhatIf(TypedDict):
    """What another policy would change."""

    digest: Sha256
    base: str
    rules: Count
    decisions: Count
    shifts: list[Shift]
    links_added: list[str]
    links_removed: list[str]
    remarks: list[str]
    replay: Replay


class PolicyReport(WhatIf):
    """The same of a policy that nobody proposed."""

    object: Literal["policy.report"]


class Policy(TypedDict):
    """A version of the access policy."""

    id: str
    object: Literal["policy"]
    digest: Sha256
    state: PolicyState
    base: str | None
    restores: str | None
    proposed_by: str
    proposed_at: Instant
    report: Sha256 | None
    activated_by: str | None
    activated_at: Instant | None


class PolicyText(Policy):
    """With what it says, and the report that was made when it was proposed."""

    rules: list[Rule]
    links: list[Link]
    groups: list[str]
    what_if: WhatIf | None


class PolicyProposed(Policy):
    """With what it would change."""

    what_if: WhatIf
    receipt: Receipt


class PolicyActivated(Policy):
    """In force."""

    receipt: Receipt


class Explanation(TypedDict):
    """The rule that decides; or the nearest one, what it lacks, and which role can mend that."""

    object: Literal["access.explanation"]
    action: Action
    kind: str
    allowed: bool
    version: Sha256
    rule: str
    because: str
    missing: list[str]
    who: str
    unblocks: str
    facts: dict[str, str] | None


class Permission(TypedDict):
    """An action on a kind of thing, by whose it is."""

    action: Action
    kind: str
    whose: list[str]
    allowed_by: list[str]
    denied_by: list[str]


class Permissions(TypedDict):
    """What a principal may do."""

    object: Literal["access.permissions"]
    principal: str
    data: list[Permission]


class Able(TypedDict):
    """Who may: how many of which role; `principals` is null for who may not see them."""

    object: Literal["access.able"]
    action: Action
    kind: str
    policy: str | None
    counts: dict[str, Count]
    principals: list[str] | None


class Grant(TypedDict):
    """A role of a principal or a group, by whom, and whether it stands."""

    object: Literal["grant"]
    principal: str
    role: Role
    project: str
    granted_by: str
    granted_at: Instant
    revoked_by: str | None
    revoked_at: Instant | None


class GrantChanged(Grant):
    receipt: Receipt


class Key(TypedDict):
    """A key, without what its bearer keeps."""

    object: Literal["key"]
    id: str
    principal: str
    service: bool
    name: str
    roles: list[Role]
    kind: KeyKind | None
    scope: list[Role] | None
    request: str | None
    project: str | None
    works: bool
    created_at: Instant | None
    expires_at: Instant | None
    last_used_at: Instant | None


class KeyMade(Key):
    """With the key itself, which is shown once."""

    key: str
    receipt: Receipt


class KeyRotated(TypedDict):
    """The new key, which is shown once."""

    object: Literal["key"]
    id: str
    principal: str
    key: str
    receipt: Receipt


class KeyRevoked(TypedDict):
    """It works no more."""

    object: Literal["key"]
    id: str
    principal: str
    works: Literal[False]
    receipt: Receipt


class Emergency(TypedDict):
    """A breaking of the glass; `standing` is as of now."""

    id: str
    object: Literal["emergency"]
    standing: Standing
    incident: str
    reason: EmergencyReason
    opened_by: str
    opened_at: Instant
    confirm_by: Instant
    ends_at: Instant
    confirmed_by: str | None
    closed_by: str | None
    reviewed_by: str | None
    confirmed_at: Instant | None
    closed_at: Instant | None
    reviewed_at: Instant | None
    finding: EmergencyFinding | None
    receipt: NotRequired[Receipt]


class AuditEntry(TypedDict):
    """An entry's canonical bytes, and its inclusion proof (RFC 6962 section 2.1.1) in the newest signed tree."""

    object: Literal["audit.entry"]
    index: Index
    size: Count
    entry: Base64
    proof: list[Base64]
    checkpoint: str


class Consistency(TypedDict):
    """A consistency proof (RFC 6962 section 2.1.2)."""

    object: Literal["audit.consistency"]
    old_size: Count
    size: Count
    hashes: list[Base64]
    checkpoint: str


_POLICY, _EMERGENCY = "/v1/policies/{policy_id}", "/v1/emergencies/{emergency_id}"
ANSWERS: Mapping[tuple[str, str], Any] = {
    ("POST", "/v1/policies/simulate"): PolicyReport,
    ("POST", "/v1/policies"): PolicyProposed,
    ("GET", "/v1/policies"): Page[Policy],
    ("GET", _POLICY): PolicyText,
    ("POST", _POLICY + "/activate"): PolicyActivated,
    ("POST", _POLICY + "/rollback"): PolicyProposed,
    ("GET", "/v1/access/explain"): Explanation,
    ("GET", "/v1/access/principals/{principal_id}"): Permissions,
    ("GET", "/v1/access/who"): Able,
    ("GET", "/v1/grants"): Listed[Grant],
    ("POST", "/v1/grants"): GrantChanged,
    ("POST", "/v1/grants/revoke"): GrantChanged,
    ("GET", "/v1/keys"): Page[Key],
    ("POST", "/v1/keys"): KeyMade,
    ("POST", "/v1/keys/{key_id}/rotate"): KeyRotated,
    ("POST", "/v1/keys/{key_id}/revoke"): KeyRevoked,
    ("POST", "/v1/emergencies"): Emergency,
    ("GET", "/v1/emergencies"): Paged[Emergency],
    ("GET", _EMERGENCY): Emergency,
    **{("POST", f"{_EMERGENCY}/{verb}"): Emergency for verb in ("confirm", "close", "review")},
    ("GET", "/v1/audit/entries/{index}"): AuditEntry,
    ("GET", "/v1/audit/consistency"): Consistency,
}
