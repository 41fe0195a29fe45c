"""Rules about projects: what was made of data is where the data is, and nothing begins in an archived project."""

from __future__ import annotations

from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.findings import Findings, Rule, absent, broken
from tunewarden_audit.conduct.placed import KINDS, NOWHERE, project_of
from tunewarden_audit.conduct.told import Told

_FROM = {
    "RequestSubmitted": "dataset",
    "ModelRegistered": "request",
    "PromotionProposed": "model",
    "AliasMoved": "model",
}
"""Type of entry -> the member that names what it was made of, where it says its project itself."""
_ON = {
    "RequestApproved": "request",
    "RequestEndorsed": "request",
    "PromotionApproved": "promotion",
    "GateOverridden": "promotion",
}
"""The same where its project is that of what it names."""
_BEGINS = frozenset(
    {"FileUploaded", "UploadBegun", "DatasetRegistered", "DatasetVersionAdded", "RequestSubmitted", "PromotionProposed"}
    | {"KeyCreated", "KeyAdded", "WebhookCreated"}
    | _ON.keys()
)
_NAMES = _BEGINS | _FROM.keys() | {"RoleGranted", "GroupRoleGranted"}


def _projects(fact: Fact, told: Told) -> Findings:
    if fact.kind in KINDS:
        yield from _life(fact, told)
        return
    if fact.kind == "DatasetVersionAdded":
        yield from _version(fact, told)
    here = _place(fact, told)
    if here is None or here == NOWHERE:
        yield from _made_of(fact, told, NOWHERE)
        return
    if here not in told.placed.created and not told.has_gaps(fact.index):
        yield broken(fact, "is of a project that was never made")
    if fact.kind in _BEGINS and here in told.placed.archived:
        yield broken(fact, "begins something in a project that had been archived")
    yield from _made_of(fact, told, here)


def _life(fact: Fact, told: Told) -> Findings:
    project, placed = fact["project"], told.placed
    if fact.kind == "ProjectCreated":
        if project in placed.created or project == NOWHERE:
            yield broken(fact, "a project is made for the second time")
        return
    if project not in placed.created:
        yield absent(fact, told, "a project is changed that was never made")
    if project in placed.archived:
        yield broken(fact, "a project is changed that had been archived")


def _version(fact: Fact, told: Told) -> Findings:
    dataset, file = (told.placed.of.get(fact[member]) for member in ("dataset", "file"))
    if None not in (dataset, file) and dataset != file:
        yield broken(fact, "a dataset got records of a file in another project")


def _made_of(fact: Fact, told: Told, here: str) -> Findings:
    if fact.kind not in _FROM:
        return
    there = told.placed.of.get(fact[_FROM[fact.kind]])
    if there is not None and there != here:
        yield broken(fact, "is in another project than what it was made of")


def _place(fact: Fact, told: Told) -> str | None:
    """None where the entries at hand do not tell it."""
    if fact.kind == "DatasetVersionAdded":
        return told.placed.of.get(fact["dataset"])
    if fact.kind in _ON:
        return told.placed.of.get(fact[_ON[fact.kind]])
    return project_of(fact)


RULES = (
    Rule(
        "projects",
        "what was made of a dataset is in its project, and nothing began in an archived one",
        _NAMES | KINDS,
        _projects,
    ),
)
