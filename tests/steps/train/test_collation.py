"""A plan is approved for the code that makes batches of records; other code does not train it."""

import subprocess
import sys
from dataclasses import replace

import pytest

from tunewarden.domain.canonical import digest_of
from tunewarden.domain.errors import PlanMismatch
from tunewarden.domain.training import Plan
from tunewarden.steps.train.collation import COLLATOR, FILES, require_collator


def test_a_plan_for_other_code_is_refused_and_one_for_this_code_or_of_before_is_not(plan: Plan) -> None:
    require_collator(plan)
    require_collator(replace(plan, collator=COLLATOR))
    with pytest.raises(PlanMismatch) as refused:
        require_collator(replace(plan, collator=digest_of("other code")))
    assert refused.value.code == "collator_changed"
    assert refused.value.remedy


def test_the_collator_is_part_of_what_is_approved(plan: Plan) -> None:
    assert replace(plan, collator=COLLATOR).digest() != plan.digest()


def test_the_digest_covers_what_reads_cuts_and_weighs_rows() -> None:
    assert {"rows.py", "texts.py", "objective.py", "../records.py"} <= set(FILES)


def test_the_api_can_state_it_without_any_heavy_library() -> None:
    program = (
        "import sys; from tunewarden.steps.train.collation import COLLATOR; "
        "print(COLLATOR, sorted({'torch', 'ray', 'transformers', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{COLLATOR} []"
