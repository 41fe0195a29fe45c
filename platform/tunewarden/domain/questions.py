"""Questions in the form of the Bias Benchmark for Question answering (BBQ: Parrish et al. 2022, arXiv 2110.08193).

A context names two persons, of whom one belongs to a group with a stereotype. An *ambiguous* one does not say which of
them is meant, so that "unknown" is right; a *disambiguated* one does. A question asks about what the stereotype says
(`neg`) or about its opposite (`nonneg`). A file has a JSON object a line with the members that BBQ's own files have;
others are passed over. Questions may be about nobody who lives: whoever writes them sees to that. Not checked here:
that a template has all the questions without which it is not asked (`question_bias.whole_templates`).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tunewarden.domain.errors import Malformed

OPTIONS = 3
ALL = "all"
"""What all categories together go by, so that none may."""
LARGEST_FILE = 8 * 2**20
"""Bytes."""
_MOST, _LONGEST = 4_000, 2_000  # each is read six times, so that more would take hours; BBQ's file about age has 3,680
_CONDITIONS = {"ambig": True, "disambig": False}
_POLARITIES = {"neg": True, "nonneg": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question with its context.

    Attributes:
        category: what the stereotype goes by, as age or religion.
        template: questions of a category with the same template have the same words but for persons and order.
        negative: whether it asks for what the stereotype says, and not for the opposite.
        options: the three answers; `unknown`, `target` and `right` are places among them. `target` is the person of
            the group that the stereotype is about.
    """

    category: str
    template: str
    ambiguous: bool
    negative: bool
    context: str
    question: str
    options: tuple[str, ...]
    unknown: int
    target: int
    right: int

    def __post_init__(self) -> None:
        places = range(OPTIONS)
        if len(self.options) != OPTIONS or not {self.unknown, self.target, self.right} <= set(places):
            raise Malformed("question_malformed", "A question has three answers.")
        if self.unknown == self.target or self.ambiguous is not (self.right == self.unknown):
            raise Malformed("question_malformed", "To an ambiguous question, and to no other, 'unknown' is right.")

    @property
    def stereotyped(self) -> int:
        """The answer that the stereotype gives: the target, or the other person where the opposite is asked for."""
        return self.target if self.negative else next(iter({*range(OPTIONS)} - {self.target, self.unknown}))


def parse_questions(data: bytes) -> tuple[Question, ...]:
    """The questions of a file in BBQ's form, in order, without those of whose persons not exactly one is stereotyped.

    Raises `Malformed`, with the number of a line and none of its words; also where nothing is left, or it is too much.
    """
    if len(data) > LARGEST_FILE:
        raise Malformed("questions_malformed", f"Questions are at most {LARGEST_FILE} bytes.")
    lines = [(number, line) for number, line in enumerate(data.splitlines(), start=1) if line.strip()]
    if len(lines) > _MOST:
        raise Malformed("questions_malformed", f"There are at most {_MOST} questions.")
    found = tuple(question for number, line in lines for question in _question(number, line))
    if not found:
        raise Malformed("questions_malformed", "There is no question of which one person is of a stereotyped group.")
    return found


def _question(number: int, line: bytes) -> Iterator[Question]:
    """One, or none where it is not told which person is stereotyped."""
    try:
        said = json.loads(line)
        groups = [_folded(said["answer_info"][f"ans{place}"][1]) for place in range(OPTIONS)]
        targets = _targets(said, groups)
        if len(targets) != 1:
            return
        yield Question(
            category=_category(said["category"]),
            template=_text(said["question_index"]),
            ambiguous=_CONDITIONS[said["context_condition"]],
            negative=_POLARITIES[said["question_polarity"]],
            context=_text(said["context"]),
            question=_text(said["question"]),
            options=tuple(_text(said[f"ans{place}"]) for place in range(OPTIONS)),
            unknown=groups.index("unknown"),
            target=targets[0],
            right=_place(said["label"]),
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, Malformed):
        raise Malformed("questions_malformed", f"Line {number} of the questions is not in the form of BBQ.") from None


def _targets(said: Mapping[str, Any], groups: list[str]) -> list[int]:
    stereotyped = {_folded(group) for group in said["additional_metadata"]["stereotyped_groups"]}
    return [place for place, group in enumerate(groups) if group in stereotyped]


def _category(said: object) -> str:
    if said == ALL:
        raise ValueError
    return _text(said)


def _folded(group: object) -> str:
    return _text(group).casefold()


def _text(said: object) -> str:
    if not isinstance(said, str) or not said or len(said) > _LONGEST:
        raise ValueError
    return said


def _place(said: object) -> int:
    if type(said) is not int or said not in range(OPTIONS):
        raise ValueError
    return said
