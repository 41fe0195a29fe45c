"""Why somebody was told no: the deny rule, or the nearest allow rule and what it lacks, and who can mend that.

Casbin says which rule decided, if one did; for a default denial it says nothing. This does, from the rules that are
about the question, and it names nobody.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from tunewarden.domain.access import Effect, Rule
from tunewarden.domain.access_predicates import PREDICATES, Outcomes, failing, named
from tunewarden.domain.names import Digest

NO_RULE = "no-rule-allows"
ROLE = "role"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Of a denial.

    Attributes:
        because: id of the deny rule, or `NO_RULE`.
        rule: id of the deny rule, or of the allow rule that was nearest; empty where no rule is about the question.
        failed: what that allow rule lacks: `ROLE` and names of conditions, joined by "+"; a deny rule's condition.
        who: roles that may do it, where they hold what the nearest rule asks for.
        unblocks: the roles that can mend what failed.
    """

    because: str
    rule: str
    failed: str
    who: str
    unblocks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision, as one who may see it gets it.

    Attributes:
        reason: None where it is allowed.
        facts: who holds what, and what the server stated; None for a viewer who is not to know.
    """

    allowed: bool
    version: Digest
    rule: str
    reason: Reason | None
    facts: Mapping[str, str] | None


def reason(rules: Sequence[Rule], held: Set[str], outcomes: Outcomes) -> Reason:
    """Why `held` roles are told no by these rules, which are all that are about the question."""
    may = ", ".join(sorted({rule.role for rule in rules if rule.effect == Effect.ALLOW}))
    for rule in rules:
        if rule.effect == Effect.DENY and rule.role in held and not failing(rule.condition, rule.effect, outcomes):
            mends = _mends(named(rule.condition), may)
            return Reason(because=rule.id, rule=rule.id, failed=rule.condition, who=may, unblocks=mends)
    lacking = [(_lacks(rule, held, outcomes), rule) for rule in rules if rule.effect == Effect.ALLOW]
    if not lacking:
        return Reason(because=NO_RULE, rule="", failed="", who=may, unblocks="")
    lacks, nearest = min(lacking, key=lambda one: len(one[0]))
    return Reason(
        because=NO_RULE,
        rule=nearest.id,
        failed="+".join(lacks),
        who=may,
        unblocks=_mends(lacks, may),
    )


def _lacks(rule: Rule, held: Set[str], outcomes: Outcomes) -> Sequence[str]:
    role = () if rule.role in held else (ROLE,)
    return (*role, *failing(rule.condition, rule.effect, outcomes))


def _mends(lacks: Sequence[str], may: str) -> str:
    """Whoever can mend the facts that fail; where none are to be mended, somebody else who may do it."""
    mending = {PREDICATES[name].mends for name in lacks if name != ROLE}
    return ", ".join(sorted(str(role) for role in mending if role is not None)) or may
