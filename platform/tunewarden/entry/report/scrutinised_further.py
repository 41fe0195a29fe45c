"""Explanations under test, continued: protected terms in what moves answers and in texts of persons, and membership.

A part that cannot be read is left out.
"""

from collections.abc import Iterator, Mapping

from tunewarden.entry.report.figures import count, exact_interval
from tunewarden.entry.report.measured import Row
from tunewarden.entry.report.reading import Part

_ATTENDED = {
    "protected": "On protected terms",
    "neutral": "On neutral words in their place",
    "base": "On protected terms, before training",
    "over_neutral": "More than on neutral words",
    "over_base": "More than before training",
}
_AREAS = {
    "by_loss": "Area under the curve, by the loss of a text",
    "by_both": "By the loss and the attributions",
    "gain": "What the attributions add; 0 is nothing",
}


def attended(part: Part) -> tuple[Row, ...]:
    """Shares of what moves an answer."""
    return tuple(_rows(part, _ATTENDED))


def membership(part: Part) -> tuple[Row, ...]:
    """How well an attacker tells who was trained on, without attributions and with them."""
    return tuple(_rows(part, _AREAS))


def attacked(part: Part) -> str:
    """Who was attacked, in words; empty where nobody was."""
    trained, others = part.at("trained").whole, part.at("others").whole
    if trained is None or others is None:
        return ""
    who = "made-up persons" if part.at("canaries").value is True else "persons whose records are public"
    return f"{count(trained, 'text')} of {who} who were trained on, and {count(others, 'text')} of such who were not"


def exchanged(part: Part, terms: Mapping[str, str]) -> tuple[Row, ...]:
    """By attribute: held-out persons whose text holds such a term, and how many answers change with it."""
    found = []
    for item in part.at("exchanged").items():
        persons, flips = item.at("persons").whole, item.at("flip_rate").figure
        if persons is not None and flips is not None:
            name = terms.get(item.at("attribute").text or "", "unknown attribute")
            found.append(Row(f"{name}, {count(persons, 'person')}", exact_interval(flips)))
    return tuple(found)


def _rows(part: Part, names: Mapping[str, str]) -> Iterator[Row]:
    for member, name in names.items():
        figure = part.at(member).figure
        if figure is not None:
            yield Row(name, exact_interval(figure))
