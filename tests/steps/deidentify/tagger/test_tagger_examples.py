"""Training examples: what a token may be, and texts that are changed with their identifiers."""

from collections.abc import Sequence
from itertools import islice
from random import Random

from hypothesis import assume, given, settings, strategies as st

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.tagger.augment import changed
from tunewarden.steps.deidentify.tagger.examples import Drawing, Source, allowed, batches, window
from tunewarden.steps.deidentify.tagger.gold import GoldSpan, GoldText
from tunewarden.steps.deidentify.tagger.labels import LABELS, NUMBER
from tunewarden.steps.deidentify.tagger.model import folder, tokenizer
from tunewarden.steps.deidentify.tagger.windows import CLS, LONGEST, SEP, tokenise

TOKENIZER = tokenizer(folder())
NAME, DATE, PLACE, OTHER_ID = EntityType.NAME, EntityType.DATE, EntityType.PLACE, EntityType.OTHER_ID
EVERYTHING = frozenset(range(1 + len(LABELS)))


def gold(text: str, *marks: tuple[str, EntityType | None]) -> GoldText:
    spans = [GoldSpan(start=text.index(one), end=text.index(one) + len(one), entity=entity) for one, entity in marks]
    return GoldText(text=text, spans=tuple(spans))


NOTE = gold(
    "Ann Lee, born 5 May 1950 in Leeds, saw Dr. Reed. Her number is 4711, she likes chess.",
    ("Ann Lee", NAME),
    ("5 May 1950", DATE),
    ("Leeds", PLACE),
    ("Reed", NAME),
    ("4711", EntityType.MEDICAL_RECORD),
    ("chess", None),
)


def labels(given: GoldText, source: Source) -> dict[str, frozenset[int]]:
    (tokens,) = tokenise(TOKENIZER, [given.text])
    found = allowed(tokens, given.spans, source)
    return {given.text[start:end]: one for start, end, one in zip(tokens.starts, tokens.ends, found, strict=True)}


def test_a_token_of_a_corpus_that_marks_everything_is_what_it_says_or_nothing() -> None:
    found = labels(NOTE, Source(name="notes", texts=[NOTE], share=1))

    assert found["Ann"] == found["Lee"] == {NUMBER[NAME]}
    assert found["47"] == {NUMBER[OTHER_ID]}
    assert found["born"] == found[","] == {0}


def test_a_corpus_that_marks_names_only_does_not_teach_that_dates_are_nothing() -> None:
    marks = frozenset({NAME, PLACE})
    names = GoldText(text=NOTE.text, spans=tuple(span for span in NOTE.spans if span.entity in marks))

    found = labels(names, Source(name="news", texts=[names], share=1, marks=marks))

    assert found["Ann"] == {NUMBER[NAME]}
    assert found["1950"] == EVERYTHING - {NUMBER[NAME], NUMBER[PLACE]}


def test_what_is_neither_here_nor_there_may_be_anything() -> None:
    assert labels(NOTE, Source(name="notes", texts=[NOTE], share=1))["chess"] == EVERYTHING


def test_what_court_cases_call_demographic_may_be_a_profession_but_not_nothing() -> None:
    case = gold("a Cypriot teacher came", ("Cypriot teacher", EntityType.DEMOGRAPHIC))

    found = labels(case, Source(name="cases", texts=[case], share=1, loosely=True))

    assert found["teacher"] == {
        NUMBER[EntityType.DEMOGRAPHIC],
        NUMBER[EntityType.OCCUPATION],
        NUMBER[EntityType.AGE],
    }


@given(st.integers(0, len(NOTE.text)), st.integers(10, 60))
def test_a_window_cuts_no_identifier_in_two(start: int, length: int) -> None:
    part = window(NOTE, start, length)

    assume(NOTE.text.count(part.text) == 1)
    offset = NOTE.text.index(part.text)
    marked = {(span.start + offset, span.end + offset, span.entity) for span in part.spans}
    for span in NOTE.spans:
        touched = span.start < offset + len(part.text) and offset < span.end
        assert touched == ((span.start, span.end, span.entity) in marked)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**6))
def test_a_changed_text_keeps_its_identifiers_at_their_new_places(seed: int) -> None:
    new = changed(NOTE, Random(seed))

    assume("[" not in new.text)
    assert [span.entity for span in new.spans] == [span.entity for span in NOTE.spans]
    assert all(0 <= span.start < span.end <= len(new.text) for span in new.spans)
    assert all(one.end <= other.start for one, other in zip(new.spans, new.spans[1:], strict=False))
    pieces = [new.text[span.start : span.end] for span in new.spans]
    assert all(piece == piece.strip() for piece in pieces)
    assert any(character.isdigit() for character in pieces[1])


def test_what_stands_in_place_of_an_identifier_is_none() -> None:
    variants = [new for seed in range(400) if "[NAME]" in (new := changed(NOTE, Random(seed))).text]

    assert variants
    for new in variants:
        kept = {new.text[span.start : span.end] for span in new.spans}
        assert not any("[" in piece for piece in kept)
        assert "4711" in kept or "[MEDICAL-RECORD]" in new.text


def test_texts_are_changed_in_several_ways() -> None:
    variants = {changed(NOTE, Random(seed)).text for seed in range(200)}

    assert NOTE.text in variants
    assert any(text.islower() for text in variants)
    assert any(text.isupper() for text in variants)
    assert any("Ann" not in text and "born 5 May" in text for text in variants)


def drawing(sources: Sequence[Source], seed: int) -> Drawing:
    return Drawing(sources=lambda _: sources, tokenizer=lambda: TOKENIZER, rows=4, seed=seed)


def test_batches_are_the_same_for_the_same_seed_and_as_the_network_reads_them() -> None:
    source = Source(name="notes", texts=[NOTE, gold("Nothing here.")], share=1)

    first, again, other = (next(batches(drawing([source], seed))) for seed in (5, 5, 6))

    assert first.ids.equal(again.ids)
    assert not first.ids.equal(other.ids)
    assert first.ids.shape[1] <= LONGEST
    assert first.allowed.shape == (*first.ids.shape, 1 + len(LABELS))
    for row, mask in zip(first.ids.tolist(), first.mask.tolist(), strict=True):
        length = sum(mask)
        assert row[0] == CLS
        assert row[length - 1] == SEP
        assert mask == [1] * length + [0] * (len(mask) - length)
    assert first.allowed.sum(dim=-1).min() >= 1


def test_several_workers_draw_the_batches_that_one_does_in_the_same_order() -> None:
    source = Source(name="notes", texts=[NOTE, gold("Nothing here.")], share=1)

    alone, together = (list(islice(batches(drawing([source], 5), workers), 20)) for workers in (0, 2))

    assert all(one.ids.equal(other.ids) for one, other in zip(alone, together, strict=True))
    assert all(one.allowed.equal(other.allowed) for one, other in zip(alone, together, strict=True))
