"""What the log has told so far, kept while its entries are read in order: just enough to judge the next one.

It holds something for each request, dataset, model and principal, and nothing for each entry. Judging comes first, then
the entry is added: so `Told` is always what was so *before* the entry at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from tunewarden_audit.conduct.agreed import Agreed
from tunewarden_audit.conduct.emergency import Emergencies
from tunewarden_audit.conduct.erased import Erased
from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.governed import KINDS as POLICY_KINDS, Policies
from tunewarden_audit.conduct.grouped import KINDS as GROUP_KINDS
from tunewarden_audit.conduct.kept import KINDS as ATTRIBUTE_KINDS, Kept
from tunewarden_audit.conduct.ledger import TRAINING, Account, Persons, Sides, promises
from tunewarden_audit.conduct.placed import Placed
from tunewarden_audit.conduct.said import Said
from tunewarden_audit.conduct.wished import Promotion as Promotion, Pruning, is_final

CLASSIFICATION = "classification"
"""What is learnt where a request does not say it."""


@dataclass(slots=True)
class Dataset:
    """A dataset: the conditions of its use, what it holds, and what was spent on it."""

    purposes: frozenset[str]
    retain_until: date | None
    epsilon_limit: float
    delta: float
    is_apart: bool  # nobody is trained on here and measured on there
    spent: Sides
    namespace: str | None = None
    is_retired: bool = False
    versions: set[str] = field(default_factory=set)
    promised: dict[str, Request] = field(default_factory=dict)  # requests that reserved and are not settled

    @property
    def limit(self) -> tuple[float, float]:
        """Epsilon at delta."""
        return self.epsilon_limit, self.delta


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate said of a digest, and the digest of what it said."""

    index: int
    gate_digest: str
    about: str
    outcome: str
    digest: str
    is_final: bool  # nobody lets pass what it stops


@dataclass(frozen=True, slots=True)
class Intent:
    """A step or a pruning that was begun and of which the log has not told yet how it ended."""

    index: int
    what: str  # the step, or "prune"


@dataclass(slots=True)
class Request:
    """A training request, as far as the log has told."""

    asked_by: str
    plan: str
    dataset: str
    version: str
    training_gate: str
    task: str
    approved: int | None = None  # index of the vote with which as many agreed as have to
    is_by_person: bool = False  # its persons have to be admitted
    accounts: dict[str, Account] = field(default_factory=dict)  # by what is spent
    settled: int | None = None  # index
    ended: int | None = None  # index
    verdicts: dict[str, Verdict] = field(default_factory=dict)  # the newest, by gate
    outputs: dict[str, str] = field(default_factory=dict)  # by step
    attempt: int = 0  # the newest


@dataclass(frozen=True, slots=True)
class Model:
    """A registered model version."""

    request: str
    adapter: str


@dataclass(slots=True)
class Told:
    """What was so before the entry at hand.

    Attributes:
        seen: how many entries were read.
        next_index: one more than the index of the last of them.
        newest: the latest time that any of them has.
        principals: whoever was given a key -> the roles it was given for.
        files: id of an upload -> digest of its bytes.
        trained: digest of an adapter -> the request whose training made it.
        granted: (alias, model) -> a promotion that was approved, until the alias moves.
        disproved: models that were shown to leak more than their training claims.
        said: what people said of released records.
        erased, kept: persons who were erased; protected attributes.
        agreed: who agreed to which plan, and what it is for.
        policies: versions of the access policy, and granted roles.
        persons: those who were admitted to what is charged.
        placed: projects, and what is in them.
        emergencies: when the glass was broken, and what was done because of it.
        intents: what has no outcome yet, by request and attempt, or by pruning and 0.
    """

    seen: int = 0
    next_index: int = 0
    newest: datetime | None = None
    principals: dict[str, frozenset[str]] = field(default_factory=dict)
    revoked: dict[str, int] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    trained: dict[str, str] = field(default_factory=dict)
    promotions: dict[str, Promotion] = field(default_factory=dict)
    granted: dict[tuple[str, str], Promotion] = field(default_factory=dict)
    disproved: set[str] = field(default_factory=set)
    holds: set[str] = field(default_factory=set)
    prunings: dict[str, Pruning] = field(default_factory=dict)
    said: Said = field(default_factory=Said)
    erased: Erased = field(default_factory=Erased)
    kept: Kept = field(default_factory=Kept)
    policies: Policies = field(default_factory=Policies)
    agreed: Agreed = field(default_factory=Agreed)
    persons: Persons = field(default_factory=Persons)
    placed: Placed = field(default_factory=Placed)
    emergencies: Emergencies = field(default_factory=Emergencies)
    intents: dict[tuple[str, int], Intent] = field(default_factory=dict)

    def has_gaps(self, before: int) -> bool:
        """Whether entries before that index are not at hand."""
        return self.seen < before

    def add(self, fact: Fact) -> None:
        """The entry at hand has been judged: from here on it is so."""
        self.seen += 1
        self.next_index = fact.index + 1
        self.newest = fact.at if self.newest is None else max(self.newest, fact.at)
        self.agreed.add(fact)
        self.placed.add(fact)
        self.emergencies.add(fact)
        if remember := _REMEMBER.get(fact.kind):
            remember(self, fact)


def _key_created(told: Told, fact: Fact) -> None:
    told.principals[fact["principal"]] = frozenset(role for role in fact["roles"] if isinstance(role, str))


def _key_revoked(told: Told, fact: Fact) -> None:
    told.revoked.setdefault(fact["principal"], fact.index)


def _file_uploaded(told: Told, fact: Fact) -> None:
    told.files[fact["file"]] = fact["digest"]


def _dataset_registered(told: Told, fact: Fact) -> None:
    told.datasets[fact["dataset"]] = Dataset(
        purposes=frozenset(purpose for purpose in fact["purposes"] if isinstance(purpose, str)),
        retain_until=_day(fact["retain_until"]),
        epsilon_limit=float(fact["epsilon_limit"]),
        delta=float(fact["delta"]),
        is_apart=not fact["row_is_person"],
        spent=Sides(apart=not fact["row_is_person"]),
        namespace=fact.members.get("namespace"),
    )


def _version_added(told: Told, fact: Fact) -> None:
    if dataset := told.datasets.get(fact["dataset"]):
        dataset.versions.add(fact["version"])


def _dataset_retired(told: Told, fact: Fact) -> None:
    if dataset := told.datasets.get(fact["dataset"]):
        dataset.is_retired = True


def _submitted(told: Told, fact: Fact) -> None:
    told.requests[fact["request"]] = Request(
        asked_by=fact.actor,
        plan=fact["plan"],
        dataset=fact["dataset"],
        version=fact["dataset_version"],
        training_gate=fact["training_gate"],
        task=fact.members.get("task", CLASSIFICATION),
    )


def _voted(told: Told, fact: Fact) -> None:
    request = told.requests.get(fact["request"])
    if (
        request
        and fact["plan"] == request.plan
        and told.agreed.vote(fact, request.asked_by, told.placed.of.get(fact["request"]))
    ):
        request.approved = fact.index


def _purposes_changed(told: Told, fact: Fact) -> None:
    if dataset := told.datasets.get(fact["dataset"]):
        dataset.purposes = frozenset(purpose for purpose in fact["purposes"] if isinstance(purpose, str))


def _ended(told: Told, fact: Fact) -> None:
    if request := told.requests.get(fact["request"]):
        request.ended = fact.index


def _reserved(told: Told, fact: Fact) -> None:
    if request := told.requests.get(fact["request"]):
        request.accounts.update({what: Account(promised) for what, promised in promises(fact).items()})
        request.is_by_person = fact.members.get("person_limit") is not None
        if dataset := told.datasets.get(fact["dataset"]):
            dataset.promised[fact["request"]] = request


def _charged(told: Told, fact: Fact) -> None:
    if request := told.requests.get(fact["request"]):
        what = fact.members.get("what", TRAINING)
        if account := request.accounts.get(what):
            account.charged = fact["charged"]
            if dataset := told.datasets.get(fact["dataset"]):
                dataset.spent.add(what, account.promised, fact["updates"])


def _settled(told: Told, fact: Fact) -> None:
    if request := told.requests.get(fact["request"]):
        request.settled = fact.index
        for account in request.accounts.values():
            account.is_settled = True
    if dataset := told.datasets.get(fact["dataset"]):
        dataset.promised.pop(fact["request"], None)


def _step_started(told: Told, fact: Fact) -> None:
    if request := told.requests.get(fact["request"]):
        request.attempt = fact["attempt"]
        if fact["step"] == "deidentify":
            told.erased.began(fact, request.dataset)
    told.intents[fact["request"], fact["attempt"]] = Intent(fact.index, fact["step"])


def _step_finished(told: Told, fact: Fact) -> None:
    if request := told.requests.get(fact["request"]):
        request.outputs[fact["step"]] = fact["output"]
        if fact["step"] == "deidentify":
            told.said.released(fact["output"], request.asked_by)
    if fact["step"] == "train":
        told.trained.setdefault(fact["output"], fact["request"])
    _step_over(told, fact)


def _step_over(told: Told, fact: Fact) -> None:
    told.intents.pop((fact["request"], fact["attempt"]), None)


def _judged(told: Told, fact: Fact) -> None:
    told.said.judged(fact)
    if request := told.requests.get(fact["request"]):
        request.verdicts[fact["gate"]] = Verdict(
            index=fact.index,
            gate_digest=fact["gate_digest"],
            about=fact["about"],
            outcome=fact["outcome"],
            digest=fact.digest_of("about", "findings", "gate", "gate_digest"),
            is_final=is_final(fact["findings"]),
        )


def _model_registered(told: Told, fact: Fact) -> None:
    told.models[fact["model"]] = Model(request=fact["request"], adapter=fact["adapter"])


def _promotion_proposed(told: Told, fact: Fact) -> None:
    told.promotions[fact["promotion"]] = Promotion(
        proposed_by=fact.actor,
        index=fact.index,
        model=fact["model"],
        alias=fact["alias"],
        verdict=fact["verdict"],
        outcome=fact["outcome"],
    )


def _promotion_approved(told: Told, fact: Fact) -> None:
    told.agreed.is_signed_for |= "unassessed" in fact.members
    if promotion := told.promotions.get(fact["promotion"]):
        promotion.is_approved = True
        told.granted[promotion.alias, promotion.model] = promotion


def _gate_overridden(told: Told, fact: Fact) -> None:
    if promotion := told.promotions.get(fact["promotion"]):
        promotion.overrides.setdefault(fact.actor, fact["role"])


def _alias_moved(told: Told, fact: Fact) -> None:
    told.granted.pop((fact["alias"], fact["model"]), None)


def _review_opened(told: Told, fact: Fact) -> None:
    request = told.requests.get(fact["request"])
    told.said.opened(fact, request.version if request else None)


def _hold_placed(told: Told, fact: Fact) -> None:
    told.holds.add(fact["hold"])
    told.erased.held[fact["hold"]] = fact["resource"]


def _hold_released(told: Told, fact: Fact) -> None:
    told.holds.discard(fact["hold"])
    told.erased.held.pop(fact["hold"], None)


def _prune_proposed(told: Told, fact: Fact) -> None:
    told.prunings[fact["prune"]] = Pruning(proposed_by=fact.actor, indices=fact["indices"])


def _prune_started(told: Told, fact: Fact) -> None:
    if pruning := told.prunings.get(fact["prune"]):
        pruning.is_started = True
    told.intents[fact["prune"], 0] = Intent(fact.index, "prune")


def _prune_finished(told: Told, fact: Fact) -> None:
    told.intents.pop((fact["prune"], 0), None)


_REMEMBER: Mapping[str, Callable[[Told, Fact], None]] = {
    "KeyCreated": _key_created,
    "KeyRevoked": _key_revoked,
    "PrincipalIdentified": _key_created,
    "FileUploaded": _file_uploaded,
    "DatasetRegistered": _dataset_registered,
    "DatasetVersionAdded": _version_added,
    "DatasetRetired": _dataset_retired,
    "RequestSubmitted": _submitted,
    "RequestApproved": _voted,
    "RequestEndorsed": _voted,
    "PurposesChanged": _purposes_changed,
    "RequestEnded": _ended,
    "BudgetReserved": _reserved,
    "CohortAdmitted": lambda told, fact: told.persons.admit(fact),
    "BudgetCharged": _charged,
    "BudgetSettled": _settled,
    "StepStarted": _step_started,
    "StepFinished": _step_finished,
    "StepFailed": _step_over,
    "GateJudged": _judged,
    "ModelRegistered": _model_registered,
    "PromotionProposed": _promotion_proposed,
    "PromotionApproved": _promotion_approved,
    "GateOverridden": _gate_overridden,
    "AliasMoved": _alias_moved,
    "PromiseDisproved": lambda told, fact: told.disproved.add(fact["model"]),
    "ReviewOpened": _review_opened,
    "ReviewAnswered": lambda told, fact: told.said.answered(fact),
    "ReviewClosed": lambda told, fact: told.said.closed(fact),
    "ReportAttested": lambda told, fact: told.said.attested(fact),
    "SignatureWithdrawn": lambda told, fact: told.said.withdrew(fact),
    "HoldPlaced": _hold_placed,
    "HoldReleased": _hold_released,
    "PruneProposed": _prune_proposed,
    "PruneStarted": _prune_started,
    "PruneFinished": _prune_finished,
    "ErasureAsked": lambda told, fact: told.erased.was_asked(fact),
    "PersonErased": lambda told, fact: told.erased.was_erased(fact, knows_all=not told.has_gaps(fact.index)),
    **dict.fromkeys(POLICY_KINDS, lambda told, fact: told.policies.add(fact)),
    **dict.fromkeys(GROUP_KINDS, lambda told, fact: told.policies.groups.add(fact, told.agreed)),
    "VersionDestroyed": lambda told, fact: told.erased.destroyed.add((fact["dataset"], fact["version"])),
    **dict.fromkeys(ATTRIBUTE_KINDS, lambda told, fact: told.kept.add(fact)),
    "ActionRefused": lambda told, fact: told.erased.was_refused(fact),
}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
