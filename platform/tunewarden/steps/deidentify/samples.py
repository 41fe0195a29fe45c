"""Samples of released records for people to read, with made-up identifiers put into some of them.

Which records are drawn and which get a seed is decided by the operating system's randomness. Half of the seeds are
names, because those are what recognisers miss most and readers pass over most easily; the others are of every kind
that is planted and stands in one of Safe Harbor's eighteen categories. Kinds that the profile lets stand in some form
(kept, or coarsened) are left out: no reader should mark them. A profile that writes made-up values into the texts is
refused: nobody could tell those from what was missed, so reading would show nothing.

Not checked: that a seed is as hard to see as a real leak. It is written in a sentence of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from random import Random, SystemRandom

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.deidentification import Operator, Profile
from tunewarden.domain.errors import Refused
from tunewarden.domain.gates import SamplingPlan
from tunewarden.domain.identifiers import SAFE_HARBOR, EntityType
from tunewarden.domain.names import Digest
from tunewarden.domain.reviews import Picked, picked, runs
from tunewarden.steps.deidentify.planted import PLANTED, language_of, planted, put
from tunewarden.steps.records import Manifest, read_manifest, read_records
from tunewarden.usecases.ports import Blobs, Drawn

_LEFT_IN = frozenset({Operator.KEEP, Operator.YEAR, Operator.TOP_CODE, Operator.BAND, Operator.TRUNCATE})
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

        Raises `Corrupted` where the records are not what the manifest says, and `Refused` for a profile with which no
        reader would know what to mark.
        """
        manifest, chance = read_manifest(self._blobs, clean), self._chance()
        wanted = picked(manifest.rows, plan, chance)
        texts = self._texts(manifest, {one.record for one in wanted})
        kinds = seeded_kinds(_readable(from_plain(Profile, decode(self._blobs.read(manifest.profile)))))
        if plan.seeds and not kinds:
            raise Refused("profile_takes_nothing_out", "The profile takes no kind of identifier out.", who="requester")
        return list(_drawn(wanted, texts, kinds, chance))

    def _texts(self, manifest: Manifest, wanted: set[int]) -> dict[int, str]:
        records = enumerate(read_records(self._blobs, manifest))  # to the end, where number and root are checked
        return {position: record.text for position, record in records if position in wanted}


def _readable(profile: Profile) -> Profile:
    if any(profile.operator(kind) in _MADE_UP for kind in EntityType):
        raise Refused(
            "made_up_values_not_reviewable",
            "The profile writes made-up values into the texts; no reader could tell them from what was missed.",
            remedy="Use a profile that replaces identifiers by their type, or a gate without a sampling plan.",
            who="requester",
        )
    return profile


def kind_of_seed(kinds: Sequence[EntityType], chance: Random) -> EntityType:
    """A name in half of the cases, else any of `kinds`."""
    is_name = EntityType.NAME in kinds and chance.random() < _SHARE_OF_NAMES
    return EntityType.NAME if is_name else chance.choice(kinds)


def seeded_kinds(profile: Profile) -> tuple[EntityType, ...]:
    """The kinds that no reader should find: those of Safe Harbor's categories that the profile takes out whole."""
    return tuple(kind for kind in PLANTED if kind in _IDENTIFYING and profile.operator(kind) not in _LEFT_IN)


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
