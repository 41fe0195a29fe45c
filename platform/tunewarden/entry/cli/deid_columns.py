"""Which column of a file is what: every one is named for something, or `deid apply` does not begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tunewarden.domain.datasets import require_separator
from tunewarden.domain.errors import Malformed
from tunewarden.domain.identifiers import EntityType
from tunewarden.drivers.table_files import TableFile, place_of
from tunewarden.entry.report.figures import listed

_ROLES = "--column, --person, --known, --protected, --label, --keep or --drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What was asked for, by the names of columns.

    Attributes:
        columns: to be de-identified; every column with text that has no other part, unless named.
        person: names the person; its values become pseudonyms.
        known: KIND=COLUMN, identifiers of the person: looked for in the person's texts, and dropped.
        protected: sex, age and the like: what of a person is known beside the texts. Taken over as they are, unless
            the profile's k wants them gone.
        label: what is to be learned; taken over as it is.
        keep: taken over as they are.
        drop: left out.
        separator: what stands between the persons where a row may belong to several.
    """

    columns: Sequence[str] = ()
    person: str | None = None
    known: Sequence[str] = ()
    protected: Sequence[str] = ()
    label: str | None = None
    keep: Sequence[str] = ()
    drop: Sequence[str] = ()
    separator: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a table's columns, by their place.

    Attributes:
        treated: de-identified.
        known: place -> which kind of identifier stands there.
        protected, label: counted with what is readable in the texts.
        kept: places, and names of columns that cannot be read.
        dropped: names; those of `known` are among them.
        separator: between the persons of a row; None where each row names one.
    """

    treated: tuple[int, ...]
    person: int | None
    known: Mapping[int, EntityType] = field(default_factory=dict)
    protected: tuple[int, ...] = ()
    label: int | None = None
    kept: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    separator: str | None = None


def parts_of(table: TableFile, wishes: Wishes) -> Parts:
    """Give every column its part. Raises `Malformed` for one that has none, or two."""
    _require_separator(wishes)
    person = None if wishes.person is None else place_of(table, wishes.person, "--person")
    label = None if wishes.label is None else place_of(table, wishes.label, "--label")
    protected = tuple(place_of(table, name, "--protected") for name in wishes.protected)
    known = dict(_known(table, wish) for wish in wishes.known)
    for role, names in (("--keep", wishes.keep), ("--drop", wishes.drop)):
        for name in names:
            if name not in table.others:
                place_of(table, name, role)
    named = (name for name in (*wishes.keep, *wishes.drop) if name in table.columns)
    single = [place for place in (person, label) if place is not None]
    taken = [*known, *protected, *(table.columns.index(name) for name in named), *single]
    if wishes.columns:
        treated = tuple(place_of(table, name, "--column") for name in wishes.columns)
    else:
        treated = tuple(place for place in table.texts if place not in taken)
    _require_one_part(wishes, [*treated, *taken], len(known))
    _require_all_named(table, wishes, {*treated, *taken})
    if not treated:
        raise Malformed(
            "column_unassigned",
            "No column is left to be de-identified.",
            remedy="Name one with --column.",
            param="--column",
        )
    return Parts(
        treated=treated,
        person=person,
        known=known,
        protected=protected,
        label=label,
        kept=tuple(wishes.keep),
        dropped=(*wishes.drop, *(table.columns[place] for place in known)),
        separator=wishes.separator,
    )


def _require_separator(wishes: Wishes) -> None:
    if wishes.separator is None:
        return
    require_separator(wishes.separator, "--separator")
    if wishes.person is None:
        raise Malformed(
            "separator_without_person",
            "A separator stands between persons, but no column says who they are.",
            remedy="Name the column of the persons with --person, or no separator.",
            param="--separator",
        )


def _known(table: TableFile, wish: str) -> tuple[int, EntityType]:
    kind, mark, column = wish.partition("=")
    if not mark or kind not in list(EntityType):
        raise Malformed(
            "unknown_entity_type",
            f"--known takes KIND=COLUMN, and KIND is one of: {', '.join(EntityType)}.",
            remedy="Write --known name=COLUMN, for instance.",
            param="--known",
        )
    return place_of(table, column, "--known"), EntityType(kind)


def _require_one_part(wishes: Wishes, places: Sequence[int], known: int) -> None:
    names = [*wishes.keep, *wishes.drop]
    if len(set(places)) != len(places) or len(set(names)) != len(names) or known != len(wishes.known):
        raise Malformed(
            "column_twice",
            "One column is named for two things.",
            remedy=f"Name each column once: {_ROLES}.",
            param="--column",
        )


def _require_all_named(table: TableFile, wishes: Wishes, named: set[int]) -> None:
    left = [place + 1 for place in range(len(table.columns)) if place not in named]
    unread = [name for name in table.others if name not in (*wishes.keep, *wishes.drop)]
    if left or unread:
        columns = f"columns {listed(map(str, left))}" if left else ""
        others = f"{len(unread)} that cannot be read" if unread else ""
        raise Malformed(
            "column_unassigned",
            f"Nothing was said about {listed(filter(None, (columns, others)))}. A column that holds numbers or dates, "
            "or that nothing can be found in, is not taken over unasked.",
            remedy=f"Name each with {_ROLES}.",
            param="--keep",
        )
