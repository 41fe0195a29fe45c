"""What is left after de-identification, measured: planted recall, and a second look at the output.

Nothing here replaces a person who reads a random sample; the evidence says `reviewed: false` until somebody does.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from hashlib import sha256
from random import Random

from scipy.special import betaincinv

from tunewarden.domain.deidentification import EntityType
from tunewarden.domain.gates import Measurement
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.detector import Deidentifier
from tunewarden.steps.deidentify.planted import PLANTED, Plant, covered, planted, put
from tunewarden.steps.deidentify.spans import distinctive, sweep

RECALL = "deid.planted_recall"
RESCAN = "deid.rescan_hits_per_1000_records"
_MICRO = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many of `n` were hit."""

    hits: int
    n: int


@dataclass(slots=True, kw_only=True)
class Rescan:
    """The output looked at again, at half the profile's threshold, and searched for the person's own id value."""

    records: int = 0
    records_hit: int = 0
    kinds: Counter[EntityType] = field(default_factory=Counter)

    def look(self, deidentifier: Deidentifier, text: str, person: str) -> None:
        """Count one released text."""
        known = [person] if distinctive(person) else []
        spans = [*deidentifier.find(text, threshold=self.threshold(deidentifier)), *sweep(text, known)]
        self.records += 1
        self.records_hit += bool(spans)
        self.kinds.update(span.entity for span in spans)

    @staticmethod
    def threshold(deidentifier: Deidentifier) -> float:
        """Of the second look."""
        return float(deidentifier.profile.threshold) / 2

    def measurement(self) -> Measurement:
        """Records with at least one hit, per 1,000."""
        return proportion(RESCAN, Tally(hits=self.records_hit, n=self.records), per=1000)


def planted_recall(
    deidentifier: Deidentifier, texts: Iterable[str], rows: int, seed: Digest, each: int
) -> Mapping[EntityType, Tally]:
    """Plant `each` identifiers of every kind, each into a copy of a random text, and count those found entirely.

    Everything random follows from `seed`, so that a repeated attempt makes the same evidence. Nobody gains by
    foreseeing it: the seed is the digest of the records.
    """
    chance = Random(int.from_bytes(sha256(f"planted {seed}".encode()).digest()))  # noqa: S311  reproducible on purpose
    plants = _scatter(rows, each, chance)
    found: Counter[EntityType] = Counter()
    for row, text in enumerate(texts):
        for plant in plants.get(row, ()):
            changed, start, end = put(plant, text, chance)
            found[plant.entity] += covered(changed, start, end, deidentifier.find(changed))
    return {entity: Tally(hits=found[entity], n=each) for entity in PLANTED}


def recall_measurements(tallies: Mapping[EntityType, Tally]) -> Iterator[Measurement]:
    """Recall per kind, and over all of them together."""
    for entity, tally in tallies.items():
        yield proportion(f"{RECALL}.{entity}", tally)
    total = Tally(hits=sum(tally.hits for tally in tallies.values()), n=sum(tally.n for tally in tallies.values()))
    yield proportion(RECALL, total)


def proportion(metric: str, tally: Tally, per: int = 1) -> Measurement:
    """hits / n with the exact two-sided 95 % interval of Clopper and Pearson (1934), times `per`, rounded outwards."""
    low, high = clopper_pearson(tally)
    value = Decimal(tally.hits) / Decimal(tally.n) if tally.n else Decimal(0)
    return Measurement(
        metric=metric,
        low=(Decimal(low) * per).quantize(_MICRO, ROUND_FLOOR),
        value=(value * per).quantize(_MICRO, ROUND_HALF_EVEN),
        high=(Decimal(high) * per).quantize(_MICRO, ROUND_CEILING),
        n=tally.n,
    )


def clopper_pearson(tally: Tally) -> tuple[float, float]:
    """Exact two-sided 95 % interval of a binomial proportion; (0, 1) where nothing was observed."""
    hits, n = tally.hits, tally.n
    low = float(betaincinv(hits, n - hits + 1, 0.025)) if hits else 0.0
    high = float(betaincinv(hits + 1, n - hits, 0.975)) if hits < n else 1.0
    return low, high


def _scatter(rows: int, each: int, chance: Random) -> Mapping[int, Sequence[Plant]]:
    plants: dict[int, list[Plant]] = {}
    for entity in PLANTED:
        for _ in range(each):
            plants.setdefault(chance.randrange(rows), []).append(planted(entity, chance))
    return plants
