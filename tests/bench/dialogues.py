"""Doctor and patient talking, all in lower case, with a made-up patient addressed by name in public dialogues."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import regex

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.person import Known
from tunewarden.steps.deidentify.synthesis import Split
from tunewarden.steps.deidentify.synthesis.people import Person, person

_SPOKEN = (
    "hi {given} how are you doing today",
    "so {given} what brings you in",
    "my name is {given} {surname}",
    "okay {given} i want to go over the results with you",
    "this is {given} {surname} i have an appointment at ten",
    "and {title} {surname} has it been getting any worse",
    "all right {given} let me take a look at you",
    "so {given} {surname} is here for a follow up of the knee",
    "{given} tells me that she has been taking the tablets every day",
    "well my husband says {given} you should get that checked",
    "i think {title} {surname} will need some blood work",
    "good to see you again {given} have a seat",
    "thanks doctor it's {given} by the way not {other}",
    "hey {given} are you still smoking",
)
_MARKS = regex.compile(r"[.,;!?\"]")
_NAME = regex.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """A text, where the patient is named in it (start, end), and what the patient's own columns say."""

    text: str
    mentions: tuple[tuple[int, int], ...]
    known: tuple[Known, ...]


def dialogues(data: Path, seed: int) -> Iterator[Dialogue]:
    """The validation dialogues of MTS-Dialog (CC BY 4.0), which nothing was trained on, in lower case without most
    punctuation; in each of them a patient whose surname no training text has is named two to four times."""
    chance = Random(seed)
    with (data / "mts-dialog" / "MTS-Dialog-ValidationSet.csv").open(encoding="utf-8", newline="") as stream:
        spoken = [row["dialogue"] for row in csv.DictReader(stream)]
    for dialogue in spoken:
        who, other = (person(chance, Split.PLANTED, "en") for _ in range(2))
        turns = _MARKS.sub("", dialogue).lower().splitlines()
        for sentence in chance.sample(_SPOKEN, chance.randint(2, 4)):
            turns.insert(chance.randint(0, len(turns)), sentence)
        yield _with_names("\n".join(turns), who, other)


def _with_names(text: str, who: Person, other: Person) -> Dialogue:
    values = {"given": who.given, "surname": who.surname, "other": other.given, "title": "mrs" if who.woman else "mr"}
    written, mentions, position = "", list[tuple[int, int]](), 0
    for match in _NAME.finditer(text):
        written += text[position : match.start()]
        value = values[match[1]].lower()
        if match[1] in {"given", "surname"}:
            mentions.append((len(written), len(written) + len(value)))
        written += value
        position = match.end()
    return Dialogue(
        text=written + text[position:],
        mentions=tuple(mentions),
        known=(Known(entity=EntityType.NAME, value=f"{who.given} {who.surname}"),),
    )
