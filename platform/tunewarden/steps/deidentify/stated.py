"""What is stated of released records: the measurements, the report that is signed, and the tables behind both.

The platform's step and `deid apply` state the same of the same records; only how the records are named differs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.metadata import version

from tunewarden.domain.canonical import Plain, decimal_text, digest_of, to_plain
from tunewarden.domain.deidentification import Method, Profile
from tunewarden.domain.gates import Measurement
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest
from tunewarden.domain.reviews import ATTESTED
from tunewarden.steps.deidentify.coverage import coverage
from tunewarden.steps.deidentify.deidentifier import Deidentifier
from tunewarden.steps.deidentify.duplicates import Duplicates
from tunewarden.steps.deidentify.fairness import NameFairness, name_fairness
from tunewarden.steps.deidentify.identity import LIBRARIES, detector_digest, package_files
from tunewarden.steps.deidentify.passing import Looked, Released, Seen, Witnesses, tell_census
from tunewarden.steps.deidentify.person import KEY_BYTES, Person
from tunewarden.steps.deidentify.quasi import LEAST_K, Census, L
from tunewarden.steps.deidentify.report import EXAMPLES, Counts, Example, in_short, safe_harbor_document
from tunewarden.steps.deidentify.residual import (
    CLOSER,
    Rescan,
    Tally,
    exact,
    planted_recall,
    proportion,
    recall_measurements,
)

PLANTS_OF_EACH_KIND = 150  # none missed of 150: recall is at least 0.975 with 95 % confidence
TEXTS_OF_EACH_COHORT = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is planted to measure recall; part of the identity of what measured. 0 leaves the measurement out."""

    plants_of_each_kind: int = PLANTS_OF_EACH_KIND
    texts_of_each_cohort: int = TEXTS_OF_EACH_COHORT

    def identity(self) -> Digest:
        """What measured: this code, the versions of its libraries, and the effort."""
        return digest_of(
            {
                "step": "deidentify",
                "files": package_files(),
                "versions": {name: version(name) for name in LIBRARIES},
                "effort": self,
            }
        )


class Left:
    """What the witnesses of a release count: none of it holds a text."""

    def __init__(self, profile: Profile) -> None:
        self.rescan = Rescan(profile=profile)
        self.census = Census(profile)
        self.duplicates = Duplicates()

    def witnesses(self) -> Witnesses:
        """Who looks on."""
        return Witnesses(seen=self._see, looked=self._look)

    def _see(self, seen: Seen) -> None:
        tell_census(self.census, seen)
        self.duplicates.see(seen.person, seen.cleaned.text)

    def _look(self, looked: Looked) -> None:
        self.rescan.look(looked.text, looked.found, looked.replaced, looked.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """What was found again of made-up identifiers: by kind, and by origin and gender of names where that was asked."""

    recall: Mapping[EntityType, Tally]
    fairness: NameFairness | None


def planted(deidentifier: Deidentifier, texts: Iterable[str], rows: int, seed: Digest, effort: Effort) -> Planted:
    """Plant identifiers in copies of `texts`, which are `rows`, and see which are found. `seed` makes it repeatable."""
    each, cohort = effort.plants_of_each_kind, effort.texts_of_each_cohort
    transformed = deidentifier.transformed
    return Planted(
        recall=planted_recall(transformed, texts, rows, seed, each) if each else {},
        fairness=name_fairness(transformed, deidentifier.profile.languages, seed, cohort) if cohort else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """Everything that was counted and measured about released records.

    Attributes:
        source, about: digests of the records before and after.
        counts: of the records, as the report tells them.
        labelled: whether the records have labels; without any, l-diversity says nothing and is left out.
    """

    source: Digest
    about: Digest
    counts: Counts
    released: Released
    left: Left
    planted: Planted
    deidentifier: Deidentifier = field(repr=False)
    labelled: bool = True

    def measurements(self) -> tuple[Measurement, ...]:
        """All that was measured; what was not planted is left out."""
        profile = self.deidentifier.profile
        # Whoever claims nothing has nothing to sign.
        unclaimed = [exact(ATTESTED, Decimal(1), 1)] if profile.method is Method.NONE else []
        alike = self.left.census.measurements(profile.k or LEAST_K)
        return (
            *(recall_measurements(self.planted.recall) if self.planted.recall else ()),
            *self.left.rescan.measurements(),
            *(each for each in alike if self.labelled or each.metric != L),
            self.released.given_up.measurement(),
            self.left.duplicates.measurement(),
            *([self.planted.fairness.measurement()] if self.planted.fairness is not None else []),
            *unclaimed,
        )

    def log_counts(self) -> Mapping[str, int]:
        """For the log."""
        released = self.released
        return {
            "records": released.rows,
            "persons": released.persons,
            "emptied": released.emptied,
            "erased": released.erased,
            "generalised": released.generalised,
            **({"shared": released.shared} if released.shared else {}),
            "entities": released.entities.total(),
            **{entity.value: count for entity, count in sorted(released.entities.items())},
        }

    def report(self, measurements: tuple[Measurement, ...]) -> Plain:
        """The document that a privacy officer signs."""
        return safe_harbor_document(
            profile=self.deidentifier.profile,
            detector=self.detector(),
            source=self.source,
            released=self.about,
            coverage=coverage(self.deidentifier.profile),
            counts=self.counts,
            found=self._transformed(),
            planted=self.planted.recall,
            measurements=measurements,
            examples=_examples(self.deidentifier),
        )

    def details(self, report: Digest, document: Plain) -> Plain:
        """The tables behind the measurements; texts in it are made up, never a record's."""
        profile, released, left = self.deidentifier.profile, self.released, self.left
        return to_plain(
            {
                "profile": profile.digest(),
                "detector": self.detector(),
                "report": report,
                "safe_harbor": in_short(document),
                "reviewed": False,  # no person has read a sample of the output
                "records": released.rows,
                "emptied": released.emptied,
                "erased": released.erased,
                "generalised": released.generalised,
                "shared": released.shared,
                "entities": self._transformed(),
                "operators": {entity: profile.operator(entity) for entity in EntityType},
                "planted": {entity: _row(tally) for entity, tally in self.planted.recall.items()},
                "rescan": {
                    "threshold": decimal_text(profile.threshold * Decimal(CLOSER)),
                    "engine_threshold": decimal_text(profile.engine.threshold * Decimal(CLOSER)),
                    "records_hit": left.rescan.records_hit,
                    "records_leaking": left.rescan.records_leaking,
                    "kinds": dict(left.rescan.kinds),
                },
                "quasi_identifiers": left.census.table(),
                "given_up": released.given_up.changed,
                "duplicates": left.duplicates.table(),
                "name_fairness": [] if self.planted.fairness is None else self.planted.fairness.table(),
                "examples": _examples(self.deidentifier),
            }
        )

    def detector(self) -> Digest:
        """What recognised."""
        detector = self.deidentifier.detector
        return detector_digest(detector.profile.engine, detector.recognisers)

    def _transformed(self) -> Mapping[EntityType, int]:
        return {entity: count for entity, count in self.released.entities.items() if count}


def _examples(deidentifier: Deidentifier) -> list[Example]:
    nobody = Person(pseudonym="0" * 64, key=bytes(KEY_BYTES))  # a key that everybody has, for persons whom nobody is
    cleaned = deidentifier.clean(EXAMPLES, nobody)
    return [Example(before=before, after=after.text) for before, after in zip(EXAMPLES, cleaned, strict=True)]


def _row(tally: Tally) -> Mapping[str, object]:
    measured = proportion("", tally)
    return {"found": tally.hits, "n": tally.n, "low": measured.low, "value": measured.value, "high": measured.high}
