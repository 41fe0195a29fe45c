"""The policy files of a folder: gates, de-identification profiles, base models.

Trusted: whoever can change a file changes the rules from then on, but not what was decided before, because every
verdict and plan names the digest of what it was decided by. Files are read anew each time, and strictly: a word that is
not known refuses the whole file.
"""

import tomllib
from collections.abc import Mapping, Set
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from tunewarden.domain.allowed import BaseFit, TrainingPolicy
from tunewarden.domain.canonical import digest_bytes, encode
from tunewarden.domain.cohorts import Over, PersonLimit
from tunewarden.domain.datasets import Sensitivity
from tunewarden.domain.deidentification import parse_profile
from tunewarden.domain.errors import Malformed, NotFound, Refused
from tunewarden.domain.fairness import FairnessPolicy, GroupMetric, Tolerance
from tunewarden.domain.gates import Bound, Gate, Outcome, Rule, SamplingPlan
from tunewarden.domain.names import Alias, Digest, PolicyName, Role, digest_name, policy_name
from tunewarden.domain.privacy import MOST_CONTRIBUTIONS, PrivacyUnit
from tunewarden.domain.questions import parse_questions
from tunewarden.domain.quorum import Needed, Quorum
from tunewarden.domain.removals import AliasRules
from tunewarden.domain.retention import Retention, RetentionClass
from tunewarden.domain.sampling import require_attainable
from tunewarden.domain.training import BaseModel, NoiseForm, Precision, Recipe, Task
from tunewarden.domain.writing import Writing

_GATE = frozenset({"name", "rules"})
_TRAINING = frozenset({"units", "rows_per_person", "precisions", "noise", "because"})
_RULE = frozenset({"metric", "bound", "limit", "because", "remedy"})
_OTHERWISE = frozenset({Outcome.FAIL, Outcome.UNKNOWN})
_FAIRNESS = frozenset({"tolerances", "minimum", "least", "alpha", "depth", "because"})
_WRITING = frozenset({"changed", "treated"})
_REVIEW = frozenset({"documents", "seeds"})
_RETENTION = frozenset({"classes", "events"})
_RETENTION_CLASS = frozenset({"because"})
_PERSON_LIMIT = frozenset({"epsilon", "delta", "over", "because"})
_QUORUM = frozenset({"because", *Sensitivity})
_REGISTRY = frozenset({"because", "aliases"})
_PROTECTED = frozenset({"protected"})
_NEEDED = frozenset({"persons", "roles"})
_BASE_MODEL = frozenset({"weights", "source", "licence", "because"})
_RECIPE: Mapping[str, type] = MappingProxyType({"lora_targets": list, "max_tokens": int, "lower_case": bool})
_BASE_FIT = frozenset({"tasks"}) | _RECIPE.keys()


Word = TypeVar("Word", bound=StrEnum)


class FilePolicies:
    """The policies under `folder`; `usecases.ports.Policies`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def gate(self, name: PolicyName) -> Gate:
        """The gate in `gates/NAME.toml`; every metric it names must be declared in `metrics.toml`.

        A gate whose rules about reviews its own sampling plan could never keep is refused.
        """
        place = f"gates/{policy_name(name)}.toml"
        table = _fields(_toml(self._text(place), place), _GATE, place, optional=frozenset({"review"}))
        if table["name"] != name:
            raise _fault(place, "the name in it is not the name of the file")
        rules = tuple(
            _rule(rule, f"{place} rule {number}") for number, rule in enumerate(_list(table, "rules", place), start=1)
        )
        declared = self.metrics()
        for rule in rules:
            if rule.metric not in declared:
                raise _fault(place, f"the metric {rule.metric} is not declared in metrics.toml")
        gate = Gate(name=name, rules=rules, review=_plan(table["review"], place) if "review" in table else None)
        require_attainable(gate)
        return gate

    def metrics(self) -> Set[str]:
        """The names of every metric that may be measured and judged."""
        return _toml(self._text("metrics.toml"), "metrics.toml").keys()

    def training(self) -> TrainingPolicy:
        """What a plan may be: `training.toml`."""
        place = "training.toml"
        table = _fields(_toml(self._text(place), place), _TRAINING, place, optional=frozenset({"twins"}))
        rows = table["rows_per_person"]
        if not isinstance(rows, int) or isinstance(rows, bool) or not 1 <= rows <= MOST_CONTRIBUTIONS:
            raise _fault(place, f"rows_per_person is not 1 to {MOST_CONTRIBUTIONS}")
        if not isinstance(table.get("twins", False), bool):
            raise _fault(place, "twins is not true or false")
        return TrainingPolicy(
            units=_words(table, "units", PrivacyUnit, place),
            rows_per_person=rows,
            precisions=_words(table, "precisions", Precision, place),
            noise=_words(table, "noise", NoiseForm, place),
            because=_line(table, "because", place),
            twins=table.get("twins", False),
        )

    def profile(self, name: PolicyName) -> bytes:
        """The canonical bytes of the profile in `deid/NAME.toml`."""
        return encode(parse_profile(name, self._text(f"deid/{policy_name(name)}.toml")))

    def base_model(self, name: PolicyName) -> BaseModel:
        """The base model of that name, with the digest of its weights file. Not checked: the weights themselves."""
        return BaseModel(name=policy_name(name), digest=Digest(self._base_model(name)["weights"]))

    def base_fit(self, name: PolicyName) -> BaseFit:
        """What the base model of that name can learn; what its table does not say is as for a sentence encoder."""
        place, table = f"base-models.toml [{name}]", self._base_model(name)
        tasks = _words(table, "tasks", Task, place) if "tasks" in table else frozenset({Task.CLASSIFICATION})
        fit = {key: table[key] for key in _RECIPE & table.keys()}
        if any(type(value) is not _RECIPE[key] for key, value in fit.items()):
            raise _fault(place, "lora_targets is a list, max_tokens a whole number and lower_case true or false")
        if "lora_targets" in fit:
            fit["lora_targets"] = tuple(fit["lora_targets"])
            if not fit["lora_targets"] or not all(isinstance(name, str) and name for name in fit["lora_targets"]):
                raise _fault(place, "lora_targets names linear layers, at least one")
        try:
            for task in tasks:
                Recipe(task=task, **fit)
        except Malformed:
            raise _fault(place, "no recipe can have its max_tokens") from None
        return BaseFit(tasks=tasks, **fit)

    def person_limit(self, namespace: PolicyName) -> PersonLimit:
        """What one person may lose over all datasets of a namespace: its table in `budgets.toml`."""
        place = "budgets.toml"
        limits = _toml(self._text(place), place)
        if namespace not in limits:
            raise Refused(
                "namespace_unknown",
                f"No policy says what one person may lose there; namespaces are: {', '.join(sorted(limits))}.",
                remedy="Name one of them, or have another one reviewed and added (policies/budgets.toml).",
                who=Role.PRIVACY_OFFICER,
                param="namespace",
            )
        entry = f"{place} [{policy_name(namespace)}]"
        table = _fields(limits[namespace], _PERSON_LIMIT, entry)
        texts = {key: _line(table, key, entry) for key in table}
        try:
            epsilon, delta, over = Decimal(texts["epsilon"]), Decimal(texts["delta"]), Over(texts["over"])
        except (ValueError, InvalidOperation):
            raise _fault(entry, f"epsilon and delta are decimals in quotes, and over is {' or '.join(Over)}") from None
        return PersonLimit(namespace=namespace, epsilon=epsilon, delta=delta, over=over)

    def fairness(self) -> FairnessPolicy:
        """What is compared between groups: `fairness.toml`."""
        place = "fairness.toml"
        table = _fields(_toml(self._text(place), place), _FAIRNESS, place, optional=frozenset({"writing"}))
        _line(table, "because", place)
        if not isinstance(table["tolerances"], dict) or any(
            type(table[key]) is not int for key in ("minimum", "least", "depth")
        ):
            raise _fault(place, "[tolerances] is a table, and minimum, least and depth are whole numbers")
        limits = table["tolerances"]
        try:
            tolerances = tuple(
                Tolerance(metric=GroupMetric(name), at_most=Decimal(_line(limits, name, place)))
                for name in sorted(limits)
            )
            return FairnessPolicy(
                tolerances=tolerances,
                minimum=table["minimum"],
                least=table["least"],
                alpha=Decimal(_line(table, "alpha", place)),
                depth=table["depth"],
                writing=self._writing(table["writing"]) if "writing" in table else None,
            )
        except (ValueError, InvalidOperation):
            raise _fault(place, f"tolerances are decimals in quotes, for: {', '.join(GroupMetric)}") from None
        except Malformed as error:
            raise _fault(place, error.reason) from error

    def questions(self) -> bytes | None:
        """The file that `fairness.toml` names as its questions, of the folder `questions`; None where it names none."""
        writing = _toml(self._text("fairness.toml"), "fairness.toml").get("writing")
        return self._questions(writing) if isinstance(writing, dict) and "questions" in writing else None

    def _writing(self, value: object) -> Writing:
        place = "fairness.toml [writing]"
        table = _fields(value, _WRITING, place, optional=frozenset({"questions"}))
        said = self._questions(table) if "questions" in table else None
        if said is not None:
            parse_questions(said)
        return Writing(
            changed=Decimal(_line(table, "changed", place)),
            treated=Decimal(_line(table, "treated", place)),
            questions=None if said is None else digest_bytes(said),
        )

    def _questions(self, table: dict[str, Any]) -> bytes:
        name = policy_name(_line(table, "questions", "fairness.toml [writing]"))
        return self._text(f"questions/{name}.jsonl").encode()

    def quorum(self) -> Quorum:
        """Who has to agree before a request may be trained: `access/quorum.toml`, which names every sensitivity."""
        place = "access/quorum.toml"
        table = _fields(_toml(self._text(place), place), _QUORUM, place)
        _line(table, "because", place)
        return Quorum(needed={word: _needed(table[word], f"{place} [{word}]") for word in Sensitivity})

    def registry(self) -> AliasRules:
        """Which aliases there are, and which of them are protected: `registry.toml`."""
        place = "registry.toml"
        table = _fields(_toml(self._text(place), place), _REGISTRY, place)
        _line(table, "because", place)
        if not isinstance(table["aliases"], dict) or not table["aliases"]:
            raise _fault(place, "[aliases] is a table, and there is at least one")
        found = {}
        for name, value in table["aliases"].items():
            protected = _fields(value, _PROTECTED, f"{place} [aliases.{name}]")["protected"]
            if not isinstance(protected, bool):
                raise _fault(place, "protected is true or false")
            try:
                found[Alias(name)] = protected
            except Malformed:
                raise _fault(place, "an alias is up to 32 of a-z, 0-9 and '-', and begins with a letter") from None
        return AliasRules(protected=found)

    def base_source(self, name: PolicyName) -> tuple[str, str | None]:
        """Where its files are ("package:NAME/FOLDER", "directory:PATH" or "hub:OWNER/NAME"), and the hub's revision."""
        table = self._base_model(name)
        return table["source"], table.get("revision")

    def retention(self) -> Retention:
        """The retention classes of log entries in `retention.toml`; every type of event needs one."""
        place = "retention.toml"
        table = _fields(_toml(self._text(place), place), _RETENTION, place)
        for part in _RETENTION:
            if not isinstance(table[part], dict):
                raise _fault(place, f"[{part}] is not a table")
        classes = {name: _retention_class(value, f"{place} [{name}]") for name, value in table["classes"].items()}
        events = {name: _line(table["events"], name, place) for name in table["events"]}
        return Retention(classes=classes, events=events)

    def _base_model(self, name: PolicyName) -> dict[str, Any]:
        place = "base-models.toml"
        allowed = _toml(self._text(place), place)
        if name not in allowed:
            raise Refused(
                "base_model_not_allowed",
                f"That base model may not be fine-tuned here; allowed are: {', '.join(sorted(allowed))}.",
                remedy="Ask for one of them, or have another one reviewed and added.",
                who=Role.ADMINISTRATOR,
                param="model",
            )
        entry = f"{place} [{name}]"
        table = _fields(allowed[name], _BASE_MODEL, entry, optional=_BASE_FIT | {"revision"})
        for key in table.keys() - _BASE_FIT:
            _line(table, key, entry)
        digest_name(table["weights"])
        return table

    def _text(self, place: str) -> str:
        try:
            return (self._folder / place).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise NotFound("policy_not_found", f"There is no policy {place}.", who=Role.ADMINISTRATOR) from None
        except (OSError, UnicodeDecodeError) as error:
            raise _fault(place, "it cannot be read") from error


def _rule(value: object, place: str) -> Rule:
    table = _fields(value, _RULE, place, optional=frozenset({"otherwise", "hard"}))
    otherwise = table.get("otherwise", Outcome.FAIL)
    if not isinstance(otherwise, str) or otherwise not in _OTHERWISE:
        raise _fault(place, f"otherwise is {' or '.join(sorted(_OTHERWISE))}")
    if not isinstance(table.get("hard", False), bool):
        raise _fault(place, "hard is true or false")
    try:
        bound, limit = Bound(_line(table, "bound", place)), Decimal(_line(table, "limit", place))
    except (ValueError, InvalidOperation):
        raise _fault(place, f"bound is one of {', '.join(Bound)} and limit a decimal in quotes") from None
    if not limit.is_finite():
        raise _fault(place, "the limit is not finite")
    return Rule(
        metric=_line(table, "metric", place),
        bound=bound,
        limit=limit,
        because=_line(table, "because", place),
        remedy=_line(table, "remedy", place),
        otherwise=Outcome(otherwise),
        hard=table.get("hard", False),
    )


def _plan(value: object, place: str) -> SamplingPlan:
    table = _fields(value, _REVIEW, f"{place} [review]")
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in table.values()):
        raise _fault(place, "documents and seeds are whole numbers")
    return SamplingPlan(documents=table["documents"], seeds=table["seeds"])


def _needed(value: object, place: str) -> Needed:
    table = _fields(value, _NEEDED, place)
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in table.values()):
        raise _fault(place, "persons and roles are whole numbers")
    try:
        return Needed(persons=table["persons"], roles=table["roles"])
    except Malformed as error:
        raise _fault(place, "there is at least one person, and there are at most as many roles as persons") from error


def _retention_class(value: object, place: str) -> RetentionClass:
    table = _fields(value, _RETENTION_CLASS, place, optional=frozenset({"days"}))
    days = table.get("days")
    if days is not None and (not isinstance(days, int) or isinstance(days, bool)):
        raise _fault(place, "days is not a whole number; leave it out for ever")
    return RetentionClass(days=days, because=_line(table, "because", place))


def _toml(text: str, place: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _fault(place, f"it is not TOML: {error}") from error


def _fields(
    value: object, expected: frozenset[str], place: str, *, optional: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """`value` as a table with exactly the expected fields; an unknown one is a fault, not a comment."""
    if not isinstance(value, dict):
        raise _fault(place, "it is not a table")
    wrong = (value.keys() ^ expected) - optional
    if wrong:
        raise _fault(place, f"missing or unknown: {', '.join(sorted(wrong))}")
    return value


def _list(table: dict[str, Any], key: str, place: str) -> list[object]:
    if not isinstance(table[key], list):
        raise _fault(place, f"{key} is not a list of tables")
    return list(table[key])


def _words(table: dict[str, Any], key: str, kind: type[Word], place: str) -> frozenset[Word]:
    """At least one of the words of a closed vocabulary."""
    try:
        words = frozenset(kind(str(word)) for word in _list(table, key, place))
    except ValueError:
        words = frozenset()
    if not words:
        raise _fault(place, f"{key} is a list of: {', '.join(kind)}")
    return words


def _line(table: dict[str, Any], key: str, place: str) -> str:
    value = table[key]
    if not isinstance(value, str) or not value.strip():
        raise _fault(place, f"{key} is not a text, or is empty")
    return value


def _fault(place: str, what: str) -> Malformed:
    return Malformed(
        "policy_malformed",
        f"The policy {place} cannot be used: {what}.",
        remedy="Mend the file; nothing is decided by a policy with a fault.",
        who=Role.ADMINISTRATOR,
    )
