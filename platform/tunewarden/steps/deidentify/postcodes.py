"""ZIP codes cut to three digits, as 45 CFR 164.514(b)(2)(i)(B) asks.

Areas of 20,000 people or fewer become `000`. The list holds the seventeen prefixes of the Department of Health and
Human Services' guidance on de-identification (26 November 2012, from the census of 2000), and those that the census
of 2010 added; one too many hides more, and never less.
"""

import regex

_ZIP = regex.compile(r"(?P<area>\d{3})\d{2}(?:-?\d{4})?")
_DONE = regex.compile(r"\d{3}\*\*")
_FEW_PEOPLE = frozenset(("036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893 205 369 753 772").split())


def truncate(value: str) -> str | None:
    """`44017` becomes `440**`; None for a postcode that is not a ZIP, and so for those of every other country."""
    if _DONE.fullmatch(value):
        return value
    match = _ZIP.fullmatch(value.strip())
    if match is None:
        return None
    area = match["area"]
    return f"{'000' if area in _FEW_PEOPLE else area}**"
