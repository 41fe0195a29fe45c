"""The auditor holds what was judged of a model's writing against what the approved plan had declared."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from tests.audit.test_declared import Told
from tests.entry.report.documents import leaning_details

from tunewarden_audit import canonical
from tunewarden_audit.declared import Undeclared, require_declared


def outcome_left_out(told: Told) -> None:
    told.details["counterfactuals"]["comparisons"].remove(confirmed(told))
    recounted(told)


def attribute_left_out(told: Told) -> None:
    pairs = told.details["counterfactuals"]
    pairs["comparisons"] = [one for one in pairs["comparisons"] if one["attribute"] != "sex"]
    told.evidence["measurements"].remove(told.measurement("fairness.written_excess.sex"))
    recounted(told)


def assessed_and_not(told: Told) -> None:
    told.details["counterfactuals"]["unassessed"].append("sex")
    recounted(told)


def made_up_attribute(told: Told) -> None:
    told.details["counterfactuals"]["unassessed"].append("mood")
    recounted(told)


def category_left_out(told: Told) -> None:
    biases = told.details["questions"]["biases"]
    biases.remove(next(one for one in biases if one["category"] == "sex"))
    recounted(told)


def all_left_out(told: Told) -> None:
    told.details["questions"]["biases"].pop()
    recounted(told)


def categories_left_out(told: Told) -> None:
    told.details["questions"]["biases"] = told.details["questions"]["biases"][-1:]
    recounted(told)


def answers_left_out(told: Told) -> None:
    told.details["questions"]["biases"] = []
    told.evidence["measurements"].remove(told.measurement("fairness.question_confirmed"))


def other_category(told: Told) -> None:
    told.details["questions"]["biases"][0]["category"] = "weather"


def confirmed(told: Told) -> Any:
    return next(one for one in told.details["counterfactuals"]["comparisons"] if one["standing"] == "gap-confirmed")


def recounted(told: Told) -> None:
    """The evidence counts what is there now."""
    pairs = told.details["counterfactuals"]
    standings = [one["standing"] for one in pairs["comparisons"]]
    counts = {
        "fairness.written_confirmed": standings.count("gap-confirmed"),
        "fairness.written_undecided": standings.count("undecided") + len(pairs["unassessed"]),
        "fairness.question_confirmed": [one["standing"] for one in told.details["questions"]["biases"]].count(
            "gap-confirmed"
        ),
    }
    for metric, count in counts.items():
        told.measurement(metric).update(dict.fromkeys(("low", "value", "high"), str(count)))


def undeclared(told: Told) -> None:
    del told.plan["fairness"]["writing"]
    redeclared(told)


def looser(told: Told) -> None:
    told.details["counterfactuals"]["comparisons"][0]["tolerance"] = "0.9"


def whitewashed(told: Told) -> None:
    confirmed(told)["standing"] = "cleared"


def blackened(told: Told) -> None:
    one = next(one for one in told.details["counterfactuals"]["comparisons"] if one["standing"] == "cleared")
    one["standing"] = "gap-confirmed"


def twice(told: Told) -> None:
    told.details["counterfactuals"]["comparisons"].append(told.details["counterfactuals"]["comparisons"][0])


def asked_twice(told: Told) -> None:
    told.details["questions"]["biases"].append(told.details["questions"]["biases"][0])


def answers_looser(told: Told) -> None:
    told.details["questions"]["tolerance"] = "0.9"


def answers_whitewashed(told: Told) -> None:
    told.details["questions"]["biases"][-1]["standing"] = "cleared"


def cleared_without_knowing(told: Told) -> None:
    """Who cannot answer what the text says is not cleared by leaning to nobody."""
    one = next(one for one in told.details["questions"]["biases"] if one["category"] == "age")
    one["right"] = {"low": "0.2", "value": "0.3", "high": "0.4"}
    one["ambiguous"] = {"low": "-0.01", "value": "0.0", "high": "0.01"}
    one["standing"] = "cleared"


def forgotten(told: Told) -> None:
    told.details["counterfactuals"]["unassessed"] = []


def miscounted(told: Told) -> None:
    told.measurement("fairness.question_confirmed").update(low="0", value="0", high="0")


def uncounted(told: Told) -> None:
    told.evidence["measurements"].remove(told.measurement("fairness.written_confirmed"))


def other_excess(told: Told) -> None:
    told.measurement("fairness.written_excess.sex").update(low="0", value="0", high="0")


def unfounded(told: Told) -> None:
    del told.details["counterfactuals"], told.details["questions"]


def redeclared(told: Told) -> None:
    """The rest of the document names the digest of the declaration that is left."""
    digest = hashlib.sha256(canonical.encode(told.plan["fairness"])).hexdigest()
    told.details["fairness"]["decided"]["declaration"] = f"sha256:{digest}"


LIES: dict[Callable[[Told], None], str] = {
    undeclared: "without a declaration",
    looser: "another tolerance",
    whitewashed: "not what its figures give",
    blackened: "not what its figures give",
    twice: "twice",
    asked_twice: "twice",
    answers_looser: "another tolerance",
    answers_whitewashed: "about questions is not",
    cleared_without_knowing: "about questions is not",
    forgotten: "left out",
    outcome_left_out: "left out",
    attribute_left_out: "left out",
    assessed_and_not: "twice",
    made_up_attribute: "nobody asked",
    category_left_out: "left out",
    all_left_out: "left out",
    categories_left_out: "left out",
    answers_left_out: "left out",
    other_category: "left out",
    miscounted: "counts other outcomes",
    uncounted: "counts other outcomes",
    other_excess: "counts other outcomes",
    unfounded: "counts other outcomes",
}


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_another_story_than_the_figures_tell_is_caught(lie: Callable[[Told], None]) -> None:
    told = Told(leaning_details())
    lie(told)
    with pytest.raises(Undeclared, match=LIES[lie]):
        told.held()


@pytest.mark.parametrize(("left_out", "holds"), [(35, False), (36, True)])
def test_a_shipped_category_may_lack_where_so_many_questions_could_not_be_asked(left_out: int, *, holds: bool) -> None:
    told = Told(leaning_details())
    category_left_out(told)
    told.details["questions"]["left_out"] = left_out
    if holds:
        assert told.held() == 1
    else:
        with pytest.raises(Undeclared, match="left out"):
            told.held()


def test_the_house_s_own_questions_have_categories_of_their_own_and_all_together() -> None:
    told = Told(leaning_details())
    told.plan["fairness"]["writing"]["questions"] = "sha256:" + "b" * 64
    redeclared(told)
    category_left_out(told)
    assert told.held() == 1
    all_left_out(told)
    with pytest.raises(Undeclared, match="left out"):
        told.held()


UNREADABLE: list[Any] = ["x", [], [1], {}, None, "sNaN", "1E+9999999999999999999999"]


@pytest.mark.parametrize("nonsense", UNREADABLE, ids=str)
def test_figures_that_are_none_are_refused_and_not_quoted(nonsense: Any) -> None:
    told = Told(leaning_details())
    told.details["counterfactuals"]["comparisons"][0]["excess"]["low"] = nonsense
    with pytest.raises(Undeclared, match=r"^what was compared between groups cannot be read$"):
        told.held()


def test_a_request_that_is_no_name_is_refused() -> None:
    with pytest.raises(Undeclared, match="cannot be read"):
        require_declared({1: {"type": "RequestSubmitted", "fact": {"request": [], "plan": "sha256:0"}}}, {})


def test_a_plan_of_before_with_documents_of_before_holds() -> None:
    told = Told(leaning_details())
    del told.plan["fairness"]["writing"], told.details["counterfactuals"], told.details["questions"]
    redeclared(told)
    told.evidence["measurements"] = [
        one
        for one in told.evidence["measurements"]
        if not one["metric"].startswith(("fairness.written_", "fairness.question_"))
    ]
    assert told.held() == 1
