"""The audit by made-up persons, and whether the adapter is what was trained: from the measuring step's document."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from tunewarden.entry.report.charts import Dot, Scale, dots
from tunewarden.entry.report.facts import Fact
from tunewarden.entry.report.figures import count, exact, exact_interval
from tunewarden.entry.report.reading import Figure, Part

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What the canaries showed.

    Attributes:
        finding: whether it contradicts the promise.
        picture: the epsilons that the promise allows above those that the audit leaves possible.
        made: how the audit was made, and what it could not have shown.
    """

    finding: str
    picture: Markup
    made: str


def audited(part: Part) -> Audited | None:
    """None where the training had no canaries, or an earlier version measured."""
    shown, claimed, reach = (part.at(name).number for name in ("lower_bound", "claimed", "reach"))
    if shown is None or claimed is None or reach is None:
        return None
    finding = _finding(shown, claimed)
    return Audited(
        finding=finding, picture=_picture(shown, claimed, finding), made=" ".join(_made(part, claimed, reach))
    )


def checked(measure: Part, log: tuple[int, ...]) -> tuple[Fact, ...]:
    """Whether the adapter is what was trained, and whether it writes down secrets; `log` is the measuring step."""
    return tuple(Fact(label, value, log) for label, value in (*_self_check(measure), *_secrets(measure)))


def _finding(shown: Decimal, claimed: Decimal) -> str:
    if shown > claimed:
        return f"The promise is broken: epsilon is {exact(shown)} or more, and {exact(claimed)} is claimed"
    if shown == 0:
        return f"Made-up persons show nothing that would contradict an epsilon of {exact(claimed)}"
    return f"Made-up persons show an epsilon of {exact(shown)} or more, which does not contradict {exact(claimed)}"


def _picture(shown: Decimal, claimed: Decimal, finding: str) -> Markup:
    end = max(shown, claimed) * Decimal("1.25") or Decimal(1)
    allowed = Figure(low=_NOTHING, value=claimed, high=claimed)
    possible = Figure(low=shown, value=shown, high=end)
    rows = [
        Dot(label="Claimed", figure=allowed, text=f"{exact(claimed)} at most"),
        Dot(label="Shown", figure=possible, text=f"{exact(shown)} at least", strong=True),
    ]
    scale = Scale(low=_NOTHING, high=end, ticks=((_NOTHING, "epsilon 0"), (claimed, exact(claimed))))
    return dots(rows, scale, alt=f"{finding}.")


def _made(part: Part, claimed: Decimal, reach: Decimal) -> Iterator[str]:
    canaries, present = part.at("canaries").whole or 0, part.at("present").whole or 0
    yield (
        f"{count(canaries, 'made-up person')} took part or not by the toss of a coin each, "
        f"{present:,} of them did, and an attacker who saw the model guessed which."
    )
    tried = [(one.at("right").whole, one.at("guesses").whole) for one in part.at("attacks").items()]
    right = ", ".join(f"{right:,} of {guesses:,}" for right, guesses in tried if right is not None and guesses)
    if right:
        yield f"Right were {right} guesses; half is what a coin does."
    if reach < claimed:
        yield (
            f"So few cannot contradict it: had every guess been right, epsilon {exact(reach)} would have been shown."
        )


def _self_check(measure: Part) -> Iterator[tuple[str, str]]:
    check = measure.at("self_check")
    layers, moved, texts = (check.at(name).whole for name in ("layers", "moved", "texts"))
    if layers is None or moved is None:
        return
    yield "Layers changed by training", f"{moved:,} of {layers:,}"
    differs = check.at("reload_difference").number
    if differs is not None and texts is not None:
        told = f"at most {exact(differs)} in a probability, over {count(texts, 'made-up question')}"
        yield "Stored adapter differs from the trained model by", told


def _secrets(measure: Part) -> Iterator[tuple[str, str]]:
    if measure.at("self_check").value is None:
        return  # an earlier version, which did not look for any
    planted = measure.at("extraction")
    secrets, extracted = planted.at("secrets").whole, planted.at("extracted").whole
    told = "none: it tells classes and writes nothing"
    if secrets:
        told = f"{extracted or 0:,} of {secrets:,}"
    elif measure.at("completions").value is not None:
        told = "not known: none was planted"
    yield "Planted secrets that it writes down", told
    exposure = planted.at("exposure").figure
    if exposure is not None:
        yield "What it saves who guesses one", f"{exact_interval(exposure)} of 7 bits; 1.4 are chance"
