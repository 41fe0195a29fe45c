"""The recipe: every way to tamper that we know is named by the check that must see it."""

import hashlib
import io
import json
import zipfile
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st

from tunewarden_audit import bundle
from tunewarden_audit.bundle import ConsistencyProof, InclusionProof, entry_name, proof_name
from tunewarden_audit.canonical import encode
from tunewarden_audit.merkle import Tree, leaf_hash
from tunewarden_audit.note import SignerKey, TreeHead, sign_note
from tunewarden_audit.verify import Grade, Report, verify

NAMES = ["archive", "manifest", "key", "tree head", "entries", "inclusion", "documents", "lineage", "attestations"]


def faults(report: Report) -> dict[str, str]:
    """The checks that did not pass, by name, with their reasons."""
    return {check.name: check.because for check in report.checks if check.grade is not Grade.CONSISTENT}


def test_the_golden_bundle_is_consistent(golden: Any, bundle_bytes: bytes) -> None:
    report = verify(bundle_bytes, [golden.KEY.verifier])
    assert report.verdict is Grade.CONSISTENT
    assert [check.name for check in report.checks] == NAMES
    assert [check.number for check in report.checks] == list(range(1, 10))


def test_without_a_key_from_elsewhere_the_verdict_is_incomplete_and_gives_the_fingerprint(
    golden: Any, bundle_bytes: bytes
) -> None:
    report = verify(bundle_bytes)
    assert report.verdict is Grade.INCOMPLETE
    assert golden.KEY.verifier.fingerprint in faults(report)["key"]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_one_changed_bit_anywhere_in_a_bundle_is_detected(
    golden: Any, bundle_bytes: bytes, data: st.DataObject
) -> None:
    changed = bytearray(bundle_bytes)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert verify(bytes(changed), [golden.KEY.verifier]).verdict is Grade.INVALID


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_one_changed_bit_of_evidence_is_detected_even_when_manifest_and_archive_are_made_anew(
    golden: Any, files: dict[str, bytes], forge: Any, data: st.DataObject
) -> None:
    evidence = ("checkpoint", "vkey.txt", "entries/", "proofs/", "documents/", "attestations/", "verdicts.json")
    name = data.draw(st.sampled_from(sorted(name for name in files if name.startswith(evidence))))
    changed = bytearray(files[name])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert verify(forge({name: bytes(changed)}), [golden.KEY.verifier]).verdict is Grade.INVALID


def test_a_rewritten_report_with_a_rewritten_manifest_passes_which_is_why_the_format_says_so(
    golden: Any, forge: Any
) -> None:
    assert verify(forge({"report.html": b"nothing happened"}), [golden.KEY.verifier]).verdict is Grade.CONSISTENT


@settings(deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=300))
@example(b"", b"")
@example(b"PK\x03\x04" + b"\xff" * 26, b"\n\n")
def test_no_input_raises(data: bytes, since: bytes) -> None:
    assert verify(data, (), since).verdict is Grade.INVALID


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_content_of_any_file_raises(golden: Any, files: dict[str, bytes], forge: Any, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(files)))
    json_like = st.recursive(
        st.none() | st.booleans() | st.integers(-3, 9) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["entries", "v", "at", "type", "actor", "hashes", "index", "size"]), inner
            )
        ),
    ).map(encode)
    verify(forge({name: data.draw(st.binary(max_size=200) | json_like)}), [golden.KEY.verifier], files["checkpoint"])


# Tampering, by check. -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 30, 1000, 7000])
def test_a_truncated_bundle_fails_at_the_archive(golden: Any, bundle_bytes: bytes, cut: int) -> None:
    report = verify(bundle_bytes[:-cut], [golden.KEY.verifier])
    assert [check.name for check in report.checks] == ["archive"]
    assert report.verdict is Grade.INVALID


def test_a_bundle_zipped_again_by_another_tool_fails_at_the_archive(golden: Any, files: dict[str, bytes]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    assert "is compressed" in faults(verify(buffer.getvalue(), [golden.KEY.verifier]))["archive"]


def test_a_file_that_the_manifest_does_not_list_as_it_is_fails_at_the_manifest(
    golden: Any, files: dict[str, bytes], forge: Any
) -> None:
    manifest = files["MANIFEST.sha256"]
    for changes, because in (
        ({"report.html": b"x"}, "report.html does not have the digest"),
        ({"report.html": None}, "'report.html' is in MANIFEST.sha256 but not in the bundle"),
        ({"extra.html": b"x"}, "extra.html is not a file of this format"),
        ({proof_name(3): b"{}"}, "does not have the digest"),
        ({"MANIFEST.sha256": manifest + b"\n"}, "but not in the bundle"),
        ({"MANIFEST.sha256": manifest.replace(b"\n", b"\r\n")}, "as sha256sum writes it"),
        ({"MANIFEST.sha256": manifest.upper()}, "does not have the digest"),
        ({"MANIFEST.sha256": b"\xff"}, "does not have the digest"),
    ):
        report = verify(forge({"MANIFEST.sha256": manifest, **changes}), [golden.KEY.verifier])
        assert because in faults(report)["manifest"]
        assert report.verdict is Grade.INVALID


@pytest.mark.parametrize("name", ["MANIFEST.sha256", "checkpoint", "vkey.txt", "lineage.json", "report.html"])
def test_a_bundle_without_a_required_file_is_incomplete(golden: Any, forge: Any, name: str) -> None:
    report = verify(forge({name: None}), [golden.KEY.verifier])
    assert f"{name} is not in the bundle" in faults(report)["manifest"]
    assert report.verdict is Grade.INCOMPLETE


def test_another_logs_key_fails_at_the_key(bundle_bytes: bytes) -> None:
    stranger = SignerKey.generate("log.example/2026").verifier
    found = faults(verify(bundle_bytes, [stranger]))
    assert "another key than yours" in found["key"]
    assert "no trusted key" in found["tree head"]
    assert "not checked" in found["inclusion"]


@pytest.mark.parametrize("end", [b"", b"\x0b", b"\r\n", b"\n\n"])
def test_a_key_file_that_holds_more_than_the_line_of_the_key_fails_at_the_key(
    golden: Any, forge: Any, end: bytes
) -> None:
    forged = forge({"vkey.txt": golden.KEY.verifier.vkey.encode() + end})
    assert "not one line" in faults(verify(forged, [golden.KEY.verifier]))["key"]


def test_a_bundle_signed_anew_by_a_forger_fails_under_the_auditors_key(golden: Any, forge: Any) -> None:
    forger = SignerKey.generate("log.example/2026")
    text = golden.parts().checkpoint.partition("\n\n")[0] + "\n"
    forged = forge({"checkpoint": sign_note(text, forger).encode(), "vkey.txt": forger.verifier.vkey.encode() + b"\n"})
    assert verify(forged, [golden.KEY.verifier]).verdict is Grade.INVALID
    kept = forge({"checkpoint": sign_note(text, forger).encode()})
    assert "no trusted key" in faults(verify(kept, [golden.KEY.verifier]))["tree head"]


def head_of(golden: Any) -> TreeHead:
    return TreeHead.parse(golden.parts().checkpoint.partition("\n\n")[0] + "\n")


@pytest.mark.parametrize(
    ("change", "because"),
    [
        (lambda h: TreeHead("other.example", h.size, h.root), "origin"),
        (lambda h: TreeHead(h.origin, 0, h.root), "size 0 proves nothing"),
    ],
)
def test_a_head_of_another_origin_or_of_size_0_fails_at_the_tree_head(
    golden: Any, forge: Any, change: Any, because: str
) -> None:
    checkpoint = sign_note(change(head_of(golden)).text(), golden.KEY).encode()
    assert because in faults(verify(forge({"checkpoint": checkpoint}), [golden.KEY.verifier]))["tree head"]


def test_a_checkpoint_with_crlf_fails_at_the_tree_head(golden: Any, files: dict[str, bytes], forge: Any) -> None:
    forged = forge({"checkpoint": files["checkpoint"].replace(b"\n", b"\r\n")})
    assert "CRLF" in faults(verify(forged, [golden.KEY.verifier]))["tree head"]


def test_an_entry_that_can_be_read_in_two_ways_fails_at_the_entries(
    golden: Any, files: dict[str, bytes], forge: Any
) -> None:
    name = entry_name(4)
    entry = files[name]
    for altered, because in (
        (entry.replace(b'{"actor":', b'{"actor":"pr-ann","actor":'), "same member twice"),
        (entry + b"\r\n", "not in canonical form"),
        (entry.replace(b'"v":1', b'"v":1.0'), "not an integer"),
        (entry.replace(b'"v":1', b'"v":2'), "not an entry of version 1"),
        (entry.replace(b'"v":1', b'"v":true'), "not an entry of version 1"),
        (entry.replace(b"T02:00", b" 02:00"), "has no time"),
        (entry.replace(b'"pr-bob"', b"null"), "lacks type or actor"),
        (b"[]", "not an entry of version 1"),
        (b'"' + b"x" * 65_535 + b'"', "longer than 65,535 bytes"),
    ):
        found = faults(verify(forge({name: altered}), [golden.KEY.verifier]))
        assert name in found["entries"]
        assert because in found["entries"]
        assert "another root" in found["inclusion"]
        assert "not checked" in found["documents"]


def test_an_edited_entry_fails_at_inclusion(golden: Any, files: dict[str, bytes], forge: Any) -> None:
    edited = forge({entry_name(2): files[entry_name(2)].replace(b"pr-ann", b"pr-bob")})
    found = faults(verify(edited, [golden.KEY.verifier]))
    assert found.keys() == {"inclusion"}
    assert entry_name(2) in found["inclusion"]


def test_two_entries_that_changed_places_fail_at_inclusion(golden: Any, files: dict[str, bytes], forge: Any) -> None:
    swapped = forge({entry_name(1): files[entry_name(2)], entry_name(2): files[entry_name(1)]})
    assert faults(verify(swapped, [golden.KEY.verifier])).keys() == {"inclusion"}


def test_an_inserted_entry_or_one_beyond_the_size_fails_at_inclusion(
    golden: Any, files: dict[str, bytes], forge: Any
) -> None:
    for index in (3, 9, 10**19):
        proof = InclusionProof(index, 9, InclusionProof.decode(files[proof_name(6)]).hashes)
        changes = {
            entry_name(index): files[entry_name(6)],
            proof_name(index): proof.encode() if index < 2**53 else b"{}",
        }
        found = faults(verify(forge(changes), [golden.KEY.verifier]))
        assert str(index) in found["inclusion"] or "proof file" in found["inclusion"]


def test_a_proof_of_64_hashes_fails_at_inclusion(golden: Any, forge: Any) -> None:
    proof = InclusionProof(4, 9, (bytes(32),) * 64).encode()
    found = faults(verify(forge({proof_name(4): proof}), [golden.KEY.verifier]))
    assert "needs more than 63" in found["inclusion"]


def test_a_proof_about_another_index_or_size_fails_at_inclusion(
    golden: Any, files: dict[str, bytes], forge: Any
) -> None:
    hashes = InclusionProof.decode(files[proof_name(4)]).hashes
    for proof in (InclusionProof(5, 9, hashes), InclusionProof(4, 8, hashes)):
        found = faults(verify(forge({proof_name(4): proof.encode()}), [golden.KEY.verifier]))
        assert "another index or size" in found["inclusion"]


def test_an_entry_without_its_proof_is_incomplete_and_a_proof_without_its_entry_is_invalid(
    golden: Any, files: dict[str, bytes], forge: Any
) -> None:
    report = verify(forge({proof_name(4): None}), [golden.KEY.verifier])
    assert faults(report) == {"inclusion": f"{proof_name(4)} is not in the bundle"}
    assert report.verdict is Grade.INCOMPLETE
    report = verify(forge({proof_name(3): files[proof_name(4)]}), [golden.KEY.verifier])
    assert "proves an entry that is not here" in faults(report)["inclusion"]


def test_a_document_that_no_entry_names_or_whose_name_lies_fails_at_the_documents(golden: Any, forge: Any) -> None:
    stray = encode({"metric": "accuracy", "value": "0.99"})
    plan = "documents/" + hashlib.sha256(golden.PLAN).hexdigest() + ".json"
    for changes, because in (
        ({f"documents/{hashlib.sha256(stray).hexdigest()}.json": stray}, "is named by no entry"),
        ({plan: stray}, "does not have the digest in its name"),
    ):
        found = faults(verify(forge(changes), [golden.KEY.verifier]))
        assert found.keys() == {"documents"}
        assert because in found["documents"]


def test_a_document_that_an_entry_names_but_that_can_be_read_in_two_ways_fails_at_the_documents() -> None:
    document = b'{"epsilon":"8","epsilon":"80"}'
    fact = {"plan": "sha256:" + hashlib.sha256(document).hexdigest()}
    entry = encode({"actor": "pr-ann", "at": "2026-11-21T02:00:00.000Z", "fact": fact, "type": "T", "v": 1})
    data, key = small_bundle(entry, [document])
    assert "same member twice" in faults(verify(data, [key.verifier]))["documents"]


def test_an_entry_that_the_lineage_cites_but_the_bundle_lacks_makes_it_incomplete(golden: Any, forge: Any) -> None:
    report = verify(forge({entry_name(4): None, proof_name(4): None}), [golden.KEY.verifier])
    assert faults(report) == {"lineage": "entry 4 is cited but not in the bundle"}
    assert report.verdict is Grade.INCOMPLETE


@pytest.mark.parametrize(
    ("lineage", "because"),
    [
        (b'{"entries":[0,1,2,4,5,6,7]}', "entry 8 is in the bundle but lineage.json does not cite it"),
        (b'{"entries":[8,7,6,5,4,2,1,0]}', "no sorted list"),
        (b'{"entries":[0,1,2,4,5,6,7,8,8]}', "no sorted list"),
        (b'{"entries":[false,1,2,4,5,6,7,8]}', "no sorted list"),
        (b'{"entries":["0"]}', "no sorted list"),
        (b'{"entries":7}', "no sorted list"),
        (b"[0,1,2,4,5,6,7,8]", "no sorted list"),
        (b'{"entries":[0,1,2,4,5,6,7,8],"entries":[]}', "same member twice"),
        (b'{"entries":[0,1,2,4,5,6,7,8],"epsilon":7.9}', "not an integer"),
    ],
)
def test_a_lineage_that_cites_otherwise_than_the_bundle_holds_is_invalid(
    golden: Any, forge: Any, lineage: bytes, because: str
) -> None:
    report = verify(forge({"lineage.json": lineage}), [golden.KEY.verifier])
    assert because in faults(report)["lineage"]
    assert report.verdict is Grade.INVALID


def test_a_bundle_without_entries_is_incomplete(golden: Any, files: dict[str, bytes], forge: Any) -> None:
    gone: dict[str, bytes | None] = {
        name: None for name in files if name.startswith(("entries/", "proofs/", "documents/"))
    }
    report = verify(forge({**gone, "lineage.json": b'{"entries":[]}'}), [golden.KEY.verifier])
    assert "holds no entry" in faults(report)["entries"]
    assert report.verdict is Grade.INCOMPLETE


# History: an earlier checkpoint that the auditor kept. ----------------------------------------------------------------


def test_an_earlier_checkpoint_of_this_log_is_its_beginning(golden: Any, bundle_bytes: bytes) -> None:
    made = golden.parts()
    for since in (made.old_checkpoint, made.checkpoint):
        report = verify(bundle_bytes, [golden.KEY.verifier], since.encode())
        assert report.verdict is Grade.CONSISTENT
        assert report.checks[-1].name == "history"


def test_a_log_that_was_cut_and_signed_anew_has_diverged(golden: Any, bundle_bytes: bytes) -> None:
    later = head_of(golden)
    since = sign_note(TreeHead(later.origin, later.size + 1, later.root).text(), golden.KEY).encode()
    report = verify(bundle_bytes, [golden.KEY.verifier], since)
    assert report.verdict is Grade.DIVERGED
    assert "rolled back" in faults(report)["history"]


@pytest.mark.parametrize("size", [4, 9])
def test_another_root_at_a_size_that_the_auditor_saw_has_diverged(golden: Any, bundle_bytes: bytes, size: int) -> None:
    since = sign_note(TreeHead("log.example/2026", size, bytes(32)).text(), golden.KEY).encode()
    assert verify(bundle_bytes, [golden.KEY.verifier], since).verdict is Grade.DIVERGED


def test_without_a_consistency_proof_from_that_size_the_history_is_incomplete(golden: Any, bundle_bytes: bytes) -> None:
    since = sign_note(TreeHead("log.example/2026", 3, bytes(32)).text(), golden.KEY).encode()
    report = verify(bundle_bytes, [golden.KEY.verifier], since)
    assert report.verdict is Grade.INCOMPLETE
    assert "ask for one made since size 3" in faults(report)["history"]


def test_an_earlier_checkpoint_of_another_log_or_with_another_key_is_invalid(golden: Any, bundle_bytes: bytes) -> None:
    other = SignerKey.generate("other.example")
    since = sign_note(TreeHead("other.example", 4, bytes(32)).text(), other).encode()
    assert "no trusted key" in faults(verify(bundle_bytes, [golden.KEY.verifier], since))["history"]
    report = verify(bundle_bytes, [golden.KEY.verifier, other.verifier], since)
    assert "another log" in faults(report)["history"]
    assert report.verdict is Grade.INVALID


def test_a_consistency_proof_about_other_sizes_is_invalid(golden: Any, forge: Any) -> None:
    proof = ConsistencyProof(3, 9, ()).encode()
    forged = forge({bundle.consistency_name(4): proof})
    report = verify(forged, [golden.KEY.verifier], golden.parts().old_checkpoint.encode())
    assert "about other sizes" in faults(report)["history"]


def test_no_reason_quotes_what_the_bundle_holds(golden: Any, files: dict[str, bytes], forge: Any) -> None:
    canary = b"canary-jane-doe"
    for name in files:
        if name != "MANIFEST.sha256":
            for altered in (
                canary,
                encode({"entries": canary.decode(), "hashes": [canary.decode()], "v": canary.decode()}),
            ):
                report = verify(forge({name: altered}), [golden.KEY.verifier], canary)
                assert canary.decode() not in json.dumps([check.because for check in report.checks])


def small_bundle(entry: bytes, documents: list[bytes]) -> tuple[bytes, SignerKey]:
    """A log of one entry, with its bundle and key."""
    key = SignerKey.generate("log.example")
    tree = Tree([leaf_hash(entry)])
    data = bundle.pack(
        checkpoint=sign_note(TreeHead(key.name, 1, tree.root()).text(), key),
        vkey=key.verifier.vkey,
        entries={0: entry},
        proofs=[InclusionProof(0, 1, ())],
        documents=documents,
        lineage=b'{"entries":[0]}',
        report=b"",
    )
    return data, key
