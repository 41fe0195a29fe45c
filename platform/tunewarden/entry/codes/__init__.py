"""Every code of an error: with which status it comes, what it means, what to do, and who can.

`answers.toml` has what the API answers, `endings.toml` with what a job can end beside that, `commands.toml` what
commands and starting processes say. What refusals mean is said in `entry/report/words.py`, for reports; a line here
then has the status alone. Tests read every code in the source, and find each of them here with its statuses.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tunewarden.entry.report.words import REASONS


class Place(StrEnum):
    """Where a code is met."""

    ANSWERS = "answers"
    ENDINGS = "endings"
    COMMANDS = "commands"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One of them. `remedy` is what to do; `who` can, empty where whoever met it can.

    `statuses` are those of HTTP, or what the same error would have as an answer.
    """

    name: str
    place: Place
    statuses: Sequence[int]
    means: str
    remedy: str
    who: str


_ENDED = "This job does not go on. Ask anew once it is mended."
_REMEDIES: Mapping[Place, Mapping[int, str]] = MappingProxyType(
    {
        Place.ANSWERS: {
            403: "Repeating does not help. Ask for something else, or ask who can change it.",
            404: "Look the id up again; what is there but not for you is not found either.",
            409: "Read again what is there now, and decide anew.",
            422: "Mend what `param` names.",
            500: "Nothing was taken over. Tell an administrator the request id.",
            503: "Repeat it in a while.",
        },
        Place.ENDINGS: {
            **dict.fromkeys((403, 404, 409, 422), _ENDED),
            500: "This job does not go on. Tell an administrator its id.",
            503: "Ask anew in a while.",
        },
        Place.COMMANDS: {
            403: "Repeating does not help. Do something else, or ask who can change it.",
            404: "Look the name up again.",
            409: "Look what is there now, and decide anew.",
            422: "Mend what the message names.",
            500: "Tell an administrator what was said.",
            503: "Repeat it in a while.",
        },
    }
)
"""What to do where a code says nothing of its own."""


@cache
def codes() -> Mapping[str, Code]:
    """By name, in alphabetical order."""
    found = [_code(name, place, said) for place in Place for name, said in _table(place).items()]
    return MappingProxyType({one.name: one for one in sorted(found, key=lambda one: one.name)})


def statuses_of(place: Place) -> Mapping[int, Sequence[str]]:
    """Status -> the codes of a place that come with it."""
    of_place = [one for one in codes().values() if one.place is place]
    every = sorted({status for one in of_place for status in one.statuses})
    return {status: [one.name for one in of_place if status in one.statuses] for status in every}


def _table(place: Place) -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(Path(__file__).with_name(f"{place}.toml").read_text(encoding="utf-8"))


def _code(name: str, place: Place, said: Mapping[str, Any]) -> Code:
    reason = REASONS.get(name)
    statuses: Sequence[int] = said["status"]
    return Code(
        name=name,
        place=place,
        statuses=statuses,
        means=said["means"] if reason is None else reason.why,
        remedy=said.get("remedy", _REMEDIES[place].get(statuses[0], "")),
        who=said.get("who", "" if reason is None else reason.who),
    )
