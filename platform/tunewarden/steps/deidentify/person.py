"""What is known of the person whose text is de-identified, beside the text."""

from dataclasses import dataclass, field

from tunewarden.domain.identifiers import EntityType

KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A value that stands in one of the person's own columns, and what kind of identifier it is."""

    entity: EntityType
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One data subject while their texts are read. Never stored, never logged.

    Attributes:
        pseudonym: 64 hexadecimal digits, the privacy unit of training.
        key: the person's own 32-byte data key: surrogates, date offset, keyed digests and reversible pseudonyms are
            made from it, so that destroying it is what makes them unlinkable. It cannot be derived from the record.
        known: values of the person's columns, searched for in the person's texts.
        names: what was recognised as a name in other texts of the same person -> the best score it had there.
    """

    pseudonym: str
    key: bytes = field(repr=False)
    known: tuple[Known, ...] = field(default=(), repr=False)
    names: tuple[tuple[str, float], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise ValueError(f"a data key has {KEY_BYTES} bytes, not {len(self.key)}")
