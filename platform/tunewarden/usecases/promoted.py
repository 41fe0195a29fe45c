"""The model version that a new one is held against: what is used today for the same question."""

from dataclasses import dataclass

from tunewarden.domain.events import AliasMoved
from tunewarden.domain.names import Digest
from tunewarden.domain.registry import AliasTarget
from tunewarden.domain.training import Plan, Task, TrainingRequest
from tunewarden.usecases.work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """A model version that an alias names: its adapter, and the plan that made it."""

    plan: Plan
    adapter: Digest


def promoted_before(work: UnitOfWork, request: TrainingRequest) -> Promoted | None:
    """The version promoted last among those that aliases of the request's project name and that can be compared: the
    one that its alias came to name last, by approval or by going back to it.

    Compared is what was trained on the same dataset, because who is held out of one dataset is held out of all its
    versions, and may have been trained on by a model of another. Where no column tells persons, rows are told apart by
    their place, which another version may give to others; then it has to be the same version too. Compared is what has
    the same task and the same classes; and, of models that complete texts, over the same base model, whose tokens are
    counted. None where there is none.
    """
    found: list[tuple[AliasTarget, Promoted]] = []
    for target in work.aliases.all():
        if target.project != request.project or target.model is None:
            continue
        model = work.models.get(target.model)
        plan = work.requests.get(model.request).plan
        if _comparable(work, request.plan, plan):
            found.append((target, Promoted(plan=plan, adapter=model.adapter)))
    if len(found) > 1:  # else the log need not be asked
        found.sort(key=lambda each: _named_at(work, each[0]))
    return found[-1][1] if found else None


def _named_at(work: UnitOfWork, target: AliasTarget) -> int:
    """The entry by which the alias came to name what it names; -1 where that lost its body."""
    moves = ((entry.index, entry.event) for entry in work.entries_naming(str(target.model)))
    return max(
        (
            index
            for index, event in moves
            if isinstance(event, AliasMoved) and (event.alias, event.model) == (target.alias, target.model)
        ),
        default=-1,
    )


def _comparable(work: UnitOfWork, new: Plan, old: Plan) -> bool:
    if (new.dataset, new.recipe.task) != (old.dataset, old.recipe.task):
        return False
    dataset = work.datasets.get(new.dataset)
    if dataset.columns.person is None and new.dataset_version != old.dataset_version:
        return False
    if new.recipe.task is Task.COMPLETION:
        return new.base_model.digest == old.base_model.digest
    labels = {version.digest: version.labels for version in dataset.versions}
    return new.dataset_version in labels and labels.get(old.dataset_version) == labels[new.dataset_version]
