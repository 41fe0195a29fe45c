"""Attestations: a privacy officer signs, by digest, the report on what a clean version is claimed to be.

The signature is an entry of the log, made with the officer's own key to the platform; it binds the report's digest, the
method claimed and what the law asks the officer to state: for Safe Harbor, that nothing is known which would let
somebody be identified; for a limited data set, that a data use agreement is in force.

What somebody learns later ends a signature: it is withdrawn, which is another entry, and counts no longer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from tunewarden.domain.canonical import digest_of
from tunewarden.domain.deidentification import Method
from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.gates import Evidence, Measurement
from tunewarden.domain.names import AttestationId, Digest, PrincipalId
from tunewarden.domain.reviews import AGREED, ATTESTED


class Knowledge(StrEnum):
    """What who signs says of their own knowledge."""

    NONE = "no-actual-knowledge"
    """That nothing is known which, alone or combined, would identify a person of the data: 45 CFR 164.514(b)(2)(ii)."""
    AGREEMENT = "data-use-agreement"
    """That everybody who gets the data, or what learned from them, is bound by a data use agreement that is in force:
    45 CFR 164.514(e)(4)."""


class Withdrawal(StrEnum):
    """Why a signature counts no longer."""

    KNOWLEDGE = "actual-knowledge"
    """Something became known by which a person of the data could be identified."""
    AGREEMENT_ENDED = "agreement-ended"
    """The data use agreement has ended, or somebody does not keep it (45 CFR 164.504(e)(1)(iii))."""
    MISTAKE = "signed-by-mistake"
    """The report is not what whoever signed took it for."""


STATEMENTS: Mapping[Method, Knowledge | None] = MappingProxyType(
    {
        Method.NONE: None,
        Method.SAFE_HARBOR: Knowledge.NONE,
        Method.EXPERT_DETERMINATION: None,
        Method.LIMITED_DATASET: Knowledge.AGREEMENT,
        Method.PSEUDONYMISED: None,
    }
)
"""What has to be stated with the signature, by the method that is claimed; None: nothing beyond the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """One signature.

    Attributes:
        about: digest of the clean version.
        report: digest of the report that was signed.
        method: what the profile claims and the signature confirms.
        knowledge: what the officer states, where the regulation asks for it: see `STATEMENTS`.
        expires: the last day on which it counts; required for an expert determination, None for no end.
        withdrawn: when it was taken back; None where it was not.
    """

    id: AttestationId
    about: Digest
    report: Digest
    method: Method
    knowledge: Knowledge | None
    expires: date | None
    by: PrincipalId
    at: datetime
    withdrawn: datetime | None = None

    def __post_init__(self) -> None:
        if self.method is Method.NONE:
            raise Refused(
                "nothing_to_attest",
                "The profile claims nothing that would have to be signed.",
                remedy="Use a profile that names the method that is claimed.",
                who="requester",
            )
        if self.method is Method.SAFE_HARBOR and self.knowledge is None:
            raise Malformed(
                "knowledge_missing",
                "Safe Harbor needs the statement 'no-actual-knowledge' (45 CFR 164.514(b)(2)(ii)).",
                param="knowledge",
            )
        if self.method is Method.EXPERT_DETERMINATION and self.expires is None:
            raise Malformed("expiry_missing", "An expert determination has a day on which it ends.", param="expires")
        if self.expires is not None and self.expires < self.at.date():
            raise Malformed("expiry_past", "The day on which it ends is over.", param="expires")

    def holds_on(self, day: date) -> bool:
        """Whether it counts on this day (UTC)."""
        return self.withdrawn is None and (self.expires is None or day <= self.expires)

    def evidence(self) -> Evidence:
        """What it is worth to a gate: about the clean version, backed by the report."""
        metrics = [ATTESTED] if self.knowledge is not Knowledge.AGREEMENT else [ATTESTED, AGREED]
        return Evidence(
            about=self.about,
            produced_by=digest_of(self),
            measurements=tuple(_one(metric) for metric in metrics),
            details=self.report,
        )


def require_statement(method: Method, knowledge: Knowledge | None) -> None:
    """Raises `Malformed` where a signature under `method` states something else than the method asks for.

    For a new signature only: one of before the statement was asked for stays what it was.
    """
    wanted = STATEMENTS[method]
    if knowledge is wanted:
        return
    code = "knowledge_missing" if knowledge is None else "statement_differs"
    asked = "no statement" if wanted is None else f"the statement '{wanted}' (45 CFR {_LAW[wanted]})"
    raise Malformed(code, f"A signature that claims {method} has {asked}.", param="knowledge")


_LAW = MappingProxyType({Knowledge.NONE: "164.514(b)(2)(ii)", Knowledge.AGREEMENT: "164.514(e)(4)"})


def _one(metric: str) -> Measurement:
    return Measurement(metric=metric, low=Decimal(1), value=Decimal(1), high=Decimal(1), n=1)
