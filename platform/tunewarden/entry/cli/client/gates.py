"""`tunewarden gates list|show`: what has to hold before a training, and before an alias names a model version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from tunewarden.entry.cli.client.completing import gate_names
from tunewarden.entry.cli.client.output import short
from tunewarden.entry.cli.client.talk import AsJson, Talk, at, talking, word

app = typer.Typer(no_args_is_help=True, help="Gates: the rules that guard training and promotion, as they are today.")

Gate = Annotated[str, typer.Argument(metavar="GATE", help="Its name.", autocompletion=gate_names)]


@app.command("list")
def listed(as_json: AsJson = False) -> None:
    """Every gate and what it guards; as JSON one a line."""
    with talking(as_json=as_json) as talk:
        rows = []
        for one in talk.api.pages("/v1/gates"):
            talk.out.document(one)
            rules = one.get("rules") or []
            hard = sum(1 for rule in rules if rule.get("hard"))
            rows.append((one.get("id"), one.get("guards"), len(rules), hard, short(one.get("digest"))))
        talk.out.table(("gate", "guards", "rules", "hard", "digest"), rows, "There is no gate.")


@app.command("show")
def show(gate: Gate, as_json: AsJson = False) -> None:
    """One gate: each rule, why it is there, and what helps where it does not hold."""
    with talking(as_json=as_json) as talk:
        found = talk.api.get(at("/v1/gates/{}", gate))
        talk.out.document(found)
        _show(talk, found)


def _show(talk: Talk, found: dict[str, Any]) -> None:
    reading = found.get("review") or {}
    read = f"{reading.get('documents')} records, and {reading.get('seeds')} with a made-up identifier in them"
    facts = (("gate", found.get("id")), ("guards", found.get("guards")), ("digest", found.get("digest")))
    talk.out.facts([*facts, ("people read", read if reading else None)])
    for rule in found.get("rules") or []:
        for line in _told(rule):
            talk.out.line(line)


def _told(rule: dict[str, Any]) -> Iterator[str]:
    """A rule, in lines: what is asked, why, and what helps."""
    otherwise = word(rule, "otherwise")
    marks = [*(["hard"] if rule.get("hard") else []), *([f"else {otherwise}"] if otherwise not in {"", "fail"} else [])]
    yield "  ".join([word(rule, "metric"), limit(rule), *marks])
    for name in ("because", "remedy"):
        if told := word(rule, name):
            yield f"  {name}: {told}"


def limit(rule: Mapping[str, Any]) -> str:
    """What a rule asks of its metric, in words: at most so much, at least so much."""
    return f"{str(rule.get('bound')).replace('-', ' ')} {rule.get('limit')}"
