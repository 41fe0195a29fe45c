"""What the measuring step writes, from its own functions on drawn rows: of a model of classes, and of completions."""

from decimal import Decimal
from functools import cache

import numpy as np
from tests.conftest import digest

from tunewarden.steps.measure.audit import audit
from tunewarden.steps.measure.completion_utility import Predicted, completion_utility
from tunewarden.steps.measure.documents import CompletionDetails, Details
from tunewarden.steps.measure.explanation import Explanation, Term
from tunewarden.steps.measure.extraction import Extraction
from tunewarden.steps.measure.fairness import completion_fairness, measure_fairness
from tunewarden.steps.measure.intervals import Figure
from tunewarden.steps.measure.privacy import measure_membership
from tunewarden.steps.measure.self_check import SelfCheck
from tunewarden.steps.measure.utility import measure_utility


@cache
def details() -> Details:
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
        ),
        explanation=Explanation(
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
        ),
        membership=measure_membership(loss, drawn.normal(0.305, 0.1, 241)),
        libraries={"captum": "0.9.0", "fairlearn": "0.15.0", "torch": "2.13.0"},
        audit=audit(
            scores=drawn.normal(size=154) + 0.4 * (coins := drawn.integers(0, 2, 154)),
            present=coins == 1,
            claimed=Decimal(8),
            delta=Decimal("0.0001"),
        ),
        self_check=SelfCheck(layers=12, moved=12, texts=16, reload_difference=Decimal("0.0001")),
    )


@cache
def completion_details() -> CompletionDetails:
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
        ),
        membership=whole.membership,
        libraries=whole.libraries,
        noisy=None,
        audit=whole.audit,
        self_check=SelfCheck(layers=12, moved=12, texts=16, reload_difference=Decimal("0.0001")),
        extraction=Extraction(secrets=81, extracted=0, exposure=_figure("1.2114", "1.4921", "1.7728")),
    )


def _figure(low: str, value: str, high: str) -> Figure:
    return Figure(low=Decimal(low), value=Decimal(value), high=Decimal(high))
