"""The policy files as they are in the repository, and the truth table of access."""

import csv
from pathlib import Path
from typing import NamedTuple

import pytest

from tunewarden.domain.names import Action, PrincipalId, Role
from tunewarden.drivers.access import CasbinAccess
from tunewarden.usecases.ports import Principal, Resource

ME, SOMEBODY = PrincipalId("prn-me"), PrincipalId("prn-somebody")
AUTHORS = {"own": ME, "other": SOMEBODY, "none": None}


class Case(NamedTuple):
    """One line of cases.csv: `relation` is the thing's author seen from who asks."""

    role: str
    action: str
    kind: str
    relation: str
    expected: str
    because: str

    def holds(self, access: CasbinAccess) -> bool:
        principal = Principal(id=ME, roles=frozenset({Role(self.role)}))
        resource = Resource(kind=self.kind, id="x", author=AUTHORS[self.relation])
        decision = access(principal, Action(self.action), resource)
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
