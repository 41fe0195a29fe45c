"""The auditor and the platform, written apart, read the same bytes in the same way: the only tests that know both."""

from collections.abc import Callable
from datetime import UTC, datetime

from hypothesis import given, strategies as st

from tunewarden.domain import canonical as platform
from tunewarden.domain.entries import LARGEST_ENTRY, entry_bytes
from tunewarden.domain.errors import Corrupted
from tunewarden.domain.events import RequestApproved
from tunewarden.domain.names import PrincipalId, RequestId
from tunewarden_audit import bundle
from tunewarden_audit.canonical import LARGEST_INTEGER, NotCanonical, decode, encode
from tunewarden_audit.merkle import leaf_hash
from tunewarden_audit.note import SignerKey, TreeHead, sign_note
from tunewarden_audit.verify import LONGEST_ENTRY, Grade, verify

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER) | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5))


@given(VALUES)
def test_the_two_encoders_of_the_house_agree_and_read_each_other(value: object) -> None:
    data = encode(value)
    assert platform.encode(value) == data
    assert platform.decode(data) == decode(data) == value


@given(VALUES, st.data())
def test_the_two_decoders_of_the_house_refuse_the_same_bytes(value: object, data: st.DataObject) -> None:
    altered = bytearray(encode(value))
    altered[data.draw(st.integers(0, len(altered) - 1))] = data.draw(st.integers(0, 255))
    assert accepts(platform.decode, bytes(altered)) == accepts(decode, bytes(altered))


def test_an_entry_that_the_platform_writes_and_the_plan_it_names_are_accepted() -> None:
    plan = platform.encode({"base_model": "starter"})
    event = RequestApproved(request=RequestId("ft-1"), plan=platform.digest_bytes(plan))
    entry = entry_bytes(event, actor=PrincipalId("pr-bob"), at=datetime(2026, 11, 21, 2, 0, 0, 5000, tzinfo=UTC))
    key = SignerKey.generate("log.example")
    data = bundle.pack(
        checkpoint=sign_note(TreeHead(key.name, 1, leaf_hash(entry)).text(), key),
        vkey=key.verifier.vkey,
        entries={0: entry},
        proofs=[bundle.InclusionProof(0, 1, ())],
        documents=[plan],
        lineage=platform.encode({"entries": [0]}),
        report=b"",
    )
    assert verify(data, [key.verifier]).verdict is Grade.CONSISTENT


def test_both_know_the_same_longest_entry() -> None:
    assert LARGEST_ENTRY == LONGEST_ENTRY


def accepts(reader: Callable[[bytes], object], data: bytes) -> bool:
    try:
        reader(data)
    except (NotCanonical, Corrupted):
        return False
    return True
