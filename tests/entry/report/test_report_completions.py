"""The report on a model that completes texts: what was measured is shown, and nothing as if it told classes."""

import json

from tests.entry.report.conftest import Told
from tests.entry.report.documents import completion_details
from tests.entry.report.test_report_html import METRICS, ORIGIN, Page, page

from tunewarden.domain.canonical import Plain, to_plain
from tunewarden.entry.exports.ml_bom import ml_bom
from tunewarden.entry.exports.model_card import model_card
from tunewarden.entry.report.audited import checked
from tunewarden.entry.report.completed import completions
from tunewarden.entry.report.figures import exact_interval
from tunewarden.entry.report.reading import Part

FIGURE: Plain = {"low": "0.51", "value": "0.55", "high": "0.6"}
NOISY: Plain = {"epsilon": "2.9987", "delta": "0.00001"}


def shown(told: Told) -> str:
    """The words of the page that a reader sees."""
    return " ".join(Page(page(told.lineage())).words)


def test_the_page_shows_what_was_measured_of_completions(told_completing: Told) -> None:
    text, found = shown(told_completing), completion_details()
    for figure in (
        found.completions.token_accuracy,
        found.completions.base_token_accuracy,
        found.completions.gain_over_base,
        found.completions.exact_match,
        found.completions.loss,
        found.completions.perplexity,
    ):
        assert figure is not None
        assert exact_interval(figure) in text
    assert "3 rows with nothing to complete" in text
    assert "0 of 81" in text
    assert "of 7 bits; 1.4 are chance" in text
    assert "Tokens right" in text
    assert "Taking away one word after the other" in text
    assert "the share of tokens it predicts is" in text
    assert "A LoRA adapter on tiny that completes texts" in text


def test_the_page_has_no_empty_table_of_a_classifier(told_completing: Told) -> None:
    text = shown(told_completing)
    for of_classes in ("majority", "Recall of class", "Classes are numbered", "Integrated gradients", "tells classes"):
        assert of_classes not in text
    assert "this report can read" not in text


def test_the_limit_of_the_gate_on_groups_is_that_of_tokens(told_completing: Told) -> None:
    text = shown(told_completing)
    assert "0.05 behind the rest" in text
    assert "promotion-completion" in text


def test_of_noisy_figures_no_loss_is_expected() -> None:
    told = {"token_accuracy": FIGURE, "base_token_accuracy": FIGURE, "persons": 204, "rows": None, "loss": None}
    found = completions(Part(told), Part(NOISY), Part())
    assert found is not None
    assert found.exactness == "noisy figures: epsilon 2.9987 at delta 0.00001 for one of these persons"
    rows = {row.name: row.value for row in found.facts}
    assert rows["Held out"] == "about 204 persons"
    assert rows["Loss and perplexity"].startswith("not stated")
    assert not {"Perplexity", "Left out"} & rows.keys()
    assert found.accuracy == "0.55\N{NO-BREAK SPACE}(0.51\N{EN DASH}0.60), n = 204 persons"


def test_what_is_not_shown_to_predict_more_is_not_said_to() -> None:
    told = {"token_accuracy": FIGURE, "base_token_accuracy": FIGURE, "persons": 204, "rows": 300}
    for low, begins in (("0.01", "Predicts 5 points more"), ("-0.01", "Not shown to"), (None, "Not shown to")):
        gain = None if low is None else {"low": low, "value": "0.05", "high": "0.1"}
        found = completions(Part({**told, "gain_over_base": gain}), Part(), Part())
        assert found is not None
        assert found.chart.finding.startswith(begins)


def test_figures_that_noise_left_unsaid_are_no_section() -> None:
    assert completions(Part({"token_accuracy": None, "base_token_accuracy": FIGURE}), Part(NOISY), Part()) is None


def test_where_no_secret_was_planted_nothing_is_said_to_be_kept() -> None:
    document = to_plain(completion_details())
    assert isinstance(document, dict)
    told = {fact.label: fact.value for fact in checked(Part({**document, "extraction": None}), (7,))}
    assert told["Planted secrets that it writes down"] == "not known: none was planted"
    assert "What it saves who guesses one" not in told


def test_the_exports_say_that_it_completes_texts(told_completing: Told) -> None:
    lineage, metrics = told_completing.lineage(), METRICS
    card = model_card(lineage, metrics, origin=ORIGIN).decode()
    assert "pipeline_tag: text-generation" in card
    assert "A LoRA adapter for text completion" in card
    assert "it is explained on made-up prompts only" in card
    assert "classification" not in card
    gained = completion_details().completions.gain_over_base
    assert gained is not None
    assert f"`utility.token_gain_over_base`: {gained.value}" in card
    component = json.loads(ml_bom(lineage, metrics, {}))["metadata"]["component"]
    parameters = component["modelCard"]["modelParameters"]
    assert (parameters["task"], parameters["outputs"]) == ("text-generation", [{"format": "text"}])
    assert component["description"].startswith("A LoRA adapter for text completion")
