"""The one encoding that is hashed: RFC 8785 over strings and integers, and nothing that has two forms."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.canonical import (
    LATER,
    decimal_text,
    decode,
    digest_bytes,
    digest_of,
    digest_of_frozen,
    encode,
    from_plain,
    instant_text,
    to_plain,
)
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.errors import Corrupted
from tunewarden.domain.fairness import FairnessDeclaration
from tunewarden.domain.names import PrincipalId
from tunewarden.domain.training import Plan

VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "jcs-rfc8785"

texts = st.text(st.characters(exclude_categories=["Cs"]))
plains = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(plains)
def test_decoding_inverts_encoding(value: object) -> None:
    assert decode(encode(value)) == value


@given(plains)
def test_canonical_bytes_are_json_that_others_read_alike(value: object) -> None:
    assert json.loads(encode(value)) == value


numbers = st.integers(-(2**54), 2**54).map(str) | st.sampled_from(
    ["1.0", "-0", "1e3", "NaN", "Infinity", "01", "9" * 5000]
)
names = st.sampled_from(['"a"', '"b"', '"\\u0062"', '"\U0001f600"', '"\ufb33"', '""', '"\\ud800"'])
scalars = numbers | names | st.sampled_from(["true", "null", "'a'", "", "\ufeff"])
spaces = st.sampled_from(["", "", "", " ", "\n"])
written = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(names, spaces, inner), max_size=3).map(
            lambda members: f"{{{','.join(f'{name}:{space}{value}' for name, space, value in members)}}}"
        )
    ),
    max_leaves=8,
)


@given(written, spaces)
def test_what_is_read_is_exactly_what_encodes_to_the_same_bytes(text: str, space: str) -> None:
    data = (text + space).encode()
    try:
        value = json.loads(data)
        is_canonical = encode(value) == data
    except (ValueError, TypeError):
        is_canonical = False
    if is_canonical:
        assert decode(data) == value
    else:
        with pytest.raises(Corrupted):
            decode(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"b":1,"a":1}',
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b"1.0",
        b"1e3",
        b"-0",
        b"NaN",
        b'"\\u0041"',
        b"\xff",
        b"9007199254740993",
        b"[" * 100_000,
        b"",
    ],
)
def test_bytes_that_are_not_canonical_are_refused(data: bytes) -> None:
    with pytest.raises(Corrupted):
        decode(data)


def test_floats_have_no_canonical_form() -> None:
    for value in (0.1, [0.1], {"a": 0.1}, Grown(first=0.1)):  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            encode(value)


def test_members_are_ordered_by_utf16_code_units() -> None:
    # RFC 8785 section 3.2.3: U+1F600 is a surrogate pair (D83D) and sorts before U+FB33.
    assert encode({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()


def test_the_authors_pairs_agree_where_they_hold_no_float() -> None:
    if not VECTORS.is_dir():
        pytest.skip("the RFC 8785 pairs are not beside this clone")
    compared = 0
    for source in sorted(VECTORS.rglob("input/*.json")):
        value = json.loads(source.read_text())
        if _has_float(value):
            continue
        assert encode(value) == (source.parent.parent / "output" / source.name).read_bytes().rstrip(b"\n")
        compared += 1
    assert compared >= 4


@pytest.mark.parametrize(
    ("number", "text"),
    [("1.50", "1.5"), ("1E+2", "100"), ("0.000", "0"), ("-0", "0"), ("1e-5", "0.00001"), ("8", "8")],
)
def test_a_decimal_has_one_text(number: str, text: str) -> None:
    assert decimal_text(Decimal(number)) == text


def test_an_instant_is_utc_whatever_its_zone() -> None:
    elsewhere = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    assert instant_text(elsewhere) == "2026-01-01T00:00:00.000Z"
    with pytest.raises(ValueError, match="time zone"):
        instant_text(datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    day: date
    purposes: frozenset[Purpose]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    who: PrincipalId
    at: datetime
    rate: Decimal
    parts: tuple[Inner, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    maybe: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    first: int
    second: str = field(default="", metadata=LATER)


OUTER = Outer(
    who=PrincipalId("prn-1"),
    at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    rate=Decimal("0.10"),
    parts=(Inner(day=date(2026, 1, 2), purposes=frozenset({Purpose.CARE, Purpose.RESEARCH})),),
    counts={"rows": 3},
)


def test_a_dataclass_comes_back_as_it_was() -> None:
    assert from_plain(Outer, decode(encode(OUTER))) == OUTER


@pytest.mark.parametrize(
    "change",
    [{"more": 1}, {"who": 1}, {"rate": "much"}, {"rate": 1}, {"parts": [{}]}, {"counts": {"rows": True}}, {"at": 5}],
)
def test_a_stored_record_of_another_form_is_refused(change: dict[str, object]) -> None:
    plain = to_plain(OUTER)
    assert isinstance(plain, dict)
    with pytest.raises(Corrupted):
        from_plain(Outer, {**plain, **change})


def test_a_missing_field_is_refused_and_one_with_a_default_is_not() -> None:
    plain = to_plain(OUTER)
    assert isinstance(plain, dict)
    assert from_plain(Outer, {name: value for name, value in plain.items() if name != "maybe"}) == OUTER
    with pytest.raises(Corrupted):
        from_plain(Outer, {name: value for name, value in plain.items() if name != "who"})


instants = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3))]))
decimals = st.decimals(-(10**6), 10**6, places=4)
inners = st.builds(Inner, day=st.dates(), purposes=st.frozensets(st.sampled_from(Purpose)))
outers = st.builds(
    Outer,
    who=texts.map(PrincipalId),
    at=instants,
    rate=decimals,
    parts=st.lists(inners).map(tuple),
    counts=st.dictionaries(texts, st.integers(-(2**53) + 1, 2**53 - 1)),
    maybe=st.none() | st.integers(0, 9) | st.booleans(),
)


@given(outers | st.lists(st.builds(Grown, first=st.integers(0, 9), second=texts.filter(len) | st.just(""))))
def test_a_thing_is_encoded_as_the_plain_value_that_it_is_turned_into(thing: object) -> None:
    """By `json` of the standard library, which sorts as RFC 8785 does where names are ASCII."""
    plain = to_plain(thing)
    assert encode(thing) == encode(plain)
    assert json.loads(encode(thing)) == plain
    if encode(thing).isascii():
        assert encode(thing) == json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def test_a_digest_names_its_algorithm() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest_bytes(b"") == f"sha256:{empty}"


def _has_float(value: object) -> bool:
    match value:
        case float():
            return True
        case list():
            return any(_has_float(item) for item in value)
        case dict():
            return any(_has_float(item) for item in value.values())
    return False


def test_a_field_that_came_later_changes_no_digest_of_before_and_is_hashed_where_it_says_something() -> None:
    assert to_plain(Grown(first=1)) == {"first": 1}
    assert to_plain(Grown(first=1, second="x")) == {"first": 1, "second": "x"}
    assert from_plain(Grown, {"first": 1}) == Grown(first=1)
    assert digest_of(Grown(first=1)) != digest_of(Grown(first=1, second="x"))


def test_the_digest_of_what_is_frozen_is_of_the_very_object_and_not_of_an_equal_one() -> None:
    """`1` and `True` are equal, hash alike, and are written differently."""

    @dataclass(frozen=True, slots=True)
    class One:
        value: int

    number, truth = One(1), One(True)
    assert number == truth
    for one in (number, truth, number):
        assert digest_of_frozen(one) == digest_of(one)
    assert digest_of_frozen(number) != digest_of_frozen(truth)
    for each in range(2_000):  # more than are remembered, most of them at an address that another one had
        passing = One(each)
        assert digest_of_frozen(passing) == digest_of(passing)


@pytest.mark.parametrize("kind", [Plan, FairnessDeclaration])
def test_nothing_in_what_is_remembered_by_its_object_can_change(kind: type) -> None:
    @dataclass(frozen=True)
    class Holds:
        lists: tuple[list[int], ...]

    assert changeable(Holds) == [list[int]]
    assert changeable(kind) == []


def changeable(kind: Any, seen: frozenset[Any] = frozenset()) -> list[Any]:
    """The types inside of which something could be changed in place."""
    if kind in seen or get_origin(kind) is Literal:
        return []
    if is_dataclass(kind):
        if not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            return [kind]
        inner = get_type_hints(kind).values()
    elif get_origin(kind) in (tuple, frozenset, Union, UnionType):
        inner = [each for each in get_args(kind) if each is not ...]
    else:
        plain = get_origin(kind) or getattr(kind, "__supertype__", kind)
        return [] if issubclass(plain, str | int | Decimal | date | NoneType | Enum) else [kind]
    return [found for each in inner for found in changeable(each, seen | {kind})]
