"""Envelopes: what one process seals only a process with the same key opens, and only where it belongs."""

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.errors import Corrupted
from tunewarden.drivers.envelopes import SealedEnvelopes

KEY = bytes(range(32))


@given(st.binary(max_size=700), st.text(st.characters(codec="utf-8"), max_size=20))
def test_what_was_sealed_comes_out_as_it_was(content: bytes, about: str) -> None:
    assert SealedEnvelopes(KEY).open(about, SealedEnvelopes(KEY).seal(about, content)) == content


def test_no_two_are_alike_and_the_length_tells_little() -> None:
    seal = SealedEnvelopes(KEY).seal
    assert seal("a", b"P-001") != seal("a", b"P-001")
    assert {len(seal("a", bytes(size))) for size in range(256)} == {2 * (12 + 256 + 16)}
    assert len(seal("a", bytes(256))) == 2 * (12 + 512 + 16)


def test_the_content_stands_nowhere_in_it() -> None:
    sealed = SealedEnvelopes(KEY).seal("erasure-1 of ds-1", b"Ada Lovelace")
    assert b"Ada" not in bytes.fromhex(sealed)


@pytest.mark.parametrize("sealed", ["", "00", "no hexadecimal digits", "0" * 600])
def test_what_is_no_envelope_is_refused(sealed: str) -> None:
    with pytest.raises(Corrupted) as raised:
        SealedEnvelopes(KEY).open("a", sealed)
    assert raised.value.code == "envelope_corrupted"


def test_another_key_another_place_and_a_changed_digit_are_refused() -> None:
    sealed = SealedEnvelopes(KEY).seal("erasure-1 of ds-1", b"P-001")
    for position in range(0, len(sealed), 37):
        digit = "0" if sealed[position] != "0" else "1"
        with pytest.raises(Corrupted):
            SealedEnvelopes(KEY).open("erasure-1 of ds-1", f"{sealed[:position]}{digit}{sealed[position + 1 :]}")
    with pytest.raises(Corrupted):
        SealedEnvelopes(bytes(32)).open("erasure-1 of ds-1", sealed)
    with pytest.raises(Corrupted):
        SealedEnvelopes(KEY).open("erasure-2 of ds-1", sealed)
