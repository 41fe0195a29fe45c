"""Evaluating against gold: what each figure counts, how wide its interval is, and what a broken gold file is told."""

import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.errors import Malformed
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.steps.deidentify.evaluate import Evaluation, batches, evaluate, to_json
from tunewarden.steps.deidentify.gold_file import Identifies, Marked, MarkedText, read_gold
from tunewarden.steps.deidentify.scoring import Counted, Scores, exact_interval, f_beta
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
    assert scores.mention_recall.n == len(gold.spans)


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
    documents = [marked(f"Ada {number}", "Ada") for number in range(150)] + [marked("Ada " * 200_000, "Ada")]
    sizes = [len(batch) for batch in batches(documents)]
    assert sizes == [64, 64, 22, 1]


def line(record: object) -> bytes:
    return json.dumps(record).encode() + b"\n"


def test_a_gold_file_is_read_with_offsets_in_code_points_and_other_members_ignored() -> None:
    text = "\U0001f600 Ada\u0301 \u0627"
    record = {
        "text": text,
        "spans": [{"start": 2, "end": 6, "type": "PER", "identifier": "DIRECT", "entity": "e1", "score": 1}],
        "id": 3,
    }
    (read,) = read_gold([b"\n", line(record)])
    assert read.spans == (Marked(start=2, end=6, type="PER", identifies=Identifies.DIRECT, entity="e1"),)
    assert text[2:6] == "Ada\u0301"


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        (b'{"text": "CANARY-7f3a", "spans": [}\n', "line 2"),
        (b'{"text": "CANARY-7f3a\xff", "spans": []}\n', "line 2"),
        (line(["CANARY-7f3a"]), "line 2"),
        (line({"spans": []}), "text"),
        (line({"text": 7, "spans": []}), "text"),
        (line({"text": CANARY}), "spans"),
        (line({"text": CANARY, "spans": {"start": 0}}), "spans"),
        (line({"text": CANARY, "spans": [CANARY]}), "spans[0]"),
        (line({"text": CANARY, "spans": [{"start": -1, "end": 2, "type": "x"}]}), "spans[0].start"),
        (line({"text": CANARY, "spans": [{"start": True, "end": 2, "type": "x"}]}), "spans[0].start"),
        (line({"text": CANARY, "spans": [{"start": 0.5, "end": 2, "type": "x"}]}), "spans[0].start"),
        (line({"text": CANARY, "spans": [{"start": 2, "end": 2, "type": "x"}]}), "spans[0].end"),
        (line({"text": CANARY, "spans": [{"start": 2, "end": 99, "type": "x"}]}), "spans[0].end"),
        (line({"text": CANARY, "spans": [{"start": 0, "end": 2}]}), "spans[0].type"),
        (line({"text": CANARY, "spans": [{"start": 0, "end": 2, "type": "a\x1b[31mb"}]}), "spans[0].type"),
        (line({"text": CANARY, "spans": [{"start": 0, "end": 2, "type": "x" * 65}]}), "spans[0].type"),
        (line({"text": "x" * 1_000_001, "spans": []}), "text"),
        (b"[" * 100_000 + b"\n", "line 2"),
    ],
)
def test_a_broken_gold_file_is_refused_with_line_and_field_and_without_its_text(broken: bytes, field: str) -> None:
    good = line({"text": "Ada", "spans": []})
    with pytest.raises(Malformed) as refusal:
        list(read_gold([good, broken]))
    error = refusal.value
    assert error.code == "gold_malformed"
    assert "Line 2" in str(error)
    assert field in error.param
    assert CANARY not in re.sub(r"\s", "", f"{error} {error.param} {error.__cause__} {error.__context__}")
