"""Facts about what people say of de-identified records: a part of the closed set of `events.py`, under the same law."""

from dataclasses import dataclass
from datetime import date

from tunewarden.domain.attestations import Knowledge, Withdrawal
from tunewarden.domain.deidentification import Method
from tunewarden.domain.names import Digest, RequestId, ReviewId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewOpened:
    """Records of a clean version (`about`) were drawn for people to read, before anybody reads one.

    `sample` is the digest of what was drawn: `documents` as they were released and, mixed into them, `seeds` with a
    made-up identifier. `failed_before` counts the samples of the same data that were opened before and did not pass.
    """

    review: ReviewId
    request: RequestId
    about: Digest
    sample: Digest
    documents: int
    seeds: int
    failed_before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewAnswered:
    """Somebody read an item of a sample, and marked so many parts that still identify."""

    review: ReviewId
    item: int
    marks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewClosed:
    """Everything was read: leaks in how many of the documents, and how many of the seeds were found.

    `evidence` is the digest of what was measured about the clean version.
    """

    review: ReviewId
    leaks: int
    documents: int
    found: int
    seeds: int
    evidence: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAttested:
    """A privacy officer signed a report about a clean version, and what it claims; until the end of the day `expires`.

    `knowledge` is what the officer says of their own (45 CFR 164.514(b)(2)(ii) and (e)(4)); None where the method asks
    for none.
    """

    about: Digest
    report: Digest
    method: Method
    knowledge: Knowledge | None
    expires: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureWithdrawn:
    """Every signature about a clean version that was given so far counts no longer: `signatures` of them."""

    about: Digest
    because: Withdrawal
    signatures: int
