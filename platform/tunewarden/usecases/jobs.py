"""Carrying an approved request out: one step at a time, each safe to repeat.

No unit of work is open while a step runs. Outputs are content-addressed, so a repeated attempt finds its own work.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from functools import partial

from tunewarden.domain.canonical import digest_of, encode
from tunewarden.domain.errors import Conflict, IllegalTransition, Refused, TunewardenError, Unavailable
from tunewarden.domain.events import (
    ModelRegistered,
    RequestEnded,
    StepFailed,
    StepFinished,
    StepStarted,
)
from tunewarden.domain.gates import Evidence
from tunewarden.domain.names import Action, Digest, ModelId, RequestId
from tunewarden.domain.registry import ModelVersion
from tunewarden.domain.training import STATE_AFTER, State, StepName, TrainingRequest
from tunewarden.usecases import attributes
from tunewarden.usecases.admission import admit
from tunewarden.usecases.alarms import alarms
from tunewarden.usecases.charging import charge, charged_at, charged_so_far
from tunewarden.usecases.custody import version_key
from tunewarden.usecases.erasures import OUTDATED, persons_erased
from tunewarden.usecases.gating import decided, failed, pinned_gate, prepared
from tunewarden.usecases.ports import Attempt, Attested, Platform, Principal, Step, StepResult, UnitOfWork
from tunewarden.usecases.promoted import promoted_before
from tunewarden.usecases.refusals import permit, refusals_recorded
from tunewarden.usecases.releases import attested
from tunewarden.usecases.requests import settle
from tunewarden.usecases.signing import require_not_withdrawn
from tunewarden.usecases.things import of_request

MOST_ATTEMPTS = 10

Pipeline = Mapping[StepName, Step]
Guarded = Set[StepName]
"""The steps whose output the training gate judges, before the next step may begin."""


def waiting(platform: Platform) -> Sequence[RequestId]:
    """Requests whose next step could begin now, oldest first."""
    with platform.view() as view:
        return [request.id for request in view.requests.all() if request.next_step is not None]


def advance(
    platform: Platform, worker: Principal, pipeline: Pipeline, guarded: Guarded, identifier: RequestId
) -> TrainingRequest:
    """Do exactly one step of a request.

    1. Intent: record that the attempt begins, durably. Nothing has happened to the data before this.
    2. Run the step, with no unit of work open.
    3. Outcome: state, evidence, verdict, settlement and entries in one commit; or what failed.

    Raises what the step raised, after recording it. The request has then ended if a rule said no or stored bytes were
    corrupted, and after attempt `MOST_ATTEMPTS`; what was unavailable or unexpected may be tried again. No step begins
    on a dataset that was retired or may not be kept any more: `Refused`, and the request has ended. Where a
    person of the dataset was erased while its records were read, they are read again: `Conflict`, and another attempt.
    Nor does training begin on records about which a
    signature was withdrawn.
    """
    request, attempt, step = _begin(platform, worker, identifier)  # 1
    try:
        result = pipeline[step](attempt)  # 2
        return _finish(platform, worker, request, step, attempt, result, pipeline[step], guarded)  # 3
    except Exception as error:
        code = error.code if isinstance(error, TunewardenError) else "unexpected"
        final = _is_final(error) or attempt.number >= MOST_ATTEMPTS
        _fail(platform, worker, identifier, step, attempt.number, code, final=final)
        raise


def _is_final(error: Exception) -> bool:
    """Whether another attempt would end the same way: a rule said no, or stored bytes are not what they were."""
    return isinstance(error, TunewardenError) and not isinstance(error, Unavailable | Conflict)


def _begin(platform: Platform, worker: Principal, identifier: RequestId) -> tuple[TrainingRequest, Attempt, StepName]:
    with (
        refusals_recorded(platform, worker, Action.ADVANCE_JOB, "request", identifier),
        platform.work(worker.id) as work,
    ):
        request = work.requests.get(identifier)
        permit(platform, worker, Action.ADVANCE_JOB, of_request(request))
        request.require_going()
        step = request.next_step
        if step is None or request.approved_by is None:
            raise IllegalTransition("illegal_transition", f"A request that is {request.state} has no next step.")
        dataset = work.datasets.get(request.plan.dataset)
        try:
            dataset.require_usable_for(request.plan.purpose, platform.clock().date())
            if step is StepName.TRAIN:  # a gate that asks for no signature does not see that one was withdrawn
                require_not_withdrawn(platform, work, request)
        except Refused as refusal:
            work.requests.put(failed(platform, work, request, refusal.code))
            work.commit()
            raise
        bound = replace(of_request(request), purpose=request.plan.purpose, purposes=dataset.purposes)
        permit(platform, worker, Action.ADVANCE_JOB, bound)
        version = dataset.version(request.plan.dataset_version)
        request = replace(request, attempt=request.attempt + 1)
        if step is StepName.DEIDENTIFY:
            request = replace(request, erased_before=persons_erased(work, dataset.id))
        given = _given(request, step)
        charged = charged_so_far(work, request, step)
        promoted = promoted_before(work, request) if step is StepName.MEASURE else None
        # The house may have taken its word back since the plan was made.
        twins = step is StepName.MEASURE and request.plan.twins and platform.policies.training().twins
        work.requests.put(request)
        work.record(StepStarted(request=identifier, attempt=request.attempt, step=step, given=given))
        work.commit()
    attempt = Attempt(
        request=identifier,
        number=request.attempt,
        plan=request.plan,
        records=version.digest,
        labels=version.labels,
        outputs=request.outputs,
        evidence=request.evidence,
        charged=charged,
        charge=lambda updates: charge(platform, worker, request, step, updates),
        admit=lambda members: admit(platform, worker, request, step, members),
        charged_at=lambda receipt: charged_at(platform, identifier, step, receipt),
        namespace=dataset.namespace,
        held_out=dataset.held_out,
        groups=dataset.columns.groups,
        protected=dataset.columns.protected,
        sealed=version.sealed,
        key=version_key(version.source) if version.sealed is not None else "",
        promoted=promoted,
        twins=twins,
        keep=partial(attributes.keep, platform, worker, request) if step is StepName.DEIDENTIFY else None,
        attributes=partial(attributes.read, platform, worker, request) if step is StepName.MEASURE else None,
    )
    return request, attempt, step


def _given(request: TrainingRequest, step: StepName) -> Digest:
    match step:
        case StepName.DEIDENTIFY:
            return request.plan.dataset_version
        case StepName.TRAIN:
            return request.outputs[StepName.DEIDENTIFY]
        case StepName.MEASURE:
            return request.outputs[StepName.TRAIN]


def _finish(
    platform: Platform,
    worker: Principal,
    request: TrainingRequest,
    step: StepName,
    attempt: Attempt,
    result: StepResult,
    made_by: Step,
    guarded: Guarded,
) -> TrainingRequest:
    evidence = Evidence(
        about=result.output if result.about is None else result.about,
        produced_by=made_by.identity,
        measurements=result.measurements,
        details=result.details,
    )
    gate = pinned_gate(platform, request) if step in guarded else None
    document = platform.blobs.put_bytes(_document(evidence))
    ready = (
        None if gate is None else prepared(platform, request, gate, evidence)
    )  # a sample is drawn before anything is said
    signed: Attested | None = None
    if STATE_AFTER[step] is State.MEASURED:  # signing takes its time, so it is done before the unit of work opens
        signed = attested(platform, worker, request.done(step, result.output, document))
    with platform.work(worker.id) as work:
        if step is StepName.DEIDENTIFY:
            _require_nobody_erased(work, request)
        found = work.requests.get(request.id)
        found.require_going()
        done = found.done(step, result.output, document)
        work.record(
            StepFinished(
                request=request.id,
                attempt=attempt.number,
                step=step,
                output=result.output,
                evidence=digest_of(evidence),
                details=result.details,
                counts=result.counts,
            )
        )
        if gate is not None:
            done = decided(platform, work, replace(done, state=request.state), gate, evidence, ready)
        if done.state is State.MEASURED and signed is not None:
            done = _registered(platform, work, done, signed, evidence)
        work.requests.put(done)
        work.commit()
    return done


def _require_nobody_erased(work: UnitOfWork, request: TrainingRequest) -> None:
    """Raise `Conflict` where a person of the dataset was erased while its records were read for this request.

    What had read them before that was ended by the erasure itself.
    """
    if persons_erased(work, request.plan.dataset) != request.erased_before:
        raise Conflict(
            OUTDATED,
            "A person was erased from the dataset while its records were read.",
            remedy="The next attempt leaves the person out.",
        )


def _registered(
    platform: Platform, work: UnitOfWork, done: TrainingRequest, signed: Attested, measured: Evidence
) -> TrainingRequest:
    model = ModelVersion(
        id=ModelId(platform.new_id("model")),
        request=done.id,
        plan=done.plan.digest(),
        adapter=done.outputs[StepName.TRAIN],
        evidence=tuple(done.evidence[step] for step in StepName),
        requested_by=done.requested_by,
        registered_at=platform.clock(),
        project=done.project,
    )
    work.models.put(model)
    work.record(
        ModelRegistered(
            model=model.id,
            request=done.id,
            plan=model.plan,
            adapter=model.adapter,
            signature=platform.blobs.put_bytes(signed.signature),
            statement=platform.blobs.put_bytes(signed.statement),
            release_key=platform.blobs.put_bytes(signed.key),
            project=model.project,
        )
    )
    for alarm in alarms(done, model.id, measured):
        work.record(alarm)
    settle(platform, work, done)
    work.record(RequestEnded(request=done.id, state=State.MEASURED, because=""))
    return replace(done, ended_at=platform.clock(), model=model.id)


def _fail(
    platform: Platform,
    worker: Principal,
    identifier: RequestId,
    step: StepName,
    attempt: int,
    code: str,
    *,
    final: bool,
) -> None:
    with platform.work(worker.id) as work:
        request = work.requests.get(identifier)
        work.record(StepFailed(request=identifier, attempt=attempt, step=step, code=code))
        # Another worker may have carried the step out meanwhile, or somebody withdrawn or suspended the request: then
        # nothing ends.
        if final and request.next_step is step:
            work.requests.put(failed(platform, work, request, code))
        work.commit()


def _document(evidence: Evidence) -> bytes:
    return encode(evidence)
