"""What becomes of identifiers, operator by operator, and what must never be left."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings, strategies as st

from tunewarden.domain.deidentification import ONLY_FOR, Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import PolicyName
from tunewarden.steps.deidentify.ages import band, top_code
from tunewarden.steps.deidentify.operators import Cleaned, Transformer
from tunewarden.steps.deidentify.person import Known, Person
from tunewarden.steps.deidentify.placeholders import ours
from tunewarden.steps.deidentify.postcodes import truncate
from tunewarden.steps.deidentify.revealing import keyed_digest, pseudonym, reveal
from tunewarden.steps.deidentify.spans import Span

ANN = Person(pseudonym="a" * 64, key=b"a" * 32)
BOB = Person(pseudonym="b" * 64, key=b"b" * 32)
EVERYWHERE = [operator for operator in Operator if operator not in ONLY_FOR and operator is not Operator.KEEP]
NOT_AGAIN = {Operator.SURROGATE, Operator.SHIFT}  # look like originals on purpose: see operators.py


def profile(operators: dict[EntityType, Operator], default: Operator = Operator.REPLACE) -> Profile:
    return Profile(
        name=PolicyName("made-up"),
        method=Method.NONE,
        languages=("en",),
        threshold=Decimal("0.4"),
        engine=Engine(kind=EngineKind.PATTERNS, threshold=Decimal("0.5")),
        operators=operators,
        default=default,
    )


def apply(operator: Operator, entity: EntityType, value: str, person: Person = ANN) -> str:
    span = Span(start=5, end=5 + len(value), entity=entity, score=1.0)
    return Transformer(profile({entity: operator})).apply(f"Seen {value} today", [span], person).text


@pytest.mark.parametrize(
    ("operator", "entity", "value", "expected"),
    [
        (Operator.REPLACE, EntityType.NAME, "Ann Example", "Seen [NAME] today"),
        (Operator.REDACT, EntityType.NAME, "Ann Example", "Seen today"),
        (Operator.REDACT, EntityType.IP, "10.0.0.7", "Seen today"),
        (Operator.MASK, EntityType.NAME, "Ann O'Example", "Seen *** *'******* today"),
        (Operator.YEAR, EntityType.DATE, "3/14/1952", "Seen 1952 today"),
        (Operator.YEAR, EntityType.DATE, "March 14", "Seen [DATE] today"),
        (Operator.TOP_CODE, EntityType.AGE, "93", "Seen 90+ today"),
        (Operator.TOP_CODE, EntityType.AGE, "88", "Seen 88 today"),
        (Operator.BAND, EntityType.AGE, "47 años", "Seen 45-49 años today"),
        (Operator.BAND, EntityType.AGE, "of age", "Seen [AGE] today"),
        (Operator.TRUNCATE, EntityType.POSTCODE, "44017", "Seen 440** today"),
        (Operator.TRUNCATE, EntityType.POSTCODE, "03601", "Seen 000** today"),
        (Operator.TRUNCATE, EntityType.POSTCODE, "SW1A 1AA", "Seen [POSTCODE] today"),
        (Operator.SHIFT, EntityType.DATE, "soon", "Seen [DATE] today"),
        (Operator.SURROGATE, EntityType.SEX, "F", "Seen [SEX] today"),
    ],
)
def test_every_operator_does_what_it_says_or_falls_back_to_the_type(
    operator: Operator, entity: EntityType, value: str, expected: str
) -> None:
    assert apply(operator, entity, value) == expected


@pytest.mark.parametrize(
    ("age", "banded", "coded"),
    [
        ("45", "45-49", "45"),
        ("93", "90+", "90+"),
        ("89", "85-89", "89"),
        ("forty-five", "45-49", "forty-five"),
        ("6-month-old", "0-4 years", "6-month-old"),
        ("105 años", "90+ años", "90+ años"),
        ("ninety-one years old", "90+ years old", "90+ years old"),
        ("cuarenta y dos años", "40-44 años", "cuarenta y dos años"),
        ("100-month-old", "90+-month-old", "90+-month-old"),
        ("between 40 and 50", None, None),
        ("91-92", None, None),
        ("47-48", None, None),
        ("90-94", None, None),
        ("45-49 años", "45-49 años", "45-49 años"),
        ("old", None, None),
    ],
)
def test_ages_in_digits_and_words_are_banded_and_top_coded(age: str, banded: str | None, coded: str | None) -> None:
    assert (band(age), top_code(age)) == (banded, coded)


@given(st.integers(0, 130))
def test_a_band_holds_the_age_and_is_left_alone_the_second_time(years: int) -> None:
    made = str(band(str(years)))
    if years >= 90:
        assert made == "90+"
    else:
        low, high = map(int, made.split("-"))
        assert low <= years <= high == low + 4
    assert band(made) == top_code(made) == made


@given(st.from_regex(r"\d{5}(-\d{4})?", fullmatch=True))
def test_of_a_zip_only_three_digits_stay(code: str) -> None:
    made = str(truncate(code))
    assert made in {f"{code[:3]}**", "000**"}
    assert truncate(made) == made


VALUES = st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=4, max_size=30).filter(
    lambda value: sum(c.isalnum() for c in value) >= 4 and value == value.strip()
)


@pytest.mark.parametrize("operator", EVERYWHERE)
@settings(deadline=None)  # the first surrogate reads the lists of names
@given(before=st.text(max_size=10), value=VALUES, entity=st.sampled_from(list(EntityType)))
def test_no_transformed_value_is_left_where_it_stood(
    operator: Operator, before: str, value: str, entity: EntityType
) -> None:
    text = f"{before}{value}|"
    span = Span(start=len(before), end=len(before) + len(value), entity=entity, score=0.9)
    cleaned = Transformer(profile({}, operator)).apply(text, [span], ANN)
    (made,) = cleaned.replaced
    assert value.casefold() not in cleaned.text[made.start : made.end].casefold()
    assert cleaned.text.endswith("|")


def cleaned_of(pieces: list[tuple[str, str]], operator: Operator) -> tuple[str, Cleaned]:
    text, spans = "", list[Span]()
    for plain, value in pieces:
        text += plain + " "
        spans.append(Span(start=len(text), end=len(text) + len(value), entity=EntityType.NAME, score=0.9))
        text += value + " "
    return text, Transformer(profile({}, operator)).apply(text, spans, ANN)


@pytest.mark.parametrize("operator", EVERYWHERE)
@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["😀", "cafe\u0301", "שלום", "\r\n", "x\u200by"]), VALUES), min_size=1, max_size=5
    )
)
def test_everything_around_the_spans_stays_and_what_stands_in_their_place_is_where_it_is_said_to_be(
    operator: Operator, pieces: list[tuple[str, str]]
) -> None:
    text, cleaned = cleaned_of(pieces, operator)
    assert len(cleaned.replaced) == len(cleaned.spans) == len(pieces)
    kept, position = "", 0
    for made in cleaned.replaced:
        kept += cleaned.text[position : made.start]
        position = made.end
    kept += cleaned.text[position:]
    outside, position = "", 0
    for span in cleaned.spans:
        outside += text[position : span.start]
        position = span.end
    outside += text[position:]
    assert kept.split() == outside.split()
    if operator is not Operator.REDACT:
        assert kept == outside


@pytest.mark.parametrize(
    "operator", [o for o in Operator if o not in NOT_AGAIN and o not in {Operator.KEEP, Operator.MASK, Operator.REDACT}]
)
def test_what_an_operator_wrote_it_leaves_alone(operator: Operator) -> None:
    values = {Operator.YEAR: "3/14/1952", Operator.TOP_CODE: "97", Operator.BAND: "47", Operator.TRUNCATE: "44017"}
    entity = next(iter(ONLY_FOR.get(operator, {EntityType.NAME})))
    once = apply(operator, entity, values.get(operator, "Ann Example"))
    if operator in ONLY_FOR:
        made = once.removeprefix("Seen ").removesuffix(" today")
        assert apply(operator, entity, made) == once
    else:
        ((start, end),) = ours(once)
        assert (once[:start], once[end:]) == ("Seen ", " today")


def test_a_digest_is_the_same_for_one_persons_value_in_any_case_and_another_for_another_person() -> None:
    assert keyed_digest("Ann  Example", EntityType.NAME, ANN.key) == keyed_digest(
        "ANN EXAMPLE", EntityType.NAME, ANN.key
    )
    assert keyed_digest("Ann", EntityType.NAME, ANN.key) != keyed_digest("Ann", EntityType.NAME, BOB.key)
    assert keyed_digest("Ann", EntityType.NAME, ANN.key) != keyed_digest("Ann", EntityType.PLACE, ANN.key)


@given(VALUES, st.sampled_from(list(EntityType)))
def test_a_pseudonym_is_turned_back_by_the_persons_key_and_by_no_other(value: str, entity: EntityType) -> None:
    text = f"File {pseudonym(value, entity, ANN.key)} closed"
    assert pseudonym(value, entity, ANN.key) in text, "the same each time"
    assert reveal(text, ANN.key) == (f"File {value} closed", 1, 0)
    assert reveal(text, BOB.key) == (text, 0, 1)


def test_a_pseudonym_that_was_changed_or_moved_to_another_kind_does_not_open() -> None:
    sealed = pseudonym("H-48213", EntityType.MEDICAL_RECORD, ANN.key)
    for forged in (
        sealed.replace("MEDICAL-RECORD", "ACCOUNT"),
        sealed[:-3] + ("AA]" if sealed[-3:-1] != "AA" else "BB]"),
    ):
        assert reveal(forged, ANN.key)[1:] == (0, 1)


def test_a_person_does_not_show_their_key_or_values_when_printed() -> None:
    told = repr(replace(ANN, key=b"k" * 32, known=(Known(entity=EntityType.NAME, value="Tavor"),)))
    assert "kkkk" not in told
    assert "Tavor" not in told
