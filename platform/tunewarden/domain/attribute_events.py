"""Facts about protected attributes that lie apart: a part of the closed set of `events.py`, under the same law.

None says what they are, whose, or how many.
"""

from dataclasses import dataclass

from tunewarden.domain.names import DatasetId, Digest, RequestId


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributesKept:
    """Protected attributes of those held out were laid apart for one request; `table` is the digest of what is stored.

    It stands for sealed rows only: with nothing but it, no attribute can be guessed at.
    """

    request: RequestId
    attempt: int
    dataset: DatasetId
    version: Digest
    table: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributesRead:
    """A measuring step is about to read them. `reads`: how often those of this dataset have been, this time included.

    Figures of several readings could be subtracted from each other, so they are counted.
    """

    request: RequestId
    attempt: int
    dataset: DatasetId
    version: Digest
    table: Digest
    reads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributesDestroyed:
    """The key of a request's attributes is destroyed, and the rows with it: its measuring is over, or never comes."""

    request: RequestId
    dataset: DatasetId


AttributeEvent = AttributesKept | AttributesRead | AttributesDestroyed
