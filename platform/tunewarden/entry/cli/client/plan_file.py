"""Plan files: the body of a training request as TOML that explains itself, or as JSON."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunewarden.domain.datasets import Purpose
from tunewarden.domain.errors import Malformed, NotFound, Unavailable

OPEN = "CHANGE-ME"
"""What stands where somebody still has to say something."""

_LARGEST = 1024 * 1024  # bytes, as the platform takes them
_DEEPEST = 16


def template(said: Mapping[str, str]) -> str:
    """A plan file with what is said so far: `model`, `dataset`, `purpose`, `epsilon`."""
    filled = {name: json.dumps(said.get(name) or OPEN) for name in ("model", "dataset", "purpose", "epsilon")}
    return f"""\
# What is asked for, as `tunewarden plan validate` and `tunewarden jobs create` read it.
# Almost all of it changes the model or what is promised to a person, and is in the digest that gets approved.

# A base model of policies/base-models.toml.
model = {filled["model"]}
# The id of a registered dataset; its newest version is trained on.
dataset = {filled["dataset"]}
# What the model is to be used for. One of: {", ".join(Purpose)}.
purpose = {filled["purpose"]}
# Which identifiers are replaced by what: a profile of policies/deid.
deidentification_profile = "default"
# A part of the model's name, for people.
# suffix = "burns"
# "classification" or "completion"; else what the dataset's columns are for.
# task = "classification"
# Also train on these parts of the persons, to see what more of them gain. Each costs as many updates as the model.
# learning_curve = ["0.25", "0.5"]
# Also train without each of some persons, to measure what the model keeps of them; where the policy allows it.
# twins = true

[privacy]
# What one person may lose, with all their records. Decimals stand in quotation marks, so that no digit is lost.
epsilon = {filled["epsilon"]}
# Else as the dataset's budget says.
# delta = "0.00001"
# "person", or "record" with rows_per_person, where policies/training.toml allows it.
# unit = "person"
# rows_per_person = 1

[hyperparameters]
# How often each person is expected to take part, and how many of them in one update.
n_epochs = "auto"
batch_size = "auto"
learning_rate_multiplier = "auto"

# How far one group of people may be behind everybody else; smaller than in policies/fairness.toml.
# [fairness.tolerances]
# accuracy = "0.05"

# What the training does about unfairness: weights of each class, in the order of the labels; exchanged terms.
# [mitigation]
# weights = ["1", "2"]
# swaps = []

# By which you find the job again; never names of people.
# [metadata]
# ticket = "OPS-4711"
"""


def read(file: Path) -> dict[str, Any]:
    """The request that a plan file asks for. Raises `NotFound`, `Unavailable`, and `Malformed` with the place only."""
    text = _text(file)
    try:
        is_json = file.suffix == ".json"
        said = json.loads(text, object_pairs_hook=_each_once) if is_json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        where = f", line {line}" if isinstance(line, int) else ""
        kind = "JSON" if file.suffix == ".json" else "TOML"
        raise _malformed(f"It is not {kind}{where}.") from None
    if not isinstance(said, dict):
        raise _malformed("It is no table of members.")
    _require_plain(said, 0)
    if still := sorted(_open(said, "")):
        raise Malformed(
            "plan_incomplete", f"Nobody has said yet: {', '.join(still)}.", remedy=f"Replace {OPEN}.", param=still[0]
        )
    return said


def _text(file: Path) -> str:
    try:
        with file.open("rb") as content:
            found = content.read(_LARGEST + 1)
    except FileNotFoundError:
        raise NotFound("file_not_found", "There is no plan file of that name.", param="plan") from None
    except OSError as error:
        raise Unavailable("file_unreadable", f"The plan file cannot be read ({type(error).__name__}).") from None
    if len(found) > _LARGEST:
        raise _malformed(f"It has more than {_LARGEST:,} bytes.")
    try:
        return found.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed("It is not text in UTF-8.") from None


def _each_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """As TOML has it, and the platform: of two members of one name a person reads the one, a parser the other."""
    found = dict(members)
    if len(found) < len(members):
        raise _malformed("A member stands in it twice.")
    return found


def _require_plain(value: Any, depth: int) -> None:
    """Only what JSON has: no dates of TOML, no infinity; and not too deep."""
    if depth > _DEEPEST:
        raise _malformed("It is nested too deep.")
    if isinstance(value, dict | list):
        for inner in [*value, *value.values()] if isinstance(value, dict) else value:
            _require_plain(inner, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise _malformed("A number in it is not finite.")
    elif isinstance(value, str) and not value.isascii() and any("\ud800" <= one <= "\udfff" for one in value):
        raise _malformed("Half a character stands in it.")
    elif not isinstance(value, str | int | float | bool | None):
        raise _malformed("A date or a time stands in it without quotation marks.")


def _open(value: Any, place: str) -> list[str]:
    """Where something still has to be said."""
    if value == OPEN:
        return [place]
    if isinstance(value, dict):
        return [one for name, inner in value.items() for one in _open(inner, f"{place}.{name}".lstrip("."))]
    return []


def _malformed(why: str) -> Malformed:
    return Malformed("plan_file_malformed", f"The plan file cannot be used. {why}", param="plan")
