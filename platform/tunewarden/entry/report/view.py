"""Everything that the template shows, as plain values: a pure function of the report, its documents and a tree head."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.events import (
    DatasetRegistered,
    DatasetVersionAdded,
    ModelRegistered,
    PurposesChanged,
    RequestApproved,
    RequestEndorsed,
    RequestSubmitted,
    StepFinished,
)
from tunewarden.domain.lineage import LineageReport
from tunewarden.domain.training import Plan, StepName, Task
from tunewarden.domain.vote_events import VoteLapsed
from tunewarden.entry.report import measured, words
from tunewarden.entry.report.attribute_words import readings
from tunewarden.entry.report.audited import Audited, audited, checked
from tunewarden.entry.report.certified import certified
from tunewarden.entry.report.cited import Cited, cited
from tunewarden.entry.report.compared import Compared, compared
from tunewarden.entry.report.completed import Completions, completions
from tunewarden.entry.report.curved import Curved, curved
from tunewarden.entry.report.deidentified import Deidentified, deidentified
from tunewarden.entry.report.emergency_words import emergencies
from tunewarden.entry.report.facts import Fact, Name, Said, indices, of, only
from tunewarden.entry.report.figures import count, instant, listed, short
from tunewarden.entry.report.further import Further, further
from tunewarden.entry.report.graph import draw
from tunewarden.entry.report.head import Head
from tunewarden.entry.report.keeping import holds, rotations
from tunewarden.entry.report.measured import Attack, Explanation, Fairness, Utility
from tunewarden.entry.report.mended import Mended, Price, mended, price
from tunewarden.entry.report.override_words import overridden
from tunewarden.entry.report.persons_swapped import PersonsSwapped, persons_swapped
from tunewarden.entry.report.privacy import Privacy, privacy, recipe_facts
from tunewarden.entry.report.reading import Part, document
from tunewarden.entry.report.scrutinised import Scrutinised, scrutinised
from tunewarden.entry.report.standing import promotions, standing, who
from tunewarden.entry.report.story import Moment, Participant, Refusal, moments, participants, refusals
from tunewarden.entry.report.verdicts import Metrics, Verdict, limit_of, verdicts
from tunewarden.entry.report.way import description, stages
from tunewarden.usecases.reports import Lineage

_LEARNT = {Task.CLASSIFICATION: "", Task.COMPLETION: " that completes texts"}
_GAP = {Task.CLASSIFICATION: "fairness.accuracy_gap", Task.COMPLETION: "fairness.token_accuracy_gap"}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The report.

    Attributes:
        registered: the entry that says there is this model version.
        as_of: the instant that the report is as of, and how many entries the log had; None for the report as it is now.
        wide, narrow: the same picture for paper and for a telephone.
        measured: the entry of the measuring step, by which its sections are footnoted.
        utility, completions: of a model that tells classes, and of one that completes texts; one of them is None.
        not_measured: what the measuring step says that it does not measure of such a model.
    """

    model: Name
    registered: tuple[int, ...]
    head: Head
    as_of: tuple[str, str] | None
    abstract: tuple[tuple[str, tuple[Said, ...]], ...]
    facts: tuple[Fact, ...]
    wide: Markup
    narrow: Markup
    participants: tuple[Participant, ...]
    moments: tuple[Moment, ...]
    refusals: tuple[Refusal, ...]
    deidentified: Deidentified | None
    privacy: Privacy
    attack: Attack | None
    audit: Audited | None
    certified: tuple[Fact, ...]
    checked: tuple[Fact, ...]
    verdicts: tuple[Verdict, ...]
    utility: Utility | None
    completions: Completions | None
    further: Further
    curved: Curved
    not_measured: tuple[str, ...]
    fairness: Fairness | None
    compared: Compared | None
    readings: tuple[Said, ...]
    mended: Mended
    price: Price | None
    explanation: Explanation | None
    scrutinised: Scrutinised | None
    persons_swapped: PersonsSwapped | None
    measured: tuple[int, ...]
    promotions: tuple[Said, ...]
    emergencies: tuple[Said, ...]
    overridden: tuple[Said, ...]
    versions: tuple[Fact, ...]
    keys: tuple[Said, ...]
    holds: tuple[Said, ...]
    cited: tuple[Cited, ...]
    outcomes: Mapping[str, str]


def view(lineage: Lineage, *, head: Head, metrics: Metrics) -> View:
    """Raises `Corrupted` where a plan or a gate is not what its digest says; anything else missing is None."""
    report, documents = lineage.report, lineage.documents
    asked = only(report.request, RequestSubmitted)
    plan = from_plain(Plan, decode(documents[asked.plan]))
    measure, measured_log = _details(lineage, StepName.MEASURE)
    found_utility = measured.utility(measure.at("utility"), measure.at("noisy"))
    found_completions = completions(measure.at("completions"), measure.at("noisy"), measure.at("left_out"))
    found_deidentified = deidentified(report, _details(lineage, StepName.DEIDENTIFY)[0])
    found_verdicts = verdicts(report, documents, metrics)
    found_privacy = privacy(report, plan, *_details(lineage, StepName.TRAIN))
    picture, told = stages(report), description(report)
    return View(
        model=Name(only(report.model, ModelRegistered).model),
        registered=(report.model.index,),
        head=head,
        as_of=None if lineage.as_of is None else (instant(lineage.as_of), count(report.size, "entry", "entries")),
        abstract=tuple(
            _abstract(
                lineage,
                plan,
                found_privacy.promise,
                found_deidentified,
                Said(_result(found_utility, found_completions), measured_log),
            )
        ),
        facts=tuple(_facts(lineage)),
        wide=draw(picture, across=4, name="wide", description=told),
        narrow=draw(picture, across=1, name="narrow", description=told),
        participants=participants(report),
        moments=moments(report),
        refusals=refusals(report),
        deidentified=found_deidentified,
        privacy=found_privacy,
        attack=measured.attack(measure.at("membership")),
        audit=audited(measure.at("audit")),
        certified=certified(*_details(lineage, StepName.TRAIN)),
        checked=checked(measure, measured_log),
        verdicts=found_verdicts,
        utility=found_utility,
        completions=found_completions,
        further=further(measure),
        curved=curved(measure, declared=bool(plan.parts)),
        not_measured=tuple(part.text for part in measure.at("not_measured").items() if part.text),
        fairness=measured.fairness(
            measure.at("fairness"), limit_of(report, _GAP[plan.recipe.task]), measure.at("noisy")
        ),
        compared=compared(measure.at("fairness")),
        readings=readings(report),
        mended=mended(measure, plan, found_verdicts, (report.request.index,)),
        price=price(measure.at("twins")),
        explanation=measured.explanation(measure.at("explanation")),
        scrutinised=scrutinised(measure.at("scrutiny")),
        persons_swapped=persons_swapped(measure),
        measured=measured_log,
        promotions=promotions(report),
        emergencies=emergencies(report),
        overridden=overridden(report),
        versions=tuple(_versions(lineage, plan)),
        keys=rotations(report),
        holds=holds(report),
        cited=cited(report.entries()),
        outcomes={outcome.value: word for outcome, word in words.OUTCOMES.items()},
    )


def _details(lineage: Lineage, step: StepName) -> tuple[Part, tuple[int, ...]]:
    """The details document of the last outcome of a step, and the index of that entry."""
    done = [(entry, event) for entry, event in of(lineage.report.steps, StepFinished) if event.step is step]
    if not done:
        return Part(), ()
    return document(lineage.documents, done[-1][1].details), (done[-1][0].index,)


def _abstract(
    lineage: Lineage,
    plan: Plan,
    promise: Said,
    found: Deidentified | None,
    result: Said,
) -> Iterator[tuple[str, tuple[Said, ...]]]:
    report = lineage.report
    dataset, version = only(report.dataset, DatasetRegistered), only(report.version, DatasetVersionAdded)
    purposes = [event.purposes for _, event in of(report.purposes, PurposesChanged)][-1:] or [dataset.purposes]
    yield (
        "Why",
        (
            Said(f"Trained for {words.spaced(plan.purpose)}.", (report.request.index,)),
            Said(
                f"The dataset may be used for {listed(words.spaced(each) for each in purposes[0])}; the stated "
                f"lawful basis is {words.LAWFUL_BASES[dataset.lawful_basis]}; the records are to be kept until "
                f"{dataset.retain_until.isoformat()}.",
                indices((report.dataset, *report.purposes)),
            ),
        ),
    )
    yield "Who", tuple(_asked_and_approved(report))
    records = Said(
        f"{count(version.rows, 'row')} of {count(version.persons, 'person')}, "
        f"{words.SENSITIVITIES[dataset.sensitivity]}"
        f"{'; every row is stated to be another person' if dataset.row_is_person else ''}.",
        (report.version.index, report.dataset.index),
    )
    cleaned = () if found is None else (Said(f"{found.total} found and transformed before training.", found.log),)
    yield "Data", (records, *cleaned)
    yield (
        "Method",
        (
            Said(
                f"A LoRA adapter on {plan.base_model.name}{_LEARNT[plan.recipe.task]}, trained with noise calibrated "
                f"to differential privacy; the privacy unit is the {plan.mechanism.unit}.",
                (report.request.index,),
            ),
        ),
    )
    yield "Privacy", (promise,)
    yield "Result", (result,)
    yield "Decision", standing(report)


def _result(utility: Utility | None, completed: Completions | None) -> str:
    intervals = "Intervals are 95\N{NO-BREAK SPACE}%."
    if utility is not None:
        return (
            f"Accuracy on persons held out of training {utility.accuracy}; always giving the most frequent answer "
            f"{utility.majority}. {intervals}"
        )
    if completed is not None:
        return (
            f"Of what persons held out of training wrote, the share of tokens it predicts is {completed.accuracy}; "
            f"without its training {completed.base}. {intervals}"
        )
    return "Utility was not assessed."


def _asked_and_approved(report: LineageReport) -> Iterator[Said]:
    yield Said(f"Asked for by {who(report, report.request)} at {instant(report.request.at)}.", (report.request.index,))
    for entry, _ in of(report.approvals, RequestApproved):
        yield Said(f"Exactly this plan was approved by {who(report, entry)} at {instant(entry.at)}.", (entry.index,))
    for entry, _ in of(report.approvals, RequestEndorsed):
        yield Said(f"It was endorsed by {who(report, entry)} at {instant(entry.at)}.", (entry.index,))
    for entry, event in of(report.approvals, VoteLapsed):
        yield Said(f"{short(event.principal)} may not agree any more since; their vote did not count.", (entry.index,))


def _facts(lineage: Lineage) -> Iterator[Fact]:
    report = lineage.report
    asked, made = only(report.request, RequestSubmitted), only(report.model, ModelRegistered)
    yield Fact("Model version", Name(made.model), (report.model.index,))
    yield Fact("Adapter", Name(made.adapter), (report.model.index,))
    yield Fact("Training request", Name(asked.request), (report.request.index,))
    yield Fact("Plan", Name(asked.plan), (report.request.index,))
    yield Fact("Asked by", Name(report.request.actor), (report.request.index,))
    for entry, _ in of(report.approvals, RequestApproved):
        yield Fact("Approved by", Name(entry.actor), (entry.index,))
    for entry, _ in of(report.approvals, RequestEndorsed):
        yield Fact("Endorsed by", Name(entry.actor), (entry.index,))
    yield Fact("Dataset", Name(asked.dataset), (report.dataset.index,))
    yield Fact("Registered by", Name(report.dataset.actor), (report.dataset.index,))


def _versions(lineage: Lineage, plan: Plan) -> Iterator[Fact]:
    report = lineage.report
    asked, added = only(report.request, RequestSubmitted), only(report.version, DatasetVersionAdded)
    log = (report.request.index,)
    yield Fact(f"Base model {plan.base_model.name}, weights", Name(plan.base_model.digest), log)
    yield Fact("Dataset version, records", Name(added.version), (report.version.index,))
    yield Fact("Upload they were read from", Name(added.source), (report.version.index,))
    yield Fact("De-identification profile", Name(asked.profile), log)
    yield Fact("Gate guarding training", Name(asked.training_gate), log)
    yield from recipe_facts(report, plan)
    for entry, event in of(report.steps, StepFinished):
        produced = document(lineage.documents, event.evidence).at("produced_by").text
        if produced is not None:
            yield Fact(f"Code and settings of the step {event.step}", Name(produced), (entry.index,))
    made = only(report.model, ModelRegistered)
    signed = {
        "Release signature of the adapter": made.signature,
        "Statement of its making, signed": made.statement,
        "Public half of the release key": made.release_key,
    }
    for label, digest in signed.items():
        if digest is not None:
            yield Fact(label, Name(digest), (report.model.index,))
    for step in (StepName.TRAIN, StepName.MEASURE):
        details, where = _details(lineage, step)
        named = (*details.at("libraries").members(), *details.at("versions").members())
        used = [f"{name} {version.text}" for name, version in named if version.text]
        if used:
            yield Fact(f"Libraries of the step {step}", ", ".join(used), where)
