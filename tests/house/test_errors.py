"""Errors: five kinds, all mapped, all documented."""

from collections.abc import Iterator

import pytest

from tunewarden.domain import errors
from tunewarden.domain.errors import TunewardenError
from tunewarden.entry.api.errors import STATUS, status_of


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
