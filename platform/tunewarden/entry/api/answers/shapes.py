"""What many answers have in common."""

from typing import Annotated, Generic, Literal, NotRequired, TypeVar

from pydantic import Field
from typing_extensions import TypedDict

T = TypeVar("T")

Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""RFC 3339, UTC."""
Seconds = Annotated[int, Field(description="Unix seconds.", ge=0)]
Count = Annotated[int, Field(ge=0)]
DecimalText = Annotated[str, Field(pattern=r"^-?(?:[0-9]+(?:\.[0-9]+)?(?:E[+-]?[0-9]+)?|Infinity)$")]
"""A decimal as text, so that no digit is lost."""
Sha256 = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Index = Annotated[int, Field(ge=0, description="Of an entry of the log.")]


class Receipt(TypedDict):
    """With it who asked can prove that the log holds this: audit/FORMAT.md."""

    index: Index
    leaf_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Receipted(TypedDict):
    """What stands beside an answer whose members are somebody else's contract."""

    receipt: Receipt


class Entry(TypedDict):
    """An entry of the log: which, by whom, when."""

    index: Index
    actor: str
    at: Instant


class Listed(TypedDict, Generic[T]):
    """All there is."""

    object: Literal["list"]
    data: list[T]
    has_more: bool


class Page(Listed[T], Generic[T]):
    """All there is, or a page of it: the next one is asked for with `after`, the last id of this one."""

    first_id: str | None
    last_id: str | None


class Paged(Page[T], Generic[T]):
    """A page. `next` is the cursor of the following one; null on the last."""

    next: str | None


class Deleted(TypedDict):
    """What is no more."""

    object: str
    deleted: Literal[True]
    id: NotRequired[str]
    receipt: Receipt
