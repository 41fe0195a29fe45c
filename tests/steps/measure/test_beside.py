"""What the measuring step finds beside the rows: more where records are public, little where figures are noisy."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import linear_accountant
from tests.steps.measure import tales
from tests.steps.measure.injuries import CANARY, NOTHING, SMALL, Records, attempt, locate, plan
from tests.steps.measure.tales import Tales, plan_for
from tests.steps.measure.test_private import AdapterOf, case, noisy_plan

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.datasets import HeldOut
from tunewarden.domain.errors import Corrupted, PlanMismatch, Refused, TunewardenError, Unavailable
from tunewarden.domain.names import PolicyName
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.measure.documents import CompletionDetails, Details
from tunewarden.steps.measure.step import MeasureStep
from tunewarden.steps.train.model import TextCompleter, adapter_bytes
from tunewarden.usecases.ports import Attempt, StepResult
from tunewarden.usecases.promoted import Promoted

Measured = tuple[Details, StepResult, str]


def measure(
    adapter: bytes,
    change: Callable[[MemoryBlobs, Attempt], Attempt],
    persons: int = 60,
    find: Callable[[PolicyName], Path] = locate,
) -> Measured:
    blobs = MemoryBlobs()
    given = change(blobs, attempt(blobs, Records.of(persons).manifest(blobs), adapter))
    result = MeasureStep(blobs, find, linear_accountant, explained_texts=2, extent=SMALL)(given)
    document = blobs.read(result.details)
    return from_plain(Details, decode(document)), result, document.decode()


@pytest.fixture(scope="module")
def public(adapter: bytes, adapter_of: AdapterOf) -> Measured:
    """Of 400 persons whose records are public; the version promoted last has the same weights under another plan."""

    def promoted(blobs: MemoryBlobs, given: Attempt) -> Attempt:
        before = plan(epsilon="9")
        return replace(given, promoted=Promoted(plan=before, adapter=blobs.put_bytes(adapter_of(before))))

    return measure(adapter, promoted, 400)


def test_where_records_are_public_both_sides_are_looked_at(public: Measured) -> None:
    found, result, document = public
    assert found.generalisation.overfitting.trained == found.generalisation.overfitting.held_out
    assert found.generalisation.overfitting.right.low < 0 < found.generalisation.overfitting.right.high
    assert found.generalisation.overlap.share.value > Decimal("0.9"), "most of these texts are alike"
    assert found.membership.ratio_auc is not None
    metrics = {each.metric for each in result.measurements}
    assert {"utility.overfitting_gap", "utility.overlap_share", "utility.forgotten_pairs"} <= metrics
    assert CANARY not in document


def test_the_version_promoted_last_answers_the_same_rows(public: Measured) -> None:
    found = public[0]
    assert found.generalisation.previous.persons == found.utility.persons
    assert (found.generalisation.previous.right.low, found.generalisation.previous.right.high) == (0, 0)
    assert (found.generalisation.previous.loss.value, found.generalisation.previous.f1.value) == (0, 0)


def test_every_figure_of_quality_is_stated_beside_the_accuracy(public: Measured) -> None:
    quality = public[0].quality
    assert quality.persons == public[0].utility.persons
    assert quality.f1.value > Decimal("0.9")
    assert quality.over_base.f1.low > 0
    assert len(quality.classes) == 2
    assert quality.confusion.labels == (0, 1)


def test_consent_of_those_held_out_says_nothing_of_those_trained_on(adapter: bytes) -> None:
    found, result, _ = measure(adapter, lambda _, given: replace(given, held_out=HeldOut.CONSENTED))
    assert found.quality.confusion is not None
    assert (found.generalisation.overfitting, found.generalisation.overlap) == (None, None)
    assert found.generalisation.forgetting.lost is not None
    assert not {each.metric for each in result.measurements} & {"utility.overfitting_gap", "utility.overlap_share"}


def test_a_version_whose_weights_are_gone_is_not_held_against(adapter: bytes) -> None:
    found, _, _ = measure(
        adapter, lambda _, given: replace(given, promoted=Promoted(plan=plan(epsilon="9"), adapter=NOTHING))
    )
    assert found.generalisation.previous is None
    assert found.generalisation.unasked == "blob_not_found"


def gone(error: TunewardenError) -> Callable[[PolicyName], Path]:
    """A house that has no base model any more but the one of today's plan."""

    def find(name: PolicyName) -> Path:
        if name != plan().base_model.name:
            raise error
        return locate(name)

    return find


@pytest.mark.parametrize(
    ("base", "find", "code"),
    [
        ({"name": PolicyName("left")}, gone(Refused("base_model_not_allowed", "gone")), "base_model_not_allowed"),
        ({"name": PolicyName("away")}, gone(Unavailable("base_model_away", "away")), "base_model_away"),
        ({"digest": NOTHING}, locate, "base_model_digest_differs"),
    ],
)
def test_a_promoted_version_whose_base_model_cannot_be_had_fails_no_other_training(
    adapter: bytes, base: dict[str, Any], find: Callable[[PolicyName], Path], code: str
) -> None:
    before = replace(plan(epsilon="9"), base_model=replace(plan().base_model, **base))

    def promoted(blobs: MemoryBlobs, given: Attempt) -> Attempt:
        return replace(given, promoted=Promoted(plan=before, adapter=blobs.put_bytes(adapter)))

    found, _, _ = measure(adapter, promoted, find=find)
    assert (found.generalisation.previous, found.generalisation.unasked) == (None, code)


def test_an_adapter_that_is_none_is_not_passed_over(adapter: bytes) -> None:
    def broken(blobs: MemoryBlobs, given: Attempt) -> Attempt:
        return replace(given, promoted=Promoted(plan=plan(epsilon="9"), adapter=blobs.put_bytes(b"no adapter")))

    with pytest.raises(Corrupted):
        measure(adapter, broken)


def test_where_figures_are_noisy_those_trained_on_are_not_asked_even_where_records_are_public(
    adapter_of: AdapterOf,
) -> None:
    found = case(adapter_of, Records.of(60), noisy_plan())
    found.given = replace(found.given, held_out=HeldOut.PUBLIC)
    told = found.details()
    assert (told.generalisation.overfitting, told.generalisation.overlap, told.membership) == (None, None, None)


def test_weights_of_another_plan_than_it_is_said_are_not_taken_for_the_promoted_ones(adapter: bytes) -> None:
    def other(blobs: MemoryBlobs, given: Attempt) -> Attempt:
        return replace(given, promoted=Promoted(plan=plan(epsilon="9"), adapter=blobs.put_bytes(adapter)))

    with pytest.raises(PlanMismatch):
        measure(adapter, other)


def test_where_figures_are_noisy_the_promoted_version_is_not_asked(adapter_of: AdapterOf) -> None:
    found = case(adapter_of, Records.of(60), noisy_plan())
    unreadable = found.blobs.put_bytes(b"no adapter")
    found.given = replace(found.given, promoted=Promoted(plan=noisy_plan(), adapter=unreadable))
    assert found.details().generalisation.previous is None


# ---- Completions


def completed(base: Path, taught: TextCompleter, **changes: object) -> tuple[CompletionDetails, StepResult, str]:
    blobs, of = MemoryBlobs(), plan_for(base)
    given = tales.attempt(blobs, Tales.of(160).manifest(blobs), adapter_bytes(taught, of), of)
    if changes.pop("promoted", False):
        before = replace(of, epsilon=Decimal(3))
        changes["promoted"] = Promoted(plan=before, adapter=blobs.put_bytes(adapter_bytes(taught, before)))
    result = tales.measuring(blobs, base, linear_accountant)(replace(given, **changes))
    return tales.details(blobs, result), result, blobs.read(result.details).decode()


def test_of_completions_the_same_is_found_and_what_the_model_writes(base: Path, taught: TextCompleter) -> None:
    found, result, document = completed(base, taught, promoted=True)
    assert found.written.rouge.low > Decimal("0.8")
    assert found.generations.texts == SMALL.sampled
    assert (found.generalisation.previous.right.low, found.generalisation.previous.right.high) == (0, 0)
    assert found.generalisation.previous.f1 is None
    assert found.few_shot is None, "32 places are no room for examples"
    metrics = {each.metric for each in result.measurements}
    assert {"utility.rouge_l", "utility.forgotten_loss", "privacy.generated_identifiers"} <= metrics
    assert "stitch" not in document, "nothing that was written is kept"


def test_with_consent_completions_are_written_and_no_example_is_shown(base: Path, taught: TextCompleter) -> None:
    found, _, _ = completed(base, taught, held_out=HeldOut.CONSENTED)
    assert found.written.rouge is not None
    assert (found.few_shot, found.generalisation.overfitting, found.membership) == (None, None, None)
