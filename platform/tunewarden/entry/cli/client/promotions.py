"""`tunewarden promote` and `tunewarden promotions list|show|approve|override`: which model version an alias names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tunewarden.domain.errors import Conflict, Corrupted
from tunewarden.domain.overrides import OverrideReason
from tunewarden.domain.registry import PromotionState
from tunewarden.entry.cli.client.completing import model_ids
from tunewarden.entry.cli.client.talk import AsJson, Once, Talk, Yes, at, entry, talking, word

app = typer.Typer(no_args_is_help=True, help="Promotions: an alias is moved by evidence and two persons.")

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Its id or name.", autocompletion=model_ids)]
AliasName = Annotated[str, typer.Argument(metavar="ALIAS", help="Such as candidate, staging, production.")]
Promotion = Annotated[str, typer.Argument(metavar="PROMOTION", help="Its id.")]
Verdict = Annotated[
    str, typer.Option("--verdict", help="sha256:... of the verdict that was read: another one is not decided about.")
]


def promote(model: Model, alias: AliasName, once: Once = "", as_json: AsJson = False) -> None:
    """Propose that an alias names a model version. The gate judges first; then a second person approves.

    A verdict that does not pass is kept and refused: `promotions show` tells why, `promotions override` who may let it
    pass.
    """
    with talking(as_json=as_json) as talk:
        made = talk.api.post(at("/v1/models/{}/promotions", model), {"alias": alias}, once=once)
        talk.out.document(made)
        _show(talk, made)
        if not as_json:
            talk.out.line("Next: somebody else runs")
            talk.out.line(f"tunewarden promotions approve {word(made, 'id')}")


@app.command("list")
def listed(
    state: Annotated[PromotionState | None, typer.Option(help="Only those that stand so.")] = None,
    as_json: AsJson = False,
) -> None:
    """Those that you may see, newest first, however they ended; as JSON one a line."""
    with talking(as_json=as_json) as talk:
        rows, broken = [], 0
        for one in talk.api.pages("/v1/promotions", {"limit": 100, **({"state": str(state)} if state else {})}):
            talk.out.document(one)
            gate, broken = word(one, "gate", "outcome"), broken + bool(word(one, "fault"))
            rows.append([one.get(name) for name in ("id", "model", "alias", "state", "proposed_by")] + [gate])
        columns = ("promotion", "model", "alias", "state", "proposed by", "gate")
        talk.out.table(columns, rows, "There is no promotion that you may see.")
        if broken:
            raise Corrupted(
                "promotion_broken",
                f"What {broken} promotion(s) rest on cannot be read there; what gates said stands in the log.",
                remedy="Restore the documents, and the blob key, from a copy.",
                who="administrator",
            )


@app.command("show")
def show(promotion: Promotion, as_json: AsJson = False) -> None:
    """One promotion: every finding behind its verdict, with its interval."""
    with talking(as_json=as_json) as talk:
        found = _found(talk, promotion)
        talk.out.document(found)
        _show(talk, found)


@app.command("approve")
def approve(promotion: Promotion, verdict: Verdict = "", yes: Yes = False, as_json: AsJson = False) -> None:
    """Approve somebody else's promotion: shows its findings, asks, and sends exactly the verdict that was shown.

    Where groups were too small to be assessed they are listed, and whoever approves signs for them by their number.
    """
    with talking(as_json=as_json) as talk:
        found = _found(talk, promotion)
        _require_read(found, verdict)
        _lay_out(talk, found)
        talk.confirm(f"Let {word(found, 'alias')} name {word(found, 'model')}?", yes=yes)
        said = {"verdict": word(found, "verdict"), "unassessed": found.get("unassessed") or 0}
        done = talk.api.post(at("/v1/promotions/{}/approve", promotion), said)
        _told(talk, done, "approved")


@app.command("override")
def override(
    promotion: Promotion,
    reason: Annotated[OverrideReason, typer.Option(help="Why the model may be used all the same.")],
    verdict: Verdict = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Let pass what the gate stopped: an approver and a privacy officer, each with a reason. The report says so."""
    with talking(as_json=as_json) as talk:
        found = _found(talk, promotion)
        _require_read(found, verdict)
        _lay_out(talk, found)
        talk.confirm("Let pass what the gate stopped?", yes=yes)
        said = {"verdict": word(found, "verdict"), "reason": str(reason)}
        done = talk.api.post(at("/v1/promotions/{}/override", promotion), said)
        _told(talk, done, "let pass by you")


def _found(talk: Talk, promotion: str) -> dict[str, Any]:
    return talk.api.get(at("/v1/promotions/{}", promotion))


def _require_read(found: Mapping[str, Any], verdict: str) -> None:
    if verdict and found.get("verdict") != verdict:
        raise Conflict("verdict_changed", "The verdict is not the one that you read.", param="--verdict")


def _lay_out(talk: Talk, found: dict[str, Any]) -> None:
    """What is decided about, on standard error: it stands beside the answer."""
    talk.out.note(f"{word(found, 'proposed_by')} proposes that {word(found, 'alias')} names {word(found, 'model')}.")
    talk.out.note(f"gate {word(found, 'gate', 'name')}: {word(found, 'gate', 'outcome')}")
    for finding in _findings(found):
        talk.out.note("  ".join(finding))
    if unassessed := found.get("unassessed"):
        talk.out.note(f"{unassessed} groups and comparisons could not be assessed; you sign for them:")
        for one in found.get("not_assessable") or []:
            told = (str(one.get(name)) for name in ("attribute", "group", "metric", "label") if one.get(name))
            talk.out.note("  " + ", ".join(told))
    talk.out.note(f"verdict {word(found, 'verdict')}")


def _findings(found: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    rows = []
    for one in found.get("findings") or []:
        if not isinstance(one, dict):
            continue
        measured = one.get("measured") or {}
        value = f"{measured.get('value')} ({measured.get('low')} to {measured.get('high')})" if measured else "unknown"
        limit = f"{str(one.get('bound')).replace('-', ' ')} {one.get('limit')}"
        hard = ", hard" if one.get("hard") else ""
        rows.append((str(one.get("outcome")), str(one.get("metric")), value, limit + hard))
    return rows


def _show(talk: Talk, found: dict[str, Any]) -> None:
    names = ("id", "model", "alias", "state", "proposed_by", "approved_by", "verdict", "unassessed")
    talk.out.facts(
        [
            *((name.replace("_", " "), found.get(name)) for name in names),
            ("gate", f"{word(found, 'gate', 'name')}: {word(found, 'gate', 'outcome')}"),
            ("log entry", word(found, "receipt", "index")),
        ]
    )
    talk.out.table(("outcome", "metric", "measured (95 %)", "rule"), _findings(found), "No findings.")


def _told(talk: Talk, done: dict[str, Any], what: str) -> None:
    talk.out.document(done)
    if not talk.out.as_json:
        talk.out.line(f"{word(done, 'id')} is {what}: {entry(done)}; {word(done, 'state')}")
