"""The access policy as files: read strictly, and told apart by their digest.

Trusted: the two files. Casbin's own file adapter is not used: it re-parses text (a comma in a name shifts fields, an
unknown effect silently allows).
"""

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewarden.domain.access import HARD_DENIES, PolicySet, Rule
from tunewarden.domain.access_compile import Compiled, Fault, compiled, faults, require_none
from tunewarden.domain.access_roles import RoleGraph
from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Role

_COLUMNS = list(Rule._fields)
_HEADERS = (_COLUMNS[:-1], _COLUMNS)
"""A file whose rules are all for every project leaves the last column out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A policy as it is stored: a stamp that is another one once it changed, and what is decided by."""

    stamp: str
    model: str
    compiled: Compiled


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFiles:
    """Where the two files lie, and which rules they have to hold."""

    model: Path
    policy: Path
    demanded: Collection[Rule] = HARD_DENIES

    def stamp(self) -> str:
        """Digest of the bytes. Raises `Malformed` where they cannot be read."""
        return digest_bytes(b"\0".join(_bytes(path) for path in (self.model, self.policy)))

    def read(self) -> Stored:
        """Raises `Malformed` for a file that is missing or not fully understood, with every fault."""
        before = self.stamp()
        model, text = _text(self.model), _text(self.policy)
        policy = PolicySet(rules=tuple(_checked(text, self.demanded)))
        return Stored(stamp=before, model=model, compiled=compiled(policy, demanded=self.demanded))


def read_policy(path: Path, *, demanded: Collection[Rule] = HARD_DENIES) -> Sequence[Rule]:
    """The rules of a policy file. Any fault refuses it whole: raises `Malformed` with the number of each line."""
    return _checked(_text(path), demanded)


def _checked(text: str, demanded: Collection[Rule]) -> Sequence[Rule]:
    """Where a line has another number of fields, the file is not asked whether it holds what is demanded of it."""
    header, *rows = _rows(text)
    whole = {number: Rule(*row) for number, row in enumerate(rows, start=2) if len(row) == len(header)}
    broken = [
        Fault(where=f"line {number}", what=f"{len(row)} fields instead of {len(header)}")
        for number, row in enumerate(rows, start=2)
        if number not in whole
    ]
    rules = tuple(whole.values())
    if rules or not broken:
        policy = PolicySet(rules=rules)
        left = () if broken else demanded
        broken += faults(policy, graph=RoleGraph((), ()), demanded=left, rule_at=list(whole), rule_word="line")
    require_none(broken)
    return rules


def _rows(text: str) -> Sequence[Sequence[str]]:
    try:
        rows = list(csv.reader(text.splitlines(), strict=True))
    except csv.Error as error:
        raise _unreadable("the file: it is not CSV") from error
    if not rows or rows[0] not in _HEADERS:
        raise _unreadable(f"line 1: the header is not {','.join(_COLUMNS[:-1])}, with or without {_COLUMNS[-1]}")
    return rows


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable(f"the file: {path.name} cannot be read") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(f"the file: {path.name} cannot be read") from error


def _unreadable(what: str) -> Malformed:
    return Malformed(
        "access_policy_malformed",
        f"The access policy cannot be used, {what}.",
        remedy="Mend it; nothing is decided by a policy with a fault.",
        who=Role.ADMINISTRATOR,
    )
