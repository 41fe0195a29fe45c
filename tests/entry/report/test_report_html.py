"""The lineage report as a page: what it says rests on the log, and what it does not know it says so."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st
from tests.conftest import POLICIES, ROOT
from tests.entry.report.conftest import CANARIES, Told

from tunewarden.domain.canonical import Plain, decode, encode
from tunewarden.domain.events import BudgetSettled, StepFinished
from tunewarden.domain.names import Action, Digest
from tunewarden.domain.training import StepName
from tunewarden.entry.report import render_html
from tunewarden.entry.report.figures import percent, short
from tunewarden.entry.report.privacy import most_often_right
from tunewarden.entry.report.words import ACTIONS, REASONS
from tunewarden.usecases.reports import Lineage

METRICS = tomllib.loads((POLICIES / "metrics.toml").read_text())
ORIGIN = "log.example.org/tunewarden"
DRIVERS = ROOT / "platform" / "tunewarden" / "drivers"
ROOT_TEXT, KEY_TEXT = "A" * 43 + "=", "AB+C" * 11
NOTE = f"{ORIGIN}\n77\n{ROOT_TEXT}\n\n\N{EM DASH} {ORIGIN} AAAAAAAA\n\N{EM DASH} witness.example.com/w1 BBBBBBBB\n"
VKEY = f"{ORIGIN}+01234567+{KEY_TEXT}"


class Page(HTMLParser):
    """Every tag with its attributes, and the text that a reader sees."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._hidden += tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]


def page(lineage: Lineage) -> str:
    return render_html(lineage, origin=ORIGIN, size=77, metrics=METRICS, note=NOTE, vkey=VKEY)


def test_every_statement_leads_to_a_row_of_the_table_of_entries_and_the_table_has_every_entry(told: Told) -> None:
    lineage = told.lineage()
    read = Page(page(lineage))
    rows = {name for name in read.all("id") if name.startswith("log-")}
    assert {link[1:] for link in read.all("href") if link.startswith("#log-")} <= rows
    assert rows == {f"log-{entry.index}" for entry in lineage.report.entries()}


def test_every_digest_that_an_entry_names_stands_whole_in_the_table(told: Told) -> None:
    lineage = told.lineage()
    table = page(lineage).partition('id="entries"')[2]
    named = {
        value
        for entry in lineage.report.entries()
        for name in entry.event.__dataclass_fields__
        if str(value := getattr(entry.event, name)).startswith("sha256:")
    }
    assert len(named) > 10
    assert not [digest for digest in named if digest not in table]


def test_links_lead_somewhere_ids_are_unique_and_tables_can_be_read_aloud(told: Told) -> None:
    read = Page(page(told.lineage()))
    ids = read.all("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in read.all("href") if link.startswith("#")} <= set(ids)
    assert [tag for tag, _ in read.tags].count("h1") == 1
    assert [tag for tag, _ in read.tags].count("main") == 1
    assert all("scope" in attributes for tag, attributes in read.tags if tag == "th")
    assert all("aria-label" in attributes for tag, attributes in read.tags if tag == "svg" and "class" in attributes)


def test_nothing_typed_by_a_person_is_in_the_report(told: Told) -> None:
    html = page(told.lineage())
    assert not [word for word in CANARIES.values() if word in html]


def test_the_same_state_gives_the_same_bytes(told: Told) -> None:
    lineage = told.lineage()
    shuffled = replace(lineage, documents=dict(reversed(list(lineage.documents.items()))))
    assert page(lineage) == page(shuffled) == page(told.lineage())


def test_the_page_needs_nothing_from_anywhere(told: Told) -> None:
    html = page(told.lineage())
    assert not re.search(r"https?://|url\(|@import|\ssrc=|<script|<link|\son[a-z]+=", html.replace("url(#tip-", ""))
    assert "default-src 'none'" in html


def test_text_of_policies_and_documents_is_escaped(told: Told) -> None:
    lineage = _edited(told.lineage(), StepName.MEASURE, "fairness", _with_group("<img src=x onerror=alert(1)>"))
    html = page(lineage)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; people mistype" in html
    assert "&lt;img src=x" in html
    assert "<img" not in html


def test_how_much_too_sure_the_model_is_of_a_group_stands_beside_how_often_it_is_right(told: Told) -> None:
    """Of no group where the model states no probabilities; and what is not known of one is said to be."""
    lineage = told.lineage()
    gap = {"low": "-0.0100", "value": "0.0300", "high": "0.0700"}

    def stated(fairness: Any) -> Any:
        first, *rest = fairness["assessed"]
        return fairness | {"assessed": [first | {"calibration": gap}, *rest]}

    html = page(_edited(lineage, StepName.MEASURE, "fairness", stated))
    column = re.findall(r'data-label="Too sure by">([^<]+)<', html)
    assert column.count("not known") == len(column) - 1 > 1
    assert [text.replace("\N{NO-BREAK SPACE}", " ") for text in column if text != "not known"] == [
        "0.03 (\N{MINUS SIGN}0.01 to 0.07)"
    ]
    assert "Too sure by" not in page(lineage)


def test_refusals_say_what_was_asked_by_which_rule_and_who_can_change_it(told: Told) -> None:
    text = Page(page(told.lineage())).text
    assert re.search(r"asked to train on the dataset\. \d+", text)
    assert "The dataset may not be used for the purpose that was named." in text
    assert "anyone/approve-request/own" in text
    assert "an approver who did not ask for it." in text


def test_a_verdict_that_blocked_is_shown_with_every_rule_and_what_would_mend_it(told: Told) -> None:
    text = Page(page(told.lineage())).text
    assert re.search(r"Gate “promotion” FAIL \d+", text)
    assert "UNDECIDED" in text
    assert "Remedy Add records of the group that falls short." in text
    assert "The gate was asked again and said the same." in text


def test_groups_and_utility_are_read_as_the_measuring_step_writes_them(told: Told) -> None:
    text = Page(page(told.lineage())).text
    for group in ("sex: female", "sex: male", "age band: 18-39"):
        assert group in text
    assert "age band: 90+" in text.partition("Groups that could not be compared")[2]
    assert "points more often than always giving the most frequent answer" in text


def test_the_report_says_that_nobody_reviewed_the_records_and_what_it_does_not_show(told: Told) -> None:
    text = Page(page(told.lineage())).text
    assert "not reviewed by a person" in text
    for limit in ("That the lawful basis holds", "Privacy of the held-out persons", "That the noise was really added"):
        assert limit in text
    assert "compliant" not in text
    assert "anonymous" not in text


@pytest.mark.parametrize("part", ["utility", "fairness", "explanation", "membership", "audit"])
def test_a_part_that_is_missing_or_of_another_form_is_not_assessed_and_never_an_error(told: Told, part: str) -> None:
    lineage = told.lineage()
    whole = page(lineage)
    usual = whole.count("NOT ASSESSED")
    notes = whole[whole.index('id="fairness"') : whole.index('id="explanation"')].count("NOT ASSESSED")
    for value in (None, {}, [1], {"assessed": [{"group": 1}], "accuracy": "0.9", "auc": {"low": "x"}}):
        html = page(_edited(lineage, StepName.MEASURE, part, lambda _, value=value: value))
        # Without its part on fairness, the page also loses the notes on groups that are too small.
        assert html.count("NOT ASSESSED") == usual + 1 - (notes if part == "fairness" else 0)


def test_documents_that_are_not_there_leave_the_log_s_own_facts(told: Told) -> None:
    lineage = told.lineage()
    details = {e.event.details for e in lineage.report.steps if isinstance(e.event, StepFinished)}
    left = {digest: data for digest, data in lineage.documents.items() if digest not in details}
    text = Page(page(replace(lineage, documents=left))).text
    assert text.count("NOT ASSESSED") == 7
    assert "4,707 identifiers" in text


def test_updates_beyond_the_plan_are_said_with_what_they_cost(told: Told) -> None:
    lineage = told.lineage()
    budget = tuple(
        replace(entry, event=replace(entry.event, charged=entry.event.charged + 20, epsilon_spent=Decimal("9.5")))
        if isinstance(entry.event, BudgetSettled)
        else entry
        for entry in lineage.report.budget
    )
    repeated = replace(lineage, report=replace(lineage.report, budget=budget))
    text = Page(page(_edited(repeated, StepName.TRAIN, "measurements", lambda _: []))).text
    assert "20 updates more than planned were charged" in text
    assert "more than the planned epsilon 8 at delta 0.0001, but at most epsilon 9.5" in text
    assert "this training costs at most epsilon 8" not in text


def test_an_attempt_without_an_outcome_is_told(told: Told) -> None:
    lineage = told.lineage()
    ended = [e for e in lineage.report.steps if not getattr(e.event, "code", "")]
    text = Page(page(replace(lineage, report=replace(lineage.report, steps=tuple(ended))))).text
    assert "Train began (attempt 2); the log has no outcome of it" in text


@given(epsilon=st.decimals("0", "20", places=3), delta=st.decimals("0", "0.01", places=6))
def test_an_observer_is_right_half_of_the_time_or_more_and_never_surely_below_the_limit(
    epsilon: Decimal, delta: Decimal
) -> None:
    share = most_often_right(epsilon, delta)
    assert Decimal("0.5") <= share <= 1
    assert share >= most_often_right(epsilon / 2, delta / 2)


def test_known_bounds_are_told_as_they_are() -> None:
    assert most_often_right(Decimal(0), Decimal(0)) == Decimal("0.5")
    assert most_often_right(Decimal(3).ln(), Decimal(0)).quantize(Decimal("0.0001")) == Decimal("0.75")
    assert percent(Decimal("0.99966"), "ROUND_CEILING") == "99.97\N{NO-BREAK SPACE}%"
    assert percent(Decimal("0.5")) == "50\N{NO-BREAK SPACE}%"


def test_a_shortened_identifier_keeps_the_part_that_tells_it_from_others() -> None:
    assert short("prn-019a3b2c1d4e" + "ab" * 10) == "prn-\N{HORIZONTAL ELLIPSIS}" + "ab" * 6
    assert short("sha256:" + "0123456789abcdef" * 4) == "0123456789ab\N{HORIZONTAL ELLIPSIS}"


def test_every_code_with_which_a_use_case_refuses_has_words() -> None:
    kinds = "Refused|BudgetExceeded|IllegalTransition|PlanMismatch"
    sources = [*_sources("domain"), *_sources("usecases"), *(DRIVERS / name for name in ("policies.py", "bodies.py"))]
    codes = {code for source in sources for code in re.findall(rf'(?:{kinds})\(\s*"(\w+)"', source.read_text())}
    assert len(codes) > 10
    assert codes <= REASONS.keys()


def test_every_action_has_words() -> None:
    assert ACTIONS.keys() == set(Action)


def test_text_has_a_contrast_of_seven_to_one_in_light_dark_and_print() -> None:
    stylesheet = files("tunewarden.entry.report").joinpath("templates", "report.css").read_text()
    schemes = re.findall(r":root \{([^}]*)\}", stylesheet)
    assert len(schemes) == 3
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w+): #([0-9a-f]{6})", scheme))
        for name in ("ink", "muted", "accent", "pass", "fail", "unknown"):
            for behind in ("paper", "faint"):
                assert _contrast(colours[name], colours[behind]) >= 7, (name, behind)


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _edited(lineage: Lineage, step: StepName, part: str, change: Callable[[Any], Any]) -> Lineage:
    """The lineage with one part of a step's details document changed, in place: the report does not check digests."""
    (digest,) = {
        entry.event.details
        for entry in lineage.report.steps
        if isinstance(entry.event, StepFinished) and entry.event.step is step
    }
    assert digest is not None
    document = cast(dict[str, Plain], decode(lineage.documents[digest]))
    changed = encode({**document, part: change(document[part])})
    documents: Mapping[Digest, bytes] = {**lineage.documents, digest: changed}
    return replace(lineage, documents=documents)


def _with_group(name: str) -> Callable[[Any], Any]:
    def change(fairness: Any) -> Any:
        first, *others = fairness["assessed"]
        return {**fairness, "assessed": [{**first, "group": name}, *others]}

    return change


def _sources(package: str) -> list[Path]:
    return sorted((ROOT / "platform" / "tunewarden" / package).glob("*.py"))
