"""Evaluating against gold: what each figure counts, how wide its interval is."""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.errors import Refused
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.steps.deidentify.evaluate import Evaluation, evaluate, to_json
from tunewarden.steps.deidentify.gold_file import Identifies, Marked, MarkedText
from tunewarden.steps.deidentify.proportions import exact_interval
from tunewarden.steps.deidentify.reading import batches
from tunewarden.steps.deidentify.scoring import Counted, Scores, f_beta
from tunewarden.steps.deidentify.spans import Span

SOME = Digest("sha256:" + "0" * 64)
CANARY = "CANARY-7f3a"


def marked(text: str, *parts: str, kind: str = "name", **extra: object) -> MarkedText:
    spans = tuple(
        Marked(start=(start := text.index(part)), end=start + len(part), type=kind, **extra)  # type: ignore[arg-type]
        for part in parts
    )
    return MarkedText(text=text, spans=spans)


def found(text: str, *parts: str, entity: EntityType = EntityType.NAME) -> list[Span]:
    return sorted(
        (Span(start=(at := text.index(part)), end=at + len(part), entity=entity, score=0.9) for part in parts),
        key=lambda span: span.start,
    )


def scored(gold: MarkedText, spans: Sequence[Span]) -> Scores:
    scores = Scores()
    scores.add(gold, spans)
    return scores


def counts(counted: Counted) -> tuple[int, int]:
    return counted.hits, counted.n


def test_titles_and_function_words_are_neither_missed_nor_wrong() -> None:
    text = "Seen by Dr. Ada Example of the Hospital."
    gold = marked(text, "Dr. Ada Example", "the Hospital")
    scores = scored(gold, found(text, "Ada Example of", "Hospital"))
    assert counts(scores.token_recall) == (3, 3)
    assert counts(scores.token_precision) == (3, 3)
    assert counts(scores.mention_recall) == (2, 2)
    assert counts(scores.mention_precision) == (2, 2)


def test_a_mention_half_of_which_is_left_standing_is_not_covered_and_its_document_leaks() -> None:
    text = "Ada Example and Bob Sample came."
    scores = scored(marked(text, "Ada Example", "Bob Sample"), found(text, "Ada", "Bob Sample"))
    assert counts(scores.token_recall) == (3, 4)
    assert counts(scores.mention_recall) == (1, 2)
    assert counts(scores.leaking) == (1, 1)


def test_a_word_is_covered_only_if_every_marked_character_of_it_is() -> None:
    text = "A 45yo woman, MRN 12345."
    gold = marked(text, "45", "12345")
    assert counts(scored(gold, found(text, "45", "12345")).token_recall) == (2, 2)
    assert counts(scored(gold, found(text, "45", "1234")).token_recall) == (1, 2)


def test_what_is_masked_without_reason_costs_precision_and_not_recall() -> None:
    text = "Ada Example takes Ramipril daily."
    scores = scored(marked(text, "Ada Example"), found(text, "Ada Example", "Ramipril"))
    assert counts(scores.token_recall) == (2, 2)
    assert counts(scores.token_precision) == (2, 3)
    assert counts(scores.mention_precision) == (1, 2)


def test_kinds_need_not_agree() -> None:
    text = "He lives in Sampleton."
    scores = scored(marked(text, "Sampleton", kind="LOC"), found(text, "Sampleton", entity=EntityType.ORGANISATION))
    assert counts(scores.of_type["LOC"][1]) == (1, 1)
    assert counts(scores.of_kind[EntityType.ORGANISATION][0]) == (1, 1)


def test_what_is_marked_neither_nor_counts_for_nothing() -> None:
    text = "Ada went to the Olympics."
    gold = MarkedText(
        text=text,
        spans=(*marked(text, "Ada").spans, *marked(text, "Olympics", kind=None).spans),  # type: ignore[arg-type]
    )
    scores = scored(gold, found(text, "Ada", "Olympics"))
    assert counts(scores.token_precision) == counts(scores.mention_precision) == (1, 1)
    assert counts(scores.mention_recall) == (1, 1)


def test_an_entity_is_covered_only_where_all_its_mentions_are() -> None:
    text = "Ada Example came. Example left. No. 17/91."
    first, second = text.index("Ada"), text.index("Example left")
    gold = MarkedText(
        text=text,
        spans=(
            Marked(start=first, end=first + 11, type="PERSON", identifies=Identifies.QUASI, entity="1"),
            Marked(start=second, end=second + 7, type="PERSON", identifies=Identifies.QUASI, entity="1"),
            *marked(text, "17/91", identifies=Identifies.DIRECT).spans,
        ),
    )
    scores = scored(gold, found(text, "Ada Example", "17/91"))
    assert counts(scores.entities[Identifies.QUASI]) == (0, 1)
    assert counts(scores.entities[Identifies.DIRECT]) == (1, 1)
    assert counts(scores.leaking_direct) == (0, 1)
    assert counts(scores.leaking) == (1, 1)


def test_a_mark_of_function_words_alone_still_has_to_be_covered() -> None:
    text = "Its name is The Who, signed ***."
    gold = marked(text, "The Who", "***")
    assert counts(scored(gold, []).mention_recall) == (0, 2)
    assert counts(scored(gold, found(text, "The Who", "***")).mention_recall) == (2, 2)


def test_what_is_marked_twice_at_one_place_counts_once_and_once_for_each_type() -> None:
    text = "Ada Example left Sampleton."
    gold = marked(text, "Ada Example", "Ada Example", "Sampleton")
    twice = MarkedText(text=text, spans=(*gold.spans, *marked(text, "Ada Example", kind="PATIENT").spans))
    scores = scored(twice, found(text, "Sampleton"))
    assert counts(scores.mention_recall) == (1, 2)
    assert counts(scores.of_type["name"][1]) == (1, 2)
    assert counts(scores.of_type["PATIENT"][1]) == (0, 1)


def test_marks_that_overlap_count_each_and_their_words_once() -> None:
    text = "At St. Ada Hospital, Sampleton today."
    gold = marked(text, "Ada", "St. Ada Hospital", "Hospital, Sampleton")
    scores = scored(gold, found(text, "St. Ada Hospital"))
    assert counts(scores.mention_recall) == (2, 3)
    assert counts(scores.token_recall) == (3, 4)


def test_what_is_found_of_kinds_that_the_gold_file_never_marks_is_not_held_against_precision() -> None:
    text = "Ada Example left Sampleton early last May, a nurse."
    spans = [
        *found(text, "Ada Example"),
        *found(text, "Sampleton", entity=EntityType.ORGANISATION),
        *found(text, "May", entity=EntityType.DATE),
        *found(text, "nurse"),
    ]
    gold = marked(text, "Ada Example", "Sampleton")
    scores = Scores()
    scores.add(gold, spans, {EntityType.NAME, EntityType.PLACE})
    assert counts(scores.token_recall) == (3, 3)  # found as another kind is found
    assert counts(scores.token_precision) == (2, 3)  # the name, and "nurse", which was taken for one
    assert counts(scores.mention_precision) == (1, 2)
    assert scores.of_kind.keys() == {EntityType.NAME}
    assert (counts(scores.iou_recall), counts(scores.iou_precision)) == ((2, 2), (1, 2))
    assert counts(scored(gold, spans).token_precision) == (3, 5)


BY_HAND = "Mr. John Smith (42) saw Dr. Lee in Reading on 3 May 2020; reading improved."
"""Content words: John Smith 42 saw Lee Reading 3 May 2020 reading improved (11)."""


def test_three_cases_counted_by_hand() -> None:
    gold = marked(BY_HAND, "John Smith", "42", "Dr. Lee", "Reading", "3 May 2020")
    # 1. John alone, the age, Lee, the place and the whole date, and "improved" for nothing.
    one = scored(gold, found(BY_HAND, "John", "42", "Lee", "Reading", "3 May 2020", "improved"))
    assert counts(one.token_recall) == (7, 8)
    assert counts(one.token_precision) == (7, 8)
    assert counts(one.mention_recall) == (4, 5)
    assert counts(one.mention_precision) == (5, 6)
    # Runs: "John Smith (42" and "Lee in Reading on 3 May 2020" are marked; "John", "42", the second, "improved" found.
    assert (counts(one.iou_recall), counts(one.iou_precision)) == ((1, 2), (1, 4))
    # 2. One stretch over everything: nothing is missed, and three words of eleven are taken for nothing.
    two = scored(gold, found(BY_HAND, BY_HAND))
    assert counts(two.token_recall) == (8, 8)
    assert counts(two.token_precision) == (8, 11)
    assert (counts(two.mention_recall), counts(two.mention_precision)) == ((5, 5), (0, 1))
    # 3. Half of the date: its day and month are left standing, so it is a mention missed and two words of three.
    three = scored(gold, found(BY_HAND, "Mr. John Smith", "42", "Dr. Lee in Reading", "2020"))
    assert counts(three.token_recall) == (6, 8)
    assert counts(three.token_precision) == (6, 6)
    assert (counts(three.mention_recall), counts(three.mention_precision)) == ((4, 5), (4, 4))


@pytest.mark.parametrize(
    ("spans", "recall", "precision"),
    [
        (("Ada Maria Example",), (1, 1), (1, 1)),
        (("Ada", "Maria", "Example"), (1, 1), (1, 1)),  # runs that touch are one
        (("Maria Example",), (1, 1), (1, 1)),  # 13 of 17 characters
        (("Example",), (0, 1), (0, 1)),
        (("Example", "daily"), (0, 1), (0, 2)),
    ],
)
def test_runs_match_where_they_share_three_quarters(
    spans: tuple[str, ...], recall: tuple[int, int], precision: tuple[int, int]
) -> None:
    text = "For Ada Maria Example take it daily."
    scores = scored(marked(text, "Ada Maria Example"), found(text, *spans))
    assert (counts(scores.iou_recall), counts(scores.iou_precision)) == (recall, precision)


def test_f2_is_the_textbooks() -> None:
    assert f_beta(0.733, 0.646) == pytest.approx(0.6617, abs=1e-3)  # 5 P R / (4 P + R)
    assert f_beta(0.0, 0.0) == 0.0
    assert f_beta(None, 0.5) is None


@st.composite
def texts_with_two_layers(draw: st.DrawFn) -> tuple[MarkedText, list[Span]]:
    text = draw(st.text(st.sampled_from("aB1 .-é\u0301\U0001f600\u200d\u0627"), min_size=1, max_size=40))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    pieces = list(zip(cuts[::2], cuts[1::2], strict=False))
    spans = [Span(start=start, end=end, entity=EntityType.NAME, score=1.0) for start, end in pieces]
    marks = draw(st.lists(st.sampled_from(pieces), max_size=4)) if pieces else []
    return MarkedText(text=text, spans=tuple(Marked(start=a, end=b, type="x") for a, b in marks)), spans


@given(texts_with_two_layers())
def test_whoever_finds_all_that_is_marked_has_recall_one(made: tuple[MarkedText, list[Span]]) -> None:
    gold, spans = made
    scores = scored(gold, spans)
    for counted in (scores.token_recall, scores.mention_recall, scores.entities[Identifies.DIRECT]):
        assert counted.hits == counted.n
    assert scores.leaking.hits == 0
    assert scores.mention_recall.n == len({mark.place for mark in gold.spans})


@given(texts_with_two_layers())
def test_whoever_finds_nothing_has_recall_nought_and_no_precision(made: tuple[MarkedText, list[Span]]) -> None:
    gold, _ = made
    scores = scored(gold, [])
    assert scores.token_recall.hits == scores.mention_recall.hits == 0
    assert scores.token_precision.figure().value is None
    assert counts(scores.leaking) == ((1, 1) if gold.spans else (0, 0))


def counted_over(*documents: tuple[int, int]) -> Counted:
    counted = Counted()
    for hits, n in documents:
        counted.add(hits, n)
    return counted


def test_with_one_mention_a_document_the_interval_is_that_of_clopper_and_pearson() -> None:
    figure = counted_over(*[(1, 1)] * 8, *[(0, 1)] * 2).figure()
    assert (figure.low, figure.high) == pytest.approx((0.4439, 0.9748), abs=5e-3)
    assert (figure.low, figure.high) == pytest.approx(exact_interval(8, 10), abs=5e-3)


def test_mentions_that_go_right_or_wrong_by_document_are_worth_no_more_than_documents() -> None:
    by_document = counted_over(*[(50, 50)] * 8, *[(0, 50)] * 2).figure()
    spread_out = counted_over(*[(40, 50)] * 9, (41, 50)).figure()
    assert (by_document.low, by_document.high) == pytest.approx(exact_interval(8, 10), abs=0.01)
    assert spread_out.low is not None
    assert spread_out.low == pytest.approx(exact_interval(401, 500)[0], abs=1e-6)


def test_where_every_document_is_right_the_interval_is_that_of_the_documents() -> None:
    figure = counted_over(*[(50, 50)] * 20).figure()
    assert figure.value == 1.0
    assert figure.low == pytest.approx(exact_interval(20, 20)[0], abs=1e-9)


def test_the_interval_is_about_that_of_resampled_documents() -> None:
    chance = Random(7)
    documents = []
    for _ in range(120):
        n, share = chance.randint(1, 40), chance.betavariate(8, 1)
        documents.append((sum(chance.random() < share for _ in range(n)), n))
    figure = counted_over(*documents).figure()
    means = sorted(
        sum(hits for hits, _ in drawn) / sum(n for _, n in drawn)
        for drawn in (chance.choices(documents, k=len(documents)) for _ in range(2000))
    )
    assert figure.low == pytest.approx(means[50], abs=0.01)
    assert figure.high == pytest.approx(means[1950], abs=0.01)
    assert figure.low is not None
    assert exact_interval(figure.hits, figure.n)[0] - figure.low > 0.01  # words alone would be too sure


@given(st.lists(st.integers(1, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1))
def test_an_interval_holds_its_value_and_is_never_narrower_than_the_exact_one(items: list[tuple[int, int]]) -> None:
    figure = counted_over(*items).figure()
    assert figure.low is not None
    assert figure.high is not None
    assert figure.value is not None
    low, high = exact_interval(figure.hits, figure.n)
    assert 0 <= figure.low <= figure.value <= figure.high <= 1
    assert figure.low <= low + 1e-9
    assert figure.high >= high - 1e-9


def test_nothing_counted_is_no_figure() -> None:
    assert counted_over((0, 0)).figure().value is None


def profile(**operators: Operator) -> Profile:
    return Profile(
        name=PolicyName("test"),
        method=Method.NONE,
        languages=("en",),
        threshold=Decimal("0.4"),
        engine=Engine(kind=EngineKind.PATTERNS, threshold=Decimal("0.5")),
        operators={EntityType(name): operator for name, operator in operators.items()},
        default=Operator.REPLACE,
    )


def run(documents: Sequence[MarkedText], finds: Callable[[str], list[Span]], chosen: Profile) -> Evaluation:
    return evaluate(
        lambda texts: [finds(text) for text in texts],
        chosen,
        documents,
        detector=SOME,
        data=SOME,
        threads=1,
    )


def test_the_two_views_are_what_is_recognised_and_what_the_profile_transforms() -> None:
    text = "Ada Example, female."
    result = run(
        [marked(text, "Ada Example", "female")],
        lambda text: [*found(text, "Ada Example"), *found(text, "female", entity=EntityType.SEX)],
        profile(sex=Operator.KEEP),
    )
    assert counts(result.recognised.mention_recall) == (2, 2)
    assert counts(result.transformed.mention_recall) == (1, 2)


def test_a_name_found_once_is_covered_wherever_it_stands() -> None:
    text = "Ada Example came. Example left."
    result = run([marked(text, "Ada Example", "Example left")], lambda text: found(text, "Ada Example"), profile())
    assert counts(result.recognised.token_recall) == (3, 4)


def test_the_result_holds_numbers_and_the_words_for_kinds_and_nothing_of_the_texts() -> None:
    text = f"Patient {CANARY} is well."
    result = run([marked(text, CANARY, kind="MRN")] * 3, lambda text: found(text, "Patient"), profile())
    written = json.dumps(to_json(result))
    assert "CANARY" not in written
    assert '"MRN"' in written
    parsed = json.loads(written)
    assert parsed["documents"] == parsed["mentions"] == 3
    assert parsed["recognised"]["token"]["recall"]["value"] == 0
    assert parsed["recognised"]["leaking_documents"]["n"] == 3
    assert parsed["speed"]["characters_per_second"] > 0


def test_documents_are_read_batch_by_batch_and_each_once() -> None:
    documents = [marked(f"Ada {number}", "Ada") for number in range(550)] + [marked("Ada " * 200_000, "Ada")]
    sizes = [len(batch) for batch in batches(documents)]
    assert sizes == [256, 256, 38, 1]


def test_a_text_on_which_a_pattern_takes_too_long_is_refused_with_its_line_alone() -> None:
    documents = [MarkedText(text="fine", spans=(), line=1), MarkedText(text=CANARY, spans=(), line=3)]

    def find(texts: Sequence[str]) -> list[list[Span]]:
        if CANARY in texts:
            raise Refused("pattern_timeout", "A pattern took too long.")
        return [[] for _ in texts]

    with pytest.raises(Refused) as refusal:
        evaluate(find, profile(), documents, detector=SOME, data=SOME, threads=1)
    assert "Line 3 of the gold file: A pattern took too long." in str(refusal.value)
    assert CANARY not in f"{refusal.value} {refusal.value.param} {refusal.value.__cause__}"


@pytest.mark.parametrize(("shift", "cutting"), [(0, 0), (1, 2)])
def test_offsets_in_another_unit_show_as_marks_that_cut_words(shift: int, cutting: int) -> None:
    text = "\U0001f600 Seen by Ada Example in Sampleton today"
    spans = tuple(
        Marked(start=(at := text.index(word) + shift), end=at + len(word), type="x") for word in ("Ada", "Sampleton")
    )
    result = run([MarkedText(text=text, spans=spans)], lambda _: [], profile())
    assert (result.cutting, to_json(result)["mentions_that_cut_a_word"]) == (cutting, cutting)
