"""A valid request of every operation of the API, and what these requests are about."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.conftest import FewPolicies
from tests.journeys.canaries import Script
from tests.journeys.script_organization import Org
from tests.journeys.theatre import CAST, Theatre

from tunewarden.domain.canonical import encode
from tunewarden.domain.files import UploadState
from tunewarden.domain.gates import Bound, Rule, SamplingPlan
from tunewarden.domain.registry import PromotionState
from tunewarden.domain.reviews import ATTESTED
from tunewarden.domain.sampling import LEAK_RATE
from tunewarden.domain.training import StepName

PERSONS = 24
WHO = {("POST", "/v1/fine_tuning/jobs/{job_id}/cancel"): "ann"}
"""Whose request it must be, where who may do everything else may not do it: only what is one's own is cancelled."""


@dataclass(slots=True, kw_only=True)
class Props:
    """Makes what requests are about, each new, so that what one request does is not in the way of the next."""

    theatre: Theatre
    made: int = 0
    kept: dict[str, str] = field(default_factory=dict)

    def records(self, word: str = "burnt hand") -> bytes:
        """A table that nobody has uploaded before."""
        self.made += 1
        rows = (f"{word} {number} {self.made},{'yn'[number % 2]},P{number},f" for number in range(PERSONS))
        return "\n".join(["note,burn,patient,sex", *rows, ""]).encode()

    def file(self) -> str:
        return self.theatre.upload("max", self.records())

    def dataset(self, **changes: Any) -> str:
        """A dataset with one version."""
        made = self.theatre.must("max", "POST", "/v1/datasets", json={**DATASET, **changes})
        self.version(made["id"], self.file())
        return str(made["id"])

    def contract(self, method: str, path: str) -> Mapping[str, Any]:
        """What requests of the OpenAI contract are about, beyond jobs."""
        if path.startswith(("/v1/files", "/v1/uploads")):
            return self.filed(path)
        if path.endswith("/checkpoints"):
            return self.finished()
        return self.removed(path) if (method, path) == ("DELETE", "/v1/models/{model_id}") else {}

    def filed(self, path: str) -> Mapping[str, Any]:
        """What requests about files and uploads are about: each of max's."""
        if path == "/v1/uploads":
            return {"bytes": 4, "filename": "notes.csv", "mime_type": "text/csv", "seconds": 3600}
        if not path.startswith("/v1/uploads/"):
            fresh = {"file_id": self.file(), "purpose": "fine-tune", "order": "desc", "expires_after[seconds]": 3600}
            return {**fresh, "after": fresh["file_id"]}
        with self.theatre.platform.view() as view:
            all_ = view.uploads.all()
        pending = [one.id for one in all_ if (one.owner, one.state) == (CAST["max"].id, UploadState.PENDING)]
        for one in pending:  # nobody has more than a few under way
            self.theatre.must("max", "POST", f"/v1/uploads/{one}/cancel")
        said = {"bytes": 4, "filename": "notes.csv", "mime_type": "text/csv", "purpose": "fine-tune"}
        upload = self.theatre.must("max", "POST", "/v1/uploads", json=said)["id"]
        part = self.theatre.must("max", "POST", f"/v1/uploads/{upload}/parts", files={"data": b"note"})["id"]
        md5 = hashlib.md5(b"note", usedforsecurity=False).hexdigest()
        return {"upload_id": upload, "data": b"more", "part_ids": [part], "md5": md5}

    def version(self, dataset: str, file: str) -> str:
        path = f"/v1/datasets/{dataset}/versions"
        return str(self.theatre.must("max", "POST", path, json={"file_id": file})["versions"][-1]["digest"])

    def job(self, dataset: str = "", **changes: Any) -> Any:
        """A request of ann's that waits for approval, on one dataset for all of them."""
        dataset = dataset or self.kept.get("dataset") or self.dataset()
        self.kept["dataset"] = dataset
        governance = {"purpose": "research", "privacy": {"epsilon": "1"}}
        body = {"model": "tiny", "training_file": dataset, "governance": governance, **changes}
        return self.theatre.must("ann", "POST", "/v1/fine_tuning/jobs", json=body)

    def model(self, dataset: str = "", **changes: Any) -> str:
        """A model version that came of a request of ann's, approved and worked off."""
        job = self.job(dataset, **changes)
        path = f"/v1/fine_tuning/jobs/{job['id']}"
        self.theatre.must("bob", "POST", f"{path}/approve", json={"plan": job["governance"]["plan"]})
        self.theatre.work()
        return str(self.theatre.must("ann", "GET", path)["governance"]["model"])

    def waiting(self) -> Any:
        """A job of ann's that waits for people: its review, its clean version, and the report to sign."""
        policies, step = self.theatre.platform.policies, self.theatre.steps[StepName.DEIDENTIFY]
        assert isinstance(policies, FewPolicies)
        before, claimed = policies.gates["training"], {"name": "default", "method": "hipaa-safe-harbor"}
        policies.gates["training"] = dataclasses.replace(
            before, rules=(*before.rules, READ, SIGNED), review=SamplingPlan(documents=3, seeds=0)
        )
        profile, policies.profiles["default"] = policies.profiles["default"], encode(claimed)
        report = self.theatre.platform.blobs.put_bytes(encode({"report": self.made}))
        step.details = {"report": report}
        try:
            job = self.job()
            path = f"/v1/fine_tuning/jobs/{job['id']}"
            self.theatre.must("bob", "POST", f"{path}/approve", json={"plan": job["governance"]["plan"]})
            self.theatre.work()
        finally:
            policies.gates["training"], policies.profiles["default"], step.details = before, profile, {}
        with self.theatre.platform.view() as view:
            review = view.reviews.all()[-1]
        return {"review_id": review.id, "digest": review.about, "report": report, "method": "hipaa-safe-harbor"}

    def signed(self, waiting: Mapping[str, Any]) -> None:
        """Somebody signs what waits."""
        body = {"report": waiting["report"], "method": waiting["method"], "knowledge": "no-actual-knowledge"}
        self.theatre.must("pia", "POST", f"/v1/clean-versions/{waiting['digest']}/attestations", json=body)

    def policy(self, path: str) -> Mapping[str, Any]:
        """What requests about the access policy are about: a version, one more rule, and somebody with a role."""
        kept = self.theatre.must("max", "GET", "/v1/policies")["data"]
        latest = self.theatre.must("max", "GET", f"/v1/policies/{kept[-1]['id']}")
        self.made += 1
        extra = {"role": "reviewer", "action": "read-file", "kind": f"file/{self.file()}", "condition": "always"}
        said = {"rules": [*latest["rules"], {**extra, "effect": "allow", "project": "*"}], "links": [], "groups": []}
        fresh: dict[str, Any] = {
            **said,
            "kind": "file",
            "action": "read-file",
            "thing": "",
            "on": f"{datetime.now(UTC):%Y-%m-%d}",
        }
        fresh |= {"principal_id": "prn-ann", "policy_id": kept[0]["id"], "project": "*", "role": "steward"}
        if path.endswith("/activate"):
            proposed = self.theatre.must("ada", "POST", "/v1/policies", json=said)
            fresh |= {"policy_id": proposed["id"], "digest": proposed["digest"], "report": proposed["report"]}
        return {**fresh, "principal": self.granted(path) if path.startswith("/v1/grants") else "prn-ann"}

    def granted(self, path: str) -> str:
        """Somebody new; for what takes a grant back, with one."""
        whose = str(self.theatre.must("max", "POST", "/v1/keys", json={"roles": ["requester"]})["principal"])
        if path.endswith("/revoke"):
            body = {"principal": whose, "role": "steward"}
            self.theatre.must("max", "POST", "/v1/grants", json=body)
        return whose

    def intervening(self, path: str, fresh: Mapping[str, Any], model: str, other: str) -> Mapping[str, Any]:
        """What requests about emergencies, and what they open, are about."""
        if path.endswith("/resume"):
            self.theatre.must("pia", "POST", f"/v1/fine_tuning/jobs/{fresh['job_id']}/pause")
        if path.endswith("/{model_id}/rollback"):
            self.promote(model, "candidate")  # and back, to the model version that it named before
            return {**self.emergency(path), "model_id": other, "alias": "candidate"}
        if path == "/v1/aliases/{alias}":
            return {"alias": "staging", "at": datetime.now(UTC).isoformat()}
        if path in REMOVING:
            return self.removed(path)
        return self.emergency(path) if path.startswith("/v1/emergencies") else {}

    def emergency(self, path: str) -> Mapping[str, Any]:
        """One of gail's, or max's own for what takes one; none of theirs waits for its review any more."""
        for one in self.theatre.must("otto", "GET", "/v1/emergencies", params={"limit": 100})["data"]:
            where = f"/v1/emergencies/{one['id']}"
            if one["standing"] in {"opened", "confirmed"}:
                self.theatre.must("bob", "POST", f"{where}/close")
            if one["standing"] != "reviewed":
                self.theatre.must("pia", "POST", f"{where}/review", json={"finding": "justified"})
        said = {"incident": "INC-4711", "reason": "drill"}
        whose = "max" if path.endswith("/rollback") else "gail"
        opened = self.theatre.must(whose, "POST", "/v1/emergencies", json=said)
        if path.endswith("/review"):
            self.theatre.must("bob", "POST", f"/v1/emergencies/{opened['id']}/close")
        return {**said, "emergency_id": opened["id"], "after": opened["id"], "finding": "justified"}

    def endpoint(self, path: str) -> Mapping[str, Any]:
        """A fresh endpoint for webhooks; those before are deleted, because there may not be many."""
        if not path.startswith("/v1/webhook_endpoints"):
            return {}
        for one in self.theatre.must("max", "GET", "/v1/webhook_endpoints")["data"]:
            self.theatre.must("max", "DELETE", f"/v1/webhook_endpoints/{one['id']}")
        body = {**ENDPOINT, "name": "ours"}
        made = self.theatre.must("max", "POST", "/v1/webhook_endpoints", json=body)["id"]
        return {"webhook_id": made, "after": made}

    def told(self, path: str) -> Mapping[str, Any]:
        """What requests are about that only read what was decided, spent and measured."""
        with self.theatre.platform.view() as view:
            evidence = view.models.all()[-1].evidence[-1]
            dataset, *_ = (one.plan.dataset for one in view.requests.all())
            approved = [one.id for one in view.promotions.all() if one.state is PromotionState.APPROVED]
        head = self.theatre.platform.log.head()
        return {
            "/v1/gates/{name}": {"name": "training"},
            "/v1/evidence/{digest}": {"digest": evidence},
            "/v1/promotions": {"state": "approved", "after": approved[-1]},
            "/v1/lineage/{thing_id}": {"thing_id": dataset, "direction": "both", "depth": 3},
            "/v1/aliases": {"after": "staging"},
            "/v1/aliases/{alias}/history": {"alias": "staging", "after": self.named("staging")},
            "/v1/privacy/budgets": {"after": dataset},
            "/v1/privacy/budgets/{dataset_id}/entries": {"dataset_id": dataset, "after": self.spent(dataset)},
            "/v1/audit/entries": {"after": "audit-0"},
            "/v1/audit/checkpoints": {"after": f"checkpoint-{0 if head is None else head.size + 1}"},
            "/v1/fine_tuning/jobs/{job_id}/reject": {"reason": "not-needed"},
        }.get(path, {})

    def spent(self, dataset: str) -> str:
        """The newest entry about a budget."""
        path = f"/v1/privacy/budgets/{dataset}/entries"
        return str(self.theatre.must("max", "GET", path)["first_id"])

    def named(self, alias: str) -> str:
        """The first time that an alias named something."""
        return str(self.theatre.must("max", "GET", f"/v1/aliases/{alias}/history")["first_id"])

    def finished(self) -> Mapping[str, Any]:
        """A job that became a model version, and its checkpoint."""
        with self.theatre.platform.view() as view:
            model = view.models.all()[-1]
        return {"job_id": model.request, "after": f"ftckpt-{model.id.partition('-')[2]}"}

    def promotion(self, model: str, alias: str = "production") -> Any:
        """One of ann's that waits for approval."""
        return self.theatre.must("ann", "POST", f"/v1/models/{model}/promotions", json={"alias": alias})

    def stopped(self) -> Any:
        """One of ann's that the gate refused, because the model version is poor."""
        step = self.theatre.steps[StepName.MEASURE]
        good = step.measurements
        step.measurements = tuple(
            dataclasses.replace(one, low=Decimal(0), value=Decimal(0), high=Decimal(0)) for one in good
        )
        try:
            path = f"/v1/models/{self.model()}/promotions"
        finally:
            step.measurements = good
        assert self.theatre.ask("ann", "POST", path, json={"alias": "production"}).status_code == 403
        with self.theatre.platform.view() as view:
            refused = view.promotions.all()[-1]
        return {"id": refused.id, "verdict": refused.verdict}

    def removed(self, path: str) -> Mapping[str, Any]:
        """A model version that an alias names, or one that none does."""
        model = self.model()
        if path.endswith("/clear"):
            self.promote(model, "candidate")
        return {"model_id": model, "alias": "candidate", "reason": "not-needed"}

    def promote(self, model: str, alias: str = "production") -> None:
        promotion = self.promotion(model, alias)
        approval = {"verdict": promotion["verdict"], "unassessed": promotion["unassessed"]}
        self.theatre.must("bob", "POST", f"/v1/promotions/{promotion['id']}/approve", json=approval)


REMOVING = {"/v1/models/{model_id}/aliases/{alias}/clear", "/v1/models/{model_id}/retire"}
READ = Rule(metric=LEAK_RATE, bound=Bound.AT_MOST, limit=Decimal("0.9"), because="A test says so.", remedy="Do better.")
SIGNED = Rule(metric=ATTESTED, bound=Bound.AT_LEAST, limit=Decimal(1), because="A test says so.", remedy="Sign it.")
PLENTY = {"epsilon": "1000000", "delta": "0.0001"}
DATASET: Mapping[str, Any] = {
    "name": "Emergency notes",
    "purposes": ["research"],
    "lawful_basis": "public-task",
    "sensitivity": "special-category",
    "retain_until": "2099-01-01",
    "columns": {"text": "note", "label": "burn", "person": "patient", "protected": ["sex"]},
    "budget": PLENTY,
}


ENDPOINT = {"url": "https://93.184.216.34/hooks", "event_types": ["fine_tuning.job.failed"]}
"""An address in digits: nobody is asked where a name leads."""


def saying(theatre: Theatre, props: Props, model: str, other: str) -> Callable[[str, str], Mapping[str, Any]]:
    """What the OpenAPI document cannot tell: ids of things that are there, fresh for what changes them."""
    fixed = {"purpose": "research", "purposes": ["research"], "epsilon": "1", "delta": "0.0001"}
    fixed |= {"text": "note", "label": "burn", "person": "patient", "protected": ["sex"], "positive": "y"}
    fixed |= {"known": {}, "groups": {}, "held_out": "private", "nothing_found": False, "because": "actual-knowledge"}
    fixed |= {"deidentification_profile": "default", "n_epochs": "auto", "batch_size": "auto", "model": "tiny"}
    fixed |= {"learning_rate_multiplier": "auto", "roles": ["requester"], "since": 1}
    fixed |= {"model_id": model, "other_id": other, "index": 0, "old": 1, "alias": "production"}
    fixed |= {"namespace": None, "unit": "person", "rows_per_person": 1, "precision": "float32", "noise": "gaussian"}
    fixed |= {"reason": "too-few-persons", "tolerances": {}}
    fixed |= {"validation_file": None, "integrations": None, "seed": 7, "suffix": "burns", "beta": "auto"}
    fixed |= {"protected_attributes": ["sex"], "expected_plan": None}
    fixed |= {"mitigation": None, "twins": False, "learning_curve": []}
    fixed |= {"plan": {"task": "classification"}}  # what stands twice and differs is refused before it goes far
    fixed |= {**ENDPOINT, "event_type": "fine_tuning.job.failed"}
    fixed |= {"canaries": 0, "completion": None, "separator": None, "task": "classification"}
    dataset = props.dataset()
    found = theatre.must("max", "GET", f"/v1/datasets/{dataset}")
    fixed |= {"dataset_id": dataset, "training_file": dataset, "dataset": dataset}
    fixed |= {"digest": found["versions"][0]["digest"], "file_id": found["versions"][0]["file_id"]}
    fixed |= {"after": props.job()["id"]}
    organization = Org(theatre)

    def say(method: str, path: str) -> Mapping[str, Any]:
        head = theatre.platform.log.head()
        assert head is not None
        fresh: dict[str, Any] = {"new": head.size, "as_of": datetime.now(UTC).isoformat(), "file": props.records()}
        if path.startswith("/v1/keys"):
            fresh |= {"principal": None, "kind": None, "scope": None, "request": None}
            fresh |= {"service": False, "expires_in_days": 1, "project": None}
        if path.startswith(("/v1/policies", "/v1/access", "/v1/grants")):
            fresh |= props.policy(path)
        if "{key_id}" in path:
            fresh["key_id"] = theatre.must("max", "POST", "/v1/keys", json={"roles": ["requester"]})["id"]
        if method == "POST" and "{dataset_id}" in path:
            fresh["dataset_id"] = theatre.must("max", "POST", "/v1/datasets", json=DATASET)["id"]
            fresh["file_id"] = props.file()
        if "{job_id}" in path:
            job = props.job()
            events = theatre.must("ann", "GET", f"/v1/fine_tuning/jobs/{job['id']}/events")
            fresh |= {"job_id": job["id"], "plan": job["governance"]["plan"], "after": events["first_id"]}
        fresh |= props.contract(method, path)
        fresh |= props.told(path)
        fresh |= props.endpoint(path)
        fresh |= props.intervening(path, fresh, model, other)
        if path.startswith(("/v1/reviews/", "/v1/clean-versions/")):
            fresh |= props.waiting()
            opened = theatre.must("max", "GET", f"/v1/reviews/{fresh['review_id']}/next")
            fresh["item"] = opened["item"]["number"]
            if path.endswith("/withdrawals"):
                props.signed(fresh)
        fresh |= organization.say(method, path)
        if "{promotion_id}" in path:
            promotion = props.stopped() if path.endswith("/override") else props.promotion(model)
            fresh |= {"promotion_id": promotion["id"], "verdict": promotion["verdict"]}
        return fixed | fresh

    return say


def script(theatre: Theatre, props: Props) -> Script:
    """The calls of this theatre. Two models are there and promoted, and the log is sealed."""
    models = props.model(), props.model()
    for model, alias in zip(models, ("staging", "candidate"), strict=True):
        props.promote(model, alias)
    theatre.seal()
    app: Any = theatre.client.app
    return Script(app.openapi(), saying(theatre, props, *models))
