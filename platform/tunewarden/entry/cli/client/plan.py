"""`tunewarden plan new|validate|explain`: what is asked for, before it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tunewarden.domain.errors import Corrupted, Malformed, TunewardenError
from tunewarden.entry.cli.client.completing import dataset_ids, job_ids
from tunewarden.entry.cli.client.output import left_shown, short
from tunewarden.entry.cli.client.talk import AsJson, Talk, at, talking, telling, word
from tunewarden.entry.cli.exits import Exit

if TYPE_CHECKING:
    from tunewarden.domain.training import Plan
    from tunewarden.entry.cli.privacy_words import Budget

app = typer.Typer(no_args_is_help=True, help="Plan files: what is asked for, what it means, and what is in the way.")

_OF_A_BODY = frozenset({"governance", "method", "plan", "seed", "integrations", "validation_file"})
"""What a request may say that a plan file does not."""

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="A plan file, TOML or JSON.")]


@app.command("new")
def new(
    file: Annotated[Path, typer.Argument(help="Where to write it; never over another file.")] = Path("plan.toml"),
    model: Annotated[str, typer.Option(help="Base model.")] = "",
    dataset: Annotated[str, typer.Option(help="Id of a registered dataset.", autocompletion=dataset_ids)] = "",
    purpose: Annotated[str, typer.Option(help="What the model is to be used for.")] = "",
    epsilon: Annotated[str, typer.Option(help="Privacy loss of one person.")] = "",
    as_json: AsJson = False,
) -> None:
    """Write a plan file that explains itself. Nobody is asked."""
    with telling(as_json=as_json) as out:
        from tunewarden.entry.cli.client.files import write_new
        from tunewarden.entry.cli.client.plan_file import OPEN, template

        text = template({"model": model, "dataset": dataset, "purpose": purpose, "epsilon": epsilon})
        write_new(file, text)
        missing = text.count(f'"{OPEN}"')
        out.document({"object": "plan.file", "file": str(file), "incomplete": missing})
        if not as_json:
            out.line(f"{file} is written.")
            if missing:
                out.line(f"{missing} things still have to be said: replace {OPEN}.")
            out.line(f"Next: tunewarden plan validate {file}")


@app.command("validate")
def validate(
    plan: PlanFile,
    pinned: Annotated[
        Path | None, typer.Option("--out", help="Also write the plan file that becomes exactly this plan, or nothing.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What would come of it: the plan's digest, what it costs, who has to agree, and everything that is in the way.

    Nothing is asked for or reserved. Ends with 1 where it would be refused.
    """
    with talking(as_json=as_json) as talk:
        from tunewarden.entry.cli.client.files import write_new

        found = previewed(talk, plan)
        if pinned is not None:
            file = found.get("file")
            if isinstance(file, dict) and found.get("digest") and file.get("expected_plan") == found["digest"]:
                write_new(pinned, json.dumps(file, indent=2) + "\n")
            else:
                talk.out.note(f"{pinned} is not written: no plan can be made of this")
        talk.out.document(found)
        if not as_json:
            _show(talk, found)
        if found.get("accepted") is not True:
            raise typer.Exit(Exit.REFUSED)
        if not as_json:
            talk.out.line(f"Next: tunewarden jobs create {plan} --expect {word(found, 'digest')}")


@app.command("explain")
def explain(
    plan: Annotated[
        str, typer.Argument(metavar="PLAN|JOB", help="A plan file, or the id of a job.", autocompletion=job_ids)
    ],
    svg: Annotated[Path | None, typer.Option(help="Where to write the picture.")] = None,
    as_json: AsJson = False,
) -> None:
    """What a plan means for one person, in words and as a picture: for whoever has to approve it."""
    with talking(as_json=as_json) as talk:
        from tunewarden.entry.cli.privacy_words import figures, tell

        made = plan_of(_planned(talk, plan))
        budget = _budget(talk, made)
        told = tell(made, budget, svg)
        talk.out.document({"object": "plan.explanation", "digest": made.digest(), **figures(made)})
        talk.out.lines(told)


def _planned(talk: Talk, named: str) -> dict[str, Any]:
    """Of a plan file, or of a job."""
    try:
        is_file = Path(named).is_file()
    except (OSError, ValueError):  # too long for a name, for one
        is_file = False
    return previewed(talk, Path(named)) if is_file else talk.api.get(at("/v1/fine_tuning/jobs/{}/plan", named))


def asked(file: Path, expect: str = "") -> dict[str, Any]:
    """The body that a plan file comes to, with the digest of the plan that is meant.

    As a plan file, so that a misspelt member is refused; one that says more than a plan is sent as the body that it is.
    """
    from tunewarden.entry.cli.client.plan_file import read

    said = read(file)
    body = said if said.keys() & _OF_A_BODY else {"plan": said}
    return {**body, "expected_plan": expect} if expect else body


def previewed(talk: Talk, file: Path) -> dict[str, Any]:
    """What the platform makes of a plan file. Raises as `Api.post` does."""
    return talk.api.post("/v1/plans", asked(file))


def plan_of(said: Mapping[str, Any]) -> Plan:
    """The plan in an answer. Raises `Malformed` where there is none, `Corrupted` where it is not what its digest says.

    Its digest is computed here: what is explained, or approved, is what the digest stands for.
    """
    from tunewarden.domain.canonical import from_plain
    from tunewarden.domain.training import Plan

    plain = said.get("plan")
    if not isinstance(plain, dict):
        raise Malformed("no_plan", "No plan can be made of this.", remedy="See `tunewarden plan validate`.")
    try:
        made = from_plain(Plan, plain)
    except (TunewardenError, ValueError, TypeError, KeyError):
        raise Corrupted(
            "plan_unreadable", "The plan is of a form that this version of tunewarden cannot read."
        ) from None
    if made.digest() != said.get("digest"):
        raise Corrupted("plan_differs", "The plan is not the one that its digest stands for.", who="auditor")
    return made


def _refusals(found: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    refused = found.get("refused")
    return [one for one in refused if isinstance(one, dict)] if isinstance(refused, list) else []


def _show(talk: Talk, found: dict[str, Any]) -> None:
    def of(*path: str) -> str:
        return word(found, *path)

    approvals = found.get("approvals") or {}
    roles = " or ".join(approvals.get("approving") or [])
    beside = ", ".join(approvals.get("endorsing") or [])
    talk.out.facts(
        [
            ("plan", of("digest")),
            ("dataset", f"{of('dataset')}, version {short(of('dataset_version'))}"),
            ("epsilon", f"{of('privacy', 'epsilon')} at delta {of('privacy', 'delta')} for one person"),
            ("noise", of("privacy", "noise_multiplier")),
            (
                "trains on",
                f"{of('training', 'units_to_train_on')} {of('privacy', 'unit')}s, {of('training', 'updates')} updates",
            ),
            (
                "budget left",
                f"{left_shown(of('budget', 'left'))}; {left_shown(of('budget', 'left_after')) or 'nothing'} afterwards",
            ),
            (
                "who agrees",
                f"{approvals.get('persons')} persons: {roles}" + (f"; may endorse: {beside}" if beside else ""),
            ),
            ("gates", ", ".join(str(one.get("id")) for one in found.get("gates") or [] if isinstance(one, dict))),
        ]
        if found.get("plan")
        else [("plan", "none can be made of this")]
    )
    for one in _refusals(found):
        talk.out.line(f"in the way: {one.get('code')}: {one.get('message')}")
        for name, key in (("what to do", "remedy"), ("who can", "who_can")):
            if one.get(key):
                talk.out.line(f"  {name}: {one[key]}")


def _budget(talk: Talk, plan: Plan) -> Budget | None:
    """What is left of the dataset's budget; None for somebody who may not see it."""
    from decimal import Decimal, InvalidOperation

    from tunewarden.entry.cli.client.declined import Declined
    from tunewarden.entry.cli.privacy_words import Budget

    try:
        said = talk.api.get(at("/v1/datasets/{}/budget", plan.dataset))
        return Budget(**{name: Decimal(str(said[name])) for name in ("limit", "delta", "spent", "left")})
    except Declined:
        return None
    except (KeyError, InvalidOperation):
        return None
