"""`tunewarden deid apply`: a file de-identified by the code of the platform's step, into a file of the same format.

1. Every column gets its part, the profile its recognisers, every cell its person.
2. The cells are released as the step releases records: found, looked for in all texts of their person, transformed,
   looked at again. What is made on the way lies encrypted in a temporary folder, under a key of this process.
3. Identifiers are planted in copies of the texts, and those counted that are found.
4. The table is written anew, row by row, and beside it a manifest with counts, digests and the report.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewarden.domain.canonical import digest_of, encode, to_plain
from tunewarden.domain.deidentification import Profile
from tunewarden.domain.errors import Conflict, Corrupted, Malformed, Unavailable
from tunewarden.domain.gates import Measurement
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import DatasetId, Digest
from tunewarden.domain.pseudonyms import pseudonym
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.drivers.file_vault import FileVault
from tunewarden.drivers.table_cells import Cell
from tunewarden.drivers.table_files import TableFile, open_table
from tunewarden.entry.cli.deid_columns import Parts, Wishes, parts_of
from tunewarden.entry.cli.deid_profile import detector_for, profile_named
from tunewarden.entry.cli.deid_progress import Shown
from tunewarden.entry.cli.deid_scan import column_labels
from tunewarden.steps.deidentify.coverage import coverage
from tunewarden.steps.deidentify.deidentifier import Deidentifier
from tunewarden.steps.deidentify.detector import Detector
from tunewarden.steps.deidentify.finding import Build
from tunewarden.steps.deidentify.identity import detector_digest
from tunewarden.steps.deidentify.passing import Job, Looked, Released, Witnesses
from tunewarden.steps.deidentify.person import KEY_BYTES, Person
from tunewarden.steps.deidentify.release import release
from tunewarden.steps.deidentify.report import EXAMPLES, Counts, Example, safe_harbor_document
from tunewarden.steps.deidentify.residual import Rescan, Tally, planted_recall, recall_measurements
from tunewarden.steps.deidentify.scale import Compute, Means
from tunewarden.steps.deidentify.source import SourceRecord, source_records, store_source
from tunewarden.steps.records import read_records

FILES = DatasetId("files")
"""Under which a vault keeps the persons of files: the same person is the same in every file of one vault."""

FORM = "tunewarden.deid-manifest/1"
MANIFEST_ENDING = ".manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What `deid apply` is asked for. `plants` of each kind are planted to measure recall, none if 0."""

    file: Path
    out: Path
    profile: str
    wishes: Wishes
    vault: Path | None
    models: Path | None
    threads: int
    plants: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One file on its way."""

    table: TableFile
    parts: Parts
    source: Digest
    profile: Profile
    detector: Detector
    vault: FileVault

    def rows(self) -> Iterator[tuple[str, tuple[Cell, ...], dict[EntityType, tuple[str, ...]]]]:
        """Of every row: the person, the cells to be written (treated ones and the person's), what is known."""
        parts = self.parts
        wanted = {*parts.treated, *parts.known} | ({parts.person} if parts.person is not None else set())
        for number, cells in enumerate(self.table.cells(wanted), start=1):
            known: dict[EntityType, tuple[str, ...]] = {}
            for cell in cells:
                if cell.column in parts.known:
                    kind = parts.known[cell.column]
                    known[kind] = (*known.get(kind, ()), cell.text.strip())
            yield self._person(cells, number), tuple(c for c in cells if c.column not in parts.known), known

    def pseudonym(self, person: str) -> str:
        """Under which the vault keeps a person."""
        return pseudonym(self.vault.tenant_key, FILES, person)

    def _person(self, cells: Sequence[Cell], number: int) -> str:
        if self.parts.person is None:
            return f"{self.source} row {number}"  # every row is another person, in every file
        named = [cell.text.strip() for cell in cells if cell.column == self.parts.person]
        if len(named) != 1:
            raise Malformed(
                "person_missing",
                f"Row {number} does not name one person in column {self.parts.person + 1}.",
                remedy="Complete the row or leave it out.",
                param="--person",
            )
        return named[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What the release left."""

    released: Released
    rescan: Rescan
    planted: Mapping[EntityType, Tally]
    root: Digest
    left_out: int

    def measurements(self) -> tuple[Measurement, ...]:
        """Recall only where something was planted."""
        recall = recall_measurements(self.planted) if self.planted else ()
        return (*recall, *self.rescan.measurements())


def apply_file(wanted: Wanted) -> Mapping[str, Any]:
    """De-identify a file; returns the manifest that was written beside the output.

    Raises `Conflict` where the output or its manifest is there, `Malformed` for files and columns that cannot be used,
    and what the release raises.
    """
    manifest = manifest_of(wanted.out)
    _require_free(wanted.out, manifest)
    profile, table = profile_named(wanted.profile), open_table(wanted.file)
    parts = parts_of(table, wanted.wishes)
    if wanted.out.suffix.lower() != wanted.file.suffix.lower():
        raise Malformed("file_kind_unknown", "The output has another ending than the input.", param="--out")
    vault = FileVault(wanted.vault, create=True)
    try:
        work = _Work(
            table=table,
            parts=parts,
            source=file_digest(wanted.file),
            profile=profile,
            detector=detector_for(profile, wanted.models, wanted.threads),
            vault=vault,
        )
        outcome = _applied(work, wanted)
        told = _manifest(work, outcome, wanted)
        with _whole(manifest) as draft:
            draft.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return told
    finally:
        vault.close()


def manifest_of(out: Path) -> Path:
    """Where the manifest of an output is."""
    return out.with_name(out.name + MANIFEST_ENDING)


def file_digest(path: Path) -> Digest:
    """Of the bytes."""
    with path.open("rb") as stream:
        return Digest("sha256:" + hashlib.file_digest(stream, "sha256").hexdigest())


def _applied(work: _Work, wanted: Wanted) -> _Outcome:
    deidentifier, rescan = Deidentifier(work.detector), Rescan(profile=work.profile)

    def look(looked: Looked) -> None:
        rescan.look(looked.text, looked.found, looked.replaced, looked.values)

    with tempfile.TemporaryDirectory(prefix="tunewarden-") as folder, Shown() as shown:
        blobs = DirectoryBlobs(Path(folder) / "blobs", secrets.token_bytes(32))
        source = store_source(blobs, _records(work))  # 1
        job = Job(
            source=source,
            dataset=FILES,
            classes=1,
            profile=encode(to_plain(work.profile)),
            detector=detector_digest(work.profile.engine, work.detector.recognisers),
            vault=work.vault,
            scratch=Path(folder) / "scratch",
            tenant_key=work.vault.tenant_key,
        )
        job.scratch.mkdir(mode=0o700)
        means = Means(
            blobs=blobs,
            detector=work.detector,
            open_blobs=None,
            build=Build(models=wanted.models, threads=wanted.threads),
            compute=Compute(workers=1),
            tell=shown,
        )
        manifest, released = release(job, deidentifier, means, Witnesses(looked=look))  # 2
        planted: Mapping[EntityType, Tally] = {}
        if wanted.plants:  # 3
            texts = (record.text for record in source_records(blobs, source))
            rows = manifest.rows + manifest.erased
            planted = planted_recall(deidentifier.transformed, texts, rows, source, wanted.plants)
        clean = ((record.person, record.text) for record in read_records(blobs, manifest))
        left_out = _written(work, clean, wanted.out)  # 4
    return _Outcome(released=released, rescan=rescan, planted=planted, root=manifest.root, left_out=left_out)


def _records(work: _Work) -> Iterator[SourceRecord]:
    """Every cell that is treated, as a record of its own."""
    some = False
    for person, cells, known in work.rows():
        for cell in cells:
            if cell.column != work.parts.person:
                some = True
                yield SourceRecord(label=0, person=person, protected={}, text=cell.text, known=known)
    if not some:
        raise Malformed("file_empty", "The columns to be de-identified hold no text.", param="--column")


def _written(work: _Work, clean: Iterator[tuple[str, str]], out: Path) -> int:
    """Write the table; returns how many rows of forgotten persons were left out."""
    left_out = 0

    def texts() -> Iterator[Sequence[str] | None]:
        nonlocal left_out
        for person, cells, _ in work.rows():
            name = work.pseudonym(person)
            if work.vault.keys(FILES, [name])[name] is None:
                left_out += 1
                yield None
                continue
            yield [name if cell.column == work.parts.person else _next_of(clean, name) for cell in cells]

    wanted = {*work.parts.treated} | ({work.parts.person} if work.parts.person is not None else set())
    with _whole(out) as draft:
        work.table.rewrite(draft, wanted, work.parts.dropped, texts())
    return left_out


def _next_of(clean: Iterator[tuple[str, str]], name: str) -> str:
    person, text = next(clean, ("", ""))
    if person != name:
        raise Corrupted("record_count", "The released texts are not those of the file; it changed meanwhile.")
    return text


def _manifest(work: _Work, outcome: _Outcome, wanted: Wanted) -> Mapping[str, Any]:
    profile, released = work.profile, outcome.released
    engine = detector_digest(profile.engine, work.detector.recognisers)
    output = file_digest(wanted.out)
    document = safe_harbor_document(
        profile=profile,
        detector=engine,
        source=work.source,
        released=output,
        coverage=coverage(profile),
        counts=Counts(
            records=work.table.rows - outcome.left_out,
            persons=released.persons,
            emptied=released.emptied,
            erased=outcome.left_out,
        ),
        found={kind: count for kind, count in released.entities.items() if count},
        planted=outcome.planted,
        measurements=outcome.measurements(),
        examples=_examples(Deidentifier(work.detector)),
    )
    labels = column_labels(work.table.columns, work.detector.find)
    return {
        "form": FORM,
        "source": {"digest": work.source, "records": work.table.rows},
        "output": {"digest": output, "records": work.table.rows - outcome.left_out, "left_out": outcome.left_out},
        "root": outcome.root,
        "profile": {"name": profile.name, "digest": profile.digest(), "method": profile.method},
        "detector": engine,
        "columns": {
            "treated": [labels[place] for place in work.parts.treated],
            "person": None if work.parts.person is None else labels[work.parts.person],
            "known": [kind.value for kind in work.parts.known.values()],
            "kept": len(work.parts.kept),
            "dropped": len(work.parts.dropped),
        },
        "found": {kind.value: count for kind, count in sorted(released.entities.items()) if count},
        "report": digest_of(document),
        "document": document,
    }


def _examples(deidentifier: Deidentifier) -> list[Example]:
    nobody = Person(pseudonym="0" * 64, key=bytes(KEY_BYTES))
    cleaned = deidentifier.clean(EXAMPLES, nobody)
    return [Example(before=before, after=after.text) for before, after in zip(EXAMPLES, cleaned, strict=True)]


def _require_free(*paths: Path) -> None:
    for path in paths:
        if path.exists():
            raise Conflict(
                "output_exists",
                "The output, or the manifest beside it, is there already; nothing is overwritten.",
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
