"""What was read is remembered by its bytes: nobody gets anything older, or anything that somebody else can change."""

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from tests.conftest import ANN

from tunewarden.domain.errors import Corrupted
from tunewarden.domain.names import PrincipalId, Role
from tunewarden.drivers import bodies
from tunewarden.drivers.bodies import PRINCIPALS, Kind

UNCHANGING = (str, int, bool, types.NoneType, Decimal, date, datetime, Enum)


def test_the_same_bytes_are_read_once_and_others_are_read_anew() -> None:
    body = PRINCIPALS.write(ANN)
    assert PRINCIPALS.read(ANN.id, body) == ANN
    assert PRINCIPALS.read(ANN.id, bytes(bytearray(body))) is PRINCIPALS.read(ANN.id, body)
    revoked = replace(ANN, revoked=True, roles=frozenset({Role.AUDITOR}))
    assert PRINCIPALS.read(ANN.id, PRINCIPALS.write(revoked)) == revoked
    assert PRINCIPALS.read(ANN.id, body) == ANN


def test_what_was_read_under_its_key_is_refused_under_another_and_what_is_broken_stays_so() -> None:
    body = PRINCIPALS.write(ANN)
    PRINCIPALS.read(ANN.id, body)
    for _ in range(2):
        with pytest.raises(Corrupted, match="key of another"):
            PRINCIPALS.read(PrincipalId("prn-other"), body)
        with pytest.raises(Corrupted):
            PRINCIPALS.read(ANN.id, body + b" ")


def test_a_thing_that_is_too_large_to_be_remembered_is_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    body = PRINCIPALS.write(ANN)
    for bound in ("_SMALL", "_LARGE"):
        monkeypatch.setattr(bodies, bound, len(body) - 1)
        assert PRINCIPALS.read(ANN.id, body) == ANN


KINDS = [kind for kind in vars(bodies).values() if isinstance(kind, Kind)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.noun)
def test_everything_that_is_remembered_is_frozen_all_the_way_down(kind: Kind[Any, Any]) -> None:
    """A mapping is one of ours to read only: what is typed `Mapping` has no way to be written to."""
    assert len(KINDS) == len(bodies.NOUNS)
    for part in parts(kind.form, set()):
        if dataclasses.is_dataclass(part):
            assert part.__dataclass_params__.frozen, part  # type: ignore[attr-defined, union-attr]
        else:
            assert issubclass(part, UNCHANGING), part


def parts(form: Any, seen: set[Any]) -> Iterator[Any]:
    """Every type that stands in a value of this one."""
    if form in seen:
        return
    seen.add(form)
    origin = typing.get_origin(form)
    if isinstance(form, typing.NewType):
        yield from parts(form.__supertype__, seen)
    elif origin is None:
        yield form
        if dataclasses.is_dataclass(form):
            for hint in typing.get_type_hints(form).values():
                yield from parts(hint, seen)
    else:
        assert origin in {types.UnionType, typing.Union, tuple, frozenset, Mapping}, form
        for argument in typing.get_args(form):
            if argument is not ...:
                yield from parts(argument, seen)
