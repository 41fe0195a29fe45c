"""A release: what is found once is hidden everywhere, who was erased is left out, a repeat writes the same bytes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest

from tunewarden.domain.canonical import digest_of, encode, to_plain
from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.errors import Corrupted, Malformed, Refused
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import DatasetId, PolicyName
from tunewarden.domain.pseudonyms import pseudonym
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.steps.deidentify.deidentifier import Deidentifier
from tunewarden.steps.deidentify.finding import Build
from tunewarden.steps.deidentify.passing import Job, Looked, Released, Seen, Witnesses
from tunewarden.steps.deidentify.progress import tell_nobody
from tunewarden.steps.deidentify.release import release
from tunewarden.steps.deidentify.residual import Rescan
from tunewarden.steps.deidentify.scale import Compute, Means
from tunewarden.steps.deidentify.source import LONGEST_TEXT, SourceRecord, store_source
from tunewarden.steps.deidentify.spans import Span
from tunewarden.steps.records import (
    Manifest,
    ReplacedRow,
    read_protected,
    read_records,
    read_replaced,
    store_lines,
)
from tunewarden.usecases.attribute_doors import Keep

# Ray Data makes a default context, and that warns of settings nobody here has touched.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context")

KEY = bytes(range(32))
HERE = DatasetId("dataset-1")
PROFILE = Profile(
    name=PolicyName("test"),
    method=Method.NONE,
    languages=("en",),
    threshold=Decimal("0.4"),
    engine=Engine(kind=EngineKind.PATTERNS, threshold=Decimal("0.5")),
    operators={EntityType.AGE: Operator.BAND, EntityType.SEX: Operator.KEEP},
    default=Operator.REPLACE,
)


@dataclass(frozen=True, slots=True)
class OpenFolder:
    root: Path

    def __call__(self) -> DirectoryBlobs:
        return DirectoryBlobs(self.root, KEY)


@dataclass(slots=True)
class Keys:
    """A vault in memory; the keys of `erased` persons are gone."""

    erased: frozenset[str] = frozenset()
    asked: list[int] = field(default_factory=list)

    def keys(self, dataset: DatasetId, pseudonyms: Collection[str]) -> Mapping[str, bytes | None]:
        self.asked.append(len(pseudonyms))
        gone = {pseudonym(KEY, dataset, person) for person in self.erased}
        return {one: None if one in gone else bytes.fromhex(one) for one in pseudonyms}


@dataclass
class Desk:
    """Releases of records in a folder, in which every attempt leaves its traces."""

    root: Path
    profile: Profile = PROFILE
    vault: Keys = field(default_factory=Keys)
    dataset: DatasetId = HERE
    namespace: PolicyName | None = None
    compute: Compute = field(default_factory=Compute)

    def __post_init__(self) -> None:
        self.blobs = DirectoryBlobs(self.root / "blobs", KEY)
        self.detector = Build().detector(encode(to_plain(self.profile)))
        self.seen: list[Seen] = []
        self.looked: list[Looked] = []
        self.left_out: list[int] = []

    def release(
        self, records: Sequence[SourceRecord], scratch: str = "scratch", keep: Keep | None = None
    ) -> tuple[Manifest, Released]:
        job = Job(
            source=store_source(self.blobs, records),
            dataset=self.dataset,
            namespace=self.namespace,
            classes=2,
            profile=encode(to_plain(self.profile)),
            detector=digest_of("detector"),
            vault=self.vault,
            scratch=self.root / scratch,
            tenant_key=KEY,
        )
        means = Means(
            blobs=self.blobs,
            detector=self.detector,
            open_blobs=OpenFolder(self.root / "blobs"),
            build=Build(),
            compute=self.compute,
            tell=tell_nobody,
        )
        witnesses = Witnesses(seen=self.seen.append, looked=self.looked.append, left_out=self.left_out.append)
        return release(job, Deidentifier(self.detector), means, witnesses, keep)

    def texts(self, manifest: Manifest) -> list[str]:
        return [record.text for record in read_records(self.blobs, manifest)]


def record(text: str, person: str = "P-000001", **known: str) -> SourceRecord:
    kinds = {EntityType(kind.replace("_", "-")): (value,) for kind, value in known.items()}
    return SourceRecord(label=0, person=person, protected={"sex": "F"}, text=text, known=kinds)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_name_that_is_found_in_one_text_is_hidden_in_every_text_of_that_person_and_of_no_other(desk: Desk) -> None:
    manifest, _ = desk.release(
        [
            record("the wound of khybak is clean", "P-000001"),
            record("Patient: Mr. Zoltan Khybak. Burn.", "P-000001"),
            record("the wound of khybak is clean", "P-000002"),
        ]
    )
    before, with_title, other = desk.texts(manifest)
    assert before == "the wound of [NAME] is clean"
    assert "Khybak" not in with_title
    assert other == "the wound of khybak is clean"


def test_an_identifier_that_something_supports_in_one_text_is_hidden_where_nothing_does(desk: Desk) -> None:
    manifest, _ = desk.release(
        [record("band 88213 was read"), record("MRN: 88213. Burn."), record("band 88213 was read", "P-000002")]
    )
    assert desk.texts(manifest) == [
        "band [MEDICAL-RECORD] was read",
        "MRN: [MEDICAL-RECORD]. Burn.",
        "band 88213 was read",
    ]
    rescan = Rescan(profile=PROFILE)
    for looked in desk.looked[:2]:
        assert "88213" in looked.values
        rescan.look(looked.text, looked.found, looked.replaced, looked.values)
    assert rescan.records_leaking == 0


def test_what_the_columns_of_one_record_say_is_hidden_in_all_texts_of_the_person(desk: Desk) -> None:
    manifest, _ = desk.release(
        [
            record("saw zebediah and his brother", name="Nightingale, Zebediah", phone="(555) 555-0134"),
            record("call 555.555.0134 for nightingale, id p-000001"),
        ]
    )
    text = " ".join(desk.texts(manifest))
    assert text == "saw [NAME] and his brother call [PHONE] for [NAME], id [PERSON-ID]"


def test_records_come_out_in_order_with_their_protected_attributes_and_are_counted(desk: Desk) -> None:
    records = [record(f"Burn {n}, seen 3/14/2019.", f"P-00{n % 7:04}") for n in range(600)]
    manifest, counted = desk.release(records)
    assert desk.texts(manifest) == [f"Burn {n}, seen [DATE]." for n in range(600)]
    assert list(read_protected(desk.blobs, manifest)) == [{"sex": "F"}] * 600
    assert (manifest.rows, manifest.persons, manifest.classes, manifest.erased) == (600, 7, 2, 0)
    assert (counted.rows, counted.persons, counted.entities) == (600, 7, {EntityType.DATE: 600})
    assert [seen.index for seen in desk.seen] == list(range(600))
    assert manifest.profile == PROFILE.digest()


def test_it_is_kept_where_in_each_released_record_something_of_ours_stands(tmp_path: Path) -> None:
    operators = {EntityType.PHONE: Operator.SURROGATE, EntityType.URL: Operator.REDACT, EntityType.SEX: Operator.KEEP}
    desk = Desk(tmp_path, profile=replace(PROFILE, operators=operators), vault=Keys(erased=frozenset({"P-000002"})))
    manifest, _ = desk.release(
        [
            record("call 617-555-0134, mail ann@example.org", "P-000001"),
            record("call 617-555-0135", "P-000002"),
            record("nothing stands here, see https://example.org/x/1", "P-000003"),
        ]
    )
    rows = list(read_replaced(desk.blobs, manifest))
    texts = desk.texts(manifest)
    read = zip(texts, rows, strict=True)
    assert [[(place.kind, text[place.start : place.end]) for place in row] for text, row in read] == [
        [(EntityType.PHONE, texts[0][5:17]), (EntityType.EMAIL, "[EMAIL]")],
        [],
    ]
    assert texts[0][5:17] != "617-555-0134"
    assert manifest.replaced_root == store_lines(desk.blobs, [ReplacedRow(places=row) for row in rows]).root


def test_an_erased_person_is_left_out_with_all_their_records_and_counted(desk: Desk) -> None:
    desk.vault = Keys(erased=frozenset({"P-000002"}))
    records = [record(f"Burn {n}.", f"P-00000{n % 3}") for n in range(9)]
    records[2] = replace(records[2], text="Mr. Zoltan Khybak. Burn 2.")
    manifest, counted = desk.release(records)
    assert desk.texts(manifest) == [f"Burn {n}." for n in range(9) if n % 3 != 2]
    assert len(list(read_protected(desk.blobs, manifest))) == 6
    assert (manifest.rows, manifest.persons, manifest.erased, counted.erased) == (6, 2, 3, 3)
    assert desk.left_out == [2, 5, 8]


def test_where_everybody_was_erased_nothing_is_released(desk: Desk) -> None:
    desk.vault = Keys(erased=frozenset({"P-000001"}))
    with pytest.raises(Refused) as refused:
        desk.release([record("Burn.")])
    assert refused.value.code == "everybody_erased"


def test_a_repeat_writes_the_same_bytes_wherever_it_goes_on_from(tmp_path: Path) -> None:
    records = [record(f"Mr. Zoltan Khybak{n % 5}, MRN 00{n:05}-7, seen 3/14/2019.", f"P-{n % 40}") for n in range(700)]
    first, _ = Desk(tmp_path).release(records, "one")
    assert Desk(tmp_path).release(records, "one")[0] == first
    assert Desk(tmp_path).release(records, "two")[0] == first


def test_an_attempt_that_broke_off_is_gone_on_with_and_no_block_is_read_twice(desk: Desk) -> None:
    @dataclass(slots=True)
    class Breaking:
        finds: object
        texts_until: int
        given: list[str] = field(default_factory=list)
        profile: Profile = PROFILE

        def find(self, texts: Sequence[str], *, scale: float = 1.0) -> list[list[Span]]:
            if len(self.given) >= self.texts_until:
                raise RuntimeError("the power is gone")
            self.given += texts
            return Build().detector(encode(to_plain(PROFILE))).find(texts, scale=scale)

    records = [record(f"Burn {n}, seen 3/14/2019.") for n in range(1024)]
    broken = Breaking(desk.detector, 512)
    desk.detector = broken  # type: ignore[assignment]
    with pytest.raises(RuntimeError):
        desk.release(records)
    again = Breaking(desk.detector, 10**6)
    desk.detector = again  # type: ignore[assignment]
    desk.release(records)
    source = {one.text for one in records}
    assert [text for text in again.given if text in source] == [one.text for one in records[512:]]


@pytest.mark.usefixtures("ray_started")
def test_many_processes_write_the_same_bytes_as_one(tmp_path: Path) -> None:
    records = [
        record(f"Mr. Zoltan Khybak{n % 5}, MRN 00{n:05}-7, 45 yo. {'x' * (n % 300)}", f"P-{n % 90}") for n in range(900)
    ]
    alone, counted = Desk(tmp_path, compute=Compute(workers=1)).release(records, "one")
    together, others = Desk(tmp_path, compute=Compute(workers=2, few_blocks=0)).release(records, "two")
    assert (together, others) == (alone, counted)


def test_no_word_of_a_text_is_in_the_scratch_folder(desk: Desk) -> None:
    canary = "Zebediah Canarybird"
    records = [record(f"Mr. {canary}, MRN 00412-77.", f"P-{n}", name=canary) for n in range(300)]
    manifest, _ = desk.release(records)
    assert canary not in "".join(desk.texts(manifest))
    files = [file for file in desk.root.rglob("*") if file.is_file()]
    assert len(files) > 3
    for file in files:
        assert file.stat().st_mode & 0o077 == 0 or file.parent.stat().st_mode & 0o077 == 0
        data = file.read_bytes()
        assert b"Canary" not in data
        assert b"00412" not in data
        assert canary.encode() not in str(file).encode()


def test_attributes_give_way_until_k_persons_are_alike(tmp_path: Path) -> None:
    ages = [*["45"] * 4, "91", "12"]
    records = [
        replace(record(f"{age}-year-old with a burn.", f"P-{n}"), protected={"sex": "F" if n else "M"})
        for n, age in enumerate(ages)
    ]
    free, _ = Desk(tmp_path, PROFILE).release(records, "free")
    held = Desk(tmp_path, replace(PROFILE, k=3))
    manifest, counted = held.release(records, "held")
    assert len(set(Desk(tmp_path).texts(free))) > 2
    alike = list(zip(held.texts(manifest), [row["sex"] for row in read_protected(held.blobs, manifest)], strict=True))
    assert counted.generalised == 3
    assert min(alike.count(one) for one in alike) >= 3


def test_a_text_that_is_too_long_is_refused_before_anything_is_read(desk: Desk) -> None:
    with pytest.raises(Malformed) as refused:
        desk.release([record("short"), record("Canary" + "x" * LONGEST_TEXT)])
    assert refused.value.code == "text_too_long"
    assert "record 1 " in str(refused.value)
    assert "Canary" not in str(refused.value)
    assert not (desk.root / "scratch").exists()


def test_a_long_text_is_read_to_its_end(desk: Desk) -> None:
    text = "Burn. " * 30_000 + "Seen 3/14/2019."
    manifest, _ = desk.release([record(text)])
    assert desk.texts(manifest) == [text.replace("3/14/2019", "[DATE]")]


def test_no_records_are_corrupted(desk: Desk) -> None:
    with pytest.raises(Corrupted):
        desk.release([])
