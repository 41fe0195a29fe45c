"""Who may do what, as rules and role links: the words that they are written in, and the whole set by its digest.

Pure. `access_compile.py` says whether a set may be decided by, `drivers/access.py` decides by one that may.

Roles, separation of duties and hierarchies are those of ANSI INCITS 359-2004; conditions on attributes make it more
than roles. A deny rule beats every allow rule, and what no rule allows is denied.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.names import Action, Digest, Role

ANYONE = "anyone"
"""Everybody who asks; only deny rules may say it."""

EVERY = "*"
"""Of a project: all of them, and what is in none. Of an action or a kind: any; only deny rules may say it of these."""

KINDS = frozenset(
    {
        "file",
        "dataset",
        "request",
        "review",
        "model",
        "promotion",
        "log",
        "key",
        "policy",
        "grant",
        "project",
        "emergency",
        "webhook",
    }
)
"""What actions are about."""

IN_PROJECTS = frozenset({"file", "dataset", "request", "review", "model", "promotion", "project", "webhook"})
"""Kinds of which each thing is in one project or in none; all others are of the whole platform."""

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Effect(StrEnum):
    """What a rule does where it applies."""

    ALLOW = "allow"
    DENY = "deny"


class Rule(NamedTuple):
    """One rule, in the order of the columns of `policies/access/policy.csv` and of the access model.

    Attributes:
        role: who: one of `Role`, `ANYONE`, or (deny rules only) a group.
        action: one of `Action`, or `EVERY`.
        kind: one of `KINDS`, one thing as `kind/id`, or `EVERY`. A rule about one thing is about all that is in it.
        condition: names of `access_predicates.PREDICATES`, joined by "+"; all of them have to hold.
        effect: one of `Effect`.
        project: where; `EVERY`, or the id of a project.
    """

    role: str
    action: str
    kind: str
    condition: str
    effect: str
    project: str = EVERY

    @property
    def id(self) -> str:
        """What a decision names as its reason, from the rule's content; no other rule of a set has it."""
        general = self.action == EVERY or self.kind == EVERY or "/" in self.kind
        about = f"{self.action}:{self.kind}" if general else self.action
        where = "" if self.project == EVERY else f"@{self.project}"
        return f"{self.role}/{about}/{self.condition}{where}"


class RoleLink(NamedTuple):
    """Somebody holds a role, or belongs to a group, in one project or in `EVERY`.

    Attributes:
        member: a principal, a group, or a `Role` that takes in another one.
        role: one of `Role`, or a group.
    """

    member: str
    role: str
    project: str = EVERY


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet:
    """Everything that decisions are made by; not checked (`access_compile.compiled` does that).

    Groups are stated, so that a spelling mistake in a link or a deny rule makes no new one, and an empty one is none.
    """

    rules: tuple[Rule, ...]
    links: tuple[RoleLink, ...] = ()
    groups: tuple[str, ...] = ()

    def digest(self) -> Digest:
        """Of what it says, in whatever order: its rules, links and groups, each sorted, as lines of words with commas.

        Two faultless sets that say something different have different lines, because no word has a comma in it.
        """
        parts = (map(",".join, self.rules), map(",".join, self.links), self.groups)
        return digest_bytes("\n\n".join("\n".join(sorted(part)) for part in parts).encode())


def is_id(text: str) -> bool:
    """Whether this may name a member, a group or a project: up to 64 of a-z, 0-9, ".", "_" and "-".

    Names that people read are kept elsewhere; nothing that somebody typed gets into a rule.
    """
    return _ID.fullmatch(text) is not None


APPROVING = frozenset(
    {
        Action.APPROVE_REQUEST,
        Action.ENDORSE_REQUEST,
        Action.APPROVE_PROMOTION,
        Action.OVERRIDE_GATE,
        Action.APPROVE_PRUNE,
        Action.REVIEW_SAMPLE,
        Action.ATTEST_REPORT,
        Action.ACTIVATE_POLICY,
        Action.GRANT_ROLE,
        Action.CONFIRM_EMERGENCY,
        Action.REVIEW_EMERGENCY,
        Action.RESUME_REQUEST,
        Action.ROLL_BACK_MODEL,
    }
)
"""What nobody may do to their own work."""

PURPOSE_BOUND = frozenset(
    {
        Action.READ_DATASET,
        Action.SUBMIT_REQUEST,
        Action.ADVANCE_JOB,
        Action.TAKE_ADAPTER,
        Action.REVIEW_SAMPLE,
        Action.READ_REVIEW,
        Action.ROLL_BACK_MODEL,
    }
)
"""What is done with data, or with what was learnt from it, for a purpose (GDPR Art. 5(1)(b)).

Rows are read by steps (advance-job) and by readers of a sample (review-sample, read-review), who state the purpose of
the training; read-dataset shows what is said about a dataset, and none of its rows. Looking a person up and erasing
them is for that person's rights (Art. 15 and 17), which no purpose of the dataset limits.
"""

HELD_BACK = frozenset(
    {
        Action.RETIRE_DATASET,
        Action.ERASE_PERSON,
        Action.CARRY_OUT_ERASURE,
        Action.APPROVE_PRUNE,
        Action.DELETE_FILE,
        Action.EXPIRE_FILE,
    }
)
"""What would destroy something that a legal hold keeps (GDPR Art. 17(3)(e))."""

READING = frozenset(
    {
        Action.READ_FILE,
        Action.TAKE_FILE,
        Action.READ_DATASET,
        Action.READ_REQUEST,
        Action.READ_MODEL,
        Action.READ_LINEAGE,
        Action.READ_LOG,
        Action.READ_REVIEW,
        Action.TAKE_ADAPTER,
        Action.READ_POLICY,
        Action.EXPLAIN_ACCESS,
        Action.READ_PROJECT,
        Action.READ_EMERGENCY,
        Action.READ_GATE,
    }
)
"""What changes nothing but the log."""

DATA_READING = frozenset(
    {
        Action.READ_FILE,
        Action.TAKE_FILE,
        Action.READ_DATASET,
        Action.READ_REVIEW,
        Action.REVIEW_SAMPLE,
        Action.TAKE_ADAPTER,
        Action.TRACE_PERSON,
        Action.ADVANCE_JOB,
    }
)
"""What shows, or uses, data about persons or what was learnt from it."""

LOW_RISK = frozenset(
    {
        Action.UPLOAD_FILE,
        Action.READ_REQUEST,
        Action.READ_MODEL,
        Action.READ_LINEAGE,
        Action.READ_LOG,
        Action.CANCEL_REQUEST,
        Action.REVOKE_KEY,
        Action.PLACE_HOLD,
        Action.WITHDRAW_SIGNATURE,
        Action.READ_POLICY,
        Action.EXPLAIN_ACCESS,
        Action.REVOKE_ROLE,
        Action.READ_PROJECT,
        Action.READ_EMERGENCY,
        Action.CLOSE_EMERGENCY,
        Action.READ_GATE,
    }
)
"""What goes on, marked, while nobody can say whether the policy changed: it shows no data, or takes something back."""


def _hard_denies() -> frozenset[Rule]:
    told = {
        "own": (APPROVING, _KIND_OF_APPROVAL),
        "purpose-differs": (PURPOSE_BOUND, _KIND_OF_USE),
        "legal-hold": (HELD_BACK, _KIND_OF_LOSS),
    }
    rules = [
        Rule(ANYONE, action, kinds[action], condition, Effect.DENY)
        for condition, (actions, kinds) in told.items()
        for action in sorted(actions)
    ]
    rules.append(Rule(ANYONE, Action.APPROVE_PROMOTION, "promotion", "gate-red", Effect.DENY))
    rules.append(Rule(ANYONE, Action.ROLL_BACK_MODEL, "model", "gate-red", Effect.DENY))
    return frozenset(rules)


_KIND_OF_APPROVAL = {
    Action.APPROVE_REQUEST: "request",
    Action.ENDORSE_REQUEST: "request",
    Action.APPROVE_PROMOTION: "promotion",
    Action.OVERRIDE_GATE: "promotion",
    Action.APPROVE_PRUNE: "log",
    Action.REVIEW_SAMPLE: "review",
    Action.ATTEST_REPORT: "request",
    Action.ACTIVATE_POLICY: "policy",
    Action.GRANT_ROLE: "grant",
    Action.CONFIRM_EMERGENCY: "emergency",
    Action.REVIEW_EMERGENCY: "emergency",
    Action.RESUME_REQUEST: "request",
    Action.ROLL_BACK_MODEL: "model",
}
_KIND_OF_USE = {
    Action.READ_DATASET: "dataset",
    Action.SUBMIT_REQUEST: "request",
    Action.ADVANCE_JOB: "request",
    Action.TAKE_ADAPTER: "model",
    Action.REVIEW_SAMPLE: "review",
    Action.READ_REVIEW: "review",
    Action.ROLL_BACK_MODEL: "model",
}
_KIND_OF_LOSS = {
    Action.RETIRE_DATASET: "dataset",
    Action.ERASE_PERSON: "dataset",
    Action.CARRY_OUT_ERASURE: "dataset",
    Action.APPROVE_PRUNE: "log",
    Action.DELETE_FILE: "file",
    Action.EXPIRE_FILE: "file",
}

HARD_DENIES = _hard_denies()
"""Rules that every policy has to hold, for everybody: no proposal may leave one out."""

STANDARD_ROLES = frozenset(Role)
