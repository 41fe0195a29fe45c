"""What turns stored records into batches and batches into losses: which code it is, for the plan to bind.

Somebody approves a plan for the code as it is. Were rows cut, joined or weighted otherwise afterwards, the approval
would be one of something else, so a training under other code is refused. Needs no library: the api states it too.
"""

from pathlib import Path

from tunewarden.domain.canonical import digest_bytes, digest_of
from tunewarden.domain.errors import PlanMismatch
from tunewarden.domain.names import Digest
from tunewarden.domain.training import Plan

FILES = (
    *("../../domain/owners.py", "../records.py", "../swapping.py", "objective.py", "rows.py", "texts.py"),
    *(f"../deidentify/{name}" for name in ("given_names.txt", "given_names_es.txt", "ambiguous_names.txt")),
)

COLLATOR: Digest = digest_of({name: digest_bytes((Path(__file__).parent / name).read_bytes()) for name in FILES})
"""Digest of the source files that make batches out of records. Not of the libraries beneath: the evidence has those."""


def require_collator(plan: Plan) -> None:
    """Raise `PlanMismatch` where `plan` was made for other code. Plans of before do not say, and are let through."""
    if plan.collator not in {None, COLLATOR}:
        raise PlanMismatch(
            "collator_changed",
            "The plan was approved for other code from records to batches than the one that is installed.",
            remedy="Ask again, so that the plan names the code of today; nothing has been charged.",
        )
