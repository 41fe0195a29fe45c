"""`tunewarden approve|endorse|reject`: deciding about somebody else's plan, by its digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tunewarden.domain.errors import Conflict
from tunewarden.entry.cli.client.completing import job_ids
from tunewarden.entry.cli.client.output import day_of, short
from tunewarden.entry.cli.client.talk import AsJson, Talk, Yes, at, entry, talking, word

if TYPE_CHECKING:
    from tunewarden.domain.training import Plan

Job = Annotated[str, typer.Argument(metavar="JOB", help="Its id.", autocompletion=job_ids)]
Digest = Annotated[
    str, typer.Option("--digest", help="sha256:... of the plan that was read: another one is not agreed to.")
]
_PATH = "/v1/fine_tuning/jobs"


def approvals(as_json: AsJson = False) -> None:
    """What waits for your decision: plans, oldest first, then promotions; as JSON one a line."""
    with talking(as_json=as_json) as talk:
        rows = []
        for one in talk.api.pages("/v1/approvals", {"limit": 100}):
            talk.out.document(one)
            rows.append([one.get("id"), one.get("kind"), one.get("requested_by"), day_of(one.get("requested_at"))])
        talk.out.table(("id", "what", "asked by", "at"), rows, "Nothing waits for you.")
        if rows and not as_json:
            talk.out.line("To decide: tunewarden approve ID for a plan, tunewarden promotions approve ID")


def approve(job: Job, digest: Digest = "", yes: Yes = False, as_json: AsJson = False) -> None:
    """Approve a plan: shows what it means first, asks, and sends the digest of exactly what was shown."""
    _agree(job, "approve", digest, yes=yes, as_json=as_json)


def endorse(job: Job, digest: Digest = "", yes: Yes = False, as_json: AsJson = False) -> None:
    """Endorse a plan beside its approval, as special categories need it: shown, asked and sent in the same way."""
    _agree(job, "endorse", digest, yes=yes, as_json=as_json)


def reject(job: Job, yes: Yes = False, as_json: AsJson = False) -> None:
    """Say no to a request, for good. The reserved budget is given back."""
    with talking(as_json=as_json) as talk:
        found = talk.api.get(at(f"{_PATH}/{{}}", job))
        talk.out.note(f"{job}: {word(found, 'governance', 'purpose')}, plan {word(found, 'governance', 'plan')}")
        talk.confirm("Reject this request for good?", yes=yes)
        done = talk.api.post(at(f"{_PATH}/{{}}/reject", job))
        _told(talk, done, "rejected")


def _agree(job: str, verb: str, digest: str, *, yes: bool, as_json: bool) -> None:
    with talking(as_json=as_json) as talk:
        from tunewarden.entry.cli.client.plan import plan_of

        found = talk.api.get(at(f"{_PATH}/{{}}", job))
        plan = plan_of(talk.api.get(at(f"{_PATH}/{{}}/plan", job)))
        if digest and plan.digest() != digest:
            raise Conflict(
                "plan_changed",
                "The plan of this job is not the one that you read.",
                remedy=f"Read it: tunewarden plan explain {job}",
                param="--digest",
            )
        _lay_out(talk, found, plan)
        _standing(talk, job)
        talk.confirm(f"{verb.capitalize()} exactly this plan?", yes=yes)
        done = talk.api.post(at(f"{_PATH}/{{}}/{verb}", job), {"plan": plan.digest()})
        _told(talk, done, f"{verb}d")


def _lay_out(talk: Talk, job: dict[str, Any], plan: Plan) -> None:
    """What is agreed to, in words; from the plan whose digest is sent, not from what the job says of it."""
    mechanism = plan.mechanism
    promise = f"epsilon {plan.promised_epsilon} at delta {plan.delta}, with all their records"
    curve = "" if plan.curve is None else f"yes, on {', '.join(map(str, plan.curve.shares))} of the persons too"
    facts = (
        ("asked by", word(job, "governance", "requested_by")),
        ("to train", f"{plan.base_model.name}, for the purpose '{plan.purpose}'"),
        ("on", f"{plan.dataset}, version {short(plan.dataset_version)}"),
        ("de-identified by", f"profile {short(plan.profile)}, guarded by gate {short(plan.training_gate)}"),
        ("one person loses", promise),
        ("by", f"{mechanism.updates:,} updates with noise {mechanism.noise_multiplier}, unit {mechanism.unit}"),
        ("learning curve", curve),
        ("twins", "yes, to measure what the model keeps of persons" if plan.twins else ""),
        ("unfairness", "the training takes the measures that the plan declares" if plan.mitigation else ""),
        ("plan", plan.digest()),
        ("in full", f"tunewarden plan explain {word(job, 'id')}"),
    )
    for name, value in facts:
        if value:
            talk.out.note(f"{name:<16}  {value}")


def _standing(talk: Talk, job: str) -> None:
    said = talk.api.get(at(f"{_PATH}/{{}}/approvals", job))
    votes = [one for one in said.get("data") or [] if isinstance(one, dict)]
    for vote in votes:
        talk.out.note(f"{'agreed':<16}  {vote.get('by')} as {vote.get('role')} ({vote.get('kind')})")
    who = ", ".join(str(one) for one in (said.get("missing") or {}).get("who") or [])
    missing = f"{word(said, 'missing', 'persons') or 0} more" + (f", in one of the roles: {who}" if who else "")
    talk.out.note(f"{'has to agree':<16}  {missing}")


def _told(talk: Talk, job: dict[str, Any], done: str) -> None:
    talk.out.document(job)
    if not talk.out.as_json:
        said = entry(job, "governance")
        talk.out.line(f"{word(job, 'id')} is {done}: {said}; {word(job, 'governance', 'state')}")
