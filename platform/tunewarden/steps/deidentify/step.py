"""The de-identify step: an attempt in, the manifest of the released records and the evidence about it out."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import torch

from tunewarden.domain.canonical import Plain, decimal_text, digest_of, encode, to_plain
from tunewarden.domain.deidentification import Method, Profile
from tunewarden.domain.errors import Refused
from tunewarden.domain.gates import Measurement
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest
from tunewarden.domain.reviews import ATTESTED
from tunewarden.steps.deidentify.coverage import coverage
from tunewarden.steps.deidentify.deidentifier import Deidentifier
from tunewarden.steps.deidentify.duplicates import Duplicates
from tunewarden.steps.deidentify.fairness import NameFairness, name_fairness
from tunewarden.steps.deidentify.finding import Build, OpenBlobs
from tunewarden.steps.deidentify.identity import LIBRARIES, detector_digest, package_files
from tunewarden.steps.deidentify.passing import Job, Looked, Released, Seen, Witnesses, tell_census
from tunewarden.steps.deidentify.person import KEY_BYTES, Person
from tunewarden.steps.deidentify.progress import Tell, tell_nobody
from tunewarden.steps.deidentify.quasi import LEAST_K, Census
from tunewarden.steps.deidentify.release import release
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
from tunewarden.steps.deidentify.scale import Compute, Means
from tunewarden.steps.deidentify.source import source_records
from tunewarden.steps.records import Manifest
from tunewarden.usecases.ports import Attempt, Blobs, StepResult, Vault

PLANTS_OF_EACH_KIND = 150  # none missed of 150: recall is at least 0.975 with 95 % confidence
TEXTS_OF_EACH_COHORT = 60
_LEAST_KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is planted to measure recall; part of the step's identity."""

    plants_of_each_kind: int = PLANTS_OF_EACH_KIND
    texts_of_each_cohort: int = TEXTS_OF_EACH_COHORT


class DeidentifyStep:
    """Implements `usecases.ports.Step`."""

    def __init__(
        self,
        blobs: Blobs,
        tenant_key: bytes,
        *,
        vault: Vault,
        scratch: Path,
        open_blobs: OpenBlobs | None = None,
        build: Build | None = None,
        compute: Compute | None = None,
        effort: Effort | None = None,
        tell: Tell = tell_nobody,
    ) -> None:
        """`tenant_key` makes pseudonyms and has 32 bytes or more.

        Args:
            vault: of the persons' data keys.
            scratch: a folder that this process and all workers see; what lies there is encrypted.
            open_blobs: how a worker in another process reaches the blobs; None does everything in this one.
            build: how the detector of a profile is made.
        """
        if len(tenant_key) < _LEAST_KEY_BYTES:
            raise ValueError(f"the tenant key has {len(tenant_key)} bytes, at least {_LEAST_KEY_BYTES} are needed")
        self._blobs, self._tenant_key, self._vault = blobs, tenant_key, vault
        self._scratch, self._open_blobs, self._tell = scratch, open_blobs, tell
        self._build, self._compute, self._effort = build or Build(), compute or Compute(), effort or Effort()
        self.identity: Digest = digest_of(
            {
                "step": "deidentify",
                "files": package_files(),
                "versions": {name: version(name) for name in LIBRARIES},
                "effort": self._effort,
            }
        )

    def __call__(self, attempt: Attempt) -> StepResult:
        """De-identify the dataset version by the plan's profile, and measure what is left.

        1. Release the records; what was found on the way lies in the scratch folder, for the next attempt.
        2. Plant identifiers in copies of the texts and see which are found.
        3. State it all; then the scratch folder is no longer needed.

        Raises `Malformed` for a language without recognisers, an engine that is not there or a text that is too long,
        `Refused` for one that takes too long, `NotFound` and `Corrupted` for blobs that are not there or not what they
        were. After anything else, another attempt goes on where this one was.
        """
        threads = torch.get_num_threads()  # a model may set it for the whole process
        try:
            return self._made(attempt)
        finally:
            torch.set_num_threads(threads)

    def _made(self, attempt: Attempt) -> StepResult:
        canonical = self._blobs.read(attempt.plan.profile)
        detector = self._build.detector(canonical)
        deidentifier = Deidentifier(detector)
        profile = detector.profile
        place = self._scratch / attempt.request
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        job = Job(
            source=attempt.records,
            dataset=attempt.plan.dataset,
            classes=len(attempt.labels),
            profile=canonical,
            detector=detector_digest(profile.engine, detector.recognisers),
            vault=self._vault,
            scratch=place / "deidentify",
            tenant_key=self._tenant_key,
        )
        means = Means(
            blobs=self._blobs,
            detector=detector,
            open_blobs=self._open_blobs,
            build=self._build,
            compute=self._compute,
            tell=self._tell,
        )
        left = _Left(profile)
        try:
            manifest, released = release(job, deidentifier, means, left.witnesses())  # 1
        except Refused:  # another attempt would be refused too
            shutil.rmtree(job.scratch, ignore_errors=True)
            raise
        planted, fairness = self._planted(deidentifier, attempt.records, manifest)  # 2
        result = self._stated(_Made(manifest, released, left, planted, fairness, deidentifier))  # 3
        shutil.rmtree(job.scratch, ignore_errors=True)
        return result

    def _planted(
        self, deidentifier: Deidentifier, records: Digest, manifest: Manifest
    ) -> tuple[Mapping[EntityType, Tally], NameFairness]:
        texts = (record.text for record in source_records(self._blobs, records))
        rows = manifest.rows + manifest.erased
        recall = planted_recall(deidentifier.transformed, texts, rows, records, self._effort.plants_of_each_kind)
        languages = deidentifier.profile.languages
        return recall, name_fairness(deidentifier.transformed, languages, records, self._effort.texts_of_each_cohort)

    def _stated(self, made: "_Made") -> StepResult:
        measurements = made.measurements()
        document = made.report(measurements)
        report = self._blobs.put_bytes(encode(document))
        return StepResult(
            output=self._blobs.put_bytes(encode(to_plain(made.manifest))),
            measurements=measurements,
            details=self._blobs.put_bytes(encode(made.details(report, document))),
            counts=made.counts(),
        )


class _Left:
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


@dataclass(frozen=True, slots=True)
class _Made:
    """Everything that an attempt made, to be stated."""

    manifest: Manifest
    released: Released
    left: _Left
    planted: Mapping[EntityType, Tally]
    fairness: NameFairness
    deidentifier: Deidentifier = field(repr=False)

    def measurements(self) -> tuple[Measurement, ...]:
        """About the manifest."""
        profile = self.deidentifier.profile
        # Whoever claims nothing has nothing to sign.
        unclaimed = [exact(ATTESTED, Decimal(1), 1)] if profile.method is Method.NONE else []
        return (
            *recall_measurements(self.planted),
            *self.left.rescan.measurements(),
            *self.left.census.measurements(profile.k or LEAST_K),
            self.left.duplicates.measurement(),
            self.fairness.measurement(),
            *unclaimed,
        )

    def counts(self) -> Mapping[str, int]:
        """For the log."""
        released = self.released
        return {
            "records": released.rows,
            "persons": released.persons,
            "emptied": released.emptied,
            "erased": released.erased,
            "generalised": released.generalised,
            "entities": released.entities.total(),
            **{entity.value: count for entity, count in sorted(released.entities.items())},
        }

    def report(self, measurements: tuple[Measurement, ...]) -> Plain:
        """The document that a privacy officer signs."""
        released = self.released
        return safe_harbor_document(
            profile=self.deidentifier.profile,
            detector=self.manifest.detector,
            source=self.manifest.source,
            released=self.manifest.root,
            coverage=coverage(self.deidentifier.profile),
            counts=Counts(
                records=released.rows,
                persons=released.persons,
                emptied=released.emptied,
                erased=released.erased,
            ),
            found=self._transformed(),
            planted=self.planted,
            measurements=measurements,
            examples=_examples(self.deidentifier),
        )

    def details(self, report: Digest, document: Plain) -> Plain:
        """The tables behind the measurements; texts in it are made up, never a record's."""
        profile, released, left = self.deidentifier.profile, self.released, self.left
        return to_plain(
            {
                "profile": profile.digest(),
                "detector": self.manifest.detector,
                "report": report,
                "safe_harbor": in_short(document),
                "reviewed": False,  # no person has read a sample of the output
                "records": released.rows,
                "emptied": released.emptied,
                "erased": released.erased,
                "generalised": released.generalised,
                "entities": self._transformed(),
                "operators": {entity: profile.operator(entity) for entity in EntityType},
                "planted": {entity: _row(tally) for entity, tally in self.planted.items()},
                "rescan": {
                    "threshold": decimal_text(profile.threshold * Decimal(CLOSER)),
                    "engine_threshold": decimal_text(profile.engine.threshold * Decimal(CLOSER)),
                    "records_hit": left.rescan.records_hit,
                    "records_leaking": left.rescan.records_leaking,
                    "kinds": dict(left.rescan.kinds),
                },
                "quasi_identifiers": left.census.table(),
                "duplicates": left.duplicates.table(),
                "name_fairness": self.fairness.table(),
                "examples": _examples(self.deidentifier),
            }
        )

    def _transformed(self) -> Mapping[EntityType, int]:
        return {entity: count for entity, count in self.released.entities.items() if count}


def _examples(deidentifier: Deidentifier) -> list[Example]:
    nobody = Person(pseudonym="0" * 64, key=bytes(KEY_BYTES))  # a key that everybody has, for persons whom nobody is
    cleaned = deidentifier.clean(EXAMPLES, nobody)
    return [Example(before=before, after=after.text) for before, after in zip(EXAMPLES, cleaned, strict=True)]


def _row(tally: Tally) -> Mapping[str, object]:
    measured = proportion("", tally)
    return {"found": tally.hits, "n": tally.n, "low": measured.low, "value": measured.value, "high": measured.high}
