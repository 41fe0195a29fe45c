"""Facts about purposes: a part of the closed set of `events.py`, under the same law."""

from dataclasses import dataclass, field

from tunewarden.domain.canonical import LATER
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.names import DatasetId, Digest, ModelId


@dataclass(frozen=True, slots=True, kw_only=True)
class PurposesChanged:
    """A dataset may be used for these purposes and no others from here on, in place of those before."""

    dataset: DatasetId
    purposes: tuple[Purpose, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterTaken:
    """The weights of a model version left the house; `adapter` is the digest of what left.

    `purpose` is what they are for; None in entries of before.
    """

    model: ModelId
    adapter: Digest
    purpose: Purpose | None = field(default=None, metadata=LATER)
