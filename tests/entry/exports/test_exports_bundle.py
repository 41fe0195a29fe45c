"""The bundle that the platform hands over: the auditor's verifier finds it whole, and finds what is changed."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.entry.exports.conftest import Handed
from tests.entry.report.conftest import CANARIES

from tunewarden.domain.errors import Malformed
from tunewarden.domain.events import ModelRegistered
from tunewarden.entry.exports import exports
from tunewarden.entry.exports.howto import howto
from tunewarden_audit import bundle as archive
from tunewarden_audit.merkle import leaf_hash, root
from tunewarden_audit.note import TreeHead, sign_note
from tunewarden_audit.verify import Grade, verify


def faults(handed: Handed, files: Mapping[str, bytes]) -> dict[str, Grade]:
    """The checks that do not pass when a careful forger makes manifest and archive fit again."""
    forged = {**files, archive.MANIFEST: archive.manifest(files)}
    report = verify(archive.write_bundle(forged), [handed.verifier])
    return {check.name: check.grade for check in report.checks if check.grade is not Grade.CONSISTENT}


def test_the_auditors_verifier_accepts_it_and_it_holds_every_file_of_the_format(handed: Handed) -> None:
    data = handed.bundle()
    report = verify(data, [handed.verifier])
    assert [check.because for check in report.checks if check.grade is not Grade.CONSISTENT] == []
    assert handed.files().keys() >= archive.REQUIRED | archive.EXPORTS | archive.ATTESTATIONS


def test_the_same_state_gives_the_same_bytes(handed: Handed) -> None:
    lineage = handed.told.lineage()
    other_order = replace(lineage, documents=dict(reversed(list(lineage.documents.items()))))
    told: dict[str, Any] = {"origin": "log.example", "metrics": {}, "licences": {}, "vkey": handed.verifier.vkey}
    assert handed.bundle() == handed.bundle()
    assert exports(lineage, **told) == exports(other_order, **told)


@pytest.mark.parametrize("name", sorted(archive.EXPORTS | archive.ATTESTATIONS | {archive.LINEAGE}))
def test_a_changed_byte_is_noticed_at_the_manifest(handed: Handed, name: str) -> None:
    files = handed.files()
    changed = {**files, name: files[name][:-1] + bytes([files[name][-1] ^ 1])}
    report = verify(archive.write_bundle(changed), [handed.verifier])
    assert {check.name: check.grade for check in report.checks}["manifest"] is Grade.INVALID


@pytest.mark.parametrize(
    ("name", "check"),
    [
        (archive.MODEL_SIGNATURE, "attestations"),
        (archive.STATEMENT, "attestations"),
        (archive.RELEASE_KEY, "attestations"),
        (archive.VERDICTS, "lineage"),
        (archive.LINEAGE, "lineage"),
        (archive.PROV, "lineage"),
    ],
)
def test_a_digit_changed_by_a_careful_forger_is_noticed_by_the_check_of_that_file(
    handed: Handed, name: str, check: str
) -> None:
    files = handed.files()
    at = files[name].index(b"sha256:") + 20 if b"sha256:" in files[name] else len(files[name]) // 2
    changed = files[name][:at] + (b"0" if files[name][at : at + 1] != b"0" else b"1") + files[name][at + 1 :]
    assert faults(handed, {**files, name: changed}) == {check: Grade.INVALID}


@pytest.mark.parametrize("name", [archive.LINEAGE, archive.PROV])
def test_a_file_that_names_another_approver_is_noticed(handed: Handed, name: str) -> None:
    files = handed.files()
    approver, requester = handed.told.approver.id.encode(), handed.told.requester.id.encode()
    place = files[name].rindex(b'"tw:' + approver if name == archive.PROV else approver)
    changed = files[name][:place] + files[name][place:].replace(approver, requester, 1)
    assert faults(handed, {**files, name: changed}) == {"lineage": Grade.INVALID}


def test_taking_the_attestations_away_is_noticed(handed: Handed) -> None:
    files = {name: data for name, data in handed.files().items() if name not in archive.ATTESTATIONS}
    assert faults(handed, files) == {"attestations": Grade.INCOMPLETE}


def test_a_size_that_was_kept_is_answered_with_a_proof_that_the_verifier_uses(handed: Handed) -> None:
    kept = 5
    log = handed.told.stage.platform.log
    old = TreeHead(handed.key.name, kept, root([leaf_hash(log.entry(index)) for index in range(kept)]))
    since = sign_note(old.text(), handed.key).encode()
    newest = handed.tree.size
    assert verify(handed.bundle(), [handed.verifier], since).verdict is Grade.INCOMPLETE
    data = handed.bundle(kept, kept, newest)
    assert archive.numbered(archive.read_bundle(data), "consistency") == [kept]
    assert verify(data, [handed.verifier], since).verdict is Grade.CONSISTENT


@pytest.mark.parametrize("size", [0, -1, 10**6])
def test_a_size_the_log_never_had_is_refused(handed: Handed, size: int) -> None:
    with pytest.raises(Malformed) as refused:
        handed.bundle(size)
    assert (refused.value.code, refused.value.param) == ("since_out_of_range", "since")


def test_nothing_typed_by_a_person_is_in_any_file(handed: Handed) -> None:
    for name, data in handed.files().items():
        assert not [word for word in CANARIES.values() if word.encode() in data], name


def test_a_model_from_before_releases_were_signed_has_no_attestations_and_says_so(handed: Handed) -> None:
    lineage = handed.told.lineage()
    made = lineage.report.model
    assert isinstance(made.event, ModelRegistered)
    unsigned = replace(made.event, signature=None, statement=None, release_key=None)
    report = replace(lineage.report, model=replace(made, event=unsigned))
    text = howto(replace(lineage, report=report), vkey=handed.verifier.vkey)
    assert b"There are no attestations" in text
    assert b"release key" not in text


def test_verdicts_are_every_time_a_gate_was_asked(handed: Handed) -> None:
    told = json.loads(handed.files()[archive.VERDICTS])["verdicts"]
    assert [one["verdict"]["outcome"] for one in told] == ["pass", "fail", "pass", "pass"]
    assert [one["index"] for one in told] == [entry.index for entry in handed.told.lineage().report.verdicts]
