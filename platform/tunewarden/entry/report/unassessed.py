"""Of whom nobody can say anything, group by group and comparison by comparison, for who signs for it.

Read from the measuring step's details document, which withholds what reports withhold: no numbers of persons are here,
and groups of fewer than ten are one line without a name. Rates that could not be compared at all are in no document;
the evidence has only their number, which is what the promotion counts beyond these.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tunewarden.domain.canonical import Plain
from tunewarden.entry.report.compared import WORDS_OF
from tunewarden.entry.report.reading import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class TooFew:
    """A group, or one comparison of it.

    Attributes:
        group: None of all smaller groups of the attribute together.
        metric, label: what was compared, and of which class; None where the group could not be compared at all.
    """

    attribute: str
    group: str | None
    metric: str | None = None
    label: int | None = None

    @property
    def words(self) -> str:
        """For a page."""
        named = group_name(self.attribute, self.group)
        said = WORDS_OF.get(self.metric or "")
        return named if said is None else f"{named}, {said.format(label=self.label)}"


def group_name(attribute: str, group: str | None) -> str:
    """None are all smaller groups together, and an empty text those who have no value."""
    return f"{attribute}: {'smaller groups together' if group is None else group or '(no value)'}"


def too_few(details: Plain) -> tuple[TooFew, ...]:
    """Everything that the document names; nothing where it is of another form."""
    return tuple(_too_few(Part(details).at("fairness")))


def _too_few(fairness: Part) -> Iterator[TooFew]:
    for one in fairness.at("not_assessable").items():
        yield TooFew(attribute=one.at("attribute").text or "", group=one.at("group").text)
    for one in fairness.at("decided", "comparisons").items():
        if one.at("standing").text == "not-assessable":
            yield TooFew(
                attribute=one.at("attribute").text or "",
                group=one.at("group").text,
                metric=one.at("metric").text,
                label=one.at("label").whole,
            )
