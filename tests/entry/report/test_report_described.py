"""The page of the data report: every table that applies, what is held back, and what the page does not show."""

from pathlib import Path

import pytest
from tests.entry.report.browser import AXE, CHROMIUM, measure, violations

from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.data_report import Cell, DataReport, Form
from tunewarden.domain.names import DatasetId
from tunewarden.drivers.data_survey import DataSurvey
from tunewarden.entry.report.described import render_described, sections


def described() -> DataReport:
    made = DataSurvey(count_tokens=len)
    for place in range(40):
        label = "pneumonia, not otherwise specified & more" if place % 2 else "<burn>"
        made.see(text=f"{place % 20} näh" * (1 + place), owners=(f"p{place}",), label=label, is_blank=place == 3)
    for place in range(12):
        made.see(text="боль", owners=(f"p{place}",), label=("rare", "seldom")[place % 2])
    return made.report(Form.CLASSES, 3)


def page() -> str:
    return render_described(described(), dataset=DatasetId("ds-" + "0" * 32), version=digest_bytes(b"version"))


def test_every_table_that_applies_is_on_the_page_and_labels_are_escaped() -> None:
    shown = page()
    assert [section.place for section in sections(described())] == [
        "repeats",
        "agreement",
        "blanks",
        "classes",
        "persons",
        "texts",
        "tokens",
        "scripts",
    ]
    assert "&lt;burn&gt;" in shown
    assert "<burn>" not in shown
    assert ">rare<" not in shown
    assert "held back" in shown
    assert "What this page does not show" in shown


def test_every_name_that_the_survey_gives_has_words() -> None:
    for names in ("first own-word-for-word other-word-for-word alike", "agrees contradicted", "complete blank"):
        cells = tuple(Cell(name=name, rows=10, persons=10) for name in names.split())
        told = DataReport(
            form=Form.PREFERENCES,
            rows=10,
            persons=10,
            columns=3,
            repeats=cells,
            agreement=(),
            blanks=(),
            classes=(),
            scripts=(),
            text_lengths=(),
            completion_lengths=cells,
            persons_by_rows=(),
        )
        assert len(sections(told)) == 2


@pytest.mark.skipif(CHROMIUM is None, reason="no program `chromium` on the PATH")
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_scrolls_sideways_or_is_cut_off(tmp_path: Path, width: int) -> None:
    found = measure(tmp_path, page(), width)
    assert found.width <= width
    assert (found.clipped, found.overlapping, found.stacked) == ([], [], [])


@pytest.mark.skipif(CHROMIUM is None or not AXE.exists(), reason="no chromium, or axe-core is not installed here")
def test_axe_core_has_nothing_against_it(tmp_path: Path) -> None:
    assert violations(tmp_path, page(), 500) == []
