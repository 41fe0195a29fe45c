"""`model-card.md`: a model card in the form of the Hugging Face hub, with nothing in it that the log does not hold.

There is no door for a figure typed by hand: every figure is a `Cited`, which is read from logged evidence, and every
line ends with the index of its entry in square brackets. What is not known is said in a section of its own.
"""

from collections.abc import Iterable

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from tunewarden.domain.canonical import decimal_text
from tunewarden.domain.events import (
    AliasMoved,
    DatasetRegistered,
    DatasetVersionAdded,
    GateJudged,
    ModelRegistered,
    PromotionProposed,
    RequestApproved,
    RequestEndorsed,
    RequestSubmitted,
    StepFinished,
)
from tunewarden.domain.override_events import GateOverridden
from tunewarden.domain.registry_events import AliasCleared, ModelRetired
from tunewarden.domain.training import StepName, Task
from tunewarden.domain.vote_events import VoteLapsed
from tunewarden.entry.exports.deidentification import deidentification
from tunewarden.entry.exports.evidence import Cited, brackets, cited, learnt, libraries, plan, promised
from tunewarden.entry.report.facts import of, only
from tunewarden.entry.report.privacy import spending
from tunewarden.entry.report.verdicts import Metrics
from tunewarden.usecases.reports import Lineage

NOT_KNOWN = (
    "How the model does on people unlike those of the dataset version.",
    "Whether the texts, after de-identification, still tell who somebody is; only what was measured above is known.",
    "What the model is used for: the log holds what it was asked and approved for.",
    "How much energy the training took.",
    "Who wrote the texts, and what language they are in: an entry holds no text.",
    "Anything about the base model but its digest.",
)


def model_card(lineage: Lineage, metrics: Metrics, *, origin: str) -> bytes:
    """UTF-8 text. Raises `Corrupted` for a plan or evidence that is not what its digest says."""
    figures = cited(lineage)
    data = _metadata(lineage, figures)
    sections = (
        _head(lineage, origin),
        _section("Use", _use(lineage)),
        _section("Data", _data(lineage)),
        _section("De-identification", deidentification(lineage)),
        _section("Privacy", _privacy(lineage)),
        _section("Measured", [_figure(one, metrics) for one in figures]),
        _section("Limits", _limits(lineage)),
        _section("Gates", _gates(lineage)),
        _section("Approvals and names", _approvals(lineage)),
        _section("Made with", [f"{name} {version} [{index}]" for name, (version, index) in libraries(lineage).items()]),
        _section("Not known", (*not_measured(lineage), *NOT_KNOWN)),
    )
    card = ModelCard(f"---\n{data.to_yaml()}\n---\n\n" + "\n".join(sections))
    return str(card).encode()


def _metadata(lineage: Lineage, figures: Iterable[Cited]) -> ModelCardData:
    """What the hub reads. Its evaluation results are the logged measurements and no others."""
    made, asked = only(lineage.report.model, ModelRegistered), only(lineage.report.request, RequestSubmitted)
    results = [
        EvalResult(
            task_type=learnt(lineage).hub,
            dataset_type=asked.dataset,
            dataset_name=asked.dataset,
            dataset_revision=asked.dataset_version,
            metric_type=one.measurement.metric,
            metric_value=decimal_text(one.measurement.value),
            metric_name=f"log entry {one.index}",
        )
        for one in figures
    ]
    return ModelCardData(
        model_name=made.model,
        base_model=asked.base_model,
        datasets=[asked.dataset],
        library_name="peft",
        pipeline_tag=learnt(lineage).hub,
        tags=["lora", "differential-privacy"],
        eval_results=results or None,
    )


def _head(lineage: Lineage, origin: str) -> str:
    made = only(lineage.report.model, ModelRegistered)
    return (
        f"# {made.model}\n\n"
        f"A LoRA adapter for {learnt(lineage).words}, `{made.adapter}` [{lineage.report.model.index}].\n\n"
        f"A number in square brackets is the index of an entry in the audit log `{origin}`; the bundle that holds\n"
        "this card holds the entry and its proof. HOWTO-VERIFY.txt says how to check them.\n"
    )


def _section(title: str, lines: Iterable[str]) -> str:
    listed = [f"- {line}" for line in lines]
    return "\n".join([f"## {title}", "", *(listed or ["The log holds nothing about this."]), ""])


def _use(lineage: Lineage) -> list[str]:
    asked, index = only(lineage.report.request, RequestSubmitted), lineage.report.request.index
    return [
        f"Asked for the purpose `{asked.purpose.value}` [{index}].",
        f"Base model `{asked.base_model}`, `{asked.base_digest}` [{index}].",
        f"Plan `{asked.plan}` [{index}].",
    ]


def _data(lineage: Lineage) -> list[str]:
    report = lineage.report
    dataset, version = only(report.dataset, DatasetRegistered), only(report.version, DatasetVersionAdded)
    told = [
        f"Dataset `{dataset.dataset}`: lawful basis `{dataset.lawful_basis.value}`, sensitivity "
        f"`{dataset.sensitivity.value}`, to be kept until {dataset.retain_until.isoformat()} [{report.dataset.index}].",
        f"Version `{version.version}`: {version.rows} rows of {version.persons} persons [{report.version.index}].",
    ]
    for entry, event in of(report.steps, StepFinished):
        if event.step is StepName.DEIDENTIFY:
            counts = ", ".join(f"{name} {number}" for name, number in sorted(event.counts.items()))
            told.append(f"De-identified to `{event.output}`: {counts} [{entry.index}].")
    return told


def _privacy(lineage: Lineage) -> list[str]:
    told = promised(lineage)
    spent = spending(lineage.report, plan(lineage))
    promise = brackets(told.promise.log)
    return [
        f"{told.promise.text.rstrip('.')} {promise}.",
        f"In words: who guesses from the model whether the data of one person was used, both being "
        f"equally likely, is right {told.right} of the time at most; a coin is right 50 % of the time {promise}.",
        f"Noise multiplier {decimal_text(spent.planned.noise_multiplier)}, sampling rate "
        f"{decimal_text(spent.planned.sampling_rate)} {brackets(spent.reserved_log)}; {spent.charged} updates charged "
        f"{brackets(spent.charged_log or spent.reserved_log)}.",
        f"As NIST SP 800-226 asks: unit {spent.planned.unit.value}, at most {spent.planned.contributions} of one "
        f"person; relation {spent.planned.relation.value}; central trust model; Poisson sampling; randomness of the "
        f"operating system, without a seed; composed by Renyi accounting {brackets(spent.reserved_log)}.",
    ]


def _limits(lineage: Lineage) -> list[str]:
    asked, index = only(lineage.report.request, RequestSubmitted), lineage.report.request.index
    recipe = plan(lineage).recipe
    return [
        f"For no other purpose than `{asked.purpose.value}` was it asked or approved [{index}].",
        f"Of a text at most {recipe.max_tokens} tokens are read [{index}].",
        f"{_held_out(lineage)} [{index}].",
    ]


def _held_out(lineage: Lineage) -> str:
    metrics = plan(lineage).metrics
    if metrics is None:
        return "Epsilon covers those who were trained on. Of those who were held out the figures above are exact"
    return (
        "Epsilon covers those who were trained on. Of those who were held out the figures above are noisy: "
        f"{metrics.updates} tables with noise multiplier {decimal_text(metrics.noise_multiplier)}, at the cost of "
        "`privacy.metrics_epsilon`"
    )


def not_measured(lineage: Lineage) -> list[str]:
    """What has no figure above because there is none for such a model."""
    if plan(lineage).recipe.task is Task.CLASSIFICATION:
        return []
    return [
        "What moves what it writes on texts of persons: it is explained on made-up prompts only.",
        "Whether what it writes otherwise than people did is wrong; only agreement with them is measured.",
    ]


def _figure(one: Cited, metrics: Metrics) -> str:
    meaning = metrics.get(one.measurement.metric, {}).get("meaning", "")
    return f"`{one.measurement.metric}`: {one.text()} [{one.index}]. {meaning}".rstrip()


def _gates(lineage: Lineage) -> list[str]:
    told = []
    for entry, event in of(lineage.report.verdicts, GateJudged):
        bad = [f"`{one.metric}` {one.outcome.value}" for one in event.findings if one.outcome.value != "pass"]
        rest = f" ({', '.join(bad)})" if bad else f", {len(event.findings)} of {len(event.findings)} rules"
        told.append(f"Gate `{event.gate}` said {event.outcome.value}{rest} [{entry.index}].")
    return told


def _approvals(lineage: Lineage) -> list[str]:
    report = lineage.report
    model = only(report.model, ModelRegistered).model
    told = [f"Asked by `{report.request.actor}` [{report.request.index}]."]
    told += [f"Plan approved by `{entry.actor}` [{entry.index}]." for entry, _ in of(report.approvals, RequestApproved)]
    told += [f"Plan endorsed by `{entry.actor}` [{entry.index}]." for entry, _ in of(report.approvals, RequestEndorsed)]
    told += [
        f"The vote of `{event.principal}` lapsed [{entry.index}]." for entry, event in of(report.approvals, VoteLapsed)
    ]
    told += [
        f"Promotion to `{event.alias}` proposed by `{entry.actor}`: {event.outcome.value} [{entry.index}]."
        for entry, event in of(report.promotions, PromotionProposed)
    ]
    told += [
        f"The gate was overridden by `{entry.actor}`, as {event.role.value}, because: {event.reason.value} "
        f"[{entry.index}]."
        for entry, event in of(report.promotions, GateOverridden)
    ]
    told += [
        f"`{event.alias}` {'came to name' if event.model == model else 'stopped naming'} this model, moved by "
        f"`{entry.actor}` [{entry.index}]."
        for entry, event in of(report.aliases, AliasMoved)
    ]
    told += [
        f"`{event.alias}` was taken off by `{entry.actor}`, because: {event.reason.value} [{entry.index}]."
        for entry, event in of(report.aliases, AliasCleared)
    ]
    told += [
        f"Retired for good by `{entry.actor}`, because: {event.reason.value} [{entry.index}]."
        for entry, event in of(report.aliases, ModelRetired)
    ]
    return told
