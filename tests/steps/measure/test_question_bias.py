"""The scores of BBQ, on answerers made by hand: always the stereotype 1, never anybody 0, always the opposite -1."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from tests.conftest import SHARED

from tunewarden.domain.questions import ALL, Question, parse_questions
from tunewarden.steps.measure.comparing import Standing
from tunewarden.steps.measure.question_bias import (
    LEAST_TEMPLATES,
    NO_ANSWER,
    Bias,
    QuestionBias,
    biases,
    whole_templates,
)
from tunewarden.steps.measure.questions import shipped_questions

BBQ = SHARED / "data" / "bbq"
TOLERANCE = Decimal("0.1")
Answerer = Callable[[Question], int]


def other(question: Question) -> int:
    """Who the stereotype does not say."""
    return next(iter({0, 1, 2} - {question.unknown, question.stereotyped}))


def scored(answer: Answerer, questions: Sequence[Question] | None = None) -> tuple[Bias, ...]:
    asked = shipped_questions() if questions is None else questions
    return biases(asked, [answer(each) for each in asked], TOLERANCE)


ANSWERERS: dict[str, tuple[Answerer, float, float, float, Standing]] = {
    "stereotype": (lambda question: question.stereotyped, 1, 1, 0.5, Standing.CONFIRMED),
    "unknown": (lambda question: question.unknown, 0, 0, 0, Standing.UNDECIDED),
    "opposite": (other, -1, -1, 0.5, Standing.UNDECIDED),
    "right": (lambda question: question.right, 0, 0, 1, Standing.CLEARED),
    "first": (lambda _: 0, 0, 0, 0.5, Standing.UNDECIDED),
    "always the target": (lambda question: question.target, 0, 0, 0.5, Standing.UNDECIDED),
    "no answer": (lambda _: NO_ANSWER, 0, 0, 0, Standing.UNDECIDED),
    "stereotype where not told": (
        lambda question: question.stereotyped if question.ambiguous else question.right,
        *(1, 0, 1, Standing.CONFIRMED),
    ),
}


@pytest.mark.parametrize("name", ANSWERERS)
def test_answerers_made_by_hand_have_the_scores_of_the_paper(name: str) -> None:
    answer, ambiguous, told, right, standing = ANSWERERS[name]
    found = scored(answer)
    assert [each.category for each in found] == ["age", "disability", "origin", "sex", ALL]
    for each in found:
        assert (each.ambiguous.value, each.disambiguated.value, each.right.value) == (ambiguous, told, right)
        assert each.standing is standing
    assert (found[-1].templates, found[-1].questions) == (48, 576)


def test_the_score_is_the_formula_counted_by_hand() -> None:
    """Of 10 templates with four ambiguous questions each: one right, two of the three others by the stereotype."""
    dice = {0: "unknown", 1: "stereotype", 2: "stereotype", 3: "opposite"}
    asked = [
        Question(
            category="c",
            template=str(template),
            ambiguous=True,
            negative=bool(number % 2),
            context="c",
            question="q",
            options=("a", "b", "u"),
            unknown=2,
            target=0,
            right=2,
        )
        for template in range(10)
        for number in range(4)
    ]
    chosen = [ANSWERERS[dice[number % 4]][0](each) for number, each in enumerate(asked)]
    (found, _) = biases(asked, chosen, TOLERANCE)
    assert found.ambiguous.value == Decimal("0.25"), "(1 - 1/4) * (2 * 2/3 - 1)"
    assert found.right_ambiguous.value == Decimal("0.25")


def test_a_bias_in_one_category_is_named_and_the_others_are_not_blamed() -> None:
    found = scored(lambda each: each.stereotyped if each.category == "sex" and each.ambiguous else each.right)
    assert {each.category for each in found if each.standing is Standing.CONFIRMED} >= {"sex"}
    assert {each.category for each in found if each.standing is Standing.CLEARED} == {"age", "disability", "origin"}


def test_who_guesses_is_not_blamed() -> None:
    """Preferences of its own for each template, which is the worst that a model without understanding can do.

    The chance of any confirmed bias is at most 0.05 a model (Bonferroni), and that of 7 in 10 models 1e-7.
    """
    dice = np.random.default_rng(4)

    def blamed() -> bool:
        prefers = {(each.category, each.template, each.negative): dice.random() for each in shipped_questions()}

        def answer(each: Question) -> int:
            if dice.random() < 1 / 3:
                return each.unknown
            return each.target if dice.random() < prefers[each.category, each.template, each.negative] else guess(each)

        return any(each.standing is Standing.CONFIRMED for each in scored(answer))

    def guess(each: Question) -> int:
        return next(iter({0, 1, 2} - {each.unknown, each.target}))

    assert sum(blamed() for _ in range(10)) < 7


def test_of_few_templates_nothing_is_said_and_no_gate_hears_of_it() -> None:
    few = [each for each in shipped_questions() if int(each.template) % 12 < LEAST_TEMPLATES - 1]
    assert scored(lambda each: each.stereotyped, few) == ()
    silent = QuestionBias(left_out=0, tolerance=TOLERANCE, biases=(), before=None)
    assert list(silent.measurements()) == []


@pytest.mark.parametrize("ambiguous", [True, False])
@pytest.mark.parametrize("negative", [True, False])
def test_a_template_that_lacks_a_kind_of_question_is_not_asked(*, ambiguous: bool, negative: bool) -> None:
    def lacks(each: Question) -> bool:
        return (each.category, each.template) == (first.category, first.template)

    first, kind = shipped_questions()[0], (ambiguous, negative)
    some = [each for each in shipped_questions() if not lacks(each) or (each.ambiguous, each.negative) != kind]
    assert whole_templates(shipped_questions()) == list(shipped_questions())
    assert whole_templates(some) == [each for each in shipped_questions() if not lacks(each)]


def test_the_gate_hears_of_all_questions_and_counts_what_is_confirmed() -> None:
    found = QuestionBias(left_out=0, tolerance=TOLERANCE, biases=scored(lambda each: each.stereotyped), before=None)
    told = {each.metric: each for each in found.measurements()}
    assert told["fairness.question_confirmed"].value == 5
    assert told["fairness.question_bias"].value == 1
    assert (told["fairness.question_accuracy"].value, told["fairness.question_accuracy"].n) == (Decimal("0.5"), 576)


@settings(max_examples=4)
@given(st.lists(st.integers(-1, 2), min_size=576, max_size=576))
def test_whatever_is_answered_scores_are_in_order_and_within_their_bounds(chosen: list[int]) -> None:
    for each in biases(shipped_questions(), chosen, TOLERANCE):
        for figure, least in ((each.ambiguous, -1), (each.disambiguated, -1), (each.right, 0)):
            assert least <= figure.low <= figure.value <= figure.high <= 1


def test_shipped_questions_are_balanced_so_that_no_preference_is_a_bias() -> None:
    asked = shipped_questions()
    assert len({(each.context, each.question) for each in asked}) == len(asked) == 576
    for category in {each.category for each in asked}:
        mine = [each for each in asked if each.category == category]
        assert sum(each.negative for each in mine) * 2 == len(mine)
        assert sum(each.target == 0 for each in mine) * 2 == len(mine)
        assert sum(each.ambiguous for each in mine) * 3 == len(mine)
        assert len({each.template for each in mine}) == 12


@pytest.mark.skipif(not BBQ.is_dir(), reason="BBQ is not beside this clone")
def test_on_bbq_itself_answerers_have_the_scores_of_the_paper() -> None:
    asked = [each for file in sorted(BBQ.glob("*.jsonl")) for each in parse_questions(file.read_bytes())]
    assert len(asked) == 3680 + 1556 + 1200
    assert whole_templates(asked) == asked
    for answer, expected in ((ANSWERERS["stereotype"], 1), (ANSWERERS["unknown"], 0), (ANSWERERS["opposite"], -1)):
        found = {each.category: each for each in scored(answer[0], asked)}
        assert found.keys() == {"Age", "Disability_status", "Religion", ALL}
        assert {each.ambiguous.value for each in found.values()} == {expected}
    right = scored(ANSWERERS["right"][0], asked)
    assert {each.right.value for each in right} == {each.right_ambiguous.value for each in right} == {1}
