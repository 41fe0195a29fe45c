"""Files that tell the entries again may not contradict them, even when manifest and archive are made anew."""

from typing import Any

import pytest

from tunewarden_audit import bundle
from tunewarden_audit.canonical import decode, encode
from tunewarden_audit.verify import Grade, verify


def lineage_check(data: bytes, golden: Any) -> tuple[Grade, str]:
    (check,) = [check for check in verify(data, [golden.KEY.verifier]).checks if check.name == "lineage"]
    return check.grade, check.because


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"actor":"pr-bob"', b'"actor":"pr-ann"'),
        (b'"at":"2026-11-21T02:00:04', b'"at":"2026-11-21T02:00:03'),
        (b'"index":4', b'"index":2'),
    ],
)
def test_who_when_and_where_in_the_lineage_are_the_entrys(
    golden: Any, files: dict[str, bytes], forge: Any, old: bytes, new: bytes
) -> None:
    assert old in files[bundle.LINEAGE]
    grade, because = lineage_check(forge({bundle.LINEAGE: files[bundle.LINEAGE].replace(old, new)}), golden)
    assert grade is Grade.INVALID
    assert "falsely" in because


def test_a_member_that_the_entry_also_has_cannot_be_another(golden: Any, files: dict[str, bytes], forge: Any) -> None:
    told = decode(files[bundle.LINEAGE])
    told["approvals"][0]["request"] = "ft-2"
    assert "retells entry 4 falsely" in lineage_check(forge({bundle.LINEAGE: encode(told)}), golden)[1]


def test_the_lineage_cannot_speak_of_an_entry_that_is_not_here(
    golden: Any, files: dict[str, bytes], forge: Any
) -> None:
    told = decode(files[bundle.LINEAGE])
    told["approvals"].append({"index": 3})
    assert "speaks of entry 3" in lineage_check(forge({bundle.LINEAGE: encode(told)}), golden)[1]


GRAPH: dict[str, Any] = {
    "activity": {
        "tw:attempt-1": {"prov:type": {"$": "tw:TrainAttempt"}},
        "tw:entry-4": {"prov:type": {"$": "tw:RequestApproved"}, "tw:index": {"$": "4"}, "tw:request": "ft-1"},
    },
    "wasAssociatedWith": {"tw:relation-1": {"prov:activity": "tw:entry-4", "prov:agent": "tw:pr-bob"}},
    "wasAttributedTo": {"tw:relation-2": {"prov:agent": "tw:pr-ann", "prov:entity": "x", "tw:index": {"$": "2"}}},
}


def test_a_graph_that_says_what_the_entries_say_is_accepted(golden: Any, forge: Any) -> None:
    assert lineage_check(forge({bundle.PROV: encode(GRAPH)}), golden)[0] is Grade.CONSISTENT


@pytest.mark.parametrize(
    ("old", "new", "because"),
    [
        (b"tw:pr-bob", b"tw:pr-ann", "says that somebody else acted"),
        (b"tw:RequestApproved", b"tw:RequestRejected", "gives an entry another type"),
        (b'{"$":"tw:RequestApproved"}', b'["tw:RequestApproved"]', "gives an entry another type"),
        (b'"tw:request":"ft-1"', b'"tw:request":"ft-2"', "retells an entry falsely"),
        (b'"tw:request":"ft-1"', b'"tw:request":["ft-1","ft-2"]', "retells an entry falsely"),
        (b"tw:pr-ann", b"tw:pr-bob", "says that somebody else acted"),
        (b'"tw:index":{"$":"2"}', b'"tw:index":{"$":"4"}', "says that somebody else acted"),
        (b'"tw:index":{"$":"2"}', b'"tw:index":2', "says that somebody else acted"),
        (b'{"prov:activity"', b'[{}],"x":{"prov:activity"', "says that somebody else acted"),
        (b"tw:entry-4", b"tw:entry-3", "speaks of entry 3, which is not in the bundle"),
        (b'"prov:activity":"tw:entry-4"', b'"prov:activity":"tw:entry-9"', "speaks of entry 9"),
    ],
)
def test_a_graph_with_another_actor_kind_or_word_than_the_entry_is_invalid(
    golden: Any, forge: Any, old: bytes, new: bytes, because: str
) -> None:
    altered = encode(GRAPH).replace(old, new)
    assert altered != encode(GRAPH)
    grade, found = lineage_check(forge({bundle.PROV: altered}), golden)
    assert grade is Grade.INVALID
    assert because in found


@pytest.mark.parametrize("name", [bundle.LINEAGE, bundle.PROV])
def test_a_digest_that_nothing_names_is_found_as_a_value_and_as_a_name(
    golden: Any, files: dict[str, bytes], forge: Any, name: str
) -> None:
    for member, value in (("extra", "sha256:" + "0" * 64), ("sha256:" + "0" * 64, 1)):
        told = decode(files[name])
        told[member] = value
        grade, because = lineage_check(forge({name: encode(told)}), golden)
        assert (grade, because) == (
            Grade.INVALID,
            f"{name} names a digest that no entry and no document names",
        )


def test_verdicts_are_exactly_those_of_the_entries(golden: Any, files: dict[str, bytes], forge: Any) -> None:
    told = files[bundle.VERDICTS]
    for altered in (
        told.replace(b'"outcome":"pass"', b'"outcome":"fail"'),
        told.replace(b'"index":7', b'"index":6'),
        b'{"verdicts":[]}',
        b"[]",
    ):
        assert altered != told
        grade, because = lineage_check(forge({bundle.VERDICTS: altered}), golden)
        assert (grade, because) == (Grade.INVALID, "verdicts.json is not what the entries of type GateJudged say")


def test_exports_may_be_left_out_but_not_be_unreadable(golden: Any, forge: Any) -> None:
    without = forge(dict.fromkeys(bundle.EXPORTS))
    assert verify(without, [golden.KEY.verifier]).verdict is Grade.CONSISTENT
    for name in (bundle.PROV, bundle.VERDICTS):
        assert lineage_check(forge({name: b'{"a":1,"a":1}'}), golden)[0] is Grade.INVALID


@pytest.mark.parametrize("name", sorted(bundle.EXPORTS | bundle.ATTESTATIONS))
def test_a_changed_file_fails_at_the_manifest_unless_that_is_made_anew(
    golden: Any, files: dict[str, bytes], forge: Any, name: str
) -> None:
    forged = forge({name: files[name] + b" ", bundle.MANIFEST: files[bundle.MANIFEST]})
    report = verify(forged, [golden.KEY.verifier])
    failed = {check.name: check.because for check in report.checks if check.grade is Grade.INVALID}
    assert f"{name} does not have the digest" in failed["manifest"]


@pytest.mark.parametrize("name", [bundle.ML_BOM, bundle.MODEL_CARD, bundle.HOWTO, bundle.REPORT])
def test_reading_aids_rewritten_with_the_manifest_pass_which_is_why_the_format_says_so(
    golden: Any, forge: Any, name: str
) -> None:
    assert verify(forge({name: b"nothing happened"}), [golden.KEY.verifier]).verdict is Grade.CONSISTENT
