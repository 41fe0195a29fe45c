"""The demo's own records."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from tunewarden.domain.deidentification import EntityType
from tunewarden.entry.cli.notes import COLUMNS, LABELS, Note, generate, write_csv


@pytest.fixture(scope="module")
def notes() -> list[Note]:
    return generate(1200, 7)


def test_there_are_about_two_thousand_notes_of_twelve_hundred_persons(notes: list[Note]) -> None:
    assert 1800 <= len(notes) <= 2200
    assert len({note.person for note in notes}) == 1200
    assert all(180 <= len(note.text) <= 450 for note in notes)


def test_the_same_seed_gives_the_same_notes_and_another_gives_others() -> None:
    assert generate(20, 1) == generate(20, 1)
    assert generate(20, 1) != generate(20, 2)


def test_every_gold_span_is_an_identifier_in_its_note_and_none_overlap(notes: list[Note]) -> None:
    for note in notes:
        ends = 0
        for span in note.spans:
            assert ends <= span.start < span.end <= len(note.text)
            ends = span.end
            value = note.text[span.start : span.end]
            assert value == value.strip()
            if span.entity is EntityType.EMAIL:
                assert "@" in value


def test_all_kinds_of_identifiers_occur_often_enough_to_be_measured(notes: list[Note]) -> None:
    kinds = Counter(span.entity for note in notes for span in note.spans)
    expected = {"name", "medical-record", "phone", "email", "date", "address"}
    assert {kind for kind, count in kinds.items() if count > 500} == expected


def test_both_labels_are_frequent_and_neither_sex_nor_age_decides_them(notes: list[Note]) -> None:
    shares = {
        group: sum(note.label == LABELS[0] for note in members) / len(members)
        for group, members in {
            "all": notes,
            "female": [note for note in notes if note.sex == "female"],
            "male": [note for note in notes if note.sex == "male"],
            "young": [note for note in notes if note.age < 45],
            "old": [note for note in notes if note.age >= 45],
        }.items()
    }
    assert 0.45 < shares["all"] < 0.6
    assert all(abs(share - shares["all"]) < 0.06 for share in shares.values())


def test_the_person_column_and_the_label_are_not_in_the_text(notes: list[Note]) -> None:
    assert not any(note.person in note.text or note.label in note.text.lower() for note in notes)


def test_the_table_holds_the_columns_and_no_gold(tmp_path: Path, notes: list[Note]) -> None:
    write_csv(tmp_path / "notes.csv", notes)
    with (tmp_path / "notes.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert [row["text"] for row in rows] == [note.text for note in notes]
    assert rows[0]["age"] == str(notes[0].age)
