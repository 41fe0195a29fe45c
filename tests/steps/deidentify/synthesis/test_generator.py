"""Made-up texts: what a span says stands there, nothing is shared between splits, and a seed says it all."""

from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from random import Random

import pytest
import regex
from hypothesis import given, settings, strategies as st

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.synthesis import Split, generate
from tunewarden.steps.deidentify.synthesis.filling import ROLES, SLOT, fill
from tunewarden.steps.deidentify.synthesis.genres import text
from tunewarden.steps.deidentify.synthesis.people import invented
from tunewarden.steps.deidentify.synthesis.pieces import Piece, changed, gold, joined, marked, plain
from tunewarden.steps.deidentify.synthesis.scene import new_scene
from tunewarden.steps.deidentify.synthesis.splits import share, split_of
from tunewarden.steps.deidentify.synthesis.templates import cohort_sentences, sections
from tunewarden.steps.deidentify.synthesis.values import VALUES

LANGUAGES = ("en", "es")
seeds = st.integers(0, 2**32)
splits = st.sampled_from(tuple(Split))
some_pieces = st.lists(
    st.builds(
        lambda text, entity: Piece(text=text, entity=entity),
        st.text(alphabet="ab ñÉ1\n", max_size=6),
        st.sampled_from((None, EntityType.NAME, EntityType.DATE)),
    ),
    max_size=8,
).map(tuple)


@settings(max_examples=60, deadline=None)
@given(seed=seeds, split=splits)
def test_spans_are_in_order_disjoint_inside_the_text_and_without_spaces_at_their_edges(seed: int, split: Split) -> None:
    for made in generate(5, seed, split):
        end = 0
        for span in made.spans:
            assert end <= span.start < span.end <= len(made.text)
            value = made.text[span.start : span.end]
            assert value == value.strip() != ""
            assert span.entity is not None
            end = span.end


@given(pieces=some_pieces)
def test_a_text_is_its_pieces_and_every_marked_letter_is_in_a_span_of_its_kind(pieces: tuple[Piece, ...]) -> None:
    made = gold(pieces)
    assert made.text == "".join(piece.text for piece in pieces)
    kinds = [piece.entity for piece in pieces for _ in piece.text]
    at = {place: span.entity for span in made.spans for place in range(span.start, span.end)}
    assert all(value == value.strip() for value in (made.text[span.start : span.end] for span in made.spans))
    for place, entity in enumerate(kinds):
        if not made.text[place].isspace():
            assert at.get(place) == entity


def test_a_given_name_and_the_surname_after_it_are_one_name() -> None:
    pieces = joined((marked("Ana", EntityType.NAME), marked("Ruiz", EntityType.NAME)), " ")
    (span,) = gold(pieces).spans
    assert (span.start, span.end) == (0, 8)
    apart = joined((marked("Ana", EntityType.NAME), marked("Ruiz", EntityType.NAME)), ", ")
    assert len(gold(apart).spans) == 2


@settings(max_examples=20, deadline=None)
@given(seed=seeds, split=splits)
def test_the_same_seed_makes_the_same_texts_and_another_makes_others(seed: int, split: Split) -> None:
    assert list(generate(4, seed, split)) == list(generate(4, seed, split))
    assert list(generate(9, seed, split)) != list(generate(9, seed + 1, split))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_splits_share_a_template(language: str) -> None:
    lines = {split: {line for own in sections(language, split).values() for line in own} for split in Split}
    assert all(lines.values())
    assert not lines[Split.TRAIN] & lines[Split.HELD_OUT]
    assert not lines[Split.TRAIN] & lines[Split.PLANTED]
    assert not lines[Split.HELD_OUT] & lines[Split.PLANTED]
    assert not any(set(cohort_sentences(language)) & own for own in lines.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_section_has_templates_to_train_on_and_some_held_out(language: str) -> None:
    assert sections(language, Split.TRAIN).keys() == sections(language, Split.HELD_OUT).keys()
    assert all(sections(language, Split.TRAIN).values())
    assert all(sections(language, Split.HELD_OUT).values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_template_that_is_written_down_is_used(language: str) -> None:
    used = {line for split in Split for own in sections(language, split).values() for line in own}
    folder = files("tunewarden.steps.deidentify.synthesis.templates")
    texts = [each.read_text(encoding="utf-8") for each in folder.iterdir() if each.name.startswith(f"{language}_")]
    written = {line.removeprefix("~").lstrip() for text in texts for line in text.splitlines() if line[:1] not in "#["}
    assert len(texts) > 5
    assert written <= used


def slots_of(template: str) -> set[str]:
    return {slot["name"] for slot in SLOT.finditer(template) if slot["name"]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_slot_of_every_template_can_be_filled_and_none_is_left(language: str) -> None:
    for split in Split:
        for own in sections(language, split).values():
            for line in own:
                assert slots_of(line) <= VALUES.keys() | ROLES | {"n"}, line
                for seed in range(4):
                    filled = gold(fill(line, new_scene(Random(seed), language, split))).text
                    assert "«" not in filled, line
                    assert not slots_of(filled), line


def test_a_word_may_be_marked_in_the_template_itself() -> None:
    made = gold(fill("{name=Hope} hopes to see {place=New Delhi}.", new_scene(Random(1), "en", Split.TRAIN)))
    found = [(made.text[span.start : span.end], span.entity) for span in made.spans]
    assert found == [("Hope", EntityType.NAME), ("New Delhi", EntityType.PLACE)]
    assert made.text == "Hope hopes to see New Delhi."
    with pytest.raises(ValueError, match="nobody"):
        fill("{nobody=Hope}", new_scene(Random(1), "en", Split.TRAIN))


@given(seed=seeds)
def test_a_name_is_in_capitals_or_in_none_where_the_template_says_so(seed: int) -> None:
    (loud,) = fill("{person.capslast}", new_scene(Random(seed), "en", Split.TRAIN))
    (quiet,) = fill("{person.lowinitials}", new_scene(Random(seed), "es", Split.TRAIN))
    assert loud.text == loud.text.upper()
    assert quiet.text == quiet.text.lower()


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_that_are_names_too_stand_there_as_often_as_plain_words(language: str) -> None:
    as_names, as_words = Counter[str](), Counter[str]()
    words = {"en": ("hope", "rose", "mark", "faith"), "es": ("luz", "cruz", "rosario", "paz")}[language]
    for made in generate(3000, 7, Split.TRAIN, language):
        hidden = {place for span in made.spans for place in range(span.start, span.end)}
        for found in regex.finditer(r"\p{L}+", made.text.lower()):
            if found.group() in words:
                (as_names if found.start() in hidden else as_words)[found.group()] += 1
    assert all(as_names[word] > 5 and as_words[word] > 5 for word in words), (as_names, as_words)
    assert 0.3 < as_names.total() / (as_names.total() + as_words.total()) < 0.7, (as_names, as_words)


@given(seed=seeds)
def test_surnames_that_are_words_and_invented_ones_keep_to_their_split(seed: int) -> None:
    for split in Split:
        scene = new_scene(Random(seed), "en", split)
        (piece,) = fill("{wordsurname}", scene)
        assert split_of(piece.text) is split
        assert split_of(invented(scene.chance, split)) is split


def test_a_relative_is_marked_in_spanish_texts_only() -> None:
    found = {language: Counter(_kinds(language)) for language in LANGUAGES}
    assert found["es"][EntityType.RELATIVE] > 20
    assert found["en"][EntityType.RELATIVE] == 0


def test_the_word_for_a_patients_sex_is_marked_in_spanish_prose_and_in_english_forms_only() -> None:
    spanish = gold(fill("{patient.Man} de {age}", new_scene(Random(1), "es", Split.TRAIN)))
    assert [span.entity for span in spanish.spans] == [EntityType.SEX, EntityType.AGE]
    english = gold(fill("A {age}-year-old {patient.man}. Sex: {sexmark}", new_scene(Random(1), "en", Split.TRAIN)))
    assert [span.entity for span in english.spans] == [EntityType.AGE, EntityType.SEX]
    assert english.text[english.spans[0].start : english.spans[0].end].isdigit()


def test_the_training_texts_hold_every_kind_that_a_text_can_hold() -> None:
    found = set(_kinds("en", 4000)) | set(_kinds("es", 2000))
    assert found == set(EntityType) - {
        EntityType.PERSON_ID,
        EntityType.RARE_CONDITION,
    }  # rare diseases: a list finds them


@pytest.mark.parametrize("language", LANGUAGES)
def test_some_texts_have_no_identifier_at_all(language: str) -> None:
    texts = list(generate(500, 5, Split.TRAIN, language))
    assert 0.02 < sum(not made.spans for made in texts) / len(texts) < 0.3


@pytest.mark.parametrize("language", LANGUAGES)
def test_eponyms_drugs_and_months_that_look_like_names_stand_there_unmarked(language: str) -> None:
    words = ("Parkinson", "Crohn", "Foley", "Hodgkin")
    marked_words, plain_words = Counter[str](), Counter[str]()
    for made in generate(4000, 11, Split.TRAIN, language):
        hidden = {place for span in made.spans for place in range(span.start, span.end)}
        for word in words:
            at = made.text.find(word)
            if at >= 0:
                (marked_words if at in hidden else plain_words)[word] += 1
    assert all(plain_words[word] for word in words)  # some are surnames too, so that the words around have to tell
    assert plain_words.total() > 2 * marked_words.total()


@settings(max_examples=30, deadline=None)
@given(seed=seeds, change=st.sampled_from((str.upper, str.lower, str.title)))
def test_a_text_in_another_case_has_the_same_kinds_in_the_same_order(seed: int, change: Callable[[str], str]) -> None:
    pieces = text(new_scene(Random(seed), "en", Split.TRAIN))
    before, after = gold(pieces), gold(changed(pieces, change))
    assert [span.entity for span in before.spans] == [span.entity for span in after.spans]


def test_values_are_divided_by_their_digest_and_a_short_list_is_shared() -> None:
    values = tuple(f"name{number}" for number in range(400))
    parts = [share(values, split) for split in Split]
    assert sorted(value for part in parts for value in part) == sorted(values)
    assert all(split_of(value) is split for split, part in zip(Split, parts, strict=True) for value in part)
    assert share(("one", "two"), Split.PLANTED) == ("one", "two")


def test_joining_leaves_out_what_is_empty() -> None:
    assert "".join(piece.text for piece in joined((plain("a"), plain(""), (), plain("b")), ", ")) == "a, b"


def _kinds(language: str, count: int = 600) -> list[EntityType | None]:
    return [span.entity for made in generate(count, 3, Split.TRAIN, language) for span in made.spans]
