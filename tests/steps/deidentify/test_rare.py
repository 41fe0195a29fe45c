"""Rare conditions by list: found in both languages and however they are written, and counted once whatever the name."""

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.deidentification import Operator, Profile
from tunewarden.domain.identifiers import SAFE_HARBOR, EntityType
from tunewarden.domain.names import PolicyName
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.deidentify.coverage import coverage
from tunewarden.steps.deidentify.normalise import folded
from tunewarden.steps.deidentify.rare import NAME, find_rare, mentions
from tunewarden.steps.deidentify.word_lists import lines

SHIPPED = ("default", "default-k5", "gdpr-pseudonymised", "hipaa-limited-dataset", "hipaa-safe-harbor")


def named(text: str) -> list[tuple[str, str]]:
    return [(text[found.start : found.end], found.condition) for found in mentions(text)]


@pytest.mark.parametrize(
    ("text", "written", "condition"),
    [
        ("Known Wilson's disease.", "Wilson's disease", "wilson disease"),
        ("Known Wilson\N{RIGHT SINGLE QUOTATION MARK}s disease.", "Wilson\u2019s disease", "wilson disease"),
        ("Known Wilsons disease.", "Wilsons disease", "wilson disease"),
        ("con enfermedad de Wilson.", "enfermedad de Wilson", "wilson disease"),
        ("SÍNDROME DE GUILLAIN-BARRÉ", "SÍNDROME DE GUILLAIN-BARRÉ", "guillain barre syndrome"),
        ("a Guillain\N{EN DASH}Barré\nsyndrome", "Guillain\u2013Barré\nsyndrome", "guillain barre syndrome"),
        ("a fibrosis qui\N{COMBINING ACUTE ACCENT}stica", "fibrosis qui\u0301stica", "cystic fibrosis"),
        ("trasplante cardiaco en 2011", "trasplante cardiaco", "heart transplant"),
        ("struck by lightning on a golf course", "struck by lightning", "struck by lightning"),
        ("diagnosed with ALS last year", "ALS", "amyotrophic lateral sclerosis"),
        ("diagnosticada de ELA", "ELA", "amyotrophic lateral sclerosis"),
        ("suspected vCJD", "vCJD", "variant creutzfeldt jakob disease"),
    ],
)
def test_a_rare_condition_is_found_as_people_write_it(text: str, written: str, condition: str) -> None:
    assert named(text) == [(written, condition)]


@pytest.mark.parametrize(
    "text",
    [
        "She is still disease free.",
        "als het kan",  # a short form counts in capitals only
        "asthma, hypertension, diabetes, influenza, sprained ankle, burn of the hand",
        "asma, hipertensión, diabetes, gripe, esguince de tobillo, quemadura de la mano",
        "Mr. Wilson. Disease unknown.",
        "Dr. Turner, syndromes clinic",
        "cystic. Fibrosis of the lung",
        "tuberous, sclerosis",
        "precystic fibrosisx",
    ],
)
def test_what_is_common_or_only_looks_like_one_is_not(text: str) -> None:
    assert named(text) == []


def test_of_two_that_begin_together_the_longer_one_counts_and_all_of_a_text_do() -> None:
    text = "primary biliary cholangitis, primary sclerosing cholangitis; heart lung transplant; Ewing sarcoma"
    assert [condition for _, condition in named(text)] == [
        "primary biliary cholangitis",
        "primary sclerosing cholangitis",
        "heart lung transplant",
        "ewing sarcoma",
    ]
    assert named("familial Miller Fisher syndrome") == [("Miller Fisher syndrome", "miller fisher syndrome")]


def test_every_name_of_the_list_is_found_in_its_own_words_and_in_capitals() -> None:
    for line in lines("rare_conditions.txt"):
        names = line.split("|")
        for name in names:
            kind, of, whom = name.partition(" of ")
            said = f"{whom} {kind}" if of and kind in {"disease", "syndrome"} else name
            for written in (said, said.upper()):
                assert named(f"Had {written}, since.") == [(written, folded(names[0]))]


def test_no_name_stands_for_two_conditions_and_the_list_is_in_both_languages() -> None:
    listed = [line.split("|") for line in lines("rare_conditions.txt")]
    every = [name for names in listed for name in names]
    assert len(every) == len(set(every))
    assert len({names[0] for names in listed}) == len(listed) > 400
    spanish = [
        names for names in listed if any(" de " in name or not name.isascii() or " of " in name for name in names)
    ]
    assert len(spanish) > 250


@given(st.text())
def test_candidates_are_disjoint_in_order_and_inside_the_text(text: str) -> None:
    ends = [0]
    for span in find_rare(text + " Wilson's disease " + text):
        assert ends[-1] <= span.start < span.end <= 2 * len(text) + 18
        ends.append(span.end)
    assert len(ends) > 1


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_profiles_keep_rare_conditions_and_the_report_says_who_looks_for_them(
    policies: FilePolicies, name: str
) -> None:
    shipped = from_plain(Profile, decode(policies.profile(PolicyName(name))))
    assert shipped.operator(EntityType.RARE_CONDITION) is Operator.KEEP
    assert NAME in coverage(shipped)[EntityType.RARE_CONDITION]
    assert all(EntityType.RARE_CONDITION not in kinds for kinds in SAFE_HARBOR.values())
