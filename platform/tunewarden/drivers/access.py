"""Access decisions: Casbin judges, over a policy that was checked line by line before it was let in.

Trusted: the two policy files. Of Casbin only the matcher and the effect are used: its file adapter re-parses text (a
comma in a name shifts fields, an unknown effect silently allows), and an enforcer that reloads answers wrongly
meanwhile. So the lines are read here, strictly; the enforcers are built once and never changed; and a question that no
line is about is answered without asking, because an enforcer without lines matches empty strings.
"""

import csv
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import NamedTuple

import casbin

from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Action, PrincipalId, Role
from tunewarden.usecases.ports import Decision, Principal, Resource

_ANYONE = "anyone"
_KINDS = frozenset({"file", "dataset", "request", "review", "model", "promotion", "log", "key"})
_EFFECTS = frozenset({"allow", "deny"})
_CONDITIONS: Mapping[str, Callable[[PrincipalId, PrincipalId | None], bool]] = MappingProxyType(
    {
        "always": lambda _principal, _author: True,
        "own": lambda principal, author: author == principal,
        "other": lambda principal, author: author is not None and author != principal,
    }
)


class Line(NamedTuple):
    """One line of `policies/access/policy.csv`, in the order of its columns."""

    role: str
    action: str
    kind: str
    condition: str
    effect: str

    @property
    def id(self) -> str:
        """What a decision names as its reason; unique in the file."""
        return f"{self.role}/{self.action}/{self.condition}"


class CasbinAccess:
    """Decides what a principal may do; `usecases.ports.Access`."""

    def __init__(self, model_path: Path, policy_path: Path) -> None:
        """Raises `Malformed` for a file that is missing or not fully understood."""
        model = _read_model(model_path)
        about: dict[tuple[str, str], list[Line]] = defaultdict(list)
        for line in read_policy(policy_path):
            about[line.action, line.kind].append(line)
        self._about = {question: (lines, _enforcer(model, lines)) for question, lines in about.items()}
        self._lock = Lock()  # matchers are parsed on every decision, which CPython 3.11 cannot do in several threads

    def __call__(self, principal: Principal, action: Action, resource: Resource) -> Decision:
        """Deny by default, and with the reason "error" when anything goes wrong. `who` names the roles that could."""
        if (action, resource.kind) not in self._about:
            return Decision(allowed=False, because="no-rule-allows")
        lines, enforcer = self._about[action, resource.kind]
        try:
            with self._lock:
                allowed, decided = enforcer.enforce_ex(
                    frozenset({*principal.roles, _ANYONE}), principal.id, action, resource.kind, resource.author
                )
        except Exception:
            # Whatever Casbin stumbles over, the answer is no.
            return Decision(allowed=False, because="error", who=Role.ADMINISTRATOR)
        if allowed is True:
            return Decision(allowed=True, because=Line(*decided).id)
        who = ", ".join(sorted({line.role for line in lines if line.effect == "allow"}))
        return Decision(allowed=False, because=Line(*decided).id if decided else "no-rule-allows", who=who)


def read_policy(path: Path) -> Sequence[Line]:
    """The lines of a policy file. Any fault refuses the whole file: raises `Malformed` with the number of the line."""
    try:
        rows = list(csv.reader(_text(path).splitlines(), strict=True))
    except csv.Error as error:
        raise _fault(0, "it is not CSV") from error
    if not rows or rows[0] != list(Line._fields):
        raise _fault(1, f"the header is not {','.join(Line._fields)}")
    lines = [_line(number, row) for number, row in enumerate(rows[1:], start=2)]
    if len({line.id for line in lines}) != len(lines):
        raise _fault(0, "two lines have the same role, action and condition")
    if not lines:
        raise _fault(0, "there is no line")
    return lines


def _line(number: int, row: Sequence[str]) -> Line:
    if len(row) != len(Line._fields):
        raise _fault(number, f"{len(row)} fields instead of {len(Line._fields)}")
    line = Line(*row)
    known: tuple[tuple[str, str, frozenset[str]], ...] = (
        ("role", line.role, frozenset({*Role, _ANYONE})),
        ("action", line.action, frozenset(Action)),
        ("kind", line.kind, _KINDS),
        ("condition", line.condition, frozenset(_CONDITIONS)),
        ("effect", line.effect, _EFFECTS),
    )
    for field, word, words in known:
        if word not in words:
            raise _fault(number, f"the {field} is not one of {', '.join(sorted(words))}")
    if line.role == _ANYONE and line.effect == "allow":
        raise _fault(number, "what everybody is allowed is not for a line of the policy to say")
    return line


def _fault(number: int, what: str) -> Malformed:
    where = f"line {number}" if number else "the file"
    return Malformed(
        "access_policy_malformed",
        f"The access policy cannot be used, {where}: {what}.",
        remedy="Mend it; nothing is decided by a policy with a fault.",
        who=Role.ADMINISTRATOR,
    )


def _read_model(path: Path) -> str:
    text = _text(path)
    if any("eval" in line for line in text.splitlines() if not line.startswith("#")):
        raise Malformed(
            "access_model_malformed",
            "The access model uses eval, which would let a policy line run code.",
            remedy="Use a named condition instead.",
            who=Role.ADMINISTRATOR,
        )
    return text


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _fault(0, f"{path.name} cannot be read") from error


def _enforcer(model_text: str, lines: Sequence[Line]) -> casbin.Enforcer:
    model = casbin.Enforcer.new_model(text=model_text)
    enforcer = casbin.Enforcer(model, enable_log=False)
    # It prints who asked and was denied. `enable_log` disables the logger, but a server that sets up logging enables it
    # again; a level above all others stays.
    enforcer.logger.setLevel(logging.CRITICAL + 1)
    enforcer.add_function("holds", lambda name, principal, author: _CONDITIONS[name](principal, author))
    enforcer.add_policies([list(line) for line in lines])
    return enforcer
