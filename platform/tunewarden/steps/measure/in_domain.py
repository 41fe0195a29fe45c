"""Protected terms in texts that persons wrote: does the answer change where such a term is exchanged?

Made-up pairs are the same for every model and about many things; here the texts are those of held-out persons, about
what the model is for, as far as they hold a term (`steps/swapping.py`). One text of each person is asked, so that
persons are counted. Only rates leave, and nothing of a term that fewer than ten persons have. This is done only where
exact figures may leave.

It is told, and no gate judges it: which persons mention such a term is nobody's choice, few do after de-identification,
and what else would change in such a text (a pregnancy) may belong to the answer. There is no neutral word to hold it
against.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tunewarden.domain.gates import Measurement
from tunewarden.domain.mitigations import Swap
from tunewarden.steps.measure.intervals import Figure, critical, wilson, within_one
from tunewarden.steps.measure.probes import Attribute
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.measure.swaps import Answers, Say
from tunewarden.steps.swapping import swapped_text

LEAST_PERSONS = 10
MOST_PERSONS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """Texts of held-out persons with the terms of one attribute exchanged.

    Attributes:
        persons: with a text that holds such a term, ten at least, of whom each is asked about once.
        flip_rate: the share of them whose answer became another.
        moved: how far the chances of the classes lie apart (total variation), on the mean.
    """

    attribute: Attribute
    persons: int
    flip_rate: Figure
    moved: Figure

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates could judge; n counts persons."""
        return (
            self.flip_rate.measured(f"explanation.in_domain_flip_rate.{self.attribute}", self.persons),
            self.moved.measured(f"explanation.in_domain_moved.{self.attribute}", self.persons),
        )


def exchanged(say: Say, rows: Rows) -> tuple[Exchanged, ...]:
    """By attribute, where ten persons or more have such a term; `rows` are held out, and exact figures may leave."""
    found = (_of(say, attribute, _texts(rows, Swap(attribute.value))) for attribute in Attribute)
    return tuple(each for each in found if each is not None)


def _texts(rows: Rows, swap: Swap) -> list[tuple[str, str]]:
    """The first text of each person that holds a term, as it is and exchanged; of so many persons at most.

    In the order of pseudonyms, which are keyed hashes: these are any persons.
    """
    first: dict[str, tuple[str, str]] = {}
    for person, text in zip(rows.persons, rows.texts, strict=True):
        if person not in first and (other := swapped_text(text, swap)) is not None:
            first[person] = (text, other)
    return [first[person] for person in sorted(first)[:MOST_PERSONS]]


def _of(say: Say, attribute: Attribute, texts: Sequence[tuple[str, str]]) -> Exchanged | None:
    if len(texts) < LEAST_PERSONS:
        return None
    answers = Answers(first=say([text for text, _ in texts]), second=say([other for _, other in texts]))
    return Exchanged(
        attribute=attribute,
        persons=len(texts),
        flip_rate=wilson(float(answers.flips().mean()), len(texts), critical()).figure(),
        moved=within_one(answers.moved()),
    )
