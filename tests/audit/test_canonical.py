"""Canonical JSON: the author's pairs of RFC 8785, and what is refused."""

import json
from pathlib import Path

import pytest

from tunewarden_audit.canonical import DEEPEST, LARGEST_INTEGER, NotCanonical, decode, encode


@pytest.mark.parametrize("name", ["french", "unicode", "weird"])
def test_the_rfc_8785_pairs_without_fractions_are_reproduced(vectors: Path, name: str) -> None:
    folder = vectors / "jcs-rfc8785" / "testdata"
    value = json.loads((folder / "input" / f"{name}.json").read_text(encoding="utf-8"))
    expected = (folder / "output" / f"{name}.json").read_bytes()
    assert encode(value) == expected
    assert decode(expected) == value


@pytest.mark.parametrize("name", ["arrays", "structures"])
def test_the_rfc_8785_pairs_whose_output_has_only_integers_are_read(vectors: Path, name: str) -> None:
    expected = (vectors / "jcs-rfc8785" / "testdata" / "output" / f"{name}.json").read_bytes()
    assert encode(decode(expected)) == expected


def test_the_rfc_8785_pair_with_fractions_is_refused_because_our_numbers_are_integers(vectors: Path) -> None:
    folder = vectors / "jcs-rfc8785" / "testdata"
    with pytest.raises(NotCanonical, match="float has no canonical form"):
        encode(json.loads((folder / "input" / "values.json").read_text(encoding="utf-8")))
    with pytest.raises(NotCanonical, match="not an integer"):
        decode((folder / "output" / "values.json").read_bytes())


@pytest.mark.parametrize(
    ("data", "because"),
    [
        (b'{"a":1,"a":1}', "same member twice"),
        (b'{"b":1,"a":1}', "not in canonical form"),
        (b'{"a": 1}', "not in canonical form"),
        (b'{"a":1}\n', "not in canonical form"),
        (b'{"a":1}\r\n', "not in canonical form"),
        (b'"\\u0041"', "not in canonical form"),
        (b"\xef\xbb\xbf1", "not JSON"),
        (b"-0", "not in canonical form"),
        (b"1.0", "not an integer"),
        (b"1e3", "not an integer"),
        (b"NaN", "not an integer"),
        (b"9007199254740992", "larger than"),
        (b"9" * 5000, "not JSON"),
        (b'"\\ud800"', "half of a surrogate pair"),
        (b'"\xff"', "not UTF-8"),
        (b'{"a":', "not JSON"),
        (b"", "not JSON"),
        (b"[" * 100_000, "nested deeper"),
        (b"[" * (DEEPEST + 2) + b"]" * (DEEPEST + 2), "nested deeper"),
    ],
)
def test_bytes_that_are_not_the_one_form_are_refused_with_the_reason(data: bytes, because: str) -> None:
    with pytest.raises(NotCanonical, match=because):
        decode(data)


@pytest.mark.parametrize(
    "value", [1.5, {1: "a"}, {"a": {1, 2}}, b"bytes", LARGEST_INTEGER + 1, "\ud800", {"\ud800": 1}]
)
def test_values_without_a_canonical_form_are_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        encode(value)
