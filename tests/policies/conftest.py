"""The policy files as they are in the repository, and the truth table of access."""

import csv
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

from tunewarden.domain.names import Action, Role
from tunewarden.drivers.access import CasbinAccess
from tunewarden.usecases.policy_questions import ME, resource
from tunewarden.usecases.ports import Decision, Principal, Resource


class Decides(Protocol):
    """`CasbinAccess`, or one snapshot's `decide`."""

    def __call__(self, principal: Principal, action: Action, resource: Resource) -> Decision: ...


class Case(NamedTuple):
    """One line of cases.csv.

    Attributes:
        relation: the thing's author seen from who asks (own, other, none), and after "+" what is stated of it, in the
            words of `domain.access_analysis.WORDS`.
    """

    role: str
    action: str
    kind: str
    relation: str
    expected: str
    because: str

    def holds(self, access: Decides) -> bool:
        principal = Principal(id=ME, roles=frozenset({Role(self.role)}))
        decision = access(principal, Action(self.action), resource(self.kind, self.relation.split("+")))
        return (decision.allowed, decision.because) == (self.expected == "allow", self.because)


def read_cases(policies: Path) -> list[Case]:
    with (policies / "access" / "cases.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, strict=True)
    assert tuple(header) == Case._fields
    return [Case(*row) for row in rows]


@pytest.fixture(scope="session")
def policies() -> Path:
    return Path(__file__).parents[2] / "policies"


@pytest.fixture(scope="session")
def cases(policies: Path) -> list[Case]:
    return read_cases(policies)


@pytest.fixture(scope="session")
def access(policies: Path) -> CasbinAccess:
    return CasbinAccess(policies / "access" / "model.conf", policies / "access" / "policy.csv")
