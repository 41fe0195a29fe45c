"""The test of explanations on the page: the made-up texts word by word, readable without colour, and what it says."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.entry.report.conftest import Told
from tests.entry.report.documents import completion_details, details, scrutiny
from tests.entry.report.test_report_html import Page, page

from tunewarden.domain.canonical import decode, encode, to_plain
from tunewarden.entry.report.heatmap import Word, heatmap
from tunewarden.entry.report.reading import Part
from tunewarden.entry.report.scrutinised import Scrutinised, scrutinised
from tunewarden.steps.measure.probes import probe_texts
from tunewarden.steps.measure.scrutiny import Scrutiny


def read(found: Scrutiny) -> Scrutinised:
    shown = scrutinised(Part(decode(encode(to_plain(found)))))
    assert shown is not None
    return shown


def test_the_page_shows_made_up_texts_word_by_word_and_says_what_is_unstable(told: Told) -> None:
    text = Page(page(told.lineage())).text
    assert "Unstable: another way to explain keeps only 0.20 (0.15" in text
    said = text.replace("\N{NO-BREAK SPACE}", " ")
    assert re.search(
        r"up to [0-9.]+ % of the answers change with a neutral word, up to 1.5 % of the answers change with the person",
        said,
    )
    assert "Nothing that is shown here repeats a record or a canary" in text
    for word in probe_texts(8)[1].split():
        assert word in text


def test_the_page_holds_protected_terms_against_neutral_words_and_says_what_attributions_give_away(told: Told) -> None:
    text = Page(page(told.lineage())).text
    assert "what any word does, and how much more the protected ones do" in text
    assert "Sex, 117 persons" in text
    assert "More than on neutral words" in text
    assert "77 texts of made-up persons who were trained on" in text
    assert "What the attributions add" in text


def test_a_document_of_before_is_not_held_against_neutral_words_and_says_so() -> None:
    old = replace(scrutiny(), swaps=tuple(replace(each, control=None) for each in scrutiny().swaps), membership=None)
    found = read(old)
    assert (found.neutral, found.membership, found.attacked) == (False, (), "")
    assert found.swaps is not None
    assert found.swaps.finding.endswith("of the answers change with the person alone")
    assert found.terms[0].excess_flips == "not assessed"


def test_a_page_of_completions_says_what_moves_what_is_written(told_completing: Told) -> None:
    text = Page(page(told_completing.lineage())).text
    assert "Taking away one word after the other on 16 made-up texts" in text
    assert "Nats a token lost" in text
    assert "What the model goes on to write, chance 0.3142 a token" in text
    assert "Does the answer change with the person?" not in text


def test_documents_of_before_have_no_such_part_and_are_read() -> None:
    for old in (replace(details(), scrutiny=None), replace(completion_details(), scrutiny=None)):
        plain = decode(encode(to_plain(old)))
        assert isinstance(plain, dict)
        assert "scrutiny" not in plain
        assert scrutinised(Part(plain).at("scrutiny")) is None


def test_a_leak_is_said() -> None:
    assert "2 words or texts would have said something of somebody" in str(read(replace(scrutiny(), leaks=2)).leaks)
    assert read(replace(scrutiny(), leaks=None)).leaks is None


@pytest.mark.parametrize("part", ["stability", "shortcuts"])
def test_a_part_of_another_form_is_not_assessed_and_no_error(part: str) -> None:
    plain = decode(encode(to_plain(scrutiny())))
    assert isinstance(plain, dict)
    assert scrutinised(Part({**plain, part: ["another", "form"]})) is None


def test_bars_go_up_for_support_and_down_against_it_and_are_as_long_as_they_weigh() -> None:
    words = [Word(text="one", weight=Decimal("0.6")), Word(text="<b>", weight=Decimal("-0.3"))]
    picture = str(heatmap(words, alt="one & <b>"))
    assert 'class="for" x="0" y="0.0" width="22.2" height="18.0"' in picture
    assert 'class="against" x="30.2" y="37" width="22.2" height="9.0"' in picture
    assert "<b>" not in picture
    assert "&lt;b&gt;" in picture


def test_words_without_weight_and_no_words_make_a_picture() -> None:
    assert 'height="0.0"' in str(heatmap([Word(text="oil", weight=Decimal(0))], alt=""))
    assert "<svg" in str(heatmap([], alt=""))


def test_long_texts_go_on_in_the_next_line_within_the_picture() -> None:
    picture = str(heatmap([Word(text="word" * 4, weight=Decimal("0.1"))] * 30, alt=""))
    places = [float(each.split('"')[0]) for each in picture.split('<text class="word" x="')[1:]]
    assert max(places) + 2 * 2 * (11 + 7.4 + 4.4 + 7.4) <= 640
    assert 'viewBox="0 0 640 336"' in picture
