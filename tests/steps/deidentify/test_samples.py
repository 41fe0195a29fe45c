"""The sample that people read: of the released records, by chance, some with an identifier where it is said to be."""

from collections import Counter
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.canonical import decode, encode, to_plain
from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.errors import Corrupted, Refused
from tunewarden.domain.gates import SamplingPlan
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.deidentify.samples import Samples, kind_of_seed, seeded_kinds, shown
from tunewarden.steps.records import CleanRecord, Manifest, Place, ProtectedRow, ReplacedRow, store_lines, within

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


NOTE = "Ana Petrov (44) of Tarnow fell on 3 May 2019; her neighbour Ilse Wanda called. Chart 4711."
MADE_UP = ("Ana Petrov", EntityType.NAME), ("Tarnow", EntityType.PLACE), ("3 May 2019", EntityType.DATE)
COARSENED = ("44", EntityType.AGE)
"""A released text: three values in it are made up, an age is coarsened, and one name was missed."""


def rows_of(text: str, *standing: tuple[str, EntityType]) -> ReplacedRow:
    places = [Place(start=text.index(what), end=text.index(what) + len(what), kind=kind) for what, kind in standing]
    return ReplacedRow(places=tuple(sorted(places, key=lambda place: place.start)))


def with_places(blobs: MemoryBlobs, clean: Digest, rows: list[ReplacedRow], **changes: object) -> Digest:
    """The clean version with a blob of places, as its manifest names it or as `changes` say."""
    stored = store_lines(blobs, rows)
    manifest = decode(blobs.read(clean))
    assert isinstance(manifest, dict)
    named = {**manifest, "replaced": stored.digest, "replaced_root": stored.root, **changes}
    return blobs.put_bytes(encode(to_plain(named)))


def surrogates(blobs: MemoryBlobs, count: int = 30) -> Digest:
    """A clean version of the same text, `count` times, with the places where something of ours stands."""
    clean = released(blobs, [NOTE] * count, Operator.SURROGATE)
    return with_places(blobs, clean, [rows_of(NOTE, *MADE_UP, COARSENED)] * count)


def test_made_up_values_are_shown_as_their_kind_and_what_was_missed_stays_as_it_is() -> None:
    blobs = MemoryBlobs()
    [drawn] = Samples(blobs)(surrogates(blobs), SamplingPlan(documents=1, seeds=0))
    assert drawn.text == "[NAME] (44) of [PLACE] fell on [DATE]; her neighbour Ilse Wanda called. Chart 4711."


def test_a_seed_in_a_text_with_made_up_values_looks_like_what_was_missed_and_never_like_what_is_ours() -> None:
    """Nothing but the seed is in the sentence that was put in, and the rest is as every other reader sees it."""
    blobs = MemoryBlobs()
    [plain] = Samples(blobs)(surrogates(blobs), SamplingPlan(documents=1, seeds=0))
    words = Counter(plain.text.split())
    for one in Samples(blobs)(surrogates(blobs), SamplingPlan(documents=1, seeds=29)):
        if one.seed:
            added = Counter(one.text.split()) - words
            assert not any("[" in word for word in added), "what marks our values marks no seed"
            assert words - Counter(one.text.split()) == Counter()
            assert "Petrov" not in one.text


def test_the_places_of_every_record_are_its_own() -> None:
    blobs = MemoryBlobs()
    texts = [f"{'x' * number} Ana Petrov, {number}" for number in range(40)]
    clean = released(blobs, texts, Operator.SURROGATE)
    clean = with_places(blobs, clean, [rows_of(text, MADE_UP[0]) for text in texts])
    drawn = Samples(blobs)(clean, SamplingPlan(documents=40, seeds=0))
    assert sorted(one.text for one in drawn) == sorted(text.replace("Ana Petrov", "[NAME]") for text in texts)


def test_a_release_that_does_not_say_where_its_made_up_values_stand_is_not_read() -> None:
    blobs = MemoryBlobs()
    with pytest.raises(Refused, match="made-up values") as refused:
        Samples(blobs)(released(blobs, TEXTS, Operator.SURROGATE), PLAN)
    assert refused.value.code == "made_up_values_not_reviewable"


WHOLE = ReplacedRow(places=(Place(start=0, end=len(NOTE), kind=EntityType.NAME),))


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        pytest.param([WHOLE] * 3, "records_not_released", id="another blob, which hides a leak"),
        pytest.param([WHOLE] * 2, "record_count", id="a row less"),
        pytest.param([], "record_count", id="no rows"),
    ],
)
def test_places_that_are_not_those_that_were_released_are_refused(rows: list[ReplacedRow], code: str) -> None:
    blobs = MemoryBlobs()
    clean = surrogates(blobs, 3)
    manifest = decode(blobs.read(clean))
    assert isinstance(manifest, dict)
    forged = with_places(blobs, clean, rows, replaced_root=manifest["replaced_root"])
    with pytest.raises(Corrupted) as refused:
        Samples(blobs)(forged, SamplingPlan(documents=1, seeds=0))
    assert refused.value.code == code


def test_a_blob_of_places_of_which_a_byte_was_changed_is_refused() -> None:
    blobs = MemoryBlobs()
    clean = surrogates(blobs, 3)
    manifest = decode(blobs.read(clean))
    assert isinstance(manifest, dict)
    digest = Digest(str(manifest["replaced"]))
    blobs.stored[digest] = blobs.stored[digest].replace(b'"end":10', b'"end":11', 1)
    with pytest.raises(Corrupted):
        Samples(blobs)(clean, SamplingPlan(documents=1, seeds=0))


@pytest.mark.parametrize(
    "places",
    [
        [(0, len(NOTE) + 1)],
        [(5, 5)],
        [(4, 2)],
        [(-3, 2)],
        [(0, 10), (9, 12)],
        [(20, 30), (0, 10)],
    ],
    ids=["beyond the text", "empty", "backwards", "before it", "overlapping", "out of order"],
)
def test_places_that_cannot_be_of_the_text_are_refused(places: list[tuple[int, int]]) -> None:
    blobs = MemoryBlobs()
    row = ReplacedRow(places=tuple(Place(start=start, end=end, kind=EntityType.NAME) for start, end in places))
    clean = with_places(blobs, released(blobs, [NOTE], Operator.SURROGATE), [row])
    with pytest.raises(Corrupted, match="cannot stand there"):
        Samples(blobs)(clean, SamplingPlan(documents=1, seeds=0))


PIECES = st.lists(st.tuples(st.text(max_size=6), st.sampled_from(EntityType), st.booleans()), max_size=6)


@given(PIECES)
def test_what_readers_see_is_the_released_text_but_for_what_is_made_up(
    pieces: list[tuple[str, EntityType, bool]],
) -> None:
    made_up = frozenset({EntityType.NAME, EntityType.DATE})
    text, expected, places = "", "", list[Place]()
    for piece, kind, is_ours in pieces:
        if is_ours and piece:
            places.append(Place(start=len(text), end=len(text) + len(piece), kind=kind))
        text += piece
        expected += f"[{kind.upper()}]" if is_ours and piece and kind in made_up else piece
    assert shown(text, within(text, places), made_up) == expected


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
