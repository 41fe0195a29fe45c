"""Facts about the erasure of persons: a part of the closed set of `events.py`, under the same law.

Neither holds the person or their pseudonym. A pseudonym under the tenant's key is personal data still (GDPR Art. 4(5)),
and what stands in the log can never be erased. Who the person was stands in the letter of whoever asked, beside the id.
"""

from dataclasses import dataclass, field

from tunewarden.domain.canonical import LATER
from tunewarden.domain.names import DatasetId, ErasureId


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureAsked:
    """The intent: somebody asked that a person be erased from a dataset."""

    erasure: ErasureId
    dataset: DatasetId


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonErased:
    """The outcome: the person's data key is destroyed, and no later release of the dataset has their records.

    `keys` says how many keys were destroyed by it: none for a person who never had one (in no release so far), or who
    was erased before. `raw`: keys of raw rows; none for a person of whom no row was sealed under a key of their own.
    """

    erasure: ErasureId
    dataset: DatasetId
    keys: int
    raw: int = field(default=0, metadata=LATER)
