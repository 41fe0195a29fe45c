"""`tunewarden operator policy simulate|propose|activate|rollback|history|grant|revoke|grants`, without the API.

Always as somebody: the API key of who acts is read from a file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from tunewarden.domain.canonical import instant_text, to_plain
from tunewarden.domain.names import Role
from tunewarden.entry.cli.policy_words import in_words
from tunewarden.entry.cli.saying import AsJson, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tunewarden.domain.access import PolicySet
    from tunewarden.domain.names import GroupId, PrincipalId, ProjectId
    from tunewarden.usecases.policy_report import WhatIf
    from tunewarden.usecases.ports import Platform, Principal, Receipt

KeyFile = Annotated[Path, typer.Option("--key-file", help="File with the API key of who acts; mode 0600.")]
Proposed = Annotated[Path, typer.Option("--folder", help="With the policy.csv that is meant.")]
Identifier = Annotated[
    str, typer.Argument(metavar="POLICY", help="Id of a version, as `operator policy history` says it.")
]
Member = Annotated[str, typer.Argument(metavar="PRINCIPAL")]
Held = Annotated[Role, typer.Argument(metavar="ROLE")]
Project = Annotated[str, typer.Option(help="In one project only.")]

app = typer.Typer(no_args_is_help=True, help="The access policy where there is no API: as whose key is in a file.")


@app.command("simulate")
def simulate(folder: Proposed, key_file: KeyFile, as_json: AsJson = False) -> None:
    """What a policy would change of the one in force, and of the answers of the last 90 days. Nothing is kept."""
    from tunewarden.usecases import policies

    platform, principal = _acting(key_file)
    _tell(policies.simulate(platform, principal, _said(platform, folder)), as_json=as_json)


@app.command("propose")
def propose(folder: Proposed, key_file: KeyFile, as_json: AsJson = False) -> None:
    """Propose a policy: checked whole, compared with the one in force, and kept for a second person to activate."""
    from tunewarden.usecases import policies

    platform, principal = _acting(key_file)
    version, report, _ = policies.propose(platform, principal, _said(platform, folder))
    _tell(report, as_json=as_json)
    if not as_json:
        typer.echo("\nNext: somebody else reads this and runs")
        typer.echo(f"tunewarden operator policy activate {version.id} ", nl=False)
        typer.echo(f"--digest {version.digest} --report {version.report} --key-file FILE")


@app.command("activate")
def activate(
    identifier: Identifier,
    key_file: KeyFile,
    digest: Annotated[str, typer.Option(help="sha256:... of the version that was read.")],
    report: Annotated[str, typer.Option(help="sha256:... of the report about it that was read.")],
    as_json: AsJson = False,
) -> None:
    """Put in force what somebody else proposed. Every process decides by it within two seconds."""
    from tunewarden.domain.names import PolicyId, digest_name
    from tunewarden.usecases import policies

    platform, principal = _acting(key_file)
    _, receipt = policies.activate(platform, principal, PolicyId(identifier), digest_name(digest), digest_name(report))
    _say_version("in force", receipt, platform, as_json=as_json)


@app.command("rollback")
def rollback(identifier: Identifier, key_file: KeyFile, as_json: AsJson = False) -> None:
    """Propose what an earlier version said. It takes a second person too; granted roles stay granted."""
    from tunewarden.domain.names import PolicyId
    from tunewarden.usecases import policies

    platform, principal = _acting(key_file)
    version, report, _ = policies.rollback(platform, principal, PolicyId(identifier))
    _tell(report, as_json=as_json)
    if not as_json:
        typer.echo(f"{version.id} waits for a second person: --digest {version.digest} --report {version.report}")


@app.command("history")
def history(key_file: KeyFile, as_json: AsJson = False) -> None:
    """Every version, oldest first; as JSON one a line."""
    from tunewarden.entry.cli.client.output import Output, short
    from tunewarden.usecases import policies

    platform, principal = _acting(key_file)
    out, rows = Output(as_json=as_json), []
    for version in policies.listed(platform, principal):
        out.document(cast("dict[str, object]", to_plain(version)))
        proposed = (version.proposed_by, _at(version.proposed_at))
        activated = (version.activated_by, _at(version.activated_at))
        rows.append((version.id, version.state, *proposed, *activated, short(version.digest)))
    columns = ("policy", "state", "proposed by", "at", "activated by", "at", "digest")
    out.table(columns, rows, "There is no version.")


@app.command("grant")
def grant(member: Member, role: Held, key_file: KeyFile, project: Project = "*", as_json: AsJson = False) -> None:
    """Give somebody else, or everybody in a group (grp-...), a role beside those of their keys."""
    from tunewarden.usecases import grants, groups

    receipt, platform = _changed(key_file, member, role, project, grants.grant, groups.grant)
    _say_version("granted", receipt, platform, as_json=as_json)


@app.command("revoke")
def revoke(member: Member, role: Held, key_file: KeyFile, project: Project = "*", as_json: AsJson = False) -> None:
    """Take a granted role back, of a principal or of a group (grp-...)."""
    from tunewarden.usecases import grants, groups

    receipt, platform = _changed(key_file, member, role, project, grants.revoke, groups.revoke)
    _say_version("taken back", receipt, platform, as_json=as_json)


@app.command("grants")
def list_grants(key_file: KeyFile, as_json: AsJson = False) -> None:
    """Every role that was ever granted to a principal or a group, oldest first; as JSON one a line."""
    from tunewarden.entry.cli.client.output import Output
    from tunewarden.usecases import grants

    platform, principal = _acting(key_file)
    out, rows = Output(as_json=as_json), []
    for one in grants.listed(platform, principal):
        out.document(cast("dict[str, object]", to_plain(one)))
        granted, revoked = (one.granted_by, _at(one.granted_at)), (one.revoked_by, _at(one.revoked_at))
        rows.append((one.member, one.role, one.project, *granted, *revoked))
    columns = ("to", "role", "project", "granted by", "at", "taken back by", "at")
    out.table(columns, rows, "No role was ever granted.")


def _changed(
    key_file: Path,
    member: str,
    role: Role,
    project: str,
    of_somebody: Callable[[Platform, Principal, PrincipalId, Role, ProjectId], tuple[object, Receipt]],
    of_group: Callable[[Platform, Principal, GroupId, Role, ProjectId], tuple[object, Receipt]],
) -> tuple[Receipt, Platform]:
    """Who holds a role is changed in one of two ways, by whose it is."""
    from tunewarden.domain.groups import is_group
    from tunewarden.domain.names import GroupId, PrincipalId, project_id

    platform, principal = _acting(key_file)
    where = project_id(project)
    if is_group(member):
        _, receipt = of_group(platform, principal, GroupId(member), role, where)
    else:
        _, receipt = of_somebody(platform, principal, PrincipalId(member), role, where)
    return receipt, platform


def _at(instant: datetime | None) -> str:
    return "" if instant is None else instant_text(instant)


def _say_version(what: str, receipt: Receipt, platform: Platform, *, as_json: bool) -> None:
    from tunewarden.usecases.policies import engine

    version = engine(platform).version()
    line = f"{what}: entry {receipt.index} of the log, version {version}"
    say(line, as_json=as_json, receipt=receipt, done=what, version=version)


def _acting(key_file: Path) -> tuple[Platform, Principal]:
    from tunewarden.entry.cli.acting import acting

    return acting(key_file)


def _said(platform: Platform, folder: Path) -> PolicySet:
    """The rules of the folder's policy.csv, with the links and groups of the version in force."""
    from dataclasses import replace

    from tunewarden.drivers.access_files import read_policy
    from tunewarden.usecases.policies import in_force

    return replace(in_force(platform)[1], rules=tuple(read_policy(folder / "policy.csv")))


def _tell(report: WhatIf, *, as_json: bool) -> None:
    said = cast("dict[str, Any]", to_plain(report))
    if as_json:
        typer.echo(json.dumps(said, sort_keys=True))
        return
    for line in in_words(said):
        typer.echo(line)
