"""What was measured beyond accuracy, on the report's page: every part has its words, also where it is not known."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.entry.report.conftest import Told
from tests.entry.report.documents import completion_details, details
from tests.entry.report.test_report_html import Page, page

from tunewarden.domain.canonical import to_plain
from tunewarden.entry.report.facts import Name
from tunewarden.entry.report.further import NOT_STATED, Further, further
from tunewarden.entry.report.reading import Part


def read(of: object, change: Callable[[Any], Any] = lambda whole: whole) -> Further:
    return further(Part(change(to_plain(of))))


def words(found: Further) -> str:
    return " ".join(f"{row.name}: {row.value}" for row in (*found.quality, *found.beyond, *found.written))


def test_of_a_model_of_classes_quality_and_what_is_beyond_it_are_told() -> None:
    found = read(details())
    assert [row.name for row in found.quality][:5] == [
        "Precision, every class alike",
        "F1, every class alike",
        "Log loss, nats a row",
        "Brier score, 0 to 2",
        "Calibration error",
    ]
    assert [line.name for line in found.classes] == ["Class 0", "Class 1"]
    assert found.table is not None
    assert len(found.table.lines) == len(found.table.heads) == 2
    assert "Over the version promoted last, F1" in words(found)
    assert "of 120 sentences that nobody wrote" in words(found)
    assert (found.written, found.unasked) == ((), None)
    assert [row.value.partition(":")[0] for row in found.attacks][2:] == ["not affordable"]


def test_of_a_model_that_completes_texts_what_it_writes_is_told() -> None:
    found = read(completion_details())
    assert (found.quality, found.classes, found.table) == ((), (), None)
    assert "ROUGE-L of what it writes: 0.3722" in words(found)
    assert "Examples before each text: 4" in words(found)
    assert "Loss risen on everyday sentences" in words(found)
    assert "F1" not in words(found)
    assert found.unasked is not None
    assert found.unasked.finding.startswith("Of 200 texts that it wrote unasked")
    assert found.unasked.lines[1:] == (("date", "0", "2"), ("name", "1", "0"))


def test_a_document_of_before_has_none_of_it_and_the_page_is_as_it_was() -> None:
    before = replace(details(), quality=None, generalisation=None)
    found = read(before)
    assert (found.quality, found.beyond, found.classes, found.table, found.unasked) == ((), (), (), None, None)
    assert read(replace(completion_details(), generalisation=None, written=None)).written == ()


def test_withheld_cells_are_said_to_be() -> None:
    cells = [[5, None], [None, 7]]
    found = read(details(), lambda whole: {**whole, "quality": {**whole["quality"], "confusion": {"labels": [0, 1], "cells": cells}}})  # fmt: skip  # noqa: E501
    assert found.table is not None
    assert found.table.lines[0] == ("Class 0", ("5", "withheld"))


def test_a_table_that_does_not_fit_its_heads_is_not_shown() -> None:
    cells = [[5, None, 1], [None, 7]]
    found = read(details(), lambda whole: {**whole, "quality": {**whole["quality"], "confusion": {"labels": [0, 1], "cells": cells}}})  # fmt: skip  # noqa: E501
    assert found.table is None


@pytest.mark.parametrize("private", [False, True])
def test_what_is_not_known_has_its_reason(private: bool) -> None:
    def change(whole: Any) -> Any:
        parts = {"overfitting": None, "overlap": None, "previous": None}
        quality = {**whole["quality"], "log_loss": None}
        noisy = {"noisy": {"epsilon": "2", "delta": "0.0001"}} if private else {}
        return {**whole, "quality": quality, "generalisation": {**whole["generalisation"], **parts}, **noisy}

    said = words(read(details(), change))
    assert said.count("not looked for: the records of those trained on are not public") == 4
    assert ("Over the version promoted last: not compared" in said) is not private
    lacking = "not stated: what is released with noise does not tell it" if private else NOT_STATED
    assert f"Log loss, nats a row: {lacking}" in said


def test_the_version_that_was_compared_with_is_named_and_why_it_was_not_asked_is_said() -> None:
    compared = details().generalisation
    assert compared is not None
    assert compared.previous is not None
    (named,) = [row.value for row in read(details()).beyond if row.name == "Adapter of that version"]
    assert named == Name(compared.previous.adapter), "cut to twelve characters, whole on copy"
    gone = replace(compared, previous=None, unasked="base_model_not_allowed")
    said = words(read(replace(details(), generalisation=gone)))
    assert "Over the version promoted last: not compared: it could not be asked (base_model_not_allowed)" in said


def test_the_page_tells_it(told: Told) -> None:
    text = Page(page(told.lineage())).text
    assert "Which errors it makes, and how sure it is" in text
    assert "What it learnt by heart, and what it forgot" in text
    assert "Told by who wrongly suspects 1 in 100" in text


def test_an_attack_by_models_that_were_trained_alike_is_told_with_how_many_they_are() -> None:
    figure = {"low": "0.4000", "value": "0.5000", "high": "0.6000"}
    ratio = {"out_models": 2, "trained": 150, "held_out": 400, "auc": figure, "caught": None}
    found = further(Part({"membership": {"likelihood_ratio": ratio}})).attacks
    assert [row.value for row in found] == [
        "0.5\N{NO-BREAK SPACE}(0.4\N{EN DASH}0.6); 2 models, 150 persons in none of them",
        f"{NOT_STATED}; 2 models, 150 persons in none of them",
    ]
