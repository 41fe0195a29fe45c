"""What `deid apply` writes beside its output: the manifest, and the evidence as the platform's step gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewarden.domain.canonical import Plain, digest_of, to_plain
from tunewarden.domain.deidentification import Profile
from tunewarden.domain.gates import Evidence, Measurement
from tunewarden.domain.names import Digest
from tunewarden.entry.cli.deid_rows import Rows
from tunewarden.steps.deidentify.stated import Effort, Stated

FORM = "tunewarden.deid-manifest/1"
EVIDENCE_FORM = "tunewarden.deid-evidence/1"


def manifest_for(rows: Rows, profile: Profile, stated: Stated, document: Plain, root: Digest) -> Mapping[str, Any]:
    """Counts, digests and the report. No name of a column is in it that may be a value."""
    parts, counts = rows.parts, stated.counts
    return {
        "form": FORM,
        "source": {"digest": rows.source, "records": rows.table.rows},
        "output": {"digest": stated.about, "records": counts.records, "left_out": counts.erased},
        "root": root,
        "profile": {"name": profile.name, "digest": profile.digest(), "method": profile.method, "k": profile.k},
        "detector": stated.detector(),
        "columns": {
            "treated": [rows.labels[place] for place in parts.treated],
            "person": None if parts.person is None else rows.labels[parts.person],
            "known": [kind.value for kind in parts.known.values()],
            "protected": [rows.labels[place] for place in parts.protected],
            "label": None if parts.label is None else rows.labels[parts.label],
            "kept": len(parts.kept),
            "dropped": len(parts.dropped),
        },
        "found": {kind.value: count for kind, count in sorted(stated.released.entities.items()) if count},
        "generalised": stated.released.generalised,
        "report": digest_of(document),
        "document": document,
    }


def evidence_of(
    stated: Stated, measurements: tuple[Measurement, ...], document: Plain, effort: Effort
) -> Mapping[str, Plain]:
    """The evidence about the output, with the tables behind it; canonical, so that its bytes can be signed.

    `evidence` is what a gate judges: about the output's digest, produced by this code and effort, its details the
    digest of `details`. As in the step, a record is a text: here one cell.
    """
    details = stated.details(digest_of(document), document)
    evidence = Evidence(
        about=stated.about,
        produced_by=effort.identity(),
        measurements=measurements,
        details=digest_of(details),
    )
    return {
        "form": EVIDENCE_FORM,
        "evidence": to_plain(evidence),
        "details": details,
        "counts": to_plain(stated.log_counts()),
    }
