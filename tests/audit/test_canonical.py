"""Canonical JSON: the author's pairs of RFC 8785, and what is refused."""

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tunewarden_audit.canonical import DEEPEST, LARGEST_INTEGER, NotCanonical, decode, encode, encode_json

PAIRS = ["arrays", "french", "structures", "unicode", "values", "weird"]


@pytest.mark.parametrize("name", PAIRS)
def test_every_rfc_8785_pair_is_reproduced_fractions_included(vectors: Path, name: str) -> None:
    folder = vectors / "jcs-rfc8785" / "testdata"
    assert sorted(path.stem for path in (folder / "output").iterdir()) == PAIRS
    value = json.loads((folder / "input" / f"{name}.json").read_text(encoding="utf-8"))
    assert encode_json(value) == (folder / "output" / f"{name}.json").read_bytes()


@pytest.mark.parametrize(  # RFC 8785 appendix B
    ("bits", "expected"),
    [
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("ffefffffffffffff", "-1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555554", "333333333.33333325"),
        ("41b3de4355555555", "333333333.3333333"),
        ("41b3de4355555556", "333333333.3333334"),
        ("41b3de4355555557", "333333333.33333343"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_the_number_samples_of_rfc_8785_are_written_as_it_writes_them(bits: str, expected: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert encode_json(number) == expected.encode()


@pytest.mark.parametrize("bits", ["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"])
def test_what_is_no_finite_number_is_refused(bits: str) -> None:
    with pytest.raises(NotCanonical, match="not finite"):
        encode_json(struct.unpack(">d", bytes.fromhex(bits))[0])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_another_encoder_of_rfc_8785_writes_the_same(value: object) -> None:
    other = pytest.importorskip("rfc8785", reason="the package rfc8785 is not installed here")
    try:
        expected = other.dumps(value)
    except other.CanonicalizationError:
        with pytest.raises(NotCanonical):
            encode_json(value)
    else:
        assert encode_json(value) == expected


@pytest.mark.parametrize("name", ["french", "unicode", "weird"])
def test_the_rfc_8785_pairs_without_fractions_are_reproduced_by_the_encoder_of_entries(
    vectors: Path, name: str
) -> None:
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
