"""The stored access policy, as the engine reads it, and what another policy would decide.

Trusted: the file of the access model, and the store as far as its digests go. Each reading checks that a version says
what its digest says, that with the grants it is what the last change made of it, and that it may be decided by at all.
A hard deny that came after it was stored is added: what is stored never allows more than a release does.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tunewarden.domain.access import PolicySet
from tunewarden.domain.access_compile import compiled
from tunewarden.domain.access_explain import Explanation
from tunewarden.domain.errors import Corrupted, Malformed, Unavailable
from tunewarden.domain.names import Action, Digest, Role
from tunewarden.domain.policies import with_grants, with_hard_denies
from tunewarden.drivers.access_files import Stored
from tunewarden.drivers.access_live import LiveAccess
from tunewarden.drivers.access_snapshot import Snapshot
from tunewarden.usecases.policy_doors import Head, PolicyShelf
from tunewarden.usecases.ports import Access, Principal, Resource, Views

_VERSION = re.compile(r"[0-9]{1,15}:sha256:[0-9a-f]{64}")
_AFRESH = Digest("")
"""The version of no policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPolicies:
    """Where `LiveAccess` reads from: `access_live.PolicyStore`."""

    view: Views
    model: Path

    def stamp(self) -> str:
        """Raises `Malformed` where there is no version, and what the store raises."""
        with self.view() as view:
            return _stamp(_head(view.policies))

    def read(self) -> Stored:
        """Raises `Malformed` for a policy with a fault, and `Corrupted` for one that is not what was stored."""
        with self.view() as view:
            head = _head(view.policies)
            version, said = view.policies.get(head.policy), view.policies.said(head.policy)
            whole = with_grants(said, view.policies.given())
        if said.digest() != version.digest or whole.digest() != head.decides:
            raise Corrupted(
                "policy_changed_in_store",
                "The stored access policy is not what its digests say: somebody changed it past its use cases.",
                remedy="Restore it from a copy, and look who could write to the database.",
                who=Role.ADMINISTRATOR,
            )
        return Stored(stamp=_stamp(head), model=model_text(self.model), compiled=compiled(with_hard_denies(whole)))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEngine:
    """`usecases.ports.Engine` over what is decided by here."""

    live: LiveAccess
    model: Path

    def explain(self, principal: Principal, action: Action, resource: Resource, viewer: Principal) -> Explanation:
        return self.live.explain(principal, action, resource, viewer)

    def judge(self, policy: PolicySet) -> Access:
        return Snapshot(compiled(policy), model_text(self.model)).decide

    def refresh(self) -> None:
        self.live.at_least(_AFRESH)

    def version(self) -> str:
        stamp = self.live.stamp
        if stamp is None:
            raise _not_here("what is stored")
        return stamp.replace(" ", ":")

    def at_least(self, version: str) -> None:
        if not _VERSION.fullmatch(version):
            raise Malformed(
                "policy_version_malformed",
                "A version of the access policy is a number, ':' and a digest.",
                remedy="Bring back the header Tunewarden-Policy-Version of an answer, unchanged.",
            )
        changes, _, decides = version.partition(":")
        if not self.live.has(lambda stamp: _is_not_older(stamp, int(changes), decides)):
            raise _not_here("that version")


def model_text(path: Path) -> str:
    """The access model. Raises `Malformed` where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Malformed("access_model_malformed", "The access model cannot be read.", who=Role.ADMINISTRATOR) from error


def _head(shelf: PolicyShelf) -> Head:
    head = shelf.head()
    if head is None:
        raise Malformed(
            "policy_missing",
            "There is no version of the access policy yet.",
            remedy="Start the api: it installs the one that is shipped.",
            who=Role.ADMINISTRATOR,
        )
    return head


def _not_here(what: str) -> Unavailable:
    return Unavailable(
        "policy_version_not_here",
        f"This process does not decide by {what} of the access policy yet.",
        remedy="Try again in a second. Where it goes on, this process reads another database than was changed.",
        who=Role.ADMINISTRATOR,
    )


def _stamp(head: Head) -> str:
    return f"{head.changes} {head.decides}"


def _is_not_older(stamp: str, changes: int, decides: str) -> bool:
    """Whether it is of exactly this change, or of a later one. Another state with the same number is not this one."""
    number, _, digest = stamp.partition(" ")
    return int(number) > changes or (int(number), digest) == (changes, decides)
