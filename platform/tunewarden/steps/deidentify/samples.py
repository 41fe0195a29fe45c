"""Samples of released records for people to read, with made-up identifiers put into some of them.

Which records are drawn and which get a seed is decided by the operating system's randomness. Half of the seeds are
names, because those are what recognisers miss most and readers pass over most easily; the others are of every kind
that is planted and stands in one of Safe Harbor's eighteen categories. Kinds that the profile lets stand in some form
(kept, or coarsened) are left out: no reader should mark them.

Where the profile wrote a made-up value, readers are shown its kind in brackets, as other profiles write it. They could
not tell the value from one that was missed, and what they look for is the latter: whatever identifies and stands
outside of brackets, seeds among it. What they read is else the released text, code point by code point.

Not checked: that a seed is as hard to see as a real leak. It is written in a sentence of its own. And that a made-up
value tells nothing of what it stands for: that is for the tests of `surrogates` and `dates`, no reader sees it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random, SystemRandom

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.deidentification import LEFT_STANDING, Operator, Profile
from tunewarden.domain.errors import Refused
from tunewarden.domain.gates import SamplingPlan
from tunewarden.domain.identifiers import SAFE_HARBOR, EntityType
from tunewarden.domain.names import Digest
from tunewarden.domain.reviews import Picked, picked, runs
from tunewarden.steps.deidentify.placeholders import placeholder
from tunewarden.steps.deidentify.planted import PLANTED, language_of, planted, put
from tunewarden.steps.records import Manifest, Place, read_manifest, read_records, read_replaced, within
from tunewarden.usecases.ports import Blobs, Drawn

_MADE_UP = frozenset({Operator.SURROGATE, Operator.SHIFT})
_IDENTIFYING = frozenset(kind for kinds in SAFE_HARBOR.values() for kind in kinds)
_SHARE_OF_NAMES = 0.5


class Samples:
    """Draws samples of clean versions; `usecases.ports.Draw`."""

    def __init__(self, blobs: Blobs, chance: Callable[[], Random] = SystemRandom) -> None:
        """`chance` is for tests: samples that somebody could foresee would bound nothing."""
        self._blobs, self._chance = blobs, chance

    def __call__(self, clean: Digest, plan: SamplingPlan) -> Sequence[Drawn]:
        """The sample in the order of reading. Reads every record once, and keeps those that were drawn.

        Raises `Corrupted` where the records, or the places where something of ours stands in them, are not what the
        manifest says, and `Refused` where no reader would know what to mark: by a profile that takes nothing out, or in
        an old release that does not say where its made-up values stand.
        """
        manifest, chance = read_manifest(self._blobs, clean), self._chance()
        wanted = picked(manifest.rows, plan, chance)
        profile = from_plain(Profile, decode(self._blobs.read(manifest.profile)))
        texts = self._texts(manifest, made_up_kinds(profile), {one.record for one in wanted})
        kinds = seeded_kinds(profile)
        if plan.seeds and not kinds:
            raise Refused("profile_takes_nothing_out", "The profile takes no kind of identifier out.", who="requester")
        return list(_drawn(wanted, texts, kinds, chance))

    def _texts(self, manifest: Manifest, made_up: frozenset[EntityType], wanted: set[int]) -> dict[int, str]:
        """Both are read to their ends, where number and root are checked."""
        records = enumerate(read_records(self._blobs, manifest))
        texts = {position: record.text for position, record in records if position in wanted}
        if made_up:
            for position, places in enumerate(read_replaced(self._blobs, manifest)):
                if position in wanted:
                    texts[position] = shown(texts[position], within(texts[position], places), made_up)
        return texts


def made_up_kinds(profile: Profile) -> frozenset[EntityType]:
    """The kinds for which the profile writes values that look like originals."""
    return frozenset(kind for kind in EntityType if profile.operator(kind) in _MADE_UP)


def shown(text: str, places: Iterable[Place], made_up: frozenset[EntityType]) -> str:
    """A released text as readers see it: each made-up value, of which `places` says where it stands, as its kind."""
    pieces, position = list[str](), 0
    for place in places:
        if place.kind in made_up:
            pieces += [text[position : place.start], placeholder(place.kind)]
            position = place.end
    return "".join([*pieces, text[position:]])


def kind_of_seed(kinds: Sequence[EntityType], chance: Random) -> EntityType:
    """A name in half of the cases, else any of `kinds`."""
    is_name = EntityType.NAME in kinds and chance.random() < _SHARE_OF_NAMES
    return EntityType.NAME if is_name else chance.choice(kinds)


def seeded_kinds(profile: Profile) -> tuple[EntityType, ...]:
    """The kinds that no reader should find: those of Safe Harbor's categories that the profile takes out whole."""
    return tuple(kind for kind in PLANTED if kind in _IDENTIFYING and profile.operator(kind) not in LEFT_STANDING)


def _drawn(
    wanted: Sequence[Picked], texts: dict[int, str], kinds: Sequence[EntityType], chance: Random
) -> Iterator[Drawn]:
    for one in wanted:
        text = texts[one.record]
        if not one.is_seeded:
            yield Drawn(record=one.record, text=text, seed=())
            continue
        plant = planted(kind_of_seed(kinds, chance), chance, language_of(text))
        seeded, start, end = put(plant, text, chance)
        yield Drawn(record=one.record, text=seeded, seed=runs(seeded, start, end))
