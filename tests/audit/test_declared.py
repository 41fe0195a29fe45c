"""The auditor holds what was compared between groups against what the approved plan had declared."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from tests.entry.report.documents import DECLARED, completion_details, details

from tunewarden.domain.canonical import to_plain
from tunewarden.domain.gates import Evidence
from tunewarden.domain.names import Digest
from tunewarden_audit import canonical
from tunewarden_audit.declared import Undeclared, require_declared


class Told:
    """A plan, a document of the measuring step and its evidence, and the two entries that name them."""

    def __init__(self, found: Any) -> None:
        self.plan: Any = {"fairness": to_plain(DECLARED)}
        self.details: Any = to_plain(found)
        about = Digest("sha256:" + "a" * 64)
        told = [getattr(found, name, None) for name in ("fairness", "counterfactuals", "questions")]
        measurements = tuple(one for part in told if part is not None for one in part.measurements())
        self.evidence: Any = to_plain(Evidence(about=about, produced_by=about, measurements=measurements))

    def held(self, *, without: str = "") -> int:
        documents, names = dict[str, Any](), dict[str, str]()
        for name in ("plan", "details", "evidence"):
            document = getattr(self, name)
            digest = hashlib.sha256(canonical.encode(document)).hexdigest()
            names[name] = f"sha256:{digest}"
            if name != without:
                documents[digest] = document
        measured = {"request": "r", "step": "measure", "details": names["details"], "evidence": names["evidence"]}
        return require_declared(
            {
                1: {"type": "RequestSubmitted", "fact": {"request": "r", "plan": names["plan"]}},
                2: {"type": "StepFinished", "fact": measured},
                3: {"type": "KeyCreated", "fact": {}},
                4: {"type": "StepFinished"},
            },
            documents,
        )

    def comparison(self, standing: str) -> Any:
        comparisons = self.details["fairness"]["decided"]["comparisons"]
        return next(one for one in comparisons if one["standing"] == standing)

    def measurement(self, metric: str) -> Any:
        return next(one for one in self.evidence["measurements"] if one["metric"] == metric)


@pytest.mark.parametrize("found", [details, completion_details])
def test_what_the_platform_writes_holds(found: Callable[[], Any]) -> None:
    assert Told(found()).held() == 1


def test_a_plan_and_evidence_of_before_there_were_declarations_hold() -> None:
    told = Told(details())
    del told.plan["fairness"], told.details["fairness"]["decided"]
    told.evidence["measurements"] = []
    assert told.held() == 0


def test_evidence_tells_nothing_of_comparisons_that_nobody_made() -> None:
    told = Told(details())
    del told.details["fairness"]["decided"]
    with pytest.raises(Undeclared, match="nobody made"):
        told.held()


def test_comparisons_that_nobody_declared_are_found() -> None:
    told = Told(details())
    del told.plan["fairness"]
    with pytest.raises(Undeclared, match="without a declaration"):
        told.held()


@pytest.mark.parametrize("without", ["plan", "details"])
def test_of_documents_that_stay_outside_nothing_is_said(without: str) -> None:
    assert Told(details()).held(without=without) == 0


def looser(told: Told) -> None:
    told.plan["fairness"]["tolerances"][0]["at_most"] = "0.4"


def fished(told: Told) -> None:
    told.details["fairness"]["decided"]["declaration"] = "sha256:" + "0" * 64


def undeclared(told: Told) -> None:
    del told.plan["fairness"]


def unmeasured(told: Told) -> None:
    del told.details["fairness"]["decided"]


def whitewashed(told: Told) -> None:
    told.comparison("not-assessable")["standing"] = "cleared"


def blackened(told: Told) -> None:
    told.comparison("cleared")["standing"] = "gap-confirmed"


def widened(told: Told) -> None:
    told.comparison("not-assessable")["tolerance"] = "0.9"


def hidden(told: Told) -> None:
    one = told.comparison("not-assessable")
    one["apart"], one["behind"] = True, {"low": "0", "value": "0.5", "high": "0.9"}


def miscounted(told: Told) -> None:
    told.measurement("fairness.confirmed_gaps").update(low="1", value="1", high="1")


def uncounted(told: Told) -> None:
    told.evidence["measurements"].remove(told.measurement("fairness.undecided"))


def not_counted(told: Told) -> None:
    told.measurement("fairness.not_assessable").update(low="0", value="0", high="0")


def rates_not_counted(told: Told) -> None:
    told.details["fairness"]["decided"]["unassessed"] = 1
    small = told.measurement("fairness.not_assessable")
    small.update(dict.fromkeys(("low", "value", "high"), str(int(small["value"]) + 1)))


def of_more_people(told: Told) -> None:
    told.measurement("fairness.decided_share").update(low="1", value="1", high="1")


def of_nobody(told: Told) -> None:
    told.details["fairness"]["decided"]["comparisons"] = []
    rates, groups = told.details["fairness"]["decided"]["unassessed"], len(told.details["fairness"]["not_assessable"])
    counts = {"confirmed_gaps": 0, "undecided": 0, "unshown_rates": rates, "not_assessable": rates + groups}
    for metric, count in counts.items():
        told.measurement(f"fairness.{metric}").update(dict.fromkeys(("low", "value", "high"), str(count)))


def not_apart(told: Told) -> None:
    told.comparison("cleared").update(apart=False, behind={"low": "0.01", "value": "0.02", "high": "0.03"})


def apart_at_once(told: Told) -> None:
    told.comparison("cleared").update(apart=True, behind={"low": "-0.01", "value": "0.02", "high": "0.03"})


def said_twice(told: Told) -> None:
    told.evidence["measurements"].insert(0, dict(told.measurement("fairness.confirmed_gaps"), value="1"))


def compared_twice(told: Told) -> None:
    comparisons = told.details["fairness"]["decided"]["comparisons"]
    comparisons.append(dict(told.comparison("cleared")))


def unreadable(told: Told) -> None:
    told.details["fairness"]["decided"]["comparisons"][0]["behind"] = None


@pytest.mark.parametrize(
    "tamper",
    [
        looser, fished, undeclared, unmeasured, whitewashed, blackened, widened, hidden, miscounted, uncounted,
        unreadable, not_counted, rates_not_counted, of_more_people, of_nobody, not_apart, apart_at_once, said_twice,
        compared_twice,
    ],
)  # fmt: skip
def test_whatever_was_changed_is_found(tamper: Callable[[Told], None]) -> None:
    told = Told(details())
    tamper(told)
    with pytest.raises(Undeclared):
        told.held()


def test_a_request_that_was_submitted_twice_has_no_plan_that_is_known() -> None:
    entry = {"type": "RequestSubmitted", "fact": {"request": "r", "plan": "sha256:" + "0" * 64}}
    with pytest.raises(Undeclared):
        require_declared({1: entry, 2: entry}, {})
