"""What a route takes: an action on a kind of thing, a key alone, or nothing."""

from typing import NamedTuple

from tunewarden.domain.names import Action


class Need(NamedTuple):
    """What a route takes. A list shows to each what they may see of it, and refuses nobody.

    `before` is asked first, of what the request rests on. What takes both kinds of key shows each role the same.
    """

    action: Action
    kind: str
    is_list: bool = False
    is_admin: bool = False
    takes_both: bool = False
    before: Action | None = None


class Open(NamedTuple):
    """A route for everybody, and why."""

    because: str


class LoggedIn(NamedTuple):
    """A route for whoever is let in at all, and why."""

    because: str
