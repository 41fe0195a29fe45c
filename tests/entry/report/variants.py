"""Other pages than the usual one: an earlier time, all evidence, no documents, long numbers, two models, data."""

from dataclasses import fields, replace
from io import BytesIO

from tests.conftest import OTTO
from tests.entry.report.conftest import Told, tell_another
from tests.entry.report.documents import details, leaning_details, paid
from tests.entry.report.test_report_curved import curve, figure
from tests.entry.report.test_report_html import ORIGIN, page

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import (
    ActionRefused,
    AliasMoved,
    ModelRegistered,
    PromotionProposed,
    RequestSubmitted,
    StepFinished,
)
from tunewarden.domain.lineage import LineageReport, Story, fold
from tunewarden.domain.names import Action, Alias, ModelId
from tunewarden.domain.training import StepName
from tunewarden.entry.report import render_descendants, render_difference
from tunewarden.usecases import datasets, files, reports, tracing
from tunewarden.usecases.reports import Lineage

_FAR = 12_345_000
"""Of a log that grew for years, so that indices are long."""


def model_of(lineage: Lineage) -> ModelId:
    event = lineage.report.model.event
    assert isinstance(event, ModelRegistered)
    return event.model


def as_of_its_making(told: Told) -> Lineage:
    """What was known when the model version was registered."""
    now = told.lineage()
    return reports.lineage(told.stage.platform, OTTO, model_of(now), as_of=now.report.model.at)


def unended(told: Told) -> Lineage:
    """What the log said before the budget was settled and the request ended: all of one commit, so of one instant."""
    now = told.lineage()
    asked = now.report.request.event
    assert isinstance(asked, RequestSubmitted)
    story = Story(model=model_of(now), request=asked.request, dataset=asked.dataset, version=asked.dataset_version)
    report = fold(told.stage.entries()[: now.report.model.index + 1], story)
    assert (report.ended, report.aliases, report.promotions) == ((), (), ())
    return replace(now, report=report, as_of=report.model.at)


def whole(told: Told) -> Lineage:
    """The unended one, measured in every way that there is: of no one model, so that one page has all sections."""
    lineage = unended(told)
    steps = [one.event for one in lineage.report.steps if isinstance(one.event, StepFinished)]
    named = next(event.details for event in steps if event.step is StepName.MEASURE)
    assert named is not None
    gain = figure("-0.0412", "0.0301", "0.1012")
    document = to_plain(replace(details(), twins=paid(), curve=curve(gain)))
    assert isinstance(document, dict)
    writes = leaning_details()
    document |= {"counterfactuals": to_plain(writes.counterfactuals), "questions": to_plain(writes.questions)}
    return replace(lineage, documents={**lineage.documents, named: encode(document)})


def another(told: Told) -> Lineage:
    """A model version that nobody has proposed and about which nothing was refused but what is about its dataset."""
    return reports.lineage(told.stage.platform, OTTO, tell_another(told))


def undocumented(told: Told) -> Lineage:
    """A lineage without any details document of a step, as of a model version that an earlier version trained."""
    lineage = told.lineage()
    details = {one.event.details for one in lineage.report.steps if isinstance(one.event, StepFinished)}
    return replace(lineage, documents={d: data for d, data in lineage.documents.items() if d not in details})


def crowded(told: Told) -> Lineage:
    """Long indices, a dozen refusals of everything, and aliases that came and went."""
    lineage = told.lineage()
    report = shifted(lineage.report)
    proposed = next(one.event for one in report.promotions if isinstance(one.event, PromotionProposed))
    model, last = model_of(lineage), max(one.index for one in report.entries())
    asked = next(one.event for one in report.refusals if isinstance(one.event, ActionRefused))
    refused = [
        ActionRefused(action=action, resource=resource, code=code, rule=rule)
        for resource in (asked.resource, model, proposed.promotion)
        for action, code, rule in (
            (Action.APPROVE_PROMOTION, "own_promotion", ""),
            (Action.APPROVE_PROMOTION, "verdict_changed", ""),
            (Action.REGISTER_DATASET, "access_denied", "no-rule-allows"),
            (Action.SUBMIT_REQUEST, "privacy_budget_exhausted", ""),
        )
    ]
    moved = [
        AliasMoved(alias=Alias.STAGING, model=model, previous=None),
        AliasMoved(alias=Alias.STAGING, model=ModelId("model-" + "9" * 32), previous=model),
    ]
    told_later = [
        replace(report.model, index=last + place, event=event) for place, event in enumerate([*refused, *moved], 1)
    ]
    return replace(
        lineage,
        report=replace(
            report,
            refusals=(*report.refusals, *told_later[: len(refused)]),
            aliases=(*report.aliases, *told_later[len(refused) :]),
        ),
    )


def shifted(report: LineageReport) -> LineageReport:
    """The same report of a log that is longer by many millions of entries."""

    def later(value: object) -> object:
        match value:
            case Entry():
                return replace(value, index=value.index + _FAR)
            case tuple():
                return tuple(later(one) for one in value)
        return value

    changed = {field.name: later(getattr(report, field.name)) for field in fields(report)}
    return replace(report, **changed)  # type: ignore[arg-type]


def differing(told: Told) -> str:
    """The difference page of the two model versions."""
    one, other = model_of(told.lineage()), tell_another(told)
    return render_difference(*reports.compare(told.stage.platform, OTTO, one, other), origin=ORIGIN)


def descending(told: Told) -> str:
    """What became of the records: a promoted model version, one that no alias names, and a refusal at the door."""
    tell_another(told)
    asked = told.lineage().report.request.event
    assert isinstance(asked, RequestSubmitted)
    story = tracing.tell_version(told.stage.platform, OTTO, asked.dataset, asked.dataset_version)
    return render_descendants(story, reader=OTTO.id, origin=ORIGIN)


def childless(told: Told) -> str:
    """The page of records that nobody has asked for."""
    asked = told.lineage().report.request.event
    assert isinstance(asked, RequestSubmitted)
    stored, _ = files.upload(
        told.stage.platform, told.steward, filename="new", purpose="fine-tune", content=BytesIO(b"new")
    )
    made, _ = datasets.add_version(told.stage.platform, told.steward, asked.dataset, stored.id)
    story = tracing.tell_version(told.stage.platform, OTTO, made.id, made.latest().digest)
    return render_descendants(story, reader=OTTO.id, origin=ORIGIN)


PAGES = {
    "report": lambda told: page(told.lineage()),
    "as of": lambda told: page(as_of_its_making(told)),
    "unended, whole": lambda told: page(whole(told)),
    "another": lambda told: page(another(told)),
    "undocumented": lambda told: page(undocumented(told)),
    "crowded": lambda told: page(crowded(told)),
    "difference": differing,
    "descendants": descending,
    "no descendants": childless,
}
"""Each page of this folder, by name."""
