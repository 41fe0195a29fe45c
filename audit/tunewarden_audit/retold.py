"""What a bundle tells a second time, held against the entries: lineage.json, lineage.prov.json and verdicts.json.

They are for readers who do not want to read entries. Whoever rewrites one of them, manifest and all, contradicts an
entry, and that is what is looked for here. report.html, model-card.md and ml-bom.cdx.json are not: they are prose or
another house's form, and stay reading aids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tunewarden_audit import bundle, canonical

_DIGEST = re.compile(r"sha256:(.*)", re.IGNORECASE | re.DOTALL)
_ACTIVITY = re.compile(r"tw:entry-(0|[1-9][0-9]{0,18})")  # an entry in lineage.prov.json
Entry = Mapping[str, Any]


class Contradicted(ValueError):
    """A file says something else than the entries. The message never quotes either."""


def digests(value: object) -> Iterator[str]:
    """The hex of every sha256:<hex> that is a whole string or the name of a member anywhere in a value.

    What follows need not be hex: a digest that is spelt otherwise must not pass for a word that nobody checks.
    """
    if isinstance(value, str):
        if match := _DIGEST.fullmatch(value):
            yield match[1]
    elif isinstance(value, list):
        for item in value:
            yield from digests(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from digests(name)
            yield from digests(item)


def verdicts(entries: Mapping[int, Entry]) -> dict[str, object]:
    """The one content of verdicts.json for these entries: every GateJudged, with its index, ascending."""
    judged = [(index, entry) for index, entry in sorted(entries.items()) if entry["type"] == "GateJudged"]
    return {
        "verdicts": [
            {"actor": entry["actor"], "at": entry["at"], "index": index, "verdict": entry.get("fact")}
            for index, entry in judged
        ]
    }


def require_verdicts(told: object, entries: Mapping[int, Entry]) -> None:
    """Raise Contradicted unless `told` is exactly what the entries say was judged."""
    if canonical.encode(told) != canonical.encode(verdicts(entries)):  # in Python, true equals 1
        raise Contradicted(f"{bundle.VERDICTS} is not what the entries of type GateJudged say")


def require_faithful(name: str, told: object, entries: Mapping[int, Entry], known: frozenset[str]) -> None:
    """Raise Contradicted where the file `name` names a digest or an entry that is not there, or retells one falsely.

    An object with a member `index` retells the entry at that index: its `actor` and `at`, and each of its members that
    the entry's fact has under the same name, are the entry's. `known` are the digests (hex) that entries and documents
    name. Not checked: what is left out, and members that no entry has under that name.
    """
    if any(digest not in known for digest in digests(told)):
        raise Contradicted(f"{name} names a digest that no entry and no document names")
    for retold in _objects(told):
        index = retold.get("index")
        if type(index) is int:
            entry = entries.get(index)
            if entry is None:
                raise Contradicted(f"{name} speaks of entry {index}, which is not in the bundle")
            if not _agrees(retold, entry):
                raise Contradicted(f"{name} retells entry {index} falsely")


def require_graph(told: object, entries: Mapping[int, Entry]) -> None:
    """Raise Contradicted where lineage.prov.json gives an entry another type, word or actor than the entry has.

    The activity `tw:entry-<index>` has the entry's type and, under `tw:` names, strings of its fact. The agent
    of a wasAssociatedWith or wasAttributedTo is the actor of the entry in its activity or its `tw:index`. Not checked:
    other relations, and what is written otherwise than the platform writes it.
    """
    graph = told if isinstance(told, dict) else {}
    for name, activity in _members(graph.get("activity")):
        if entry := _entry(name, entries):
            fact = entry.get("fact")
            words = (fact if isinstance(fact, dict) else {}).items()
            said = {f"tw:{member}": value for member, value in words if isinstance(value, str)}
            kind = activity.get("prov:type")
            if not isinstance(kind, dict) or kind.get("$") != f"tw:{entry['type']}":
                raise Contradicted(f"{bundle.PROV} gives an entry another type")
            if any(activity[member] != said[member] for member in said.keys() & activity.keys()):
                raise Contradicted(f"{bundle.PROV} retells an entry falsely")
    for relations in ("wasAssociatedWith", "wasAttributedTo"):
        for _, relation in _members(graph.get(relations)):
            index = relation.get("tw:index")
            stated = index.get("$") if isinstance(index, dict) else None
            entry = _entry(relation.get("prov:activity"), entries) or _entry(f"tw:entry-{stated}", entries)
            if entry is None or relation.get("prov:agent") != f"tw:{entry['actor']}":
                raise Contradicted(f"{bundle.PROV} says that somebody else acted than the entry says")


def _members(value: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Identifier and record; PROV-JSON also has a list of records under one identifier."""
    for name, item in value.items() if isinstance(value, dict) else ():
        for record in item if isinstance(item, list) else [item]:
            if isinstance(record, dict):
                yield name, record


def _entry(activity: object, entries: Mapping[int, Entry]) -> Entry | None:
    """The entry that an activity stands for; None for an activity of another kind."""
    match = _ACTIVITY.fullmatch(activity) if isinstance(activity, str) else None
    if match is None:
        return None
    if int(match[1]) not in entries:
        raise Contradicted(f"{bundle.PROV} speaks of entry {match[1]}, which is not in the bundle")
    return entries[int(match[1])]


def _agrees(retold: Mapping[str, object], entry: Entry) -> bool:
    fact = entry.get("fact")
    said = {**(fact if isinstance(fact, dict) else {}), "actor": entry["actor"], "at": entry["at"]}
    told = said.keys() & retold.keys()
    return all(canonical.encode(retold[name]) == canonical.encode(said[name]) for name in told)


def _objects(value: object) -> Iterator[Mapping[str, object]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _objects(item)
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item)
