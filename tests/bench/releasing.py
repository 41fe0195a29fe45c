"""One release in a process of its own: `python -m tests.bench.releasing RECORDS ENGINE FOLDER` prints its memory."""

import resource
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path

from tunewarden.domain.canonical import digest_of, encode, to_plain
from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import DatasetId, PolicyName
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.steps.deidentify.deidentifier import Deidentifier
from tunewarden.steps.deidentify.duplicates import Duplicates
from tunewarden.steps.deidentify.finding import Build
from tunewarden.steps.deidentify.passing import Job, Seen, Witnesses, tell_census
from tunewarden.steps.deidentify.progress import tell_nobody
from tunewarden.steps.deidentify.quasi import Census
from tunewarden.steps.deidentify.release import release
from tunewarden.steps.deidentify.residual import Rescan
from tunewarden.steps.deidentify.scale import Compute, Means
from tunewarden.steps.deidentify.source import SourceRecord, store_source
from tunewarden.steps.deidentify.synthesis import generate

KEY = bytes(range(32))
DIFFERENT_TEXTS = 1000
RECORDS_OF_A_PERSON = 3


@dataclass(frozen=True, slots=True)
class Open:
    """The blobs of the bench, in whatever process."""

    root: Path

    def __call__(self) -> DirectoryBlobs:
        return DirectoryBlobs(self.root, KEY)


class Keys:
    """Everybody has a key."""

    def keys(self, dataset: DatasetId, pseudonyms: Collection[str]) -> Mapping[str, bytes | None]:
        assert dataset
        return {one: bytes.fromhex(one) for one in pseudonyms}


def profile(engine: EngineKind) -> Profile:
    return Profile(
        name=PolicyName("bench"),
        method=Method.NONE,
        languages=("en", "es"),
        threshold=Decimal("0.4"),
        engine=Engine(kind=engine, threshold=Decimal("0.2")),
        operators={EntityType.AGE: Operator.BAND, EntityType.SEX: Operator.KEEP},
        default=Operator.REPLACE,
    )


def records(count: int) -> Iterator[SourceRecord]:
    """Generated texts over and over, each with a number of its own."""
    texts = [gold.text[:300] for gold in islice(generate(DIFFERENT_TEXTS, 1, "train"), DIFFERENT_TEXTS)]
    for number in range(count):
        yield SourceRecord(
            label=number % 2,
            person=f"P-{number // RECORDS_OF_A_PERSON:07}",
            protected={"sex": "FM"[number % 2]},
            text=f"{number}. {texts[number % len(texts)]}",
        )


def released(count: int, engine: EngineKind, folder: Path, compute: Compute | None = None) -> None:
    """Release so many records with all the evidence that is gathered on the way."""
    blobs = DirectoryBlobs(folder / "blobs", KEY)
    used, build = profile(engine), Build()
    canonical = encode(to_plain(used))
    detector = build.detector(canonical)
    rescan, census, duplicates = Rescan(profile=used), Census(used), Duplicates()

    def see(seen: Seen) -> None:
        tell_census(census, seen)
        duplicates.see(seen.person, seen.cleaned.text)

    release(
        Job(
            source=store_source(blobs, records(count)),
            dataset=DatasetId("bench"),
            classes=2,
            profile=canonical,
            detector=digest_of("bench"),
            vault=Keys(),
            scratch=folder / "scratch",
            tenant_key=KEY,
        ),
        Deidentifier(detector),
        Means(
            blobs=blobs,
            detector=detector,
            open_blobs=Open(folder / "blobs"),
            build=build,
            compute=compute or Compute(workers=1),
            tell=tell_nobody,
        ),
        Witnesses(
            seen=see, looked=lambda looked: rescan.look(looked.text, looked.found, looked.replaced, looked.values)
        ),
    )
    census.measurements()
    duplicates.measurement()


if __name__ == "__main__":
    released(int(sys.argv[1]), EngineKind(sys.argv[2]), Path(sys.argv[3]))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # noqa: T201  KiB
