"""The lineage of a model version as an auditor takes it away: a deterministic zip, and the page that lies in it."""

import tomllib
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tunewarden.domain.canonical import encode
from tunewarden.domain.errors import Malformed
from tunewarden.domain.events import ModelRegistered
from tunewarden.domain.names import Digest
from tunewarden.entry.exports import exports
from tunewarden.entry.report import render_html, summary
from tunewarden.entry.report.facts import only
from tunewarden.entry.sealed_head import covering
from tunewarden.entry.settings import Settings
from tunewarden.usecases.ports import Platform, SignedTreeHead
from tunewarden.usecases.reports import Lineage
from tunewarden_audit.bundle import (
    MODEL_SIGNATURE,
    RELEASE_KEY,
    STATEMENT,
    ConsistencyProof,
    InclusionProof,
    pack,
)


def report_page(platform: Platform, lineage: Lineage, settings: Settings, *, links: bool = False) -> str:
    """The lineage report as one self-contained HTML page. Raises `Unavailable` if the sealer is behind.

    With `links` it leads on to the other pages about the model version, for a browser that is on them.
    """
    return _page(lineage, _sealing(platform, lineage, settings), settings, links=links)


def bundle(platform: Platform, lineage: Lineage, settings: Settings, since: Collection[int] = ()) -> bytes:
    """Entries, proofs, documents, attestations, the report and the exports; the same state gives the same bytes.

    `since` are sizes of tree heads that the reader kept: for each there is a proof that the log only grew since then.
    Raises `Unavailable` if the sealer has not signed a tree that holds every cited entry, and `Malformed` for a size
    that the log never had.
    """
    head = _sealing(platform, lineage, settings)
    grown = _grown(platform, head, since)
    vkey = _vkey(settings)
    policies = settings.policies
    cited = [entry.index for entry in lineage.report.entries()]
    proofs = platform.log.inclusion_proofs(cited, head.size)
    return pack(
        checkpoint=head.note,
        vkey=vkey,
        entries={index: platform.log.entry(index) for index in cited},
        proofs=[InclusionProof(index, head.size, tuple(proofs[index])) for index in cited],
        documents=lineage.documents.values(),
        lineage=encode(summary(lineage, size=head.size)),
        report=_page(lineage, head, settings).encode(),
        consistency=grown,
        others={
            **exports(
                lineage,
                origin=settings.origin,
                metrics=metrics(policies),
                licences=_licences(policies),
                vkey=vkey,
            ),
            **_attestations(platform, lineage),
        },
    )


def _grown(platform: Platform, head: SignedTreeHead, since: Collection[int]) -> list[ConsistencyProof]:
    if any(not 0 < size <= head.size for size in since):
        raise Malformed(
            "since_out_of_range",
            f"A size is the number on the second line of a checkpoint of this log: 1 to {head.size} now.",
            remedy="Give the sizes of the checkpoints you kept. If one is larger, the log was cut: call the auditor.",
            param="since",
        )
    return [
        ConsistencyProof(size, head.size, tuple(platform.log.consistency_proof(size, head.size)))
        for size in sorted(set(since))
        if size < head.size
    ]


def _attestations(platform: Platform, lineage: Lineage) -> dict[str, bytes]:
    """What was signed when the model version was registered; nothing for one from before that was done."""
    made = only(lineage.report.model, ModelRegistered)
    named = {MODEL_SIGNATURE: made.signature, STATEMENT: made.statement, RELEASE_KEY: made.release_key}
    return {name: platform.blobs.read(digest) for name, digest in named.items() if digest is not None}


def _page(lineage: Lineage, head: SignedTreeHead, settings: Settings, *, links: bool = False) -> str:
    return render_html(
        lineage,
        origin=settings.origin,
        size=head.size,
        metrics=metrics(settings.policies),
        note=head.note,
        vkey=_vkey(settings),
        links=links,
    )


def _sealing(platform: Platform, lineage: Lineage, settings: Settings) -> SignedTreeHead:
    """The newest signed head that holds every cited entry."""
    return covering(platform.log, max(entry.index for entry in lineage.report.entries()), settings)


def _vkey(settings: Settings) -> str:
    """The log's public key, as the sealer last wrote it."""
    return settings.log_vkey.read_text().strip()


@cache
def metrics(policies: Path) -> Mapping[str, Mapping[str, Any]]:
    """Unit and meaning of every metric, as `policies/metrics.toml` states them."""
    return tomllib.loads((policies / "metrics.toml").read_text())


@cache
def _licences(policies: Path) -> Mapping[Digest, str]:
    """The licence of every base model that may be fine-tuned today, by the digest of its weights."""
    listed = tomllib.loads((policies / "base-models.toml").read_text())
    return {Digest(one["weights"]): one["licence"] for one in listed.values()}
