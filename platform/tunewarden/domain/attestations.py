"""Attestations: a privacy officer signs, by digest, the report on what a clean version is claimed to be.

The signature is an entry of the log, made with the officer's own key to the platform; it binds the report's digest, the
method claimed and, for Safe Harbor, the statement that nothing is known which would let somebody be identified.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from tunewarden.domain.canonical import digest_of
from tunewarden.domain.deidentification import Method
from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.gates import Evidence, Measurement
from tunewarden.domain.names import AttestationId, Digest, PrincipalId
from tunewarden.domain.reviews import ATTESTED


class Knowledge(StrEnum):
    """What who signs says of their own knowledge."""

    NONE = "no-actual-knowledge"
    """That nothing is known which, alone or combined, would identify a person of the data: 45 CFR 164.514(b)(2)(ii)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """One signature.

    Attributes:
        about: digest of the clean version.
        report: digest of the report that was signed.
        method: what the profile claims and the signature confirms.
        knowledge: required for Safe Harbor, where the regulation asks for it.
        expires: the last day on which it counts; required for an expert determination, None for no end.
    """

    id: AttestationId
    about: Digest
    report: Digest
    method: Method
    knowledge: Knowledge | None
    expires: date | None
    by: PrincipalId
    at: datetime

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
        return self.expires is None or day <= self.expires

    def evidence(self) -> Evidence:
        """What it is worth to a gate: one measurement, about the clean version, backed by the report."""
        one = Decimal(1)
        measurement = Measurement(metric=ATTESTED, low=one, value=one, high=one, n=1)
        return Evidence(about=self.about, produced_by=digest_of(self), measurements=(measurement,), details=self.report)
