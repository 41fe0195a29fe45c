"""The report says of figures about held-out persons whether they are exact or noisy, and what they cost."""

from tunewarden.domain.canonical import Plain
from tunewarden.entry.report.measured import attack, explanation, fairness, utility
from tunewarden.entry.report.reading import Part

FIGURE: Plain = {"low": "0.8", "value": "0.9", "high": "0.95"}
UTILITY: dict[str, Plain] = {
    "accuracy": FIGURE,
    "base_accuracy": FIGURE,
    "majority_accuracy": FIGURE,
    "gain_over_majority": FIGURE,
    "gain_over_base": FIGURE,
    "recalls": [],
    "persons": 204,
}
NOISY: Plain = {"epsilon": "2.9987", "delta": "0.00001"}


def test_noisy_figures_are_called_noisy_with_their_epsilon() -> None:
    found = utility(Part({**UTILITY, "rows": None}), Part(NOISY))
    assert found is not None
    assert found.exactness == "noisy figures: epsilon 2.9987 at delta 0.00001 for one of these persons"
    assert {row.value for row in found.facts} >= {"about 204 persons", found.exactness}


def test_exact_figures_are_called_exact() -> None:
    found = utility(Part({**UTILITY, "rows": 310}), Part())
    assert found is not None
    assert found.exactness == "exact figures"
    assert "204 persons, 310 rows" in {row.value for row in found.facts}


def test_what_noisy_figures_cannot_tell_of_groups_is_said_to_be_unmeasured() -> None:
    part = Part({"assessed": [], "persons": 204, "least_persons": 30})
    noisy, exact = fairness(part, None, Part(NOISY)), fairness(part, None, Part())
    assert noisy is not None
    assert exact is not None
    (told,) = set(noisy.facts) - set(exact.facts)
    assert (told.name, told.value[:12]) == ("Rates, calibration and intersections", "not measured")


def test_figures_that_noise_left_unsaid_are_no_section() -> None:
    assert utility(Part({**UTILITY, "accuracy": None}), Part(NOISY)) is None


def test_made_up_texts_are_not_called_texts_of_persons() -> None:
    names = ("comprehensiveness", "random_comprehensiveness", "sufficiency", "random_sufficiency")
    document: dict[str, Plain] = {**dict.fromkeys(names, FIGURE), "persons": 32}
    made_up, of_persons = explanation(Part({**document, "made_up": True})), explanation(Part(document))
    assert made_up is not None
    assert of_persons is not None
    assert made_up.texts == "32 made-up texts"
    assert of_persons.texts == "one text of each of 32 held-out persons"


def test_attacked_canaries_are_not_called_persons_trained_on() -> None:
    found = attack(Part({"auc": FIGURE, "trained": 104, "held_out": 96, "canaries": True}))
    assert found is not None
    assert found.persons == "104 made-up persons who took part and 96 who did not"
