"""What leaves the house is signed: the adapter itself, and a statement of how it came to be.

The statement is an in-toto Statement v1 whose predicate is SLSA provenance v1 (slsa.dev/spec/v1.0/provenance); what
that form has no place for stands in its extension field `tunewarden_lineage`. It holds what an entry may hold: ids,
digests, words, integers and decimal strings.
"""

from collections.abc import Mapping

from tunewarden.domain.canonical import Plain, decode, encode, from_plain, to_plain
from tunewarden.domain.errors import Unavailable
from tunewarden.domain.gates import Evidence
from tunewarden.domain.names import Digest
from tunewarden.domain.training import Plan, StepName, TrainingRequest
from tunewarden.usecases.ports import Attested, Platform, Principal

ADAPTER_FILE = "adapter.safetensors"
_BUILD_TYPE = "urn:tunewarden:fine-tuning:1"


def attested(platform: Platform, worker: Principal, request: TrainingRequest) -> Attested:
    """Sign the adapter of a request whose last step is done. Raises `Unavailable` where no release key is held.

    Signing again gives other bytes that say the same, so whoever calls this stores the result once.
    """
    if platform.release is None:
        raise Unavailable(
            "release_key_missing",
            "This process holds no release key, so it cannot register a model version.",
            remedy="Give the worker its release key (TUNEWARDEN_RELEASE_KEY_FILE).",
            who="administrator",
        )
    evidence = {
        step: from_plain(Evidence, decode(platform.blobs.read(digest))) for step, digest in request.evidence.items()
    }
    statement = encode(provenance(request, worker, evidence))
    with platform.blobs.open(request.outputs[StepName.TRAIN]) as adapter:
        return platform.release.attest(adapter, statement)


def provenance(request: TrainingRequest, worker: Principal, evidence: Mapping[StepName, Evidence]) -> Plain:
    """The in-toto Statement about the request's adapter, from its plan and what the steps left."""
    plan = request.plan
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [_resource(ADAPTER_FILE, request.outputs[StepName.TRAIN])],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": {"request": request.id, "plan": to_plain(plan)},
                "internalParameters": {},
                "resolvedDependencies": _dependencies(plan),
            },
            "runDetails": {
                "builder": {
                    "id": f"urn:tunewarden:principal:{worker.id}",
                    "builderDependencies": [
                        _resource(f"step/{step}", evidence[step].produced_by) for step in StepName if step in evidence
                    ],
                },
                "metadata": {"invocationId": request.id},
                "byproducts": [_resource(f"evidence/{step}", digest) for step, digest in request.evidence.items()],
            },
            "tunewarden_lineage": _lineage(request, evidence),
        },
    }


def _lineage(request: TrainingRequest, evidence: Mapping[StepName, Evidence]) -> Plain:
    plan = request.plan
    given = plan.dataset_version
    steps: list[Plain] = []
    for step in StepName:
        steps.append(
            {
                "step": step,
                "given": given,
                "output": request.outputs[step],
                "evidence": request.evidence[step],
                "details": evidence[step].details,
                "produced_by": evidence[step].produced_by,
            }
        )
        given = request.outputs[step]
    return {
        "plan": plan.digest(),
        "purpose": plan.purpose,
        "base_model": to_plain(plan.base_model),
        "dataset": plan.dataset,
        "dataset_version": plan.dataset_version,
        "mechanism": to_plain(plan.promised),  # with the parts of a learning curve; the model's own is in the plan
        "requested_by": request.requested_by,
        "approved_by": request.approved_by,
        "steps": steps,
    }


def _dependencies(plan: Plan) -> list[Plain]:
    return [
        _resource(f"base-model/{plan.base_model.name}", plan.base_model.digest),
        _resource(f"dataset-version/{plan.dataset}", plan.dataset_version),
        _resource("de-identification-profile", plan.profile),
        _resource("training-gate", plan.training_gate),
        _resource("plan", plan.digest()),
    ]


def _resource(name: str, digest: Digest) -> Plain:
    """An in-toto ResourceDescriptor."""
    return {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}
