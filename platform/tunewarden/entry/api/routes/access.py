"""/v1/access and /v1/grants: who may do what, why not, who could have, and roles of single principals."""

from datetime import UTC, date, datetime, time
from typing import Annotated

from fastapi import Query
from pydantic import StringConstraints

from tunewarden.domain.access import EVERY
from tunewarden.domain.access_explain import Explanation
from tunewarden.domain.canonical import instant_text
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Action, PrincipalId, Role, project_id
from tunewarden.domain.policies import Grant
from tunewarden.entry.api.caller import Administering, Asking
from tunewarden.entry.api.schemas import Json, Strict, Word, receipt_out
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import grants, who_may

router = Routes(tags=["access"])

Kind = Annotated[str, Query(description="file, dataset, request, ...", max_length=64, pattern=r"^[a-z-]+$")]
Thing = Annotated[
    str, Query(description="Of the thing; anything of the kind if left out.", max_length=128, pattern=r"^[^\x00]*$")
]


class GrantIn(Strict):
    """A role for a principal, in one project or in all of them."""

    principal: Word
    role: Role
    project: Annotated[Word, StringConstraints(max_length=64)] = EVERY


@router.get("/v1/access/explain", summary="Why, or why not")
def explain(called: Asking, action: Action, kind: Kind, thing: Thing = "", principal: Word | None = None) -> Json:
    """The rule that decides; or the nearest one, what it lacks, and which role can mend that. Of oneself, or of
    another principal for who may ask. Whose things are, and who holds what, is shown to auditors only.
    """
    whose = None if principal is None else PrincipalId(principal)
    told = who_may.explain(called.platform, called.principal, whose, action, kind, thing)
    return {"object": "access.explanation", "action": action, "kind": kind, **_explanation(told)}


@router.get("/v1/access/principals/{principal_id}", summary="What a principal may do")
def may(called: Asking, principal_id: str) -> Json:
    """Now, in every project: by kind of thing and whose it is, with the rules that allow it or take it back."""
    found = who_may.may(called.platform, called.principal, PrincipalId(principal_id))
    return {
        "object": "access.permissions",
        "principal": principal_id,
        "data": [
            {
                "action": one.action,
                "kind": one.kind,
                "whose": list(one.whose),
                "allowed_by": list(one.allowed_by),
                "denied_by": list(one.denied_by),
            }
            for one in found
        ],
    }


@router.get("/v1/access/who", summary="Who may, or could have")
def who(called: Asking, action: Action, kind: Kind, thing: Thing = "", on: date | None = None) -> Json:
    """Who may do this to this thing now, or could have at the end of a day (UTC). Auditors see who; others how many."""
    if on is None:
        able = who_may.who(called.platform, called.principal, action, kind, thing)
    else:
        able = who_may.could_have(called.platform, called.principal, action, kind, thing, _end_of(on, called))
    return {
        "object": "access.able",
        "action": action,
        "kind": kind,
        "policy": able.policy,
        "counts": dict(able.counts),
        "principals": None if able.principals is None else list(able.principals),
    }


@router.get("/v1/grants", summary="List grants")
def listed(called: Asking) -> Json:
    """Every role that was ever granted, to a principal or a group, oldest first, by whom, and whether it stands."""
    found = grants.listed(called.platform, called.principal)
    return {"object": "list", "data": [_grant(one) for one in found], "has_more": False}


@router.post("/v1/grants", summary="Grant a role")
def grant(called: Administering, body: GrantIn) -> Json:
    """To somebody else, where one person may hold all their roles together, whatever the projects."""
    made, receipt = grants.grant(
        called.platform, called.principal, PrincipalId(body.principal), body.role, project_id(body.project)
    )
    return {**_grant(made), "receipt": receipt_out(receipt)}


@router.post("/v1/grants/revoke", summary="Take a grant back")
def revoke(called: Administering, body: GrantIn) -> Json:
    """In this process at once, in every other one within two seconds."""
    back, receipt = grants.revoke(
        called.platform, called.principal, PrincipalId(body.principal), body.role, project_id(body.project)
    )
    return {**_grant(back), "receipt": receipt_out(receipt)}


def _end_of(day: date, called: Asking) -> datetime:
    """The last instant of a day, or now if it is today."""
    now = called.platform.clock()
    if day > now.astimezone(UTC).date():
        raise Malformed("time_to_come", "What could have been done is asked of a day that is past.", param="on")
    return min(datetime.combine(day, time.max, tzinfo=UTC), now)


def _explanation(told: Explanation) -> Json:
    why = told.reason
    return {
        "allowed": told.allowed,
        "version": told.version,
        "rule": told.rule,
        "because": told.rule if why is None else why.because,
        "missing": [] if why is None or not why.failed else why.failed.split("+"),
        "who": "" if why is None else why.who,
        "unblocks": "" if why is None else why.unblocks,
        "facts": None if told.facts is None else dict(told.facts),
    }


def _grant(grant: Grant) -> Json:
    return {
        "object": "grant",
        "principal": grant.member,
        "role": grant.role,
        "project": grant.project,
        "granted_by": grant.granted_by,
        "granted_at": instant_text(grant.granted_at),
        "revoked_by": grant.revoked_by,
        "revoked_at": None if grant.revoked_at is None else instant_text(grant.revoked_at),
    }
