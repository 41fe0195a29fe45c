"""Ids for the shell's completion: asked of the platform if somebody is logged in; otherwise, and for any doubt, none.

A shell waits for this with every key, so it asks once, briefly, and says nothing about what went wrong. Shells also
evaluate what they are given: zsh a help text, bash an id once Enter is pressed. So only ids go there, and words in
which no shell sees more than a word; never a name, which a person typed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import typer

from tunewarden.domain.errors import TunewardenError
from tunewarden.entry.cli.client.declined import Declined

_MOST, _SECONDS = 50, 2.0
_MORE_THAN_WORDS = re.compile(r"[^A-Za-z0-9 ._-]")
Found = list[tuple[str, str]]


def job_ids(incomplete: str) -> Found:
    """Of training jobs, newest first, with where each stands."""
    return _found("/v1/fine_tuning/jobs", incomplete, "status")


def model_ids(incomplete: str) -> Found:
    """Of model versions."""
    return _found("/v1/models", incomplete, "owned_by", "governance")


def dataset_ids(incomplete: str) -> Found:
    """Of datasets."""
    return _found("/v1/datasets", incomplete)


def key_ids(incomplete: str) -> Found:
    """Of API keys that work, with whose each is."""
    return _found("/v1/keys", incomplete, "principal")


def principal_ids(incomplete: str) -> Found:
    """Of persons."""
    return _found("/v1/organization/users", incomplete)


def holders_and_keys(incomplete: str) -> Found:
    """Of both."""
    return key_ids(incomplete) + principal_ids(incomplete)


def project_ids(incomplete: str) -> Found:
    """Of projects in which something new may begin."""
    return _found("/v1/organization/projects", incomplete, "status")


def emergency_ids(incomplete: str) -> Found:
    """Of emergencies, newest first, with where each stands."""
    return _found("/v1/emergencies", incomplete, "standing")


def gate_names(incomplete: str) -> Found:
    """Of gates, with what each guards."""
    return _found("/v1/gates", incomplete, "guards")


def policy_ids(incomplete: str) -> Found:
    """Of versions of the access policy, with how far each has come."""
    return _found("/v1/policies", incomplete, "state")


def members(incomplete: str) -> Found:
    """Of persons, and of groups."""
    return principal_ids(incomplete) + _found("/v1/organization/groups", incomplete)


def evidence_kinds(context: typer.Context, incomplete: str) -> Found:
    """Of evidence about the model version that stands before it on the command line."""
    from tunewarden.entry.cli.client.talk import is_id

    model = str(context.params.get("model", ""))
    return _found(f"/v1/models/{model}/evidence", incomplete) if is_id(model) else []


def _found(path: str, incomplete: str, about: str = "", inner: str = "") -> Found:
    try:
        return list(_asked(path, incomplete, about, inner))
    except (
        TunewardenError,
        Declined,
        OSError,
        LookupError,
        TypeError,
        AttributeError,
    ):  # there is nowhere to say what went wrong
        return []


def _asked(path: str, incomplete: str, about: str, inner: str) -> Iterator[tuple[str, str]]:
    from tunewarden.entry.cli.client.api import Api
    from tunewarden.entry.cli.client.credentials import current
    from tunewarden.entry.cli.client.talk import is_id

    with Api(credentials=current(os.environ), tries=1, patience=_SECONDS) as api:
        for one in api.pages(path, most=_MOST):
            identifier = str(one[inner]["model"] if inner else one["id"])
            if identifier.startswith(incomplete) and is_id(identifier):
                yield identifier, _MORE_THAN_WORDS.sub("", str(one.get(about, "")))
