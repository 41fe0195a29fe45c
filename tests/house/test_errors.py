"""Errors: five kinds, all mapped, all documented; and every code has its page."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.house.codes_in_source import Found, codes_in

from tunewarden.domain import errors
from tunewarden.domain.errors import TunewardenError
from tunewarden.drivers import bodies
from tunewarden.entry.api.errors import STATUS, status_of
from tunewarden.entry.codes import Place, codes
from tunewarden.entry.report.error_pages import render_error, render_errors
from tunewarden.entry.report.words import REASONS

OF_THE_FRAMEWORK = {"malformed_request": 400, "method_not_allowed": 405}
"""Codes whose words are the framework's own exceptions (`errors.install`)."""


def _kinds(kind: type[TunewardenError]) -> Iterator[type[TunewardenError]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _kinds(sub)


@pytest.mark.parametrize("kind", sorted(set(_kinds(TunewardenError)), key=lambda kind: kind.__name__))
def test_every_error_is_mapped_and_documented(kind: type[TunewardenError]) -> None:
    assert status_of(kind("some_code", "Some reason.")) in STATUS.values()
    assert kind.__doc__
    assert kind.__module__ == errors.__name__


def test_an_error_says_what_how_and_who() -> None:
    error = errors.Refused("code", "Got this.", remedy="Do that.", who="approver")
    assert str(error) == "Got this. Do that. Who can: approver."


@pytest.fixture(scope="module")
def found() -> Found:
    return codes_in()


def test_every_code_in_the_source_is_documented_with_its_statuses(found: Found) -> None:
    """A new code gets a line in platform/tunewarden/entry/codes: answers, endings (of jobs) or commands."""
    missing = {code: sorted(statuses) for code, statuses in found.codes.items() if code not in codes()}
    assert missing == {}
    assert {
        code: (sorted(statuses), codes()[code].statuses)
        for code, statuses in found.codes.items()
        if not statuses <= set(codes()[code].statuses)
    } == {}
    assert found.unread == []


def test_every_code_that_is_put_together_matches_one_that_is_documented(found: Found) -> None:
    """With `bodies.NOUNS`, for which `..._not_found` is put together in one place."""
    sinks = {"sink_[a-z0-9_]+_unreachable"}  # in the diagnostic log of the exporter alone
    for pattern, statuses in found.patterns.items():
        matching = [one for one in codes().values() if re.fullmatch(pattern, one.name)]
        assert pattern in sinks or any(statuses <= set(one.statuses) for one in matching), pattern
    assert [noun for noun in bodies.NOUNS if f"{noun.replace(' ', '_')}_not_found" not in codes()] == []


def test_no_code_is_documented_that_nothing_can_say(found: Found) -> None:
    patterns = "|".join(found.patterns)
    known = found.codes.keys() | REASONS.keys() | OF_THE_FRAMEWORK.keys()
    assert [code for code in codes() if code not in known and not re.fullmatch(patterns, code)] == []


def test_every_code_says_what_it_means_and_what_to_do_and_has_its_page() -> None:
    listed = render_errors()
    for one in codes().values():
        assert re.match(r"[A-Z']", one.means), one.name
        assert one.means.endswith((".", ")")), one.name
        assert one.remedy or one.who, one.name
        assert f'href="/errors/{one.name}"' in listed
        assert one.name in (page := render_error(one))
        assert "`" not in page, "what stands between backticks is shown as code"
    assert "`" not in listed
    assert "<code>param</code>" in listed


def test_where_no_answer_is_nothing_is_said_of_what_an_answer_has() -> None:
    """A job that ended was charged perhaps; and nobody has a request id, or a `param`, of it or of a command."""
    for one in codes().values():
        page = render_error(one)
        of_answers = [
            word
            for word in ("request id", "request_id", "param</code>", "`param`", "Nothing was taken")
            if word in page
        ]
        assert bool(of_answers) is (one.place is Place.ANSWERS), (one.name, of_answers)


def test_no_answer_has_a_status_that_no_kind_of_error_has() -> None:
    ours = {*STATUS.values(), 400, 401, 405, 408, 413, 414, 429, 431, 501}
    assert {status for one in codes().values() if one.place is Place.ANSWERS for status in one.statuses} == ours


def test_the_reader_of_codes_finds_each_way_to_write_one(tmp_path: Path) -> None:
    """Plain, by a name, by a parameter, by two branches, put together; and says where it cannot tell."""
    (tmp_path / "planted.py").write_text(
        textwrap.dedent("""
            NAMED = "by_name"
            def raises(x, request):
                raise Refused("plain", "A reason.")
                raise NotFound(NAMED, "A reason.")
                raise Malformed("one" if x else "other", "A reason.")
                raise Conflict(f"{x}_late", "A reason.")
                raise Unavailable(x.y(), "A reason.")
                return problem(request, 413, "too_large", "A reason.")
            def declines():
                raise Declined("told_here", "A reason.", exit_code=Exit.USAGE)
                raise Declined("refused_here", "A reason.", exit_code=code)
                raise Declined(error.code, error.reason, exit_code=code)
            def found(): return 431, "headers_too_large", "A reason."
            def _passing(code, reason): return Corrupted(code, reason)
            def calls(): raise _passing("passed_on", "A reason.")
            """)
    )
    found = codes_in(tmp_path)
    assert found.codes == {
        "plain": {403},
        "by_name": {404},
        "one": {422},
        "other": {422},
        "too_large": {413},
        "told_here": {422},
        "refused_here": {403},
        "passed_on": {500},
        "headers_too_large": {431},
    }
    assert found.patterns == {"[a-z0-9_]+_late": {409}}
    assert [line for _, line in found.unread] == [8]
