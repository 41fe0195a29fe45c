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
