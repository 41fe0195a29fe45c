"""The sample that people read: of the released records, by chance, some with an identifier where it is said to be."""

from collections import Counter
from decimal import Decimal
from random import Random

import pytest

from tunewarden.domain.canonical import decode, encode, to_plain
from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.errors import Corrupted, Refused
from tunewarden.domain.gates import SamplingPlan
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.drivers.memory import MemoryBlobs
from tunewarden.steps.deidentify.samples import Samples, kind_of_seed, seeded_kinds
from tunewarden.steps.records import CleanRecord, Manifest, ProtectedRow, store_lines

PLAN = SamplingPlan(documents=30, seeds=20)
TEXTS = [f"Record {number}. [NAME] fell on [DATE]; x-ray of the wrist." for number in range(200)]
SOME = Digest("sha256:" + "0" * 64)


def profile(default: Operator = Operator.REPLACE) -> Profile:
    return Profile(
        name=PolicyName("default"),
        method=Method.NONE,
        languages=("en",),
        threshold=Decimal("0.5"),
        engine=Engine(kind=EngineKind.PATTERNS, threshold=Decimal("0.5")),
        operators={EntityType.AGE: Operator.TOP_CODE},
        default=default,
    )


def released(blobs: MemoryBlobs, texts: list[str], default: Operator = Operator.REPLACE) -> Digest:
    """A clean version as the step leaves it."""
    records = store_lines(blobs, [CleanRecord(person="p" * 64, label=0, text=text) for text in texts])
    protected = store_lines(blobs, [ProtectedRow(person="p" * 64, protected={}) for _ in texts])
    manifest = Manifest(
        records=records.digest,
        root=records.root,
        protected=protected.digest,
        protected_root=protected.root,
        profile=blobs.put_bytes(encode(to_plain(profile(default)))),
        detector=SOME,
        source=SOME,
        rows=len(texts),
        persons=1,
        classes=1,
    )
    return blobs.put_bytes(encode(to_plain(manifest)))


def test_documents_are_as_they_were_released_and_seeds_carry_an_identifier_where_it_is_said() -> None:
    blobs = MemoryBlobs()
    drawn = Samples(blobs)(released(blobs, TEXTS), PLAN)
    documents = [one for one in drawn if not one.seed]
    seeded = [one for one in drawn if one.seed]
    assert (len(documents), len(seeded)) == (30, 20)
    assert all(one.text == TEXTS[one.record] for one in documents)
    for one in seeded:
        start, end = one.seed[0].start, one.seed[-1].end
        inside = one.text[start:end]
        assert inside not in TEXTS[one.record]
        assert all(one.text[mark.start : mark.end].isalnum() for mark in one.seed)
        rest = set(TEXTS[one.record].split())
        assert rest <= set(one.text.split()) | {TEXTS[one.record].split()[-1]}, "the record is still there"


def test_nobody_can_foresee_a_sample() -> None:
    """Fifty draws of 5 of 200 by the operating system's randomness: two alike would be a wonder (p < 1e-6)."""
    blobs = MemoryBlobs()
    clean = released(blobs, TEXTS)
    samples = Samples(blobs)
    drawn = {tuple(one.record for one in samples(clean, SamplingPlan(documents=5, seeds=0))) for _ in range(50)}
    assert len(drawn) == 50


def test_half_of_the_seeds_are_names_and_the_others_of_every_kind_that_is_taken_out() -> None:
    kinds = seeded_kinds(profile())
    assert EntityType.AGE not in kinds, "a kind that the profile only coarsens is no leak"
    chance = Random(3)
    drawn = Counter(kind_of_seed(kinds, chance) for _ in range(4000))
    assert 0.5 <= drawn[EntityType.NAME] / 4000 <= 0.6
    assert drawn.keys() == set(kinds)
    assert set(Counter(kind_of_seed((EntityType.URL,), chance) for _ in range(9))) == {EntityType.URL}


def test_a_profile_that_takes_nothing_out_has_nothing_to_seed() -> None:
    blobs = MemoryBlobs()
    with pytest.raises(Refused, match="takes no kind"):
        Samples(blobs)(released(blobs, TEXTS, Operator.KEEP), PLAN)


def test_a_sample_in_which_made_up_values_stand_is_not_read() -> None:
    blobs = MemoryBlobs()
    with pytest.raises(Refused, match="made-up values"):
        Samples(blobs)(released(blobs, TEXTS, Operator.SURROGATE), PLAN)


def test_short_and_empty_texts_are_seeded_too() -> None:
    blobs = MemoryBlobs()
    drawn = Samples(blobs)(released(blobs, ["", "x", "[NAME]"]), SamplingPlan(documents=1, seeds=3))
    assert sorted(one.record for one in drawn if one.seed) == [0, 1, 2]


def test_records_that_are_not_those_that_were_released_are_not_read() -> None:
    blobs = MemoryBlobs()
    clean = released(blobs, TEXTS)
    other = store_lines(blobs, [CleanRecord(person="p" * 64, label=0, text=text) for text in reversed(TEXTS)])
    manifest = decode(blobs.read(clean))
    assert isinstance(manifest, dict)
    forged = blobs.put_bytes(encode({**manifest, "records": other.digest}))
    with pytest.raises(Corrupted):
        Samples(blobs)(forged, PLAN)
