"""The de-identify step: an attempt in, the manifest of the released records and the evidence about it out."""

import shutil
from dataclasses import replace
from pathlib import Path

import torch

from tunewarden.domain.canonical import encode
from tunewarden.domain.errors import Refused, Unavailable
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.deidentifier import Deidentifier
from tunewarden.steps.deidentify.finding import Build
from tunewarden.steps.deidentify.identity import detector_digest
from tunewarden.steps.deidentify.passing import Job, Released
from tunewarden.steps.deidentify.progress import Tell, tell_nobody
from tunewarden.steps.deidentify.raw import LendBlobs, Raw, opened
from tunewarden.steps.deidentify.release import release
from tunewarden.steps.deidentify.report import Counts
from tunewarden.steps.deidentify.scale import Compute, Means
from tunewarden.steps.deidentify.source import source_records
from tunewarden.steps.deidentify.stated import Effort, Left, Planted, Stated, planted
from tunewarden.steps.records import Manifest
from tunewarden.usecases.ports import Attempt, Blobs, RawRows, StepResult, Vault

_LEAST_KEY_BYTES = 32


class DeidentifyStep:
    """Implements `usecases.ports.Step`."""

    def __init__(
        self,
        blobs: Blobs,
        tenant_key: bytes,
        *,
        vault: Vault,
        scratch: Path,
        open_blobs: LendBlobs | None = None,
        rows: RawRows | None = None,
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
            rows: opens records that lie under the keys of their persons; None where none do.
            build: how the detector of a profile is made.
        """
        if len(tenant_key) < _LEAST_KEY_BYTES:
            raise ValueError(f"the tenant key has {len(tenant_key)} bytes, at least {_LEAST_KEY_BYTES} are needed")
        self._blobs, self._tenant_key, self._vault = blobs, tenant_key, vault
        self._scratch, self._open_blobs, self._tell = scratch, open_blobs, tell
        self._rows = rows
        self._build, self._compute, self._effort = build or Build(), compute or Compute(), effort or Effort()
        self.identity: Digest = self._effort.identity()

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
        if attempt.keep is None and attempt.protected:
            raise Unavailable(
                "attributes_not_kept",
                "There is nowhere to lay protected attributes apart, and they do not go beside the texts.",
                who="administrator",
            )
        with opened(attempt, self._blobs, self._rows, self._open_blobs) as raw:
            return self._released(attempt, raw)

    def _released(self, attempt: Attempt, raw: Raw) -> StepResult:
        canonical = self._blobs.read(attempt.plan.profile)
        detector = self._build.detector(canonical)
        deidentifier = Deidentifier(detector)
        profile = detector.profile
        place = self._scratch / attempt.request
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        job = Job(
            source=raw.records,
            dataset=attempt.plan.dataset,
            classes=len(attempt.labels),
            profile=canonical,
            detector=detector_digest(profile.engine, detector.recognisers),
            vault=self._vault,
            scratch=place / "deidentify",
            tenant_key=self._tenant_key,
            namespace=attempt.namespace,
        )
        means = Means(
            blobs=raw.blobs,
            detector=detector,
            open_blobs=raw.open_blobs,
            build=self._build,
            compute=self._compute,
            tell=self._tell,
        )
        left = Left(profile)
        try:
            manifest, released = release(job, deidentifier, means, left.witnesses(), attempt.keep)  # 1
        except Refused:  # another attempt would be refused too
            shutil.rmtree(job.scratch, ignore_errors=True)
            raise
        found_again = self._planted(deidentifier, attempt, raw, manifest)  # 2
        manifest = replace(manifest, source=attempt.records, erased=manifest.erased + raw.erased)
        released.erased = manifest.erased
        result = self._result(manifest, _stated(manifest, released, left, found_again, deidentifier))  # 3
        shutil.rmtree(job.scratch, ignore_errors=True)
        return result

    def _planted(self, deidentifier: Deidentifier, attempt: Attempt, raw: Raw, manifest: Manifest) -> Planted:
        texts = (record.text for record in source_records(raw.blobs, raw.records))
        return planted(deidentifier, texts, manifest.rows + manifest.erased, attempt.records, self._effort)

    def _result(self, manifest: Manifest, stated: Stated) -> StepResult:
        measurements = stated.measurements()
        document = stated.report(measurements)
        report = self._blobs.put_bytes(encode(document))
        return StepResult(
            output=self._blobs.put_bytes(encode(manifest)),
            measurements=measurements,
            details=self._blobs.put_bytes(encode(stated.details(report, document))),
            counts=stated.log_counts(),
        )


def _stated(
    manifest: Manifest, released: Released, left: Left, found_again: Planted, deidentifier: Deidentifier
) -> Stated:
    return Stated(
        source=manifest.source,
        about=manifest.root,
        counts=Counts(
            records=released.rows,
            persons=released.persons,
            emptied=released.emptied,
            erased=released.erased,
        ),
        released=released,
        left=left,
        planted=found_again,
        deidentifier=deidentifier,
        labelled=manifest.classes > 0,
    )
