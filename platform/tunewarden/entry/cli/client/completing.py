"""Ids for the shell's completion: asked of the platform if somebody is logged in; otherwise, and for any doubt, none.

A shell waits for this with every key, so it asks once, for two seconds in all, and says nothing about what went wrong.
Offered is what begins like what was typed: among the first 50 of a list that begins with the newest, and the last 50
of any other; nothing of a list that is not read in time. Shells also evaluate what they are given: zsh a help text,
bash an id once Enter is pressed. So only ids go there, and words in which no shell sees more than a word; never a name,
which a person typed.
"""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import typer

from tunewarden.domain.errors import TunewardenError
from tunewarden.entry.cli.client.declined import Declined

_MOST, _PAGE, _SECONDS = 50, 100, 2.0
_MORE_THAN_WORDS = re.compile(r"[^A-Za-z0-9 ._-]")
Found = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _List:
    """What is asked for ids, and the member of an item that is shown with its id."""

    path: str
    about: str = ""
    id_of: Callable[[Mapping[str, Any]], object] = lambda one: one["id"]
    is_offered: Callable[[Mapping[str, Any]], bool] = lambda _: True
    newest_first: bool = False


_KEYS = _List(path="/v1/keys", about="principal", is_offered=lambda one: one.get("works") is True)
_PERSONS, _GROUPS = _List(path="/v1/organization/users"), _List(path="/v1/organization/groups")


def job_ids(incomplete: str) -> Found:
    """Of training jobs, newest first, with where each stands."""
    return _found(incomplete, _List(path="/v1/fine_tuning/jobs", about="status", newest_first=True))


def model_ids(incomplete: str) -> Found:
    """Of model versions."""
    return _found(incomplete, _List(path="/v1/models", about="owned_by", id_of=lambda one: one["governance"]["model"]))


def dataset_ids(incomplete: str) -> Found:
    """Of datasets."""
    return _found(incomplete, _List(path="/v1/datasets"))


def key_ids(incomplete: str) -> Found:
    """Of API keys that work, with whose each is."""
    return _found(incomplete, _KEYS)


def principal_ids(incomplete: str) -> Found:
    """Of persons."""
    return _found(incomplete, _PERSONS)


def holders_and_keys(incomplete: str) -> Found:
    """Of both."""
    return _found(incomplete, _KEYS, _PERSONS)


def project_ids(incomplete: str) -> Found:
    """Of projects in which something new may begin."""
    return _found(incomplete, _List(path="/v1/organization/projects", about="status"))


def emergency_ids(incomplete: str) -> Found:
    """Of emergencies, newest first, with where each stands."""
    return _found(incomplete, _List(path="/v1/emergencies", about="standing", newest_first=True))


def gate_names(incomplete: str) -> Found:
    """Of gates, with what each guards."""
    return _found(incomplete, _List(path="/v1/gates", about="guards"))


def policy_ids(incomplete: str) -> Found:
    """Of versions of the access policy, with how far each has come."""
    return _found(incomplete, _List(path="/v1/policies", about="state"))


def members(incomplete: str) -> Found:
    """Of persons, and of groups."""
    return _found(incomplete, _PERSONS, _GROUPS)


def members_of_project(context: typer.Context, incomplete: str) -> Found:
    """Of who holds a role in the project that stands before it on the command line, and of groups that do."""
    from tunewarden.entry.cli.client.talk import is_id

    project = str(context.params.get("project", ""))
    if not is_id(project):
        return []
    path = f"/v1/organization/projects/{project}"
    groups = _List(path=f"{path}/groups", id_of=lambda one: one["group_id"])
    return _found(incomplete, _List(path=f"{path}/users", about="role"), groups)


def evidence_kinds(context: typer.Context, incomplete: str) -> Found:
    """Of evidence about the model version that stands before it on the command line."""
    from tunewarden.entry.cli.client.talk import is_id

    model = str(context.params.get("model", ""))
    return _found(incomplete, _List(path=f"/v1/models/{model}/evidence")) if is_id(model) else []


def _found(incomplete: str, *lists: _List) -> Found:
    deadline = time.monotonic() + _SECONDS
    return [one for each in lists for one in _in_time(each, incomplete, deadline)]


def _in_time(asked: _List, incomplete: str, deadline: float) -> Found:
    try:
        return list(deque(_matching(asked, incomplete, deadline), maxlen=_MOST))
    except (
        TunewardenError,
        Declined,
        OSError,
        LookupError,
        TypeError,
        AttributeError,
    ):  # there is nowhere to say what went wrong
        return []


def _matching(asked: _List, incomplete: str, deadline: float) -> Iterator[tuple[str, str]]:
    """Raises `TimeoutError` where they are not read in time."""
    from tunewarden.entry.cli.client.api import Api
    from tunewarden.entry.cli.client.credentials import current
    from tunewarden.entry.cli.client.talk import is_id

    with Api(credentials=current(os.environ), tries=1) as api:
        api.patience = _half_of_what_is_left(deadline)
        most = _MOST if asked.newest_first else None
        for one in api.pages(asked.path, {"limit": most or _PAGE}, most=most):
            identifier = str(asked.id_of(one))
            if asked.is_offered(one) and identifier.startswith(incomplete) and is_id(identifier):
                yield identifier, _MORE_THAN_WORDS.sub("", str(one.get(asked.about, "")))
            api.patience = _half_of_what_is_left(deadline)


def _half_of_what_is_left(deadline: float) -> float:
    """Seconds: an answer has them to begin, and once more to come whole."""
    if (left := deadline - time.monotonic()) <= 0:
        raise TimeoutError
    return left / 2
