"""`tunewarden deid apply`: a file de-identified by the code of the platform's step, into a file of the same format.

1. Every column gets its part, the profile its recognisers, every cell its person.
2. The cells are released as the step releases records: found, looked for in all texts of their person, transformed,
   looked at again, and more given up where the profile's k wants it. What is made on the way lies encrypted in a
   temporary folder, under a key of this process.
3. Identifiers are planted in copies of the texts, and those counted that are found.
4. The table is written anew, row by row, and beside it a manifest with counts, digests and the report, and where it is
   asked for the evidence that the step gives.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewarden.domain.canonical import encode
from tunewarden.domain.deidentification import Profile
from tunewarden.domain.errors import Conflict, Malformed, Unavailable
from tunewarden.domain.names import Digest
from tunewarden.drivers.file_vault import FileVault
from tunewarden.drivers.table_files import open_table
from tunewarden.entry.cli.deid_columns import Wishes, parts_of
from tunewarden.entry.cli.deid_profile import detector_for, profile_named
from tunewarden.entry.cli.deid_progress import Shown
from tunewarden.entry.cli.deid_rows import FILES, Rows, Written
from tunewarden.entry.cli.deid_scan import column_labels
from tunewarden.entry.cli.deid_stated import evidence_of, manifest_for
from tunewarden.entry.cli.deid_workplace import Workplace, workplace
from tunewarden.steps.deidentify.deidentifier import Deidentifier
from tunewarden.steps.deidentify.detector import Detector
from tunewarden.steps.deidentify.finding import Build
from tunewarden.steps.deidentify.identity import detector_digest
from tunewarden.steps.deidentify.passing import Job, Released
from tunewarden.steps.deidentify.release import release
from tunewarden.steps.deidentify.report import Counts
from tunewarden.steps.deidentify.scale import Compute, FindingInterrupted, Means
from tunewarden.steps.deidentify.source import source_records, store_source
from tunewarden.steps.deidentify.stated import Effort, Left, Planted, Stated, planted
from tunewarden.steps.records import Manifest, read_protected, read_records

MANIFEST_ENDING = ".manifest.json"
EVIDENCE_ENDING = ".evidence.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What `deid apply` is asked for.

    Attributes:
        workers: processes that look for identifiers; it changes speed only.
        effort: what is planted to measure.
        evidence: whether the evidence of the step is written too.
    """

    file: Path
    out: Path
    profile: str
    wishes: Wishes
    vault: Path | None
    models: Path | None
    threads: int
    workers: int
    effort: Effort
    evidence: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One file on its way."""

    rows: Rows
    profile: Profile
    detector: Detector


def apply_file(wanted: Wanted) -> Mapping[str, Any]:
    """De-identify a file; returns the manifest that was written beside the output.

    Raises `Conflict` where the output or what is written beside it is there, `Malformed` for files and columns that
    cannot be used, and what the release raises.
    """
    beside = [manifest_of(wanted.out), *([evidence_file(wanted.out)] if wanted.evidence else [])]
    _require_free(wanted.out, *beside)
    profile, table = profile_named(wanted.profile), open_table(wanted.file)
    parts = parts_of(table, wanted.wishes)
    if wanted.out.suffix.lower() != wanted.file.suffix.lower():
        raise Malformed("file_kind_unknown", "The output has another ending than the input.", param="--out")
    vault = FileVault(wanted.vault, create=True)
    try:
        detector = detector_for(profile, wanted.models, wanted.threads)
        rows = Rows(
            table=table,
            parts=parts,
            labels=column_labels(table.columns, detector.find),
            source=file_digest(wanted.file),
            vault=vault,
            rewritten=bool(profile.k),
        )
        return _applied(_Work(rows=rows, profile=profile, detector=detector), wanted)
    finally:
        vault.close()


def manifest_of(out: Path) -> Path:
    """Where the manifest of an output is."""
    return out.with_name(out.name + MANIFEST_ENDING)


def evidence_file(out: Path) -> Path:
    """Where the evidence about an output is."""
    return out.with_name(out.name + EVIDENCE_ENDING)


def file_digest(path: Path) -> Digest:
    """Of the bytes."""
    with path.open("rb") as stream:
        return Digest("sha256:" + hashlib.file_digest(stream, "sha256").hexdigest())


def _applied(work: _Work, wanted: Wanted) -> Mapping[str, Any]:
    deidentifier, left = Deidentifier(work.detector), Left(work.profile)
    with workplace() as here, Shown() as shown:
        job = _job(work, here)
        try:
            manifest, released = release(job, deidentifier, _means(work, here, wanted, shown), left.witnesses())  # 2
        except FindingInterrupted as stopped:
            raise Unavailable("workers_stopped", str(stopped), remedy="Try again, or with fewer --workers.") from None
        if wanted.effort.texts_of_each_cohort:
            shown.say("measuring with planted identifiers")
        texts = (record.text for record in source_records(here.blobs, job.source))
        again = planted(deidentifier, texts, manifest.rows + manifest.erased, job.source, wanted.effort)  # 3
        with _whole(wanted.out) as draft:  # 4
            clean = zip(read_records(here.blobs, manifest), read_protected(here.blobs, manifest), strict=True)
            written = work.rows.write(clean, draft)
            about = file_digest(draft)
        stated = _stated(work, about, released, written, left, again, deidentifier)
        return _told(work, wanted, stated, manifest)


def _job(work: _Work, here: Workplace) -> Job:
    rows = work.rows
    source = store_source(here.blobs, rows.source_records())  # 1
    return Job(
        source=source,
        dataset=FILES,
        classes=max(1, len(rows.classes)),
        profile=encode(work.profile),
        detector=detector_digest(work.profile.engine, work.detector.recognisers),
        vault=rows.vault,
        scratch=here.scratch,
        tenant_key=rows.vault.tenant_key,
    )


def _means(work: _Work, here: Workplace, wanted: Wanted, shown: Shown) -> Means:
    if wanted.workers > 1 and here.open_blobs is None:
        raise Unavailable(
            "no_workers_here",
            "Several processes cannot share the files of one here.",
            remedy="Leave --workers out.",
        )
    return Means(
        blobs=here.blobs,
        detector=work.detector,
        open_blobs=here.open_blobs,
        build=Build(models=wanted.models, threads=wanted.threads),
        compute=Compute(workers=wanted.workers),
        tell=shown,
    )


def _stated(
    work: _Work,
    about: Digest,
    released: Released,
    written: Written,
    left: Left,
    again: Planted,
    deidentifier: Deidentifier,
) -> Stated:
    return Stated(
        source=work.rows.source,
        about=about,
        counts=Counts(
            records=work.rows.table.rows - written.left_out,
            persons=released.persons,
            emptied=released.emptied - written.without_text,
            erased=written.left_out,
        ),
        released=released,
        left=left,
        planted=again,
        deidentifier=deidentifier,
        labelled=work.rows.parts.label is not None,
    )


def _told(work: _Work, wanted: Wanted, stated: Stated, manifest: Manifest) -> Mapping[str, Any]:
    """Write what stands beside the output; returns the manifest."""
    measurements = stated.measurements()
    document = stated.report(measurements)
    if wanted.evidence:
        evidence = evidence_of(stated, measurements, document, wanted.effort)
        with _whole(evidence_file(wanted.out)) as draft:
            draft.write_bytes(encode(evidence))
    told = manifest_for(work.rows, work.profile, stated, document, manifest.root)
    with _whole(manifest_of(wanted.out)) as draft:
        draft.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return told


def _require_free(*paths: Path) -> None:
    for path in paths:
        if path.exists():
            raise Conflict(
                "output_exists",
                "The output, or what is written beside it, is there already; nothing is overwritten.",
                remedy="Name another file, or take the old one away.",
                param="--out",
            )


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A draft beside `path` that takes its name when all of it is written, and goes away when something goes wrong."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.draft")
    try:
        yield draft
        _require_free(path)
        draft.rename(path)
    except OSError as error:
        raise Unavailable("file_unwritable", f"The output cannot be written ({type(error).__name__}).") from error
    finally:
        draft.unlink(missing_ok=True)
