"""Words that are put into requests are found however they come out, and nothing else is taken for one."""

import json
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from html import escape
from urllib.parse import quote, urlencode

import pytest
from tests.entry.api.planting import Planted

WRITTEN: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "in capitals": lambda text: text.upper().encode(),
    "as JSON": lambda text: json.dumps({"is": text}).encode(),
    "as a path": lambda text: quote(text, safe="").encode(),
    "as a query": lambda text: urlencode({"is": text}).encode(),
    "as HTML": lambda text: escape(text).encode(),
    "as a literal": lambda text: repr({"is": text}).encode(),
    "in base64": lambda text: b64encode(f"a{text}".encode()),
    "in base64 for URLs": lambda text: urlsafe_b64encode(f"{text}".encode()),
    "in base64 within": lambda text: b64encode(json.dumps({"b": text}).encode()),
    "in hexadecimal": lambda text: text.encode().hex().upper().encode(),
    "as its digest": lambda text: sha256(text.encode()).hexdigest().encode(),
    "its first twelve letters": lambda text: text[:12].encode(),
    "twelve letters from within": lambda text: text[3:15].encode(),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_a_word_is_found_and_says_its_place(how: str) -> None:
    planted = Planted()
    words = {place: planted.word(place) for place in map(str, range(40))}
    for place, word in words.items():
        assert planted.found_in(b"before " + WRITTEN[how](word) + b" after") == {place}


@pytest.mark.parametrize("how", [how for how in WRITTEN if "letters" not in how])
def test_a_text_and_what_looks_like_an_id_are_found_too(how: str) -> None:
    planted = Planted()
    text, like = planted.text("text"), planted.like("file-" + "0" * 32, "id")
    assert planted.found_in(WRITTEN[how](text)) == {"text"}
    if how != "in hexadecimal" and "base64" not in how:
        assert planted.found_in(WRITTEN[how](like)) == {"id"}


def test_what_looks_like_an_id_has_the_form_of_one() -> None:
    planted = Planted()
    digest = "sha256:" + "0" * 64
    assert [len(planted.like(one, "")) for one in ("ds-" + "0" * 32, digest)] == [35, 71]
    assert planted.like(digest, "").startswith("sha256:f")
    assert planted.like("word", "").startswith("q")
    assert planted.like(7, "").startswith("q")


def test_nothing_else_is_taken_for_one() -> None:
    """Twelve letters by chance: of 10**6 random characters fewer than one in 10**9 tries has them."""
    planted = Planted()
    for place in range(5_000):
        planted.word(str(place))
        planted.like("0" * 64, str(place))
    random = secrets.token_urlsafe(400_000) + secrets.token_hex(200_000)
    assert planted.found_in(random.encode()) == set()
    assert planted.found_in(b"only eleven: " + planted.word("x")[:11].encode() + b".") == set()
