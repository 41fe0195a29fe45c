"""Models that complete texts: what is measured is what greedy writing does, and nothing of a record leaves."""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import POLICIES, linear_accountant
from tests.steps.measure.injuries import NOTHING, SMALL
from tests.steps.measure.tales import CANARY, KNOWN, MADE_UP, Tales, attempt, details, measuring, plan_for, tale, told
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.datasets import HeldOut
from tunewarden.domain.errors import PlanMismatch
from tunewarden.domain.gates import Evidence, Outcome, Verdict, judge
from tunewarden.domain.names import PolicyName
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.measure import answers
from tunewarden.steps.measure.answers import predictions
from tunewarden.steps.measure.documents import CompletionDetails
from tunewarden.steps.measure.rows import read_persons
from tunewarden.steps.records import held_out, read_manifest
from tunewarden.steps.train.model import TextCompleter, adapter_bytes, build
from tunewarden.steps.train.texts import tokenize_pairs
from tunewarden.usecases.ports import StepResult

ERASED = ("comprehensiveness_over_random", "sufficiency_under_random")


def measure(
    base: Path, taught: TextCompleter, tales: Tales, **changes: object
) -> tuple[CompletionDetails, StepResult, str]:
    """Of an attempt with exact figures, or as `changes` say; the document is the last."""
    blobs = MemoryBlobs()
    plan = plan_for(base)
    given = replace(attempt(blobs, tales.manifest(blobs), adapter_bytes(taught, plan), plan), **changes)
    result = measuring(blobs, base, linear_accountant)(given)
    return details(blobs, result), result, blobs.read(result.details).decode()


@pytest.fixture(scope="module")
def measured(base: Path, taught: TextCompleter) -> tuple[CompletionDetails, StepResult, str]:
    """Of 400 persons, about 80 of them held out."""
    return measure(base, taught, Tales.of(400))


@pytest.fixture(scope="module")
def tokenizer(base: Path) -> PreTrainedTokenizerBase:
    return build(base, plan_for(base).base_model.digest, plan_for(base).recipe, 0)[1]


def written(model: TextCompleter, given: Sequence[int], tokens: int) -> list[int]:
    """What greedy decoding adds to `given`."""
    ids = list(given)
    with torch.no_grad():
        for _ in range(tokens):
            so_far = torch.tensor([ids])
            ids.append(int(model(so_far, torch.ones_like(so_far), 1)[0, -1].argmax()))
    return ids[len(given) :]


def uneven(count: int) -> tuple[list[str], list[str]]:
    """Tales of very different length, some of which end otherwise than the model learnt."""
    prompts, completions = map(list, zip(*(tale(number) for number in range(count)), strict=True))
    for number in range(0, count, 3):
        completions[number] = " ".join([completions[number], *MADE_UP[: number % 11]])
        prompts[number] = " ".join([*MADE_UP[: number % 13], prompts[number]])
    return prompts, completions


def of_every_length() -> tuple[list[str], list[str]]:
    """Prompts of 1 to 20 words with completions of 1 to 9, so that some just fit into what is computed at once."""
    lengths = [(given, learnt) for given in range(1, 21) for learnt in range(1, 10)]
    words = [(" ".join(MADE_UP[:given]), " ".join(MADE_UP[-learnt:])) for given, learnt in lengths]
    return [before for before, _ in words], [after for _, after in words]


@pytest.mark.parametrize("texts", [uneven(40), of_every_length()], ids=["tales", "of every length"])
def test_each_token_is_judged_as_if_its_row_were_alone(
    base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase, texts: tuple[list[str], list[str]]
) -> None:
    prompts, completions = texts
    recipe = plan_for(base).recipe
    tokens, begins = tokenize_pairs(tokenizer, prompts, completions, recipe)
    found = predictions(taught, tokens, begins, recipe.max_tokens)
    for row in range(len(prompts)):
        ids = torch.from_numpy(tokens.ids[tokens.starts[row] : tokens.starts[row + 1]].astype(np.int64))[None]
        with torch.no_grad():
            logs = taught(ids, torch.ones_like(ids))[0].double().log_softmax(dim=-1)
        places = np.arange(begins[row], ids.shape[1])
        right = [int(logs[place - 1].argmax()) == int(ids[0, place]) for place in places]
        loss = -float(np.mean([float(logs[place - 1, ids[0, place]]) for place in places]))
        assert found.right[found.starts[row] : found.starts[row + 1]].tolist() == right
        assert found.losses[row] == pytest.approx(loss, abs=1e-4)
    assert found.right.mean() < 1


def test_nobody_elses_row_changes_a_bit_of_an_answer(
    base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase
) -> None:
    """Rows of the same padded length and of others are put beside the first one, and then taken away."""
    prompts, completions = uneven(60)
    recipe = plan_for(base).recipe

    def of(rows: Sequence[int]) -> float:
        chosen = [prompts[row] for row in rows], [completions[row] for row in rows]
        tokens, begins = tokenize_pairs(tokenizer, *chosen, recipe)
        return float(predictions(taught, tokens, begins, recipe.max_tokens).losses[0])

    alone = of([7])
    assert {of([7, *range(first, first + 20)]) for first in (0, 10, 30, 40)} == {alone}


def test_a_wide_vocabulary_is_computed_in_smaller_pieces_with_the_same_answers(
    base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts, completions = uneven(30)
    recipe = plan_for(base).recipe
    tokens, begins = tokenize_pairs(tokenizer, prompts, completions, recipe)
    at_once = predictions(taught, tokens, begins, recipe.max_tokens)
    monkeypatch.setattr(answers, "_NUMBERS", 3 * len(KNOWN))
    in_pieces = predictions(taught, tokens, begins, recipe.max_tokens)
    assert (in_pieces.right == at_once.right).all()
    assert in_pieces.losses == pytest.approx(at_once.losses, abs=1e-5)


def test_a_completion_matches_exactly_where_greedy_decoding_writes_it(
    base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase
) -> None:
    prompts, completions = uneven(40)
    recipe = plan_for(base).recipe
    tokens, begins = tokenize_pairs(tokenizer, prompts, completions, recipe)
    whole = predictions(taught, tokens, begins, recipe.max_tokens).shares() == 1.0
    for row in range(len(prompts)):
        ids = tokens.ids[tokens.starts[row] : tokens.starts[row + 1]].tolist()
        given, learnt = ids[: begins[row]], ids[begins[row] :]
        assert (written(taught, given, len(learnt)) == learnt) == whole[row]
    assert 0 < whole.sum() < len(whole)


def test_the_evidence_is_about_the_adapter_and_says_what_it_gained(
    measured: tuple[CompletionDetails, StepResult, str],
) -> None:
    found, result, _ = measured
    assert result.about == found.adapter
    assert found.completions.token_accuracy.low > Decimal("0.8")
    assert found.completions.gain_over_base.low > Decimal("0.5")
    assert found.completions.exact_match.low > Decimal("0.8")
    assert found.completions.loss.high < found.completions.base_loss.low
    assert found.completions.perplexity.value == pytest.approx(found.completions.loss.value.exp(), abs=Decimal("0.01"))
    assert found.completions.base_perplexity.low > 100, "a model of random weights has hundreds of words to choose from"


def test_only_held_out_persons_are_measured_on(measured: tuple[CompletionDetails, StepResult, str]) -> None:
    held = [record for record in Tales.of(400).clean if held_out(record.person)]
    completions, counts = measured[0].completions, measured[1].counts
    assert (completions.rows, completions.persons) == (len(held), len({record.person for record in held}))
    assert (counts["records"], counts["persons"], counts["left_out"]) == (completions.rows, completions.persons, 0)


def test_no_text_and_no_pseudonym_is_in_the_document(measured: tuple[CompletionDetails, StepResult, str]) -> None:
    document = measured[2]
    assert CANARY not in document
    assert "stitch" not in document
    assert not [record.person for record in Tales.of(400).clean if record.person in document]


def test_how_completions_come_about_is_explained_on_made_up_prompts(
    measured: tuple[CompletionDetails, StepResult, str],
) -> None:
    found, result, document = measured
    assert found.not_measured == ()
    assert (found.counterfactuals, found.questions) == (None, None), "the plan declares nothing of this"
    assert found.explanation is not None
    assert found.scrutiny is not None
    assert (found.explanation.made_up, found.scrutiny.leaks, result.counts["explained"]) == (True, 0, SMALL.prompts)
    metrics = {each.metric for each in result.measurements}
    assert "explanation.prompt_comprehensiveness_over_random" in metrics
    assert not metrics & {"explanation.convergence_delta", "explanation.flip_rate.sex"}
    assert not metrics & {"utility.accuracy", "utility.gain_over_majority", "utility.gain_over_base"}
    assert '"utility"' not in document, "no table of a classifier is there"


def test_groups_are_compared_by_their_tokens(measured: tuple[CompletionDetails, StepResult, str]) -> None:
    fairness = measured[0].fairness
    assert {(group.attribute, group.group) for group in fairness.assessed} == {("sex", "f"), ("sex", "m")}
    assert all(group.rates == () for group in fairness.assessed)
    by_metric = {each.metric: each for each in measured[1].measurements}
    assert by_metric["fairness.token_accuracy_gap"].high < Decimal("0.3")
    assert "fairness.accuracy_gap" not in by_metric


def test_a_group_that_is_served_worse_is_found(base: Path, taught: TextCompleter) -> None:
    tales = Tales.of(800)
    worse = [
        told(record.person, record.text[: record.completion - 1], "burn rash fall cut")
        if row.protected["sex"] == "m"
        else record
        for record, row in zip(tales.clean, tales.protected, strict=True)
    ]
    found, result, _ = measure(base, taught, Tales(worse, tales.protected))
    behind = max(found.fairness.assessed, key=lambda group: group.shortfall.value)
    assert (behind.group, behind.shortfall.low > Decimal("0.5")) == ("m", True)
    (gap,) = [each for each in result.measurements if each.metric == "fairness.token_accuracy_gap"]
    assert gap.low > Decimal("0.5")


def test_measuring_again_gives_the_same_document(base: Path, taught: TextCompleter) -> None:
    torch.manual_seed(5)
    first = measure(base, taught, Tales.of(60))[2]
    torch.manual_seed(6)
    assert measure(base, taught, Tales.of(60))[2] == first


def test_of_few_persons_no_gain_and_no_loss_is_stated_and_the_gate_says_unknown(
    base: Path, taught: TextCompleter
) -> None:
    found, result, _ = measure(base, taught, Tales.of(60))
    assert found.completions.persons < 30
    assert found.completions.gain_over_base is None
    assert found.completions.loss is None
    outcomes = {finding.metric: finding.outcome for finding in verdict(result).findings}
    assert outcomes["utility.token_gain_over_base"] is Outcome.UNKNOWN


def test_losses_of_persons_trained_on_are_attacked_only_where_records_are_public(
    base: Path, taught: TextCompleter, measured: tuple[CompletionDetails, StepResult, str]
) -> None:
    assert measured[0].membership is not None
    assert measured[0].membership.auc is not None
    assert measure(base, taught, Tales.of(400), held_out=HeldOut.CONSENTED)[0].membership is None


def test_rows_with_nothing_to_complete_are_left_out_and_counted(base: Path, taught: TextCompleter) -> None:
    tales = Tales.of(200)
    someone = next(person for person in tales.persons if held_out(person))
    before = measure(base, taught, tales)[0].completions
    found, result, _ = measure(base, taught, tales.with_records(told(someone, "burn", "  "), told(someone, "cut", "")))
    assert (found.completions, found.left_out, result.counts["left_out"]) == (before, 2, 2)


def test_records_of_another_task_are_not_measured_on(base: Path, taught: TextCompleter) -> None:
    tales = Tales.of(60)
    first = next(place for place, record in enumerate(tales.clean) if held_out(record.person))
    none = [replace(record, completion=None) for record in tales.clean]
    for records in (none, [*tales.clean[:first], none[first], *tales.clean[first + 1 :]]):
        with pytest.raises(PlanMismatch) as refused:
            measure(base, taught, Tales(records, tales.protected))
        assert refused.value.code == "records_of_another_task"


def test_records_of_several_persons_are_measured_on_only_where_all_are_held_out(
    base: Path, taught: TextCompleter
) -> None:
    tales = Tales.of(200)
    held = [person for person in tales.persons if held_out(person)]
    trained = next(person for person in tales.persons if not held_out(person))
    shared = (told(held[0], *tale(1), others=[held[1]]), told(held[0], *tale(2), others=[trained]))
    before = measure(base, taught, tales)[0].completions.rows
    assert measure(base, taught, tales.with_records(*shared))[0].completions.rows == before + 1


def verdict(result: StepResult) -> Verdict:
    assert result.about is not None
    gate = FilePolicies(POLICIES).gate(PolicyName("promotion-completion"))
    return judge(
        gate, result.about, [Evidence(about=result.about, produced_by=NOTHING, measurements=result.measurements)]
    )


def test_every_metric_is_declared(measured: tuple[CompletionDetails, StepResult, str]) -> None:
    declared = tomllib.loads((POLICIES / "metrics.toml").read_text())
    assert {each.metric for each in measured[1].measurements} <= declared.keys()


def test_the_gate_finds_evidence_for_all_but_what_training_proves_and_canaries_show(
    measured: tuple[CompletionDetails, StepResult, str],
) -> None:
    findings = verdict(measured[1]).findings
    missing = {finding.metric for finding in findings if finding.outcome is Outcome.UNKNOWN}
    failed = {finding.metric for finding in findings if finding.outcome is Outcome.FAIL}
    by_training = {"privacy.epsilon", "privacy.delta", "train.reload_difference"}
    by_canaries = {
        f"privacy.{name}" for name in ("epsilon_excess", "audit_reach", "secret_extraction", "secret_exposure")
    }
    by_plan = {f"fairness.{name}" for name in ("written_confirmed", "written_undecided", "question_confirmed")}
    assert missing == by_training | by_canaries | by_plan, "the plan of these tests declares nothing of what is written"
    few_prompts = {"redrawn_correlation", "form_share", *(f"prompt_{way}" for way in ERASED)}
    failed -= {f"explanation.{name}" for name in few_prompts}
    assert failed <= {"privacy.membership_auc"}, "about 80 persons a side are few"


def test_only_rows_that_were_trained_on_are_attacked() -> None:
    tales = Tales.of(100)
    trained = next(person for person in tales.persons if not held_out(person))
    held = next(person for person in tales.persons if held_out(person))
    blobs = MemoryBlobs()
    manifest = read_manifest(blobs, tales.with_records(told(trained, *tale(1), others=[held])).manifest(blobs))
    own = [record for record in tales.clean if record.person == trained]
    assert len(read_persons(blobs, manifest, frozenset({trained, held})).texts) == len(own)
