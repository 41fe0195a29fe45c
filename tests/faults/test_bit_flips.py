"""One changed bit anywhere in a bundle is detected; and what is left when the forger mends manifest and archive too."""

import io
import zipfile
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from tests.faults.conftest import Forge

from tunewarden_audit import retold
from tunewarden_audit.bundle import MANIFEST, read_bundle
from tunewarden_audit.verify import Grade, verify

READING_AIDS = {"HOWTO-VERIFY.txt", "ml-bom.cdx.json", "model-card.md", "report.html"}
"""Files that only the manifest covers: nothing else in a bundle contradicts a word of them."""

RETOLD = {"lineage.json", "lineage.prov.json"}
"""Files whose statements are held against the entries as far as they cite one; other words in them may change."""


def verdict(golden: Any, data: bytes) -> Grade:
    """As an auditor gets it who brings the key and an earlier checkpoint, so that every file has a reader."""
    return verify(data, [golden.KEY.verifier], golden.parts().old_checkpoint.encode()).verdict


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def parts(data: bytes) -> dict[str, range]:
    """Every part of a zip archive without compression, by name: bytes of the headers, the contents, the directory."""
    found, at = {}, 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members, directory = archive.infolist(), archive.start_dir
    for member in members:
        content = member.header_offset + 30 + len(member.filename)
        found[f"header of {member.filename}"] = range(member.header_offset, content)
        found[member.filename] = range(content, content + member.file_size)
        record = directory + at
        at += 46 + len(member.filename)
        found[f"record of {member.filename}"] = range(record, record + 46 + len(member.filename))
    found["end record"] = range(directory + at, len(data))
    return found


def test_the_parts_are_all_there_is(bundle_bytes: bytes) -> None:
    assert sorted(byte for part in parts(bundle_bytes).values() for byte in part) == list(range(len(bundle_bytes)))


def require_detected(golden: Any, changed: bytes) -> None:
    report = verify(changed, [golden.KEY.verifier])
    assert report.verdict is Grade.INVALID
    assert {check.name for check in report.checks if check.grade is Grade.INVALID} & {"archive", "manifest"}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_one_changed_bit_anywhere_in_a_bundle_is_detected_at_the_archive_or_the_manifest(
    golden: Any, bundle_bytes: bytes, data: st.DataObject
) -> None:
    """A part is drawn before a byte of it: half of the parts have fewer than one byte in a hundred."""
    part = data.draw(st.sampled_from(list(parts(bundle_bytes).values())))
    byte, bit = data.draw(st.sampled_from(part)), data.draw(st.integers(0, 7))
    require_detected(golden, flipped(bundle_bytes, 8 * byte + bit))


def test_one_changed_bit_in_each_part_of_a_bundle_is_detected(golden: Any, bundle_bytes: bytes) -> None:
    """Of every file and every header, and every byte of the first file's headers and of the end of the archive."""
    archive = parts(bundle_bytes)
    chosen = {byte for part in archive.values() for byte in (part[0], part[-1])}
    for name in ("header of HOWTO-VERIFY.txt", "record of HOWTO-VERIFY.txt", "end record"):
        chosen |= set(archive[name])
    for byte in sorted(chosen):
        require_detected(golden, flipped(bundle_bytes, 8 * byte + byte % 8))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_one_changed_bit_is_detected_without_the_manifests_help_except_in_what_is_named_here(
    golden: Any, files: dict[str, bytes], forge: Forge, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(files.keys() - READING_AIDS - RETOLD - {MANIFEST})))
    bit = data.draw(st.integers(0, 8 * len(files[name]) - 1))
    forged = forge({name: flipped(files[name], bit)})
    assert read_bundle(forged)[MANIFEST] != files[MANIFEST]
    assert verdict(golden, forged) in {Grade.INVALID, Grade.DIVERGED}


def test_the_files_that_only_the_manifest_covers_are_exactly_the_reading_aids(
    golden: Any, files: dict[str, bytes], forge: Forge
) -> None:
    """A file is covered when some check notices each of these changes; the named ones are not, and we say so."""

    def unnoticed(name: str, bit: int) -> bool:
        forged = forge({name: flipped(files[name], bit)})
        return verdict(golden, forged) is Grade.CONSISTENT

    everywhere = {name: range(0, 8 * len(data), 1 + 8 * len(data) // 60) for name, data in files.items()}
    survived = {name: sum(unnoticed(name, bit) for bit in bits) for name, bits in everywhere.items()}
    assert {name for name, count in survived.items() if count} <= READING_AIDS | RETOLD
    assert {name for name, count in survived.items() if count == len(everywhere[name])} == READING_AIDS


@pytest.mark.parametrize("name", sorted(RETOLD))
def test_a_digest_an_actor_or_an_index_that_is_retold_falsely_is_detected(
    golden: Any, files: dict[str, bytes], forge: Forge, name: str
) -> None:
    text = files[name]
    changes = [text.replace(b"pr-bob", b"pr-eve"), text.replace(b'"index":4', b'"index":2')]
    changes += [flipped(text, 8 * place) for place in _places(text, b"sha256:", 7)]
    changed = [altered for altered in changes if altered != text]
    assert changed
    for altered in changed:
        assert verdict(golden, forge({name: altered})) is Grade.INVALID


def test_a_verdict_that_says_true_for_one_is_retold_falsely() -> None:
    entry = {"type": "GateJudged", "actor": "pr-cy", "at": "2026-11-21T02:00:04.000Z", "fact": {"n": 1}}
    told = retold.verdicts({1: entry})
    retold.require_verdicts(told, {1: entry})
    with pytest.raises(retold.Contradicted):
        retold.require_verdicts(retold.verdicts({1: {**entry, "fact": {"n": True}}}), {1: entry})


def _places(text: bytes, word: bytes, after: int) -> list[int]:
    places, start = [], text.find(word)
    while start >= 0:
        places.append(start + after)
        start = text.find(word, start + 1)
    return places
