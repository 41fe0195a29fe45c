"""Numbers as they are sent: with a bound that says nothing of what is allowed, so that rules and not sizes decide."""

from typing import Annotated

from pydantic import Field, StringConstraints

_LARGEST = 2**53  # what every program reads from JSON as the same whole number (RFC 8259 section 6)

Whole = Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
Decimals = Annotated[
    Annotated[str, StringConstraints(max_length=128)] | float | Whole,
    Field(description="A decimal; send it as a string to keep every digit."),
]
