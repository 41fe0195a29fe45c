"""The archive: one byte sequence for one content, and nothing else is read."""

import io
import zipfile

import pytest
from hypothesis import given, strategies as st

from tunewarden_audit import bundle
from tunewarden_audit.bundle import ConsistencyProof, InclusionProof, InvalidBundle, read_bundle, write_bundle

NAMES = st.from_regex(r"[a-z0-9]{1,8}(/[a-z0-9.]{0,3}[a-z0-9]{1,4})?", fullmatch=True).filter(
    lambda name: "/." not in name
)


def zipped(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, method)
    return buffer.getvalue()


@given(st.dictionaries(NAMES, st.binary(max_size=100), min_size=1, max_size=6))
def test_the_same_content_gives_the_same_bytes_in_any_order_and_reads_back(files: dict[str, bytes]) -> None:
    data = write_bundle(files)
    assert data == write_bundle(dict(reversed(files.items())))
    assert read_bundle(data) == files


def test_an_ordinary_unzip_tool_reads_a_bundle(bundle_bytes: bytes, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle_bytes)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files


def test_the_golden_bundle_is_made_anew_byte_for_byte(golden: object, bundle_bytes: bytes) -> None:
    assert golden.build() == bundle_bytes


def test_a_bundle_cut_off_anywhere_is_refused(bundle_bytes: bytes) -> None:
    for length in range(0, len(bundle_bytes), 7):
        with pytest.raises(InvalidBundle):
            read_bundle(bundle_bytes[:length])


def test_bytes_before_or_after_or_between_are_refused(bundle_bytes: bytes) -> None:
    middle = bundle_bytes.rindex(b"PK\x01\x02")
    for altered in (b"x" + bundle_bytes, bundle_bytes + b"x", bundle_bytes[:middle] + b"x" + bundle_bytes[middle:]):
        with pytest.raises(InvalidBundle):
            read_bundle(altered)


def test_a_zip_bomb_is_refused_without_expanding_it() -> None:
    bomb = zipped([("report.html", b"\x00" * 50_000_000)], zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    with pytest.raises(InvalidBundle, match=r"report\.html is compressed"):
        read_bundle(bomb)


def test_a_bundle_beyond_the_limits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    three = zipped([("a", b"1"), ("b", b"2"), ("c", b"3")])
    monkeypatch.setattr(bundle, "MOST_FILES", 2)
    with pytest.raises(InvalidBundle, match="more than 2 files"):
        read_bundle(three)
    with pytest.raises(InvalidBundle, match="more than a bundle holds"):
        write_bundle({"a": b"", "b": b"", "c": b""})
    monkeypatch.setattr(bundle, "LARGEST_BUNDLE", 10)
    with pytest.raises(InvalidBundle, match="larger than 10 bytes"):
        read_bundle(three)
    with pytest.raises(InvalidBundle, match="larger than a bundle holds"):
        write_bundle({"a": b"x" * 11})


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning:zipfile")
def test_a_name_that_is_there_twice_is_refused() -> None:
    with pytest.raises(InvalidBundle, match="a is there twice"):
        read_bundle(zipped([("a", b"1"), ("a", b"2")]))


@pytest.mark.parametrize(
    "name",
    ["/etc/x", "../x", "a/../x", "a/b/c", "a//b", ".hidden", "a/", "c:x", "a\\b", "bell\x07", "ümlaut", "a" * 101],
)
def test_a_name_that_could_leave_the_folder_or_fool_a_reader_is_refused(name: str) -> None:
    with pytest.raises(InvalidBundle, match="is not a name that a bundle may hold"):
        read_bundle(zipped([(name, b"")]))
    with pytest.raises(InvalidBundle, match="is not a name that a bundle may hold"):
        write_bundle({name: b""})


def test_members_in_another_order_or_with_another_date_are_refused() -> None:
    with pytest.raises(InvalidBundle, match="not the ones this content gives"):
        read_bundle(zipped([("b", b""), ("a", b"")]))
    with pytest.raises(InvalidBundle, match="not the ones this content gives"):
        read_bundle(write_bundle({"a": b""}).replace(b"\x00\x00\x21\x00", b"\x00\x00\x22\x00"))


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda data: b"PK\x03\x04" + data))
def test_no_other_bytes_are_a_bundle(data: bytes) -> None:
    with pytest.raises(InvalidBundle):
        read_bundle(data)


def test_proof_files_read_back() -> None:
    inclusion = InclusionProof(3, 9, (bytes(32), bytes(range(32))))
    consistency = ConsistencyProof(3, 9, (bytes(32),))
    assert InclusionProof.decode(inclusion.encode()) == inclusion
    assert ConsistencyProof.decode(consistency.encode()) == consistency


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"hashes":[],"index":1}',
        b'{"extra":1,"hashes":[],"index":1,"size":2}',
        b'{"hashes":[],"index":-1,"size":2}',
        b'{"hashes":[],"index":true,"size":2}',
        b'{"hashes":[],"index":"1","size":2}',
        b'{"hashes":[1],"index":1,"size":2}',
        b'{"hashes":null,"index":1,"size":2}',
        b'{"hashes":"","index":1,"size":2}',
        b'{"hashes":{"AAAA":1},"index":1,"size":2}',
        b'{"hashes":["A"],"index":1,"size":2}',
        b'{"hashes":["AB=="],"index":1,"size":2}',
        b'{"hashes":["\xc3\xa9"],"index":1,"size":2}',
        b'{"hashes":[],"index":1,"index":1,"size":2}',
    ],
)
def test_a_malformed_proof_file_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidBundle, match="proof file"):
        InclusionProof.decode(data)
