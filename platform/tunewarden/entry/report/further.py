"""What the measuring step found beyond how often the model is right; `measured.py` and `completed.py` have that.

Read from its details document, part by part; what is missing is said to be, or is not there in documents of before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tunewarden.entry.report.facts import Name
from tunewarden.entry.report.figures import count, exact, exact_interval
from tunewarden.entry.report.measured import Row
from tunewarden.entry.report.reading import Part

_QUALITY = {
    "precision": "Precision, every class alike",
    "f1": "F1, every class alike",
    "log_loss": "Log loss, nats a row",
    "brier": "Brier score, 0 to 2",
    "calibration_error": "Calibration error",
}
_GAINS = {
    "over_base": ("F1 over the untrained base", "Log loss less than that of the untrained base"),
    "over_constant": ("F1 over the majority class", "Log loss less than that of the class frequencies"),
}
_WRITTEN = {
    "rouge": "ROUGE-L of what it writes",
    "base_rouge": "ROUGE-L without its training",
    "gain": "Gain in ROUGE-L",
}
_EXAMPLES = {
    "token_accuracy": "Tokens right of the base with examples",
    "gain": "Gain over it, tokens right",
    "loss_gain": "Loss less than its, nats a token",
}
NOT_STATED = "not stated: too few persons"
_NOISY = "not stated: what is released with noise does not tell it"
_SIDES = "not looked for: the records of those trained on are not public"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLine:
    """One class, by its number."""

    name: str
    precision: str
    f1: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Which classes are taken for which: a line for each that rows have, a cell for each that they were given."""

    heads: tuple[str, ...]
    lines: tuple[tuple[str, tuple[str, ...]], ...]
    noisy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unasked:
    """Identifiers in what the model writes unasked. `lines` are of it and of its base, by kind."""

    finding: str
    lines: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """What there is; empty parts are those that a document of before does not have.

    Attributes:
        quality, classes, table: of a model that tells classes.
        beyond: overfitting, overlap, forgetting, and the version promoted last.
        written: of a model that completes texts.
        attacks: on the memory of persons, beside the one that `measured.attack` tells.
    """

    quality: tuple[Row, ...]
    classes: tuple[ClassLine, ...]
    table: Table | None
    beyond: tuple[Row, ...]
    written: tuple[Row, ...]
    attacks: tuple[Row, ...]
    unasked: Unasked | None


def further(measure: Part) -> Further:
    """From the whole details document of the measuring step."""
    private = measure.at("noisy", "epsilon").number is not None
    quality = measure.at("quality")
    return Further(
        quality=tuple(_quality(quality, private=private)),
        classes=tuple(_classes(quality)),
        table=_table(quality.at("confusion")),
        beyond=tuple(_beyond(measure.at("generalisation"), private=private)),
        written=tuple(_written(measure, private=private)),
        attacks=tuple(_attacks(measure.at("membership"))),
        unasked=_unasked(measure.at("generations")),
    )


def _quality(part: Part, *, private: bool) -> Iterator[Row]:
    if part.value is None:
        return
    lacking = _NOISY if private else NOT_STATED
    yield from _figures(part, _QUALITY, lacking)
    for member, (f1, log_loss) in _GAINS.items():
        yield from _figures(part.at(member), {"f1": f1, "log_loss": log_loss}, lacking)


def _classes(part: Part) -> Iterator[ClassLine]:
    for item in part.at("classes").items():
        label = item.at("label").whole
        if label is not None:
            yield ClassLine(name=f"Class {label}", precision=_figure(item, "precision"), f1=_figure(item, "f1"))


def _table(part: Part) -> Table | None:
    labels = [label.whole for label in part.at("labels").items()]
    lines = [[cell.whole for cell in line.items()] for line in part.at("cells").items()]
    if not labels or None in labels or [len(line) for line in lines] != [len(labels)] * len(labels):
        return None
    return Table(
        heads=tuple(f"Class {label}" for label in labels),
        lines=tuple(
            (f"Class {label}", tuple("withheld" if cell is None else f"{cell:,}" for cell in line))
            for label, line in zip(labels, lines, strict=True)
        ),
        noisy=part.at("noisy").value is True,
    )


def _beyond(part: Part, *, private: bool) -> Iterator[Row]:
    if part.value is None:
        return
    sides, overlap = part.at("overfitting"), part.at("overlap")
    for name, value in (
        ("More often right on those trained on", sides.at("right")),
        ("Loss less on those trained on, nats", sides.at("loss")),
        ("Held-out rows nearly the same as one trained on", overlap.at("share")),
        ("Right on the other rows", overlap.at("right_apart")),
    ):
        found = value.figure
        yield Row(name, exact_interval(found) if found is not None else NOT_STATED if sides.value else _SIDES)
    yield _forgotten(part.at("forgetting"))
    yield from _previous(part.at("previous"), part.at("unasked").text, private=private)


def _forgotten(part: Part) -> Row:
    lost, asked = part.at("lost").figure, part.at("sentences").whole
    if part.at("losses").value:
        name = "Loss risen on everyday sentences, nats a token"
    else:
        name = "Everyday sentences whose other half it no longer finds"
    if lost is None or asked is None:
        return Row(name, "not assessed")
    return Row(name, f"{exact_interval(lost)}, of {count(asked, 'sentence')} that nobody wrote")


def _previous(part: Part, unasked: str | None, *, private: bool) -> Iterator[Row]:
    name = "Over the version promoted last"
    if part.value is None:
        why = "no such version can be had" if unasked is None else f"it could not be asked ({unasked})"
        yield Row(name, _NOISY if private else f"not compared: {why}")
        return
    adapter = part.at("adapter").text
    yield Row("Adapter of that version", "not known" if adapter is None else Name(adapter))
    names = {"right": f"{name}, more often right", "loss": f"{name}, loss less", "f1": f"{name}, F1"}
    yield from (
        Row(names[member], _figure(part, member)) for member in names if member != "f1" or part.at(member).value
    )


def _written(measure: Part, *, private: bool) -> Iterator[Row]:
    if measure.at("completions").value is None or measure.at("generalisation").value is None:
        return
    if private:
        yield Row("What it writes", "not stated: nothing bounds what one person adds to ROUGE-L")
        return
    yield from _figures(measure.at("written"), _WRITTEN, NOT_STATED)
    examples = measure.at("few_shot")
    if examples.value is None:
        yield Row("The base with examples", "not tried: records are not public, or there is no room for an example")
        return
    yield Row("Examples before each text", exact(examples.at("examples").whole or 0))
    yield from _figures(examples, _EXAMPLES, NOT_STATED)


def _attacks(part: Part) -> Iterator[Row]:
    """Those that were tried, with enough persons; and whether there was anything to make the strongest one with."""
    names = {
        "ratio_auc": "Told by how much training lowered the loss, probability",
        "caught": "Told by who wrongly suspects 1 in 100, share",
    }
    for member, name in names.items():
        found = part.at(member).figure
        if found is not None:
            yield Row(name, exact_interval(found))
    if part.value is not None:
        yield from _likelihood_ratio(part.at("likelihood_ratio"))


def _likelihood_ratio(part: Part) -> Iterator[Row]:
    """The attack that takes models trained alike on others, or why it was not made."""
    name, models = "Told by models trained alike on others", part.at("out_models").whole
    if models is None:
        yield Row(
            f"{name} (LiRA)", "not affordable: 0 such models; a declared learning curve of public records has some"
        )
        return
    sides = f"{count(models, 'model')}, {count(part.at('trained').whole or 0, 'person')} in none of them"
    for member, what in (
        ("auc", f"{name}, probability"),
        ("caught", f"{name}, by who wrongly suspects 1 in 100, share"),
    ):
        found = part.at(member).figure
        yield Row(what, f"{NOT_STATED if found is None else exact_interval(found)}; {sides}")


def _unasked(part: Part) -> Unasked | None:
    texts, share = part.at("texts").whole, part.at("adapter", "with_identifier").figure
    if texts is None or share is None:
        return None
    kinds = {kind for side in ("adapter", "base") for kind, _ in part.at(side, "kinds").members()}
    rate = ("Per 1,000 tokens", *(_figure(part.at(side), "per_thousand") for side in ("adapter", "base")))
    hits = [(kind, *(exact(part.at(side, "kinds", kind).whole or 0) for side in ("adapter", "base"))) for kind in kinds]
    return Unasked(
        finding=f"Of {count(texts, 'text')} that it wrote unasked, the share with what looks like an identifier is "
        f"{exact_interval(share)}; of those of its base model {_figure(part.at('base'), 'with_identifier')}.",
        lines=(_three(rate), *(_three(line) for line in sorted(hits))),
    )


def _three(line: tuple[str, ...]) -> tuple[str, str, str]:
    name, adapter, base = line
    return name, adapter, base


def _figures(part: Part, names: Mapping[str, str], lacking: str) -> Iterator[Row]:
    for member, name in names.items():
        found = part.at(member).figure
        yield Row(name, lacking if found is None else exact_interval(found))


def _figure(part: Part, member: str) -> str:
    found = part.at(member).figure
    return NOT_STATED if found is None else exact_interval(found)
