"""The lineage of a model version as an auditor takes it away: a deterministic zip, and the page that lies in it."""

import time
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tunewarden.domain.canonical import encode
from tunewarden.domain.errors import Unavailable
from tunewarden.entry.report import render_html, summary
from tunewarden.entry.settings import Settings
from tunewarden.usecases.ports import Platform, SignedTreeHead
from tunewarden.usecases.reports import Lineage
from tunewarden_audit.bundle import InclusionProof, pack

_PATIENCE_SECONDS = 5.0


def report_page(platform: Platform, lineage: Lineage, settings: Settings) -> str:
    """The lineage report as one self-contained HTML page. Raises `Unavailable` if the sealer is behind."""
    return _page(lineage, _sealing(platform, lineage), settings)


def bundle(platform: Platform, lineage: Lineage, settings: Settings) -> bytes:
    """Entries, proofs, documents and the report; the same state of the log gives the same bytes.

    Raises `Unavailable` if the sealer has not signed a tree that holds every cited entry.
    """
    head = _sealing(platform, lineage)
    cited = [entry.index for entry in lineage.report.entries()]
    proofs = platform.log.inclusion_proofs(cited, head.size)
    return pack(
        checkpoint=head.note,
        vkey=settings.log_vkey.read_text().strip(),
        entries={index: platform.log.entry(index) for index in cited},
        proofs=[InclusionProof(index, head.size, tuple(proofs[index])) for index in cited],
        documents=lineage.documents.values(),
        lineage=encode(summary(lineage, size=head.size)),
        report=_page(lineage, head, settings).encode(),
    )


def _page(lineage: Lineage, head: SignedTreeHead, settings: Settings) -> str:
    return render_html(lineage, origin=settings.origin, size=head.size, metrics=_metrics(settings.policies))


def _sealing(platform: Platform, lineage: Lineage, *, wait: Callable[[float], None] = time.sleep) -> SignedTreeHead:
    """The newest signed head that holds every cited entry; the sealer is seconds behind at most when it is well."""
    last = max(entry.index for entry in lineage.report.entries())
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        head = platform.log.head()
        if head is not None and head.size > last:
            return head
        if time.monotonic() > deadline:
            raise Unavailable(
                "log_not_sealed",
                "The sealer has not signed the newest entries yet.",
                remedy="Try again shortly; if it stays so, see whether the sealer refuses to sign.",
                who="administrator",
            )
        wait(0.1)


@cache
def _metrics(policies: Path) -> Mapping[str, Mapping[str, Any]]:
    """Unit and meaning of every metric, as `policies/metrics.toml` states them."""
    return tomllib.loads((policies / "metrics.toml").read_text())
