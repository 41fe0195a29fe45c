"""`tunewarden policy simulate|propose|show|activate|rollback|history|grant|revoke|grants`: what is in force.

What is about files alone is in `entry.cli.policy`, which puts its commands beside these.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tunewarden.domain.errors import Conflict, Corrupted
from tunewarden.domain.names import Role
from tunewarden.entry.cli.client.completing import members, policy_ids, project_ids
from tunewarden.entry.cli.client.output import short
from tunewarden.entry.cli.client.talk import AsJson, Once, Talk, Yes, at, entry, talking, word
from tunewarden.entry.cli.policy_words import in_words

app = typer.Typer(
    no_args_is_help=True,
    help="The access policy: what files of one come to (check, diff, explain), what is in force, and changing it.",
)

Proposed = Annotated[Path, typer.Option("--folder", help="With the policy.csv that is meant.")]
Version = Annotated[str, typer.Argument(metavar="POLICY", help="Id of a version.", autocompletion=policy_ids)]
Member = Annotated[
    str, typer.Argument(metavar="PRINCIPAL", help="Somebody, or a group (grp-...).", autocompletion=members)
]
Granted = Annotated[Role, typer.Argument(metavar="ROLE", help="Such as reviewer.")]
Project = Annotated[str, typer.Option(help="In one project only.", autocompletion=project_ids)]
_PATH, _EVERYWHERE = "/v1/policies", "*"
_COMPARING_SECONDS = 600.0
"""A policy is asked up to two million questions, and held against 90 days of the log, before the answer comes."""


@app.command("simulate")
def simulate(folder: Proposed, as_json: AsJson = False) -> None:
    """What a policy would change of the one in force, and of the answers of the last 90 days. Nothing is kept."""
    with talking(as_json=as_json) as talk:
        _, body = _meant(talk, folder)
        report = talk.api.post(f"{_PATH}/simulate", body, patience=_COMPARING_SECONDS)
        talk.out.document(report)
        _tell(talk, report)


@app.command("propose")
def propose(folder: Proposed, once: Once = "", as_json: AsJson = False) -> None:
    """Propose a policy: checked whole, compared with the one in force, and kept for a second person to activate."""
    with talking(as_json=as_json) as talk:
        base, body = _meant(talk, folder)
        _proposed(talk, talk.api.post(_PATH, body, patience=_COMPARING_SECONDS, once=once), base)


@app.command("rollback")
def rollback(version: Version, once: Once = "", as_json: AsJson = False) -> None:
    """Propose what an earlier version said. It takes a second person too; granted roles stay granted."""
    with talking(as_json=as_json) as talk:
        made = talk.api.post(at(_PATH + "/{}/rollback", version), patience=_COMPARING_SECONDS, once=once)
        _proposed(talk, made, word(made, "base"))


@app.command("show")
def show(version: Version, as_json: AsJson = False) -> None:
    """One version: who proposed it, and what it would change, as it was compared then; its rules with --json."""
    with talking(as_json=as_json) as talk:
        found = talk.api.get(at(_PATH + "/{}", version))
        talk.out.document(found)
        names = ("id", "state", "proposed_by", "proposed_at", "activated_by", "activated_at", "digest", "report")
        talk.out.facts([(name.replace("_", " "), found.get(name)) for name in names])
        _tell(talk, found.get("what_if"))


@app.command("activate")
def activate(
    version: Version,
    digest: Annotated[str, typer.Option(help="sha256:... of the version that was read: no other is meant.")] = "",
    report: Annotated[str, typer.Option(help="sha256:... of the report about it that was read.")] = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Put in force what somebody else proposed: shows what it would change, asks, and sends exactly what was shown.

    Every process decides by it within two seconds.
    """
    with talking(as_json=as_json) as talk:
        found = talk.api.get(at(_PATH + "/{}", version))
        _require_read(found, digest, report)
        for line in in_words(found["what_if"]):
            talk.out.note(line)
        talk.out.note(f"{word(found, 'proposed_by')} proposed {word(found, 'digest')}, report {word(found, 'report')}")
        talk.confirm("Put exactly this in force?", yes=yes)
        said = {"digest": found["digest"], "report": found["report"]}
        told(talk, talk.api.post(at(_PATH + "/{}/activate", version), said), "in force")


@app.command("history")
def history(as_json: AsJson = False) -> None:
    """Every version, oldest first; as JSON one a line."""
    with talking(as_json=as_json) as talk:
        rows = []
        for one in talk.api.pages(_PATH):
            talk.out.document(one)
            names = ("id", "state", "proposed_by", "proposed_at", "activated_by", "activated_at")
            rows.append([*(one.get(name) for name in names), short(one.get("digest"))])
        columns = ("policy", "state", "proposed by", "at", "activated by", "at", "digest")
        talk.out.table(columns, rows, "There is no version.")


@app.command("grant")
def grant(principal: Member, role: Granted, project: Project = _EVERYWHERE, as_json: AsJson = False) -> None:
    """Give somebody else, or everybody in a group, a role beside those of their keys."""
    with talking(as_json=as_json) as talk:
        if path := _of_group(principal, project):
            made = talk.api.post(path, {"role_id": str(role)})
        else:
            made = talk.api.post("/v1/grants", {"principal": principal, "role": str(role), "project": project})
        told(talk, made, "granted")


@app.command("revoke")
def revoke(principal: Member, role: Granted, project: Project = _EVERYWHERE, as_json: AsJson = False) -> None:
    """Take a granted role back, of a principal or of a group."""
    with talking(as_json=as_json) as talk:
        if path := _of_group(principal, project):
            back = talk.api.delete(f"{path}/{role}")
        else:
            back = talk.api.post("/v1/grants/revoke", {"principal": principal, "role": str(role), "project": project})
        told(talk, back, "taken back")


@app.command("grants")
def grants(as_json: AsJson = False) -> None:
    """Every role that was ever granted to a principal or a group, oldest first; as JSON one a line."""
    with talking(as_json=as_json) as talk:
        rows = []
        for one in talk.api.pages("/v1/grants"):
            talk.out.document(one)
            names = ("principal", "role", "project", "granted_by", "granted_at", "revoked_by", "revoked_at")
            rows.append([one.get(name) for name in names])
        columns = ("to", "role", "project", "granted by", "at", "taken back by", "at")
        talk.out.table(columns, rows, "No role was ever granted.")


def _meant(talk: Talk, folder: Path) -> tuple[str, dict[str, Any]]:
    """Id of the version in force, and the folder's rules with its links and groups. Raises `Malformed` for the file."""
    from tunewarden.drivers.access_files import read_policy

    rules = [rule._asdict() for rule in read_policy(folder / "policy.csv")]
    (active,) = [word(one, "id") for one in talk.api.pages(_PATH) if one.get("state") == "active"]
    base = talk.api.get(at(_PATH + "/{}", active))
    return active, {"rules": rules, "links": base["links"], "groups": base["groups"]}


def _proposed(talk: Talk, made: dict[str, Any], base: str) -> None:
    talk.out.document(made)
    _tell(talk, made.get("what_if"))
    if talk.out.as_json:
        return
    if word(made, "base") != base:
        talk.out.note(f"{base} was in force when its links and groups were read, and is not any more: look at them.")
    talk.out.line(f"{word(made, 'id')} is {word(made, 'state')}: {entry(made)}")
    read = f"--digest {word(made, 'digest')} --report {word(made, 'report')}"
    talk.out.line("Next: somebody else reads this and runs")
    talk.out.line(f"tunewarden policy activate {word(made, 'id')} {read}")


def _require_read(found: Mapping[str, Any], digest: str, report: str) -> None:
    """Raises `Conflict` where it is not what was read, `Corrupted` where the report is not what its digest stands for.

    The report names the digest of the version: whoever sends both sends what was shown.
    """
    from tunewarden.domain.canonical import digest_bytes, encode

    what_if = found.get("what_if")
    if what_if is None:
        raise Conflict("policy_not_proposed", "Nobody proposed this version, so there is nothing to put in force.")
    for name, read in (("digest", digest), ("report", report)):
        if read and found.get(name) != read:
            raise Conflict("policy_changed", f"The {name} is not the one that you read.", param=f"--{name}")
    if digest_bytes(encode(what_if)) != found.get("report") or what_if.get("digest") != found.get("digest"):
        raise Corrupted("report_differs", "The report is not the one that its digest stands for.", who="auditor")


def _of_group(member: str, project: str) -> str:
    """Where roles of a group are granted; empty for somebody who is none."""
    from tunewarden.domain.groups import is_group

    if not is_group(member):
        return ""
    if project == _EVERYWHERE:
        return at("/v1/organization/groups/{}/roles", member)
    return at("/v1/projects/{}/groups/{}/roles", project, member)


def _tell(talk: Talk, report: Mapping[str, Any] | None) -> None:
    if report is None or talk.out.as_json:
        return
    for line in in_words(report):
        talk.out.line(line)


def told(talk: Talk, done: dict[str, Any], what: str) -> None:
    """What was done, in which entry of the log, and by which version of the policy is decided from then on."""
    version = talk.api.policy_version
    talk.out.document({**done, "policy_version": version or None})
    talk.out.line(f"{what}: {entry(done)}, version {version or 'unknown'}")
