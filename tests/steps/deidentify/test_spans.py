"""Which span wins where several overlap, and where else in a text a found identifier stands."""

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.spans import Span, carried, propagate, resolve


def span(start: int, end: int, entity: EntityType = EntityType.NAME, score: float = 0.9) -> Span:
    return Span(start=start, end=end, entity=entity, score=score)


def of(text: str, part: str, entity: EntityType = EntityType.NAME, score: float = 0.9) -> Span:
    return span(text.index(part), text.index(part) + len(part), entity, score)


def followed(text: str, *spans: Span, names: tuple[tuple[str, float], ...] = ()) -> list[str]:
    return [text[each.start : each.end] for each in resolve(propagate(text, spans, names))]


def test_where_spans_overlap_the_best_supported_kind_names_the_union() -> None:
    weak_long, sure_short = span(0, 20, EntityType.PHONE, 0.1), span(5, 10, EntityType.SSN, 1.0)
    behind, apart = span(18, 25, EntityType.DATE, 0.5), span(25, 30, EntityType.NAME, 0.5)
    assert resolve([apart, behind, sure_short, weak_long]) == (span(0, 25, EntityType.SSN, 1.0), apart)


def test_a_kind_with_a_form_of_its_own_names_what_a_model_calls_any_number() -> None:
    model, pattern = span(0, 12, EntityType.OTHER_ID, 0.99), span(0, 12, EntityType.PHONE, 0.65)
    assert [each.entity for each in resolve([model, pattern])] == [EntityType.PHONE]


def test_a_postcode_does_not_name_the_address_that_it_ends() -> None:
    address, postcode = span(0, 40, EntityType.ADDRESS, 0.8), span(35, 40, EntityType.POSTCODE, 0.8)
    assert [each.entity for each in resolve([address, postcode])] == [EntityType.ADDRESS]


def test_a_weak_form_does_not_overrule_a_sure_reading() -> None:
    name, passport = span(0, 9, EntityType.NAME, 0.9), span(0, 9, EntityType.PASSPORT, 0.1)
    assert [each.entity for each in resolve([name, passport])] == [EntityType.NAME]


SPANS = st.lists(
    st.builds(
        lambda start, length, entity, score: span(start, start + length, entity, score),
        *(st.integers(0, 60), st.integers(1, 20), st.sampled_from(EntityType), st.floats(0.1, 1.0)),
    ),
    max_size=12,
)


@given(SPANS)
def test_resolving_covers_what_any_span_covers_and_nothing_twice(spans: list[Span]) -> None:
    covered = [at for each in resolve(spans) for at in range(each.start, each.end)]
    assert covered == sorted({at for each in spans for at in range(each.start, each.end)})


@given(SPANS)
def test_the_order_of_spans_does_not_matter_and_resolving_again_changes_nothing(spans: list[Span]) -> None:
    assert resolve(spans) == resolve(spans[::-1]) == resolve(resolve(spans))


def test_a_name_found_once_is_found_everywhere_in_the_text() -> None:
    text = "Patient Zoltan O'Khybak. Zoltan denies pain. KHYBAK's wife says zoltan sleeps."
    assert followed(text, of(text, "Zoltan O'Khybak")) == ["Zoltan", "Khybak", "Zoltan", "KHYBAK", "zoltan"]


def test_a_word_of_prose_in_small_letters_is_no_name_although_a_name_has_it() -> None:
    text = "Dr. Long saw Rose. No long pain, the rose hip. Long agrees, and so does Rose."
    found = followed(text, of(text, "Long"), of(text, "Rose"))
    assert found == ["Long", "Rose", "Long", "Rose"]


def test_in_lower_case_speech_a_name_is_followed_where_it_is_no_prose() -> None:
    text = "hi i am tavor khybak. so mr khybak how long have you had it. tavor said a week"
    assert followed(text, of(text, "tavor khybak")) == ["tavor", "khybak", "khybak", "tavor"]


def test_a_doubtful_name_and_particles_and_titles_are_not_followed() -> None:
    text = "Tavor was here. Tavor left. Dr. van der Khybak, van, Dr. No"
    assert followed(text, of(text, "Tavor", score=0.45)) == []
    assert followed(text, of(text, "Dr. van der Khybak")) == ["Khybak"]


def test_disguised_and_accented_mentions_are_followed() -> None:
    text = "Señora Núñez. NUNEZ refiere. nu\u0301n\u0303ez y Nú\u200bñez"
    assert followed(text, of(text, "Núñez")) == ["Núñez", "NUNEZ", "nu\u0301n\u0303ez", "Nú\u200bñez"]


def test_sure_places_and_numbers_are_followed_whole() -> None:
    text = "MRN 48213-A at Hollow Falls. In hollow falls, file 48213-A; 48213 and Falls are others."
    spans = (of(text, "48213-A", EntityType.MEDICAL_RECORD), of(text, "Hollow Falls", EntityType.PLACE))
    assert followed(text, *spans) == ["48213-A", "Hollow Falls", "hollow falls", "48213-A"]
    unsure = of(text, "Hollow Falls", EntityType.PLACE, 0.6)
    assert followed(text, unsure) == []


@pytest.mark.parametrize(
    ("text", "name", "also"),
    [
        ("The form was signed by Fang He and returned.", "Fang", ["He"]),
        ("we should call My Linh about the results", "Linh", ["My"]),
        ("seen by Junseo Im. She agrees.", "Junseo", ["Im"]),
        ("signed by P.P. He yesterday", "P.P", ["He"]),
        ("My Linh was late.", "Linh", []),
        ("seen by Dr Linh today", "Linh", []),
        ("talked to Fang. He agrees", "Fang", []),
        ("saw Fang and he agrees", "Fang", []),
        ("SEEN BY FANG AND HE AGREES", "FANG", []),
        ("seen with Fang It's late", "Fang", []),
    ],
)
def test_a_word_of_prose_with_a_capital_beside_a_name_is_a_part_of_it(text: str, name: str, also: list[str]) -> None:
    where = of(text, name)
    found = propagate(text, [where])
    assert [text[each.start : each.end] for each in found if each.start != where.start] == also


def test_names_of_other_texts_of_the_person_are_looked_for() -> None:
    assert followed("Khybak again; khybaks no.", names=(("khybak", 0.9),)) == ["Khybak"]


def test_only_sure_and_unmistakable_words_are_carried_to_other_texts() -> None:
    text = "Zoltan Long met Dr. Khybak and Tavor at noon in Rome."
    found = (of(text, "Zoltan Long"), of(text, "Dr. Khybak", score=0.8), of(text, "Tavor", score=0.6))
    assert carried(text, found) == {"zoltan": 0.9, "khybak": 0.8}


@pytest.mark.parametrize("text", ["", "nothing here"])
def test_nothing_found_is_nothing_followed(text: str) -> None:
    assert followed(text) == []
    assert carried(text, ()) == {}
