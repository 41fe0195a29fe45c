"""The stages of the way from data to model, for the picture."""

from collections import Counter
from collections.abc import Iterable

from tunewarden.domain.entries import Entry
from tunewarden.domain.events import (
    ActionRefused,
    DatasetVersionAdded,
    ModelRegistered,
    PromotionProposed,
    RequestSubmitted,
    StepFailed,
    StepFinished,
    StepStarted,
)
from tunewarden.domain.gates import Outcome
from tunewarden.domain.lineage import LineageReport
from tunewarden.domain.training import StepName
from tunewarden.entry.report import words
from tunewarden.entry.report.facts import indices, of, only
from tunewarden.entry.report.figures import count, instant, listed, short
from tunewarden.entry.report.graph import Node, Stage
from tunewarden.entry.report.removal_words import named

_MOST_REFUSED = 3
_SECTIONS = {StepName.DEIDENTIFY: "deidentification", StepName.TRAIN: "privacy", StepName.MEASURE: "utility"}


def stages(report: LineageReport) -> tuple[Stage, ...]:
    """Base model and dataset version, plan, de-identify, train, adapter, measure, model version, alias."""
    return (
        Stage(nodes=(_base(report), _version(report)), refused=_refused(report, report.dataset)),
        Stage(nodes=(_plan(report),), refused=_refused(report, report.request)),
        _step(report, StepName.DEIDENTIFY),
        _step(report, StepName.TRAIN),
        Stage(nodes=(_adapter(report),)),
        _step(report, StepName.MEASURE),
        Stage(nodes=(_model(report),), refused=_refused(report, report.model)),
        Stage(nodes=_aliases(report), refused=(*_not_promoted(report), *_refused(report, *report.promotions))),
    )


def description(report: LineageReport) -> str:
    """The picture in one sentence."""
    names = listed(node.title for node in _aliases(report) if not node.outline)
    return (
        "The way from base model and dataset version over the plan and the steps de-identify, train and measure "
        f"to the adapter, the model version and its alias: {names}."
    )


def _base(report: LineageReport) -> Node:
    asked = only(report.request, RequestSubmitted)
    return Node(
        kind="Base model",
        title=_fit(asked.base_model, 20),
        whole=f"{asked.base_model}, {asked.base_digest}",
        note=short(asked.base_digest),
        log=(report.request.index,),
        section="versions",
    )


def _version(report: LineageReport) -> Node:
    added = only(report.version, DatasetVersionAdded)
    return Node(
        kind="Dataset version",
        title=short(added.version),
        whole=added.version,
        note=f"{count(added.persons, 'person')}, {count(added.rows, 'row')}",
        log=(report.version.index,),
        section="summary",
    )


def _plan(report: LineageReport) -> Node:
    asked = only(report.request, RequestSubmitted)
    approved = f"approved {instant(report.approvals[-1].at)[:10]}" if report.approvals else "not approved"
    return Node(
        kind="Plan",
        title=short(asked.plan),
        whole=asked.plan,
        note=approved,
        log=indices((report.request, *report.approvals)),
        section="summary",
    )


def _step(report: LineageReport, step: StepName) -> Stage:
    began = [entry for entry, event in of(report.steps, StepStarted) if event.step is step]
    done = [(entry, event) for entry, event in of(report.steps, StepFinished) if event.step is step]
    failed = [(entry, event) for entry, event in of(report.steps, StepFailed) if event.step is step]
    made = done[-1][1].output if done else None
    node = Node(
        kind="Step",
        title=words.STEPS[step],
        whole=words.STEPS[step] if made is None else f"{words.STEPS[step]}, output {made}",
        note="has no outcome" if made is None else f"made {short(made)}",
        log=indices((began[-1], done[-1][0]) if done else began),
        section=_SECTIONS[step],
        outline=made is None,
    )
    attempts = Node(
        kind="Failed",
        title=count(len(failed), "attempt"),
        whole=listed(dict.fromkeys(event.code for _, event in failed)),
        note=listed(dict.fromkeys(_fit(event.code, 22) for _, event in failed[:1])),
        log=indices(entry for entry, _ in failed),
        section="time-line",
        outline=True,
    )
    return Stage(nodes=(node,), refused=(attempts,) if failed else ())


def _adapter(report: LineageReport) -> Node:
    made = only(report.model, ModelRegistered)
    trained = [entry for entry, event in of(report.steps, StepFinished) if event.output == made.adapter]
    return Node(
        kind="Adapter",
        title=short(made.adapter),
        whole=made.adapter,
        note="LoRA weights and head",
        log=indices((*trained, report.model)),
        section="versions",
    )


def _model(report: LineageReport) -> Node:
    made = only(report.model, ModelRegistered)
    return Node(
        kind="Model version",
        title=short(made.model).partition("-")[2],
        whole=made.model,
        note=f"registered {instant(report.model.at)[:10]}",
        log=(report.model.index,),
        section="gates",
    )


def _aliases(report: LineageReport) -> tuple[Node, ...]:
    """The aliases that name the model version, and in outline those that did."""
    nodes = tuple(
        Node(
            kind="Alias",
            title=alias,
            whole=f"{alias}, {'since' if one.names_it else 'until'} {instant(one.entry.at)}",
            note=f"{'since' if one.names_it else 'until'} {instant(one.entry.at)[:10]}",
            log=(one.entry.index,),
            section="promotion",
            outline=not one.names_it,
        )
        for alias, one in named(report).items()
    )
    none = Node(
        kind="Alias",
        title="none",
        whole="no alias names this model version",
        note="nobody may use it yet",
        log=(report.model.index,),
        section="promotion",
        outline=True,
    )
    return nodes or (none,)


def _not_promoted(report: LineageReport) -> tuple[Node, ...]:
    proposed = [one for one in of(report.promotions, PromotionProposed) if one[1].outcome is not Outcome.PASS]
    groups = Counter(event.alias for _, event in proposed)
    return tuple(
        Node(
            kind="Not promoted",
            title=f"to {alias}" + (f", {number} times" if number > 1 else ""),
            whole=f"the gate did not let it become {alias}",
            note="gate not passed",
            log=indices(entry for entry, event in proposed if event.alias == alias),
            section="gates",
            outline=True,
        )
        for alias, number in sorted(groups.items())
    )


def _refused(report: LineageReport, *about: Entry) -> tuple[Node, ...]:
    """The refusals about the things that `about` tells of, those with one code together."""
    names = {name for entry in about for name in _names(entry)}
    found = [(entry, event) for entry, event in of(report.refusals, ActionRefused) if event.resource in names]
    nodes = [
        Node(
            kind="Refused",
            title=_fit(words.spaced(code), 24),
            whole=words.reason(code, next(event.rule for _, event in found if event.code == code)).why,
            note=_fit(
                _times(number) + listed(dict.fromkeys(event.action for _, event in found if event.code == code)), 28
            ),
            log=indices(entry for entry, event in found if event.code == code),
            section="refused",
            outline=True,
        )
        for code, number in Counter(event.code for _, event in found).items()
    ]
    if len(nodes) <= _MOST_REFUSED:
        return tuple(nodes)
    return (*nodes[: _MOST_REFUSED - 1], _rest(nodes[_MOST_REFUSED - 1 :]))


def _times(number: int) -> str:
    return f"{number} times " if number > 1 else ""


def _rest(nodes: Iterable[Node]) -> Node:
    log = tuple(sorted(index for node in nodes for index in node.log))
    return Node(
        kind="Refused",
        title=f"{len(log)} times more",
        whole="for other reasons",
        note="see the section",
        log=log,
        section="refused",
        outline=True,
    )


def _names(about: Entry) -> Iterable[str]:
    match about.event:
        case ModelRegistered(model=model):
            return (model,)
        case RequestSubmitted(request=request):
            return (request,)
        case PromotionProposed(promotion=promotion):
            return (promotion,)
        case event:
            return (getattr(event, "dataset", ""),)


def _fit(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
