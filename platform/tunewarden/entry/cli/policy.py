"""`tunewarden policy check|diff|explain`: what a policy of files comes to. They ask nobody, and nothing is kept.

What is about the policy in force is in `entry.cli.client.policy`; these are commands of the same group.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tunewarden.domain.access_analysis import Change, Question, Violation, changes, questions, role_sets, violations
from tunewarden.domain.access_compile import remarks
from tunewarden.domain.access_explain import Explanation
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Action, Role
from tunewarden.entry.cli.client.policy import app as app

if TYPE_CHECKING:
    from tunewarden.drivers.access import CasbinAccess

Folder = Annotated[
    Path | None, typer.Option("--folder", help="With model.conf and policy.csv; the settings' own if absent.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command("check")
def check(folder: Folder = None, as_json: AsJson = False) -> None:
    """Read a policy and ask it all that it allows to somebody; exit 1 where it allows what no policy may."""
    from tunewarden.drivers.access_files import read_policy
    from tunewarden.usecases.policy_questions import decide_by

    place = _place(folder)
    access = _access(place)
    rules = read_policy(place / "policy.csv")
    count, broken = violations(decide_by(access), role_sets(), questions(rules))
    found: dict[str, Any] = {
        "version": access.version,
        "rules": len(rules),
        "decisions": count,
        "violations": [_violation(one) for one in broken],
        "remarks": [f"{one.rule} {one.what}" for one in remarks(rules)],
    }
    if as_json:
        typer.echo(json.dumps(found, sort_keys=True))
    else:
        typer.echo(f"{found['rules']} rules, version {access.version}")
        typer.echo(f"{count} decisions, {len(broken)} that no policy may make")
        for line in (*found["violations"], *(f"remark: {one}" for one in found["remarks"])):
            typer.echo(line)
    raise typer.Exit(1 if broken else 0)


@app.command("diff")
def diff(
    before: Annotated[Path, typer.Argument(help="A folder with model.conf and policy.csv.")],
    after: Annotated[Path, typer.Argument(help="Another one.")],
    as_json: AsJson = False,
) -> None:
    """Who gains and who loses what by the change from one policy to another, one example each."""
    from tunewarden.drivers.access_files import read_policy
    from tunewarden.usecases.policy_questions import decide_by

    one, other = _access(before), _access(after)
    about = questions([rule for place in (before, after) for rule in read_policy(place / "policy.csv")])
    found = changes(decide_by(one), decide_by(other), role_sets(), about)
    if as_json:
        typer.echo(
            json.dumps(
                {"before": one.version, "after": other.version, "changes": [_change(change) for change in found]},
                sort_keys=True,
            )
        )
        return
    typer.echo(f"from {one.version}\nto   {other.version}\n{len(found)} changes")
    for change in found:
        verb = "gains" if change.gains else "loses"
        typer.echo(f"{' + '.join(sorted(change.roles))} {verb} {change.action}, for example: {change.example}")


@app.command("explain")
def explain(
    action: Annotated[Action, typer.Option(help="What is to be done.")],
    kind: Annotated[str, typer.Option(help="What it is to be done to: file, dataset, request, ...")],
    role: Annotated[list[Role], typer.Option(help="What who asks is; may be given more than once.")],
    situation: Annotated[
        str, typer.Option(help="Whose it is and what is stated, joined by '+': own+gate-green, other, none.")
    ] = "other",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Why a policy says yes or no: the rule, what is missing, and who can mend it."""
    from tunewarden.usecases.policy_questions import ME, resource
    from tunewarden.usecases.ports import Principal

    words = situation.split("+")
    asked = Question(action=action, kind=kind, situation=tuple(words))
    if asked not in questions():
        raise Malformed(
            "question_malformed",
            "A question has a kind that there is, and own, other or none with what is stated: purpose-fits or "
            "purpose-differs, gate-green or gate-red, legal-hold, in this order.",
            param="situation",
        )
    person = Principal(id=ME, roles=frozenset(role))
    told = _access(_place(folder)).explain(person, action, resource(kind, words), viewer=person)
    typer.echo(json.dumps(_plain(told), sort_keys=True) if as_json else _in_words(told))


def _place(folder: Path | None) -> Path:
    from tunewarden.entry.settings import Settings

    return folder or Settings().policies / "access"


def _access(place: Path) -> CasbinAccess:
    from tunewarden.drivers.access import CasbinAccess

    return CasbinAccess(place / "model.conf", place / "policy.csv")


def _violation(found: Violation) -> str:
    return f"not so: {found.claim}. {' + '.join(sorted(found.roles))} may: {found.question}"


def _change(found: Change) -> dict[str, Any]:
    return {
        "roles": sorted(found.roles),
        "action": found.action,
        "gains": found.gains,
        "example": {"kind": found.example.kind, "situation": list(found.example.situation)},
    }


def _plain(told: Explanation) -> dict[str, Any]:
    why = told.reason
    missing = {"failed": why.failed, "who": why.who, "unblocks": why.unblocks} if why else {}
    return {"allowed": told.allowed, "version": told.version, "rule": told.rule, **missing}


def _in_words(told: Explanation) -> str:
    why = told.reason
    if why is None:
        return f"allowed by {told.rule}"
    if not told.rule:
        return f"denied: no rule is about this ({why.because})"
    unblocks = f"\nwho can mend it: {why.unblocks}" if why.unblocks else ""
    if told.rule == why.because:
        return f"denied by {told.rule}{unblocks}"
    lacks = ", ".join(why.failed.split("+"))
    return f"denied: the nearest rule is {told.rule}; it lacks: {lacks}{unblocks}"
