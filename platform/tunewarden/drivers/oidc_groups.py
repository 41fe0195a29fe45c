"""What the groups of an identity provider stand for here: `policies/access/groups.toml`."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Role


def read_groups(path: Path) -> Mapping[str, frozenset[Role]]:
    """Name of a group -> the roles of its members. Raises `Malformed` for a file that is not fully understood.

    Nobody is a worker by a group: the worker is a part of the platform. Whether somebody's groups come to roles that
    one person may not hold together is asked when they come.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _fault(f"it cannot be read ({type(error).__name__})") from None
    groups = document.get("groups")
    if set(document) != {"groups"} or not isinstance(groups, dict):
        raise _fault("it has one table, groups")
    return {name: _roles(number, roles) for number, (name, roles) in enumerate(groups.items(), start=1)}


def _roles(number: int, words: object) -> frozenset[Role]:
    allowed = frozenset(Role) - {Role.WORKER}
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word in allowed for word in words):
        raise _fault(f"group {number} is not a list of roles out of {', '.join(sorted(allowed))}")
    return frozenset(Role(word) for word in words)


def _fault(what: str) -> Malformed:
    return Malformed(
        "groups_malformed",
        f"policies/access/groups.toml cannot be used: {what}.",
        remedy="Mend it; nobody is let in by a file with a fault.",
        who=Role.ADMINISTRATOR,
    )
