"""The auditor holds what entries say of a rule against the document of that rule."""

import hashlib
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from tests.conftest import POLICIES

from tunewarden.domain.canonical import to_plain
from tunewarden.domain.gates import judge
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.drivers.policies import FilePolicies
from tunewarden.usecases.gating import PROMOTION_GATES
from tunewarden_audit import canonical
from tunewarden_audit.ruled import Unruled, require_ruled

PROMOTION = PolicyName("promotion")
ABOUT = Digest("sha256:" + "a" * 64)


class Told:
    """A verdict and the taking off of an alias, with the documents that they name."""

    def __init__(self, name: PolicyName = PROMOTION) -> None:
        policies = FilePolicies(POLICIES)
        gate = policies.gate(name)
        self.gate: Any = to_plain(gate)
        self.registry: Any = to_plain(policies.registry())
        self.judged: Any = deepcopy(to_plain(judge(gate, ABOUT, [])))
        self.cleared: Any = {"alias": "production", "protected": True}

    def require(self, *, without: str = "") -> None:
        documents, names = dict[str, Any](), dict[str, str]()
        for name, document in (("gate", self.gate), ("registry", self.registry)):
            digest = hashlib.sha256(canonical.encode(document)).hexdigest()
            names[name] = f"sha256:{digest}"
            if name != without:
                documents[digest] = document
        require_ruled(
            {
                1: {"type": "GateJudged", "fact": {**self.judged, "gate_digest": names["gate"]}},
                2: {"type": "AliasCleared", "fact": {**self.cleared, "registry": names["registry"]}},
                3: {"type": "KeyCreated", "fact": {}},
                4: {"type": "GateJudged"},
            },
            documents,
        )


@pytest.mark.parametrize("name", PROMOTION_GATES.values())
def test_what_the_platform_writes_holds(name: PolicyName) -> None:
    Told(name).require()


def _soft(told: Told) -> None:
    hard = next(one for one in told.judged["findings"] if one.get("hard"))
    del hard["hard"]


def _looser(told: Told) -> None:
    told.judged["findings"][0]["limit"] = "0.123"


def _fewer(told: Told) -> None:
    told.judged["findings"].pop()


def _undecided(told: Told) -> None:
    told.judged["findings"][0]["otherwise"] = "unknown"


def _alone(told: Told) -> None:
    told.cleared["protected"] = False


def _unlisted(told: Told) -> None:
    told.cleared = {"alias": "blue", "protected": False}


def _nonsense(told: Told) -> None:
    told.gate = {"rules": None}


@pytest.mark.parametrize("spoil", [_soft, _looser, _fewer, _undecided, _alone, _unlisted, _nonsense])
def test_an_entry_that_says_otherwise_is_found_where_the_document_is_there(spoil: Callable[[Told], None]) -> None:
    told = Told()
    spoil(told)
    with pytest.raises(Unruled):
        told.require()
    told.require(without="registry" if spoil in (_alone, _unlisted) else "gate")


class Signed:
    """Two approvals of model versions whose evidence says how many groups nobody could assess."""

    def __init__(self, *approvals: int | None, counted: Any = "3") -> None:
        evidence = {"measurements": [{"metric": "fairness.not_assessable", "value": counted}]}
        digest = hashlib.sha256(canonical.encode(evidence)).hexdigest()
        self.documents: dict[str, Any] = {digest: evidence}
        self.entries: dict[int, Any] = {
            1: {"type": "StepFinished", "fact": {"request": "r", "step": "train", "evidence": "sha256:0"}},
            2: {"type": "StepFinished", "fact": {"request": "r", "step": "measure", "evidence": f"sha256:{digest}"}},
            3: {"type": "ModelRegistered", "fact": {"model": "m", "request": "r"}},
        }
        for number, unassessed in enumerate(approvals):
            said = {} if unassessed is None else {"unassessed": unassessed}
            self.entries[10 + number] = {"type": "PromotionApproved", "fact": {"model": "m", **said}}

    def require(self) -> None:
        require_ruled(self.entries, self.documents)


@pytest.mark.parametrize("approvals", [(3,), (None,), (None, 3), (3, 3)])
def test_approvals_that_sign_for_as_many_as_the_evidence_counts_hold(approvals: tuple[int | None, ...]) -> None:
    Signed(*approvals).require()


@pytest.mark.parametrize("approvals", [(0,), (2,), (None, 4), (3, None)])
def test_an_approval_that_signs_for_others_or_for_nobody_any_more_is_found(approvals: tuple[int | None, ...]) -> None:
    with pytest.raises(Unruled):
        Signed(*approvals).require()


@pytest.mark.parametrize(
    "counted", ["x", "NaN", "sNaN", "Infinity", "1E+999999999", "1E+9999999999999999999999", "2.5", [1]], ids=str
)
def test_a_number_that_nobody_could_sign_for_is_refused_at_once_and_not_quoted(counted: Any) -> None:
    with pytest.raises(Unruled, match=r"^(a promotion was approved for another number|the rules .* cannot be read)"):
        Signed(2, counted=counted).require()


def test_what_is_signed_for_cannot_be_checked_without_the_evidence() -> None:
    told = Signed(2)
    told.documents.clear()
    told.require()
