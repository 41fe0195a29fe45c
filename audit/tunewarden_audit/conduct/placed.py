"""What the log has told of projects: which there are, which are archived, and what is in them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.hours import Hours

NOWHERE = "*"
"""Where what is in no project is, and everything was before there were projects."""
KINDS = frozenset({"ProjectCreated", "ProjectRenamed", "ProjectArchived"})
"""Types of entries about projects themselves."""
WEBHOOK_KINDS = frozenset(
    {
        "WebhookCreated",
        "WebhookChanged",
        "WebhookSecretRotated",
        "WebhookDisabled",
        "WebhookDeleted",
        "WebhookGivenUp",
    }
)
"""Types of entries about endpoints of webhooks."""

_MADE = {
    "FileUploaded": "file",
    "DatasetRegistered": "dataset",
    "RequestSubmitted": "request",
    "ModelRegistered": "model",
    "PromotionProposed": "promotion",
}
"""Type of entry -> the member that names what was made."""


@dataclass(frozen=True, slots=True)
class Clearing:
    """Who wants an alias taken off what it names, in which role, and since when."""

    by: str
    role: str
    at: datetime


@dataclass(slots=True)
class Placed:
    """Attributes:
    created, archived: projects.
    of: id of a file, dataset, request, model or promotion -> its project.
    aliases: (alias, project) -> the model version that it names.
    clearing: (alias, project) -> who asked last that it be taken off, since it last moved.
    retired: model versions that no alias names again.
    endpoints: of webhooks, and whether they are there still.
    as_it_is: of an endpoint, when it was made, changed, disabled or given a secret last.
    given_up: of an endpoint, messages since then.
    hours: when any entry was written.
    """

    created: set[str] = field(default_factory=set)
    archived: set[str] = field(default_factory=set)
    of: dict[str, str] = field(default_factory=dict)
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)
    clearing: dict[tuple[str, str], Clearing] = field(default_factory=dict)
    retired: set[str] = field(default_factory=set)
    endpoints: dict[str, bool] = field(default_factory=dict)
    as_it_is: dict[str, datetime] = field(default_factory=dict)
    given_up: Counter[str] = field(default_factory=Counter)
    hours: Hours = field(default_factory=Hours)

    def add(self, fact: Fact) -> None:
        """The entry was judged: from here on it is so."""
        self.hours.add(fact)
        match fact.kind:
            case "ProjectCreated":
                self.created.add(fact["project"])
            case "ProjectArchived":
                self.archived.add(fact["project"])
            case "AliasMoved":
                self.aliases[fact["alias"], project_of(fact)] = fact["model"]
                self.clearing.pop((fact["alias"], project_of(fact)), None)
            case "AliasClearingAsked":
                self.clearing[fact["alias"], fact["project"]] = Clearing(fact.actor, fact["role"], fact.at)
            case "AliasCleared":
                self.aliases.pop((fact["alias"], fact["project"]), None)
                self.clearing.pop((fact["alias"], fact["project"]), None)
            case "ModelRetired":
                self.retired.add(fact["model"])
            case kind if kind in WEBHOOK_KINDS:
                self._add_webhook(fact)
            case kind if kind in _MADE:
                self.of[fact[_MADE[kind]]] = project_of(fact)

    def _add_webhook(self, fact: Fact) -> None:
        webhook = fact["webhook"]
        if fact.kind in {"WebhookCreated", "WebhookDeleted"}:
            self.endpoints[webhook] = fact.kind == "WebhookCreated"
        if fact.kind == "WebhookGivenUp":
            self.given_up[webhook] += 1
        else:
            self.given_up[webhook], self.as_it_is[webhook] = 0, fact.at


def project_of(fact: Fact) -> str:
    """Where an entry says that it happened."""
    project = fact.members.get("project")
    return NOWHERE if project is None else str(project)
