"""What the measuring step writes, from its own functions on drawn rows: of a model of classes, and of completions."""

from collections import Counter
from collections.abc import Set
from dataclasses import replace
from decimal import Decimal
from functools import cache

import numpy as np
from tests.conftest import digest

from tunewarden.domain.fairness import FairnessDeclaration, FairnessPolicy, GroupMetric, Tolerance
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.writing import Writing
from tunewarden.steps.measure.attended import Attended
from tunewarden.steps.measure.audit import audit
from tunewarden.steps.measure.comparing import Standing
from tunewarden.steps.measure.completion_utility import Predicted, completion_utility
from tunewarden.steps.measure.counterfactuals import Counterfactuals, compared
from tunewarden.steps.measure.documents import CompletionDetails, Details
from tunewarden.steps.measure.explained_membership import ExplainedMembership
from tunewarden.steps.measure.explanation import Explanation, Method
from tunewarden.steps.measure.extraction import Extraction
from tunewarden.steps.measure.fairness import completion_fairness, measure_fairness
from tunewarden.steps.measure.forgetting import Forgetting
from tunewarden.steps.measure.generalisation import Generalisation, Overfitting, Overlap, Previous
from tunewarden.steps.measure.generations import Generations, counted
from tunewarden.steps.measure.in_domain import Exchanged
from tunewarden.steps.measure.intervals import Figure, Floats
from tunewarden.steps.measure.maps import word_map
from tunewarden.steps.measure.mitigated import Answering, Furthest, Mitigated, Thresholds
from tunewarden.steps.measure.outcomes import Outcome as WrittenBy
from tunewarden.steps.measure.privacy import measure_membership
from tunewarden.steps.measure.probes import Attribute, probe_texts
from tunewarden.steps.measure.quality import measure_quality
from tunewarden.steps.measure.question_bias import QuestionBias, biases
from tunewarden.steps.measure.questions import shipped_questions
from tunewarden.steps.measure.scrutiny import Scrutiny
from tunewarden.steps.measure.self_check import SelfCheck
from tunewarden.steps.measure.shortcuts import Shortcut, Shortcuts
from tunewarden.steps.measure.stability import Agreement, Stability
from tunewarden.steps.measure.swaps import Answers, swapped
from tunewarden.steps.measure.terms import Term
from tunewarden.steps.measure.twins import Burden, Cost, Twins
from tunewarden.steps.measure.utility import measure_utility
from tunewarden.steps.measure.writing import FewShot, Written

WRITING = Writing(changed=Decimal("0.25"), treated=Decimal("0.1"))
HOUSE = FairnessPolicy(
    tolerances=(
        Tolerance(metric=GroupMetric.ACCURACY, at_most=Decimal("0.30")),
        Tolerance(metric=GroupMetric.LOSS, at_most=Decimal("0.03")),
        Tolerance(metric=GroupMetric.TRUE_POSITIVE, at_most=Decimal("0.15")),
    ),
    writing=WRITING,
)
DECLARED = HOUSE.declared({"sex", "age band"}, frozenset(GroupMetric), {}, depth=2, writes=True)


@cache
def details(declared: FairnessDeclaration = DECLARED) -> Details:
    """What the measuring step writes, from its own functions on drawn rows."""
    drawn = np.random.default_rng(7)
    persons = np.sort(drawn.integers(0, 241, 402))
    labels = drawn.integers(0, 2, 402)
    predicted = np.where(drawn.random(402) < 0.91, labels, 1 - labels)
    base = drawn.integers(0, 2, 402)
    sex = np.array(["female", "male"])[drawn.integers(0, 2, 402)]
    bands = np.array(["0-17", "18-39", "40-64", "65-89", "90+"])
    age = bands[drawn.choice(5, 402, p=[0.22, 0.34, 0.27, 0.14, 0.03])]
    loss = drawn.normal(0.3, 0.1, 241)
    return Details(
        adapter=digest("adapter"),
        utility=measure_utility(labels=labels, predicted=predicted, base_predicted=base, majority=1, persons=persons),
        fairness=measure_fairness(
            labels=labels,
            predicted=predicted,
            persons=persons,
            attributes={"sex": [str(each) for each in sex], "age band": [str(each) for each in age]},
            before={GroupMetric.LOSS: base},
            declaration=declared,
        ),
        explanation=_explanation(),
        membership=measure_membership(loss, others := drawn.normal(0.305, 0.1, 241), before=(loss + 0.3, others + 0.3)),
        libraries={"captum": "0.9.0", "fairlearn": "0.15.0", "torch": "2.13.0"},
        audit=audit(
            scores=drawn.normal(size=154) + 0.4 * (coins := drawn.integers(0, 2, 154)),
            present=coins == 1,
            claimed=Decimal(8),
            delta=Decimal("0.0001"),
        ),
        self_check=SelfCheck(layers=12, moved=12, texts=16, reload_difference=Decimal("0.0001")),
        scrutiny=scrutiny(),
        quality=measure_quality(
            labels=labels, logits=2.0 * np.eye(2)[predicted], base_logits=np.eye(2)[base], persons=persons
        ),
        generalisation=generalisation(losses=False),
        mitigated=tried(),
    )


@cache
def tried() -> Mitigated:
    """Thresholds by sex that close a gap, and cost accuracy."""
    ways = [
        Answering(
            accuracy=_figure(low, value, high),
            furthest=Furthest(
                group="female",
                metric=GroupMetric.TRUE_POSITIVE,
                label=1,
                behind=_figure(*behind),
                standing=standing,
            ),
            confirmed=confirmed,
            open=3,
        )
        for low, value, high, behind, standing, confirmed in (
            ("0.8612", "0.9104", "0.9431", ("0.0212", "0.2140", "0.3411"), Standing.CONFIRMED, 1),
            ("0.8291", "0.8857", "0.9262", ("-0.1020", "0.0310", "0.1544"), Standing.UNDECIDED, 0),
        )
    ]
    sex = Thresholds(
        attribute="sex",
        constraint="equalized_odds",
        candidate=ways[0],
        adjusted=ways[1],
        gain=_figure("-0.0611", "-0.0247", "0.0102"),
        left_as_is=1,
    )
    return Mitigated(persons=120, thresholds=(sex,), class_weights=(Decimal(1), Decimal("0.35")))


@cache
def paid() -> Twins:
    """Two groups, of which one pays more than its part."""
    costs = [
        Cost(attribute="sex", group=group, price=_figure(*price), excess=_figure(*excess), burden=outcome)
        for group, price, excess, outcome in (
            ("female", ("0.0811", "0.1904", "0.2997"), ("0.0102", "0.0911", "0.1720"), Burden.MORE),
            ("male", ("-0.0310", "0.0291", "0.0892"), ("-0.1650", "-0.0702", "0.0246"), Burden.WITHIN),
        )
    ]
    return Twins(
        trained=121,
        measured=120,
        updates=36,
        without=_figure("0.8612", "0.9104", "0.9431"),
        private=_figure("0.7205", "0.8111", "0.8772"),
        price=_figure("0.0411", "0.0993", "0.1575"),
        costs=tuple(costs),
    )


@cache
def _explanation() -> Explanation:
    return Explanation(
        persons=32,
        steps=20,
        comprehensiveness=_figure("0.2911", "0.3480", "0.4049"),
        random_comprehensiveness=_figure("0.0611", "0.0840", "0.1069"),
        comprehensiveness_over_random=_figure("0.2010", "0.2640", "0.3270"),
        sufficiency=_figure("-0.0110", "0.0210", "0.0530"),
        random_sufficiency=_figure("0.1530", "0.2010", "0.2490"),
        sufficiency_under_random=_figure("0.1290", "0.1800", "0.2310"),
        convergence_delta=_figure("0.0110", "0.0240", "0.0370"),
        terms=tuple(
            Term(term=word, weight=Decimal(weight), texts=texts)
            for word, weight, texts in (("burn", "0.31", 14), ("hand", "0.12", 17), ("firework", "0.05", 21))
        ),
    )


@cache
def completion_details(declared: FairnessDeclaration = DECLARED) -> CompletionDetails:
    """What the measuring step writes of a model that completes texts."""
    drawn, whole = np.random.default_rng(8), details()
    persons = np.sort(drawn.integers(0, 241, 402))
    lengths = drawn.integers(3, 40, 402)
    before, after = (
        Predicted(
            right=drawn.random(lengths.sum()) < chance,
            starts=np.concatenate(([0], np.cumsum(lengths))),
            losses=drawn.gamma(20, loss / 20, 402),
        )
        for chance, loss in ((0.41, 2.6), (0.55, 1.9))
    )
    sex = np.array(["female", "male"])[drawn.integers(0, 2, 402)]
    bands = np.array(["0-17", "18-39", "40-64", "65-89", "90+"])
    age = bands[drawn.choice(5, 402, p=[0.22, 0.34, 0.27, 0.14, 0.03])]
    return CompletionDetails(
        adapter=digest("adapter"),
        completions=completion_utility(before=before, after=after, persons=persons),
        left_out=3,
        fairness=completion_fairness(
            right=after.shares(),
            persons=persons,
            attributes={"sex": [str(each) for each in sex], "age band": [str(each) for each in age]},
            declaration=declared,
        ),
        membership=whole.membership,
        libraries=whole.libraries,
        noisy=None,
        audit=whole.audit,
        self_check=SelfCheck(layers=12, moved=12, texts=16, reload_difference=Decimal("0.0001")),
        extraction=Extraction(secrets=81, extracted=0, exposure=_figure("1.2114", "1.4921", "1.7728")),
        explanation=replace(
            _explanation(),
            persons=16,
            steps=0,
            convergence_delta=None,
            terms=(),
            made_up=True,
            method=Method.FEATURE_ABLATION,
        ),
        scrutiny=replace(
            scrutiny(),
            swaps=(),
            attended=None,
            exchanged=(),
            membership=None,
            maps=tuple(replace(each, answer=None, chance=Decimal("0.3142")) for each in scrutiny().maps),
        ),
        generalisation=generalisation(losses=True),
        written=Written(
            persons=100,
            rouge=_figure("0.3301", "0.3722", "0.4143"),
            base_rouge=_figure("0.1902", "0.2214", "0.2526"),
            gain=_figure("0.1187", "0.1508", "0.1829"),
        ),
        few_shot=FewShot(
            examples=4,
            persons=241,
            token_accuracy=_figure("0.4402", "0.4711", "0.5022"),
            loss=_figure("2.1102", "2.2104", "2.3106"),
            gain=_figure("0.0602", "0.0813", "0.1024"),
            loss_gain=_figure("0.2702", "0.3104", "0.3506"),
        ),
        generations=Generations(
            texts=200,
            adapter=counted(np.eye(1, 200)[0], np.full(200, 64.0), Counter({EntityType.NAME: 1})),
            base=counted(np.eye(1, 200)[0] * 2, np.full(200, 64.0), Counter({EntityType.DATE: 2})),
        ),
        counterfactuals=persons_written_about(),
        questions=answered(),
    )


@cache
def leaning_details() -> CompletionDetails:
    """The same of a model that writes otherwise about women and men, and answers by stereotypes but of age."""
    return replace(
        completion_details(),
        counterfactuals=persons_written_about({Attribute.SEX}, frozenset(Attribute) - {Attribute.AGE}),
        questions=answered({"disability", "origin", "sex"}),
    )


def persons_written_about(
    apart: Set[Attribute] = frozenset(), assessed: Set[Attribute] = frozenset(Attribute)
) -> Counterfactuals:
    """Pairs of prompts; what was written lies `apart` where they differ in that."""
    drawn = np.random.default_rng(9)

    def differences(pairs: int) -> dict[Attribute, dict[WrittenBy, Floats]]:
        return {
            attribute: {
                by: np.clip(drawn.random((pairs, 2)) * 0.1 + np.array([0.5 * (attribute in apart), 0.0]), 0, 1)
                for by in WrittenBy
            }
            for attribute in Attribute
            if attribute in assessed
        }

    return Counterfactuals(
        comparisons=compared(differences(192), differences(48), WRITING),
        unassessed=tuple(attribute for attribute in Attribute if attribute not in assessed),
    )


def answered(leaning: Set[str] = frozenset()) -> QuestionBias:
    """The shipped questions, one of five not rightly: "unknown" then, or the stereotype of these categories."""
    dice, questions = np.random.default_rng(10), shipped_questions()
    chosen = [
        each.right if dice.random() < 0.8 else each.stereotyped if each.category in leaning else each.unknown
        for each in questions
    ]
    found = biases(questions, chosen, WRITING.treated)
    return QuestionBias(left_out=12, tolerance=WRITING.treated, biases=found, before=_figure("-0.1", "0.02", "0.14"))


def generalisation(*, losses: bool) -> Generalisation:
    """Of 241 held-out persons and as many trained on, whose records are public."""
    return Generalisation(
        overfitting=Overfitting(
            trained=241,
            held_out=241,
            right=_figure("-0.0302", "0.0124", "0.0553"),
            loss=_figure("-0.0104", "0.0211", "0.0528"),
        ),
        overlap=Overlap(
            persons=241, share=_figure("0.0121", "0.0290", "0.0584"), right_apart=_figure("0.8702", "0.9104", "0.9401")
        ),
        forgetting=Forgetting(
            sentences=120,
            losses=losses,
            before=_figure("0.6456", "0.7667", "0.8557"),
            after=_figure("0.6211", "0.7417", "0.8344"),
            lost=_figure("-0.0104", "0.0250", "0.0604"),
        ),
        previous=Previous(
            adapter=digest("promoted"),
            persons=241,
            right=_figure("0.0111", "0.0413", "0.0722"),
            loss=_figure("0.0101", "0.0299", "0.0502"),
            f1=None if losses else _figure("0.0108", "0.0401", "0.0703"),
        ),
    )


@cache
def scrutiny() -> Scrutiny:
    """Of the made-up texts, with weights drawn at random and heavier for two words."""
    drawn = np.random.default_rng(11)
    maps = []
    for number, text in enumerate(probe_texts(32)[:8]):
        words = text.split()
        weights = [float(drawn.normal(0.02, 0.05)) + (0.4 if word in {"burned", "oil"} else 0.0) for word in words]
        maps.append(word_map(words, weights, number % 2, 0.6 + 0.04 * number))
    overlap = {
        "steps": _figure("0.9683", "0.9896", "1.0000"),
        "baseline": _figure("0.2318", "0.2847", "0.3377"),
        "gradient-x-activation": _figure("0.1591", "0.1999", "0.2407"),
    }
    form = {"placeholder": "0.0493", "number": "0.0737", "mark": "0.1058", "form": "0.2288", "first word": "0.0246"}
    answered = Answers(first=np.eye(2)[[0] * 384], second=np.eye(2)[[0] * 383 + [1]])
    by_neutral = Answers(first=np.eye(2)[[0] * 384], second=np.eye(2)[[0] * 380 + [1] * 4])
    return Scrutiny(
        neutral=0,
        stability=Stability(
            texts=32,
            agreements=tuple(Agreement(between=name, overlap=figure) for name, figure in overlap.items()),
            lowest=overlap["gradient-x-activation"],
            stable=False,
            redrawn_correlation=_figure("0.0962", "0.1640", "0.2317"),
            redrawn_overlap=_figure("0.1255", "0.1734", "0.2213"),
        ),
        shortcuts=Shortcuts(
            texts=32,
            kinds=tuple(
                Shortcut(kind=kind, share=_figure("0.0100", share, "0.2508"), tokens=Decimal("0.0551"))
                for kind, share in form.items()
            ),
        ),
        swaps=tuple(swapped(attribute, answered, answered, by_neutral) for attribute in Attribute),
        maps=tuple(maps),
        leaks=0,
        attended=Attended(
            texts=32,
            protected=_figure("0.0911", "0.1204", "0.1497"),
            neutral=_figure("0.0822", "0.1103", "0.1384"),
            base=_figure("0.1014", "0.1341", "0.1668"),
            over_neutral=_figure("-0.0201", "0.0101", "0.0403"),
            over_base=_figure("-0.0439", "-0.0137", "0.0165"),
        ),
        exchanged=(
            Exchanged(
                attribute=Attribute.SEX,
                persons=117,
                flip_rate=_figure("0.0047", "0.0171", "0.0603"),
                moved=_figure("0.0104", "0.0142", "0.0180"),
            ),
        ),
        membership=ExplainedMembership(
            trained=77,
            others=77,
            by_loss=_figure("0.4321", "0.5234", "0.6147"),
            by_both=_figure("0.4275", "0.5189", "0.6103"),
            gain=_figure("-0.0667", "-0.0045", "0.0577"),
            canaries=True,
        ),
    )


def _figure(low: str, value: str, high: str) -> Figure:
    return Figure(low=Decimal(low), value=Decimal(value), high=Decimal(high))
