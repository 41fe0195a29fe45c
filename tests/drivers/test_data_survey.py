"""What is counted in a table while its rows go by."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings, strategies as st

from tunewarden.domain.data_report import Cell, DataReport, Form, tellable
from tunewarden.drivers.data_survey import DataSurvey

Seen = tuple[str, str, str]
"""Text, person, label."""


def survey(rows: Sequence[Seen]) -> DataReport:
    made = DataSurvey()
    for text, person, label in rows:
        made.see(text=text, owners=(person,), label=label)
    return made.report(Form.CLASSES, 3)


def rows_of(cells: Sequence[Cell]) -> dict[str, int | None]:
    return {cell.name: cell.rows for cell in cells}


def crowd(count: int, text: str = "note", label: str = "a", first: int = 0) -> list[Seen]:
    """As many persons with a text of their own each."""
    letters = [f"{place:05b}".replace("0", "x").replace("1", "y") for place in range(first, first + count)]
    return [(f"{text} {word}", f"p{text}{word}", label) for word in letters]


def test_repeats_are_told_apart_by_whose_they_are_and_how_alike() -> None:
    many = crowd(12)
    own = [(text, person, label) for text, person, label in many]
    others = [(text, f"another {person}", label) for text, person, label in many]
    alike = [(f"{text.upper()} 17!", f"third {person}", label) for text, person, label in many]
    assert rows_of(survey([*many, *own, *others, *alike]).repeats) == {
        "first": 12,
        "own-word-for-word": 12,
        "other-word-for-word": 12,
        "alike": 12,
    }


def test_the_same_text_with_another_class_is_a_contradiction_whoever_wrote_it() -> None:
    many = crowd(11)
    turned = [(text, f"another {person}", "b") for text, person, _ in many]
    report = survey([*many, *turned, *crowd(15, "other")])
    assert rows_of(report.agreement) == {"agrees": 15, "contradicted": 22}
    assert rows_of(report.classes) == {"a": 26, "b": 11}


def test_a_rare_class_has_neither_a_name_nor_a_number() -> None:
    report = survey([*crowd(25), *crowd(12, "other", "b"), ("x", "p", "Zebediah")])
    assert [(cell.name, cell.rows) for cell in report.classes] == [("a", 25), ("other-1", None), ("other-2", None)]
    assert "Zebediah" not in str(report)


def classes_of(rows: dict[str, int], persons: dict[str, int]) -> tuple[Cell, ...]:
    """So many rows of each class, by so many persons."""
    every = [(f"{name} {k}", f"{name}{k % persons[name]}", name) for name, count in rows.items() for k in range(count)]
    return survey(every).classes


def test_how_many_rows_a_rare_class_has_does_not_follow_from_the_one_that_is_held_back_with_it() -> None:
    """Eleven rows are held back, or sixty-four: whose, is told by no name and by no place between equals."""
    many = {"cold": 100, "flu": 10, "hiv": 1}
    assert classes_of(many, many) == classes_of({**many, "flu": 5, "hiv": 6}, {**many, "flu": 5, "hiv": 6})
    equals, by = {"a": 57, "b": 57, "c": 57, "hiv": 7}, {"a": 57, "b": 10, "c": 57, "hiv": 1}
    assert classes_of(equals, by) == classes_of({**equals, "b": 20, "hiv": 44}, by)


def test_the_same_few_persons_in_two_rare_cells_are_few_still() -> None:
    """Else the sum would tell how many rows these five have."""
    few = [(f"rare {label}", f"few{place}", label) for place in range(5) for label in "rs"]
    report = survey([*crowd(25), *crowd(12, "other", "b"), *few])
    held_back = [("a", 25), ("other-1", None), ("other-2", None), ("other-3", None)]
    assert [(cell.name, cell.rows) for cell in report.classes] == held_back


def test_a_script_that_few_write_is_not_named_and_no_place_tells_which_it_is() -> None:
    cyrillic = [(f"боль {place}", f"q{place}", "a") for place in range(15)]
    tamil = [(f"வலி {place}", f"t{place}", "a") for place in range(20)]
    for text in ("ปวดหัว", "πόνος", "כאב"):
        report = survey([*crowd(30), (text, "one", "a"), *cyrillic, *tamil])
        told = [(cell.name, cell.rows) for cell in report.scripts]
        assert told == [("LATIN", 30), ("TAMIL", 20), ("other-1", None), ("other-2", None)]


def test_persons_are_counted_by_how_many_rows_they_have() -> None:
    rows = [(f"{person} {place}", f"p{person}", "a") for person in range(30) for place in range(1 + person % 2 * 4)]
    report = survey(rows)
    assert (report.rows, report.persons) == (90, 30)
    assert [(cell.name, cell.persons, cell.rows) for cell in report.persons_by_rows] == [("1", 15, 15), ("4-7", 15, 75)]


def test_a_row_of_several_persons_counts_for_each_of_them() -> None:
    made = DataSurvey()
    for place in range(12):
        made.see(text=f"t{place}", owners=(f"p{place}", f"q{place}"), label="a")
    report = made.report(Form.CLASSES, 2)
    assert (report.rows, report.persons) == (12, 24)


def test_scripts_are_those_of_the_letters_and_a_number_has_none() -> None:
    spoken = [("näh", "LATIN"), ("боль в груди, ECG", "CYRILLIC"), ("胸痛", "CJK"), ("12 %", "none"), ("ᚠᚢᚦ", "other")]
    rows = [(text, f"{name}{place}", "a") for text, name in spoken for place in range(10)]
    assert rows_of(survey(rows).scripts) == {name: 10 for _, name in spoken}


def test_tokens_and_completions_are_measured_where_there_are_any() -> None:
    made = DataSurvey(count_tokens=lambda text: len(text.split()))
    for place in range(10):
        made.see(text="one two three", completion="four" * 4, owners=(f"p{place}",))
    report = made.report(Form.COMPLETIONS, 2)
    assert rows_of(report.token_lengths) == {"4-7": 10}
    assert rows_of(report.completion_lengths) == {"16-31": 10}
    assert rows_of(report.text_lengths) == {"8-15": 10}
    assert (report.classes, report.agreement) == ((), ())


ROWS = st.lists(st.tuples(st.sampled_from("abAB1 "), st.sampled_from("pqrs"), st.sampled_from("xyz")), min_size=1)


@settings(deadline=None, max_examples=50)
@given(rows=ROWS)
def test_the_counts_are_those_of_a_slow_and_plain_count(rows: list[Seen]) -> None:
    made = DataSurvey()
    many = [(text, f"{person}{copy}", label) for copy in range(10) for text, person, label in rows]
    for text, person, label in many:
        made.see(text=text, owners=(person,), label=label)
    report = made.report(Form.CLASSES, 3)
    labels = {text: {label for other, _, label in rows if other == text} for text, _, _ in rows}
    against = Counter("contradicted" if len(labels[text]) > 1 else "agrees" for text, _, _ in many)
    assert rows_of(report.agreement) == dict(against)
    assert rows_of(report.classes) == dict(Counter(label for _, _, label in many))
    assert report.persons == len({person for _, person, _ in many})
    plain: Counter[str] = Counter()
    seen: set[tuple[str, ...]] = set()
    for text, person, _ in many:
        like = text.casefold().strip("1 ") or text
        kinds = (("own-word-for-word", (text, person)), ("other-word-for-word", (text,)), ("alike", ("like", like, "")))
        plain[next((kind for kind, key in kinds if key in seen), "first")] += 1
        seen |= {key for _, key in kinds}
    whose: dict[str, set[str]] = {kind: set() for kind in plain}
    again: set[tuple[str, ...]] = set()
    for text, person, _ in many:
        like = text.casefold().strip("1 ") or text
        kinds = (("own-word-for-word", (text, person)), ("other-word-for-word", (text,)), ("alike", ("like", like, "")))
        whose[next((kind for kind, key in kinds if key in again), "first")].add(person)
        again |= {key for _, key in kinds}
    order = ("first", "own-word-for-word", "other-word-for-word", "alike")
    cells = [Cell(name=kind, rows=plain[kind], persons=len(whose.get(kind, ()))) for kind in order]
    expected = tellable(cells, lambda kinds: len(set[str]().union(*(whose.get(kind, ()) for kind in kinds))))
    assert report.repeats == expected
