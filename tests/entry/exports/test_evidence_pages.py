"""A page for each kind of evidence: told as the lineage report tells it, with every figure and where it comes from."""

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import digest, made_stage, measured
from tests.entry.report.browser import AXE, CHROMIUM, DARK, measure, violations
from tests.entry.report.conftest import CANARIES, tell
from tests.entry.report.documents import completion_details, details
from tests.entry.report.test_report_footnotes import Tree, unfounded
from tests.entry.report.test_report_html import METRICS, ORIGIN, page
from tests.entry.report.variants import model_of, undocumented, whole

from tunewarden.domain.canonical import digest_of, encode, to_plain
from tunewarden.domain.events import StepFinished
from tunewarden.domain.gates import Evidence
from tunewarden.domain.names import PrincipalId, ReviewId
from tunewarden.domain.review_events import ReviewAnswered, ReviewClosed, ReviewOpened
from tunewarden.domain.training import StepName, Task
from tunewarden.entry.exports.evidence_kinds import EvidenceKind, evidence_of_kind, kind_of
from tunewarden.entry.exports.evidence_page import KINDS, render_evidence, render_kinds
from tunewarden.entry.report import render_html
from tunewarden.entry.report.reading import document
from tunewarden.usecases.reports import Lineage

READERS = ("prn-" + "1" * 32, "prn-" + "2" * 32)
_SECTION = re.compile(r'<section id="([a-z-]+)".*?</section>', re.DOTALL)
_OWN = {"summary", "figures", "not-shown", "entries"}
"""Sections of every such page; all others are told by templates of the lineage report."""
_APART = {"training", "learning-curve", "review"}
"""Sections that the report has as parts of others."""


@pytest.fixture(scope="module")
def lineages() -> Mapping[str, Lineage]:
    """Of a model of classes with all evidence, of one that completes texts, and of one without documents."""
    told = tell(made_stage())
    completing = tell(made_stage(), Task.COMPLETION)
    return {
        "whole": reviewed(whole(told)),
        "completing": completing.lineage(),
        "undocumented": undocumented(told),
    }


def reviewed(lineage: Lineage) -> Lineage:
    """The same where two people read a sample of what was released."""
    steps = [one.event for one in lineage.report.steps if isinstance(one.event, StepFinished)]
    clean = next(event.output for event in steps if event.step is StepName.DEIDENTIFY)
    said = to_plain(
        Evidence(
            about=clean,
            produced_by=digest("how reviews are counted"),
            measurements=(measured("deid.review.leak_rate", "0.0312", 60),),
        )
    )
    review, model = ReviewId("review-" + "3" * 32), lineage.report.model
    request = next(event.request for event in steps)
    events = [
        ReviewOpened(
            review=review, request=request, about=clean, sample=digest("s"), documents=60, seeds=2, failed_before=0
        ),
        *(ReviewAnswered(review=review, item=item, marks=0) for item in range(4)),
        ReviewClosed(review=review, leaks=1, documents=60, found=2, seeds=2, evidence=digest_of(said)),
    ]
    entries = tuple(
        replace(model, index=model.index + 1 + place, actor=PrincipalId(READERS[place % 2]), event=event)
        for place, event in enumerate(events)
    )
    report = replace(lineage.report, reviews=entries, size=lineage.report.size + len(entries))
    return replace(lineage, report=report, documents={**lineage.documents, digest_of(said): encode(said)})


def shown(lineage: Lineage, kind: EvidenceKind) -> str:
    return render_evidence(lineage, kind, origin=ORIGIN, metrics=METRICS)


def listing(lineage: Lineage) -> str:
    return render_kinds(lineage, origin=ORIGIN, metrics=METRICS)


def found(lineage: Lineage, kind: EvidenceKind) -> Any:
    return evidence_of_kind(lineage, kind, METRICS)


def sections(html: str) -> dict[str, str]:
    return {one[1]: re.sub(r"\s+", "", one[0]) for one in _SECTION.finditer(html)}


def told_in(section: str) -> set[str]:
    """Its facts, pictures and what is in bold, without spaces."""
    return set(re.findall(r"<div><dt>.*?</dd></div>|<figure>.*?</figure>|<strong>.*?</strong>", section))


def test_every_kind_of_evidence_has_a_page_and_a_section_that_no_other_kind_has(
    lineages: Mapping[str, Lineage],
) -> None:
    assert set(KINDS) == set(EvidenceKind)
    first = [next(name for name in sections(shown(lineages["whole"], kind)) if name not in _OWN) for kind in KINDS]
    assert len(set(first)) == len(EvidenceKind)


@pytest.mark.parametrize("kind", EvidenceKind)
@pytest.mark.parametrize("name", ["whole", "completing", "undocumented"])
def test_it_is_told_as_the_lineage_report_tells_it(
    lineages: Mapping[str, Lineage], name: str, kind: EvidenceKind
) -> None:
    report, own = page(lineages[name]), sections(shown(lineages[name], kind))
    assert own.keys() >= {"summary", "not-shown", "entries"}
    for section in own.keys() - _OWN:
        if section in _APART:
            assert told_in(own[section]) <= told_in(re.sub(r"\s+", "", report))
            assert told_in(own[section]) or name != "whole"
        else:
            assert own[section] == sections(report)[section]


@pytest.mark.parametrize("kind", EvidenceKind)
def test_every_figure_stands_there_with_its_digits_and_its_entry(
    lineages: Mapping[str, Lineage], kind: EvidenceKind
) -> None:
    for lineage in lineages.values():
        html = unescape(shown(lineage, kind))
        rows = re.findall(r"<tr>.*?</tr>", html.partition('id="figures"')[2].partition("</section>")[0], re.DOTALL)
        measurements = found(lineage, kind)["measurements"]
        assert bool(rows) == bool(measurements)
        for one, row in zip(measurements, rows[1:], strict=True):
            assert f"<code>{one['metric']}</code>" in row
            assert all(f"{abs(Decimal(one[part])):f}" in row for part in ("value", "low", "high"))
            assert f'href="#log-{one["index"]}"' in row


@pytest.mark.parametrize("kind", EvidenceKind)
def test_its_head_says_who_measured_in_which_entry_and_under_which_digests(
    lineages: Mapping[str, Lineage], kind: EvidenceKind
) -> None:
    lineage = lineages["whole"]
    said, entries = found(lineage, kind), {entry.index: entry for entry in lineage.report.entries()}
    every = [*said["measurements"], *said["documents"]]
    head = shown(lineage, kind).partition('id="summary"')[2].partition("</section>")[0]
    assert every
    assert {int(one) for one in re.findall(r'href="#log-([0-9]+)"', head)} >= {one["index"] for one in every}
    for one in every:
        assert f"<code>{one.get('evidence') or one.get('document')}</code>" in head
        who = READERS if kind is EvidenceKind.REVIEW else (entries[one["index"]].actor,)
        assert all(f'<code title="{each}">' in head for each in who)


def test_a_kind_that_nothing_was_measured_of_says_so(lineages: Mapping[str, Lineage]) -> None:
    html = shown(lineages["completing"], EvidenceKind.LEARNING_CURVE)
    assert "The log has no evidence of this kind about the model version." in html
    assert 'id="figures"' not in html
    row = next(one for one in listing(lineages["completing"]).split("<tr>") if "/evidence/learning-curve" in one)
    assert "Nothing of this kind is in the log." in row


def test_the_list_leads_to_every_kind_and_all_pages_lead_to_each_other(lineages: Mapping[str, Lineage]) -> None:
    lineage = lineages["whole"]
    at = f'href="/models/{model_of(lineage)}'
    html = listing(lineage)
    for kind in EvidenceKind:
        assert f'{at}/evidence/{kind}"' in html
        counted = re.search(rf'/evidence/{kind}".*?data-label="Figures">(\w+)<', html, re.DOTALL)
        assert counted is not None
        assert counted[1] == str(len(found(lineage, kind)["measurements"]) or "none")
        of_kind = shown(lineage, kind)
        assert all(f'{at}/{other}"' in of_kind for other in ("evidence", "card", "report"))
    linked = render_html(lineage, origin=ORIGIN, size=77, metrics=METRICS, links=True)
    assert f'{at}/evidence"' in linked
    assert 'href="/' not in page(lineage), "what lies in a bundle leads nowhere"


@pytest.mark.parametrize("name", ["whole", "completing", "undocumented"])
def test_every_statement_has_a_footnote_that_is_a_row_of_the_last_table(
    lineages: Mapping[str, Lineage], name: str
) -> None:
    for html in (listing(lineages[name]), *(shown(lineages[name], kind) for kind in EvidenceKind)):
        assert unfounded(html) == []
        root = Tree(html).root
        ids = [one.attributes["id"] for one in root.all() if "id" in one.attributes]
        links = [one.attributes["href"] for one in root.all() if one.attributes.get("href", "").startswith("#")]
        assert len(ids) == len(set(ids))
        assert {link[1:] for link in links} <= set(ids)
        rows = {one for one in ids if one.startswith("log-")}
        assert rows < {f"log-{entry.index}" for entry in lineages[name].report.entries()}, "what else there is"


def test_entries_that_stand_between_the_first_and_the_last_of_a_run_are_rows_too(
    lineages: Mapping[str, Lineage],
) -> None:
    html = shown(lineages["whole"], EvidenceKind.REVIEW)
    answers = [one.index for one in lineages["whole"].report.reviews if isinstance(one.event, ReviewAnswered)]
    assert len(answers) == 4
    assert f'href="#log-{answers[1]}"' not in html
    assert all(f'id="log-{index}"' in html for index in answers)


def test_entries_between_many_runs_are_no_rows(lineages: Mapping[str, Lineage]) -> None:
    """Two samples are read at once, and one of them to its end."""
    report = lineages["whole"].report
    opened, answer, *_, closed = report.reviews
    assert isinstance(answer.event, ReviewAnswered)
    other = replace(answer.event, review=ReviewId("review-" + "4" * 32))
    mine = [replace(answer, index=opened.index + 1 + 2 * place) for place in range(8)]
    others = [replace(answer, index=one.index + 1, event=other) for one in mine]
    last = replace(closed, index=others[-1].index + 1)
    reviews = (opened, *sorted((*mine, *others), key=lambda one: one.index), last)
    html = shown(replace(lineages["whole"], report=replace(report, reviews=reviews)), EvidenceKind.REVIEW)
    assert f'href="#log-{last.index}">{last.index}</a>, 9 entries' in html
    rows = {int(one) for one in re.findall(r'<tr id="log-([0-9]+)"', html)}
    assert {one.index for one in (*mine, last)} <= rows
    assert not {one.index for one in others} & rows


def test_every_page_says_that_it_neither_judges_nor_proves_nor_certifies(lineages: Mapping[str, Lineage]) -> None:
    for lineage in lineages.values():
        for html in (listing(lineage), *(shown(lineage, kind) for kind in EvidenceKind)):
            said = re.findall(r"<li><b>(.*?)</b>", sections(html)["not-shown"])
            assert said[0] == "Whetheritisgoodenough."
            assert said[-2:] == ["Aproof.", "Compliance."]


def test_nothing_is_fetched_run_or_typed_by_a_person(lineages: Mapping[str, Lineage]) -> None:
    for lineage in lineages.values():
        for html in (listing(lineage), *(shown(lineage, kind) for kind in EvidenceKind)):
            assert not re.search(
                r"https?://|url\(|@import|\ssrc=|<script|<link|\son[a-z]+=", html.replace("url(#tip-", "")
            )
            assert not [word for word in CANARIES.values() if word in html]


def test_tables_are_filed_under_the_kind_of_their_figures(lineages: Mapping[str, Lineage]) -> None:
    """Every part of what the measuring step writes is of some kind, and of one that its own figures are of."""
    for name, written in (("whole", details()), ("completing", completion_details())):
        filed: dict[str, EvidenceKind] = {}
        for kind in EvidenceKind:
            for one in found(lineages[name], kind)["documents"]:
                filed |= dict.fromkeys(one["tables"] if one["step"] == StepName.MEASURE else (), kind)
        for part in filed.keys() & {field.name for field in fields(written)}:
            measurements = getattr(getattr(written, part), "measurements", tuple)()
            assert not measurements or filed[part] in {kind_of(one.metric) for one in measurements}, part
        (last,) = [
            entry.event.details
            for entry in lineages[name].report.steps
            if isinstance(entry.event, StepFinished) and entry.event.step is StepName.MEASURE
        ]
        stated = {part for part, said in document(lineages[name].documents, last).members() if said.value is not None}
        assert stated - filed.keys() == {"adapter", "libraries"}


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_the_list_and_a_page_read_well_on_a_telephone_and_without_fault(
    lineages: Mapping[str, Lineage], tmp_path: Path
) -> None:
    """Sections are looked at with the report; what is new stands around them."""
    for html in (listing(lineages["whole"]), shown(lineages["whole"], EvidenceKind.REVIEW)):
        got = measure(tmp_path, html, 390)
        assert (got.width <= 390, got.clipped, got.overlapping, got.stacked) == (True, [], [], [])
        if AXE.exists():
            assert violations(tmp_path, html, 1280, DARK) == []
