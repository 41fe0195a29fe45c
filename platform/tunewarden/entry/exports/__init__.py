"""The lineage in other people's formats, beside the entries in the bundle.

Each export is a pure function of the lineage and of the policy files: the same state gives the same bytes. None says
anything of this model that the entries and the documents they name do not say, and each statement carries the index of
its entry.
"""

from collections.abc import Mapping

from tunewarden.domain.names import Digest
from tunewarden.entry.exports.howto import howto
from tunewarden.entry.exports.ml_bom import ml_bom
from tunewarden.entry.exports.model_card import model_card
from tunewarden.entry.exports.provenance import provenance
from tunewarden.entry.exports.verdicts import verdicts
from tunewarden.entry.report.verdicts import Metrics
from tunewarden.usecases.reports import Lineage
from tunewarden_audit import bundle

__all__ = ["exports"]


def exports(
    lineage: Lineage, *, origin: str, metrics: Metrics, licences: Mapping[Digest, str], vkey: str
) -> Mapping[str, bytes]:
    """The files by name. `metrics` are the tables of `policies/metrics.toml`; `vkey` is the log's public key.

    `licences` are those of `policies/base-models.toml`, by the digest of the weights.
    """
    return {
        bundle.VERDICTS: verdicts(lineage),
        bundle.PROV: provenance(lineage),
        bundle.ML_BOM: ml_bom(lineage, metrics, licences),
        bundle.MODEL_CARD: model_card(lineage, metrics, origin=origin),
        bundle.HOWTO: howto(lineage, vkey=vkey),
    }
