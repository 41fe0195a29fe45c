"""What another access policy would change, in lines for people."""

from collections.abc import Iterator, Mapping
from typing import Any


def in_words(report: Mapping[str, Any]) -> Iterator[str]:
    """A `WhatIf` as JSON has it: who gains and who loses what, and what it would have said since a day."""
    yield f"{report['rules']} rules, {report['digest']}, beside {report['base']}"
    yield f"{report['decisions']} questions; nobody may what no policy may allow"
    for shift in report["shifts"]:
        verb = "gains" if shift["gains"] else "loses"
        at = f" in {shift['project']}" if shift["project"] != "*" else ""
        of = f" of {shift['thing']}" if shift["thing"] else ""
        example = f"for example: of a {shift['kind']}, {'+'.join(shift['situation'])}"
        yield f"{' + '.join(sorted(shift['roles']))} {verb} {shift['action']}{at}{of}, {example}"
    for what, links in (("new", report["links_added"]), ("gone", report["links_removed"])):
        yield from (f"{what} link: {link}" for link in links)
    yield from (f"remark: {remark}" for remark in report["remarks"])
    told = report["replay"]
    allowed = f"{told['allowed']} of {told['refusals']} refusals would be allowed"
    yield f"since {told['since']}: {allowed}, {told['refused']} of {told['deeds']} deeds refused"
