"""Closed vocabularies in plain words. A code without words is shown as it is: the report never guesses."""

from collections.abc import Mapping
from dataclasses import dataclass

from tunewarden.domain.datasets import LawfulBasis, Sensitivity
from tunewarden.domain.gates import Outcome
from tunewarden.domain.privacy import Spend
from tunewarden.domain.training import State, StepName
from tunewarden.entry.report.action_words import ACTIONS as ACTIONS


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the platform said no, and who can change that."""

    why: str
    who: str


LAWFUL_BASES: Mapping[LawfulBasis, str] = {
    LawfulBasis.CONSENT: "consent (GDPR Art. 6(1)(a))",
    LawfulBasis.CONTRACT: "contract (GDPR Art. 6(1)(b))",
    LawfulBasis.LEGAL_OBLIGATION: "legal obligation (GDPR Art. 6(1)(c))",
    LawfulBasis.VITAL_INTERESTS: "vital interests (GDPR Art. 6(1)(d))",
    LawfulBasis.PUBLIC_TASK: "public task (GDPR Art. 6(1)(e))",
    LawfulBasis.LEGITIMATE_INTERESTS: "legitimate interests (GDPR Art. 6(1)(f))",
}

SENSITIVITIES: Mapping[Sensitivity, str] = {
    Sensitivity.PUBLIC: "public",
    Sensitivity.INTERNAL: "internal",
    Sensitivity.PERSONAL: "personal data",
    Sensitivity.SPECIAL_CATEGORY: "special category (GDPR Art. 9(1))",
}

STEPS: Mapping[StepName, str] = {
    StepName.DEIDENTIFY: "De-identify",
    StepName.TRAIN: "Train",
    StepName.MEASURE: "Measure",
}

SPENDS: Mapping[Spend, str] = {Spend.TRAINING: "training", Spend.METRICS: "noisy figures"}

OUTCOMES: Mapping[Outcome, str] = {Outcome.PASS: "PASS", Outcome.FAIL: "FAIL", Outcome.UNKNOWN: "UNDECIDED"}

STATES: Mapping[State, str] = {
    State.MEASURED: "The job ended with a model version",
    State.REJECTED: "The request was rejected",
    State.BLOCKED: "A gate blocked the request",
    State.CANCELLED: "The request was cancelled",
    State.FAILED: "The job failed",
}

_REQUESTER, _STEWARD, _APPROVER = "the requester, by asking for something else", "a steward", "an approver"
_PRIVACY = "the requester, with a smaller epsilon; a privacy officer, by raising the budget"
_ADMINISTRATOR = "somebody whose role allows it; an administrator gives out roles"
_OFFICER, _PROPOSER = "a privacy officer", "an administrator, with another proposal"
_CERTIFICATE = "an administrator, who has to find the cause; nothing was charged"
_INPUT = Reason("The input itself could not be used.", "whoever asked, by mending the input")

REASONS: Mapping[str, Reason] = {
    "access_denied": Reason("The access policy does not allow it to this principal.", _ADMINISTRATOR),
    "legal_hold_on_file": Reason("A legal hold kept the file.", "a privacy officer, who releases holds"),
    "upload_over": Reason("The upload was complete, cancelled or too late.", "whoever asked, by beginning another one"),
    "too_many_webhooks": Reason("A project had as many endpoints as it may.", "an administrator, who deletes one"),
    "webhook_address_refused": Reason("The endpoint's host is not on the internet.", _ADMINISTRATOR),
    "webhook_disabled": Reason("Nothing was sent to the endpoint any more.", _ADMINISTRATOR),
    "webhooks_off": Reason("This platform sends no webhooks.", _ADMINISTRATOR),
    "uploads_pending": Reason("Too many uploads were under way.", "whoever asked, by completing or cancelling one"),
    "already_registered": Reason(
        "The records were a version of another dataset already, which has the privacy budget of these persons.",
        "nobody by registering again; the dataset that has them may be used",
    ),
    "base_model_not_allowed": Reason(
        "The base model is not one that may be fine-tuned here.", "an administrator, who proposes additions to the list"
    ),
    "base_model_too_short": Reason("The base model has no places for texts that long.", _REQUESTER),
    "base_model_not_causal": Reason("The base model cannot complete texts.", _REQUESTER),
    "completion_empty": Reason("A record had nothing to learn to write.", "a steward, by mending the records"),
    "completions_not_released": Reason(
        "De-identified records hold no completions yet, so a completion cannot be learned here.", _REQUESTER
    ),
    "completion_malformed": Reason("A released record had no completion where it says one begins.", _ADMINISTRATOR),
    "fairness_looser": Reason("The tolerance between groups was larger than the policy's.", _REQUESTER),
    "fairness_not_measurable": Reason("That cannot be compared between groups of this dataset.", _REQUESTER),
    "twins_not_allowed": Reason("No model is trained here without noise, not for comparison either.", _OFFICER),
    "twins_without_consent": Reason("Twins are trained on persons who agreed only.", _STEWARD),
    "twins_of_records": Reason("Twins are compared where the privacy unit is a person only.", _REQUESTER),
    "twins_without_groups": Reason("There are no groups, or no classes, to compare twins by.", _REQUESTER),
    "fairness_of_another_plan": Reason("Other comparisons between groups were declared than can be made.", _REQUESTER),
    "records_of_another_task": Reason(
        "The plan was for classes and the records for completions, or the other way round.", _REQUESTER
    ),
    "rows_of_several_persons": Reason(
        "Rows belonged to several persons, and one person's share of such a row cannot be bounded by itself.",
        _REQUESTER,
    ),
    "task_not_for_base_model": Reason(
        "The base model cannot learn what the dataset is for.",
        "an administrator, who proposes additions to the list, or whoever asks, by naming another base model",
    ),
    "parameter_not_covered": Reason(
        "A part of the adapter gets no gradient for each person, so it cannot be trained privately.", _REQUESTER
    ),
    "precision_unsupported": Reason("The processor that would have trained has no bfloat16 arithmetic.", _REQUESTER),
    "noise_unchecked": Reason(
        "Not every update had noise that was checked.",
        "an administrator, who has to find out why before anything is trained again",
    ),
    "conformance_neighbours": Reason(
        "Tried on made-up persons, one person could move an update further than the plan allows.", _CERTIFICATE
    ),
    "conformance_brute_force": Reason(
        "Tried on made-up persons, the sum of clipped gradients was not what it has to be.", _CERTIFICATE
    ),
    "conformance_second_way": Reason("Two independent ways to clip a person's gradient disagreed.", _CERTIFICATE),
    "conformance_not_finite": Reason(
        "A made-up person whose gradient is not finite did not count as nobody.", _CERTIFICATE
    ),
    "conformance_sampling_rate": Reason(
        "Persons did not take part with the rate that the plan is accounted for.", _CERTIFICATE
    ),
    "conformance_sampling_independence": Reason(
        "Persons were not drawn independently of each other or of earlier draws.", _CERTIFICATE
    ),
    "conformance_rows_per_person": Reason("A person took part with more rows than the plan allows.", _CERTIFICATE),
    "conformance_noise_scale": Reason("The noise was not as strong as the plan asks for.", _CERTIFICATE),
    "conformance_noise_freshness": Reason("Noise was repeated.", _CERTIFICATE),
    "conformance_normaliser": Reason("Sums were divided by something else than the plan's constant.", _CERTIFICATE),
    "checkpoint_not_in_ledger": Reason(
        "The saved weights named an entry of this log that did not charge for them.",
        "an administrator, by restoring the database that belongs to them, or by removing them",
    ),
    "checkpoint_of_another_plan": Reason(
        "The saved weights belonged to another plan than the approved one.", "an administrator, by removing them"
    ),
    "checkpoint_not_ours": Reason(
        "The checkpoint was not one that this log had signed.",
        "whoever asked, with the checkpoint of the verified copy",
    ),
    "checkpoint_too_small": Reason(
        "The verified copy did not hold every entry that was to lose its body.",
        "a privacy officer, after exporting and verifying the log again",
    ),
    "dataset_retired": Reason("The dataset is retired.", f"{_STEWARD}, by registering a dataset that may be used"),
    "everybody_erased": Reason(
        "Every record was of a person who had been erased.", f"{_STEWARD}, by registering records of other persons"
    ),
    "dataset_too_small": Reason("The dataset has too few persons for this plan.", f"{_STEWARD}, by adding records"),
    "curve_part_too_small": Reason("A part of the learning curve would have had too few persons.", _REQUESTER),
    "delta_too_large": Reason(
        "Delta was so large that publishing one person's records whole would have counted as private.", _REQUESTER
    ),
    "not_in_training_policy": Reason(
        "The house does not allow such a plan (policies/training.toml).",
        "the requester, by asking for what is allowed; a privacy officer, who proposes changes to that file",
    ),
    "file_not_in_a_dataset": Reason(
        "The bytes are not a version of any registered dataset.", f"{_STEWARD}, by registering them"
    ),
    "collator_changed": Reason(
        "The code that makes batches of records is not that for which the plan was approved.",
        "the requester, by asking again",
    ),
    "gate_changed": Reason("The gate is another one than in the approved plan.", "the requester, by asking again"),
    "gate_not_passed": Reason(
        "A rule of the gate does not hold, or could not be decided.", "the requester, with a better model version"
    ),
    "illegal_transition": Reason("It was not in a state in which that can be done.", "nobody; the state says why"),
    "legal_hold": Reason(
        "A legal hold covered the dataset, so it might not be retired, nor anything of it erased.",
        "a privacy officer, by releasing the hold where its order allows",
    ),
    "envelope_corrupted": Reason(
        "Who was to be erased could not be read any more.",
        "an administrator, by restoring the blob key; then a privacy officer, by asking again",
    ),
    "lineage_pruned": Reason(
        "The entries that say how it came to be had lost their bodies.",
        "nobody for this model version; the requester, with a new one",
    ),
    "not_promoted": Reason("No alias named the model version, so nobody might use it.", "an approver, by a promotion"),
    "person_erased_meanwhile": Reason(
        "A person was erased from the dataset after its records were read for this request.",
        "the requester, by asking again: a new release leaves the person out",
    ),
    "principal_revoked": Reason(
        "The key of whoever asked was revoked while it was under way.", "an administrator, with a new key"
    ),
    "nothing_to_prune": Reason(
        "No entry might lose its body.", "nobody; retention classes, holds and what is in use decide"
    ),
    "metrics_not_planned": Reason(
        "The plan had no budget for figures about held-out persons, and exact ones may not leave.",
        "the requester, by asking again",
    ),
    "metrics_of_another_plan": Reason(
        "The figures would not have been made as the plan accounts for them.", "the requester, by asking again"
    ),
    "no_room_for_canaries": Reason(
        "Texts were to be cut so short that no made-up secret, by which the training is audited, had room in them.",
        "the requester, with longer texts or without canaries",
    ),
    "no_words_for_canaries": Reason(
        "The base model's vocabulary had no words to make up persons of, by whom the training is audited.",
        "the requester, with another base model or without canaries",
    ),
    "own_promotion": Reason("Who proposed a promotion cannot approve it.", f"{_APPROVER} other than the proposer"),
    "unassessed_unsigned": Reason(
        "Some groups had too few persons to be assessed, and the approval did not sign for them.",
        f"{_APPROVER}, by stating how many they are",
    ),
    "own_request": Reason("Who asked cannot approve.", f"{_APPROVER} other than the requester"),
    "plan_changed": Reason(
        "The approval named another plan than the one that was waiting.", f"{_APPROVER}, after reviewing the plan"
    ),
    "person_budget_exhausted": Reason("One person would lose more than one person may, over all trainings.", _PRIVACY),
    "person_limit_too_low": Reason("The training alone was more than one person may lose.", _PRIVACY),
    "namespace_unknown": Reason("No policy said what one person may lose in that namespace.", _PRIVACY),
    "namespace_without_persons": Reason(
        "A namespace was named, and no column that says who the persons are.", f"{_STEWARD}, by naming the column"
    ),
    "cohort_not_admitted": Reason(
        "Budget was to be charged before it was settled whose it is.",
        "an administrator, who has to find out why the step did not ask",
    ),
    "cohort_admitted": Reason("Persons who were admitted stay admitted.", "nobody; nothing is wrong"),
    "cohort_under_way": Reason(
        "Another attempt was putting the same persons down.", "nobody; the next attempt finds them"
    ),
    "cohort_changed": Reason(
        "The persons were not those whom an earlier attempt had admitted.",
        "the requester, by asking again; the persons are then admitted anew",
    ),
    "persons_not_known": Reason(
        "The release did not say whose budget is charged.",
        "the requester, by asking again; releases say it since",
    ),
    "privacy_budget_exhausted": Reason("The dataset's privacy budget does not allow that much.", _PRIVACY),
    "profile_keeps_what_gate_demands": Reason(
        "The de-identification profile leaves in what the gate wants transformed.",
        "the requester, with another profile; an administrator, with a gate that fits it",
    ),
    "noise_missing": Reason(
        "The noise of an update was not as strong as the plan asks for; training stopped there.",
        "an administrator, who has to find out why before anything is trained again",
    ),
    "noise_repeated": Reason(
        "The noise of an update was that of an earlier one; training stopped there.",
        "an administrator, who has to find out why before anything is trained again",
    ),
    "noise_too_strong": Reason(
        "The noise was too strong for noise in whole numbers.", "the requester, by asking for more epsilon"
    ),
    "made_up_values_not_reviewable": Reason(
        "The release did not say where made-up values stand in it; readers could not tell them from what was missed.",
        "the requester, by asking again; it is kept since",
    ),
    "method_not_claimed": Reason(
        "The signature named another method than the profile claims.", "a privacy officer, by signing what is claimed"
    ),
    "nothing_to_attest": Reason(
        "The profile claims nothing that would have to be signed.", "nobody; nothing is missing"
    ),
    "profile_takes_nothing_out": Reason(
        "The profile takes no kind of identifier out, so a reader would not know what to mark.",
        "the requester, with another profile",
    ),
    "profile_not_limited": Reason(
        "The gate is for limited data sets, and the profile did not make one.",
        "the requester, with a profile that claims a limited data set; an administrator, with another gate",
    ),
    "purpose_not_for_limited_dataset": Reason(
        "The law allows a limited data set for research, public health and the quality of care only.",
        "the requester, with a profile that takes dates and ages out too",
    ),
    "signature_withdrawn": Reason(
        "The signature under the report on what the model was trained on was withdrawn.",
        "a privacy officer, by signing again; the requester, by training on other records",
    ),
    "purpose_taken_back": Reason(
        "The dataset may not be used any more for what the request is for.",
        f"the requester, with an allowed purpose; {_STEWARD}, by having the purposes reviewed",
    ),
    "quorum_changed": Reason(
        "The process counted votes by another rule than the one in force.",
        "an administrator, by giving every process the same quorum.toml and starting it again",
    ),
    "voted_before": Reason(
        "Somebody who had agreed to the plan agreed again, and a person counts once.", "somebody else who may agree"
    ),
    "purpose_not_allowed": Reason(
        "The dataset may not be used for the purpose that was named.",
        f"the requester, with an allowed purpose; {_STEWARD}, by having the purposes reviewed",
    ),
    "report_changed": Reason(
        "The signature named another report than that of the clean version.",
        "a privacy officer, after reading the report as it is",
    ),
    "retention_ended": Reason("The records were to be kept no longer.", f"{_STEWARD}, by registering newer records"),
    "suspended_past_retention": Reason(
        "The request was suspended when the records were to be kept no longer.",
        f"{_STEWARD}, by registering newer records",
    ),
    "key_over": Reason("The API key that was named did not work any more.", "an administrator, with another key"),
    "principal_is_revoked": Reason("The principal that was named had been revoked.", "an administrator"),
    "scope_exceeds_roles": Reason("The key would be for a role that its principal does not have.", "an administrator"),
    "roles_conflict": Reason("One principal may not hold these roles together.", "an administrator"),
    "too_few_to_review": Reason(
        "There are too few released records for a sample that could keep the gate's rules.",
        f"{_STEWARD}, by adding records",
    ),
    "own_policy": Reason("Who proposes an access policy cannot put it in force.", f"{_OFFICER} who did not propose it"),
    "policy_changed": Reason("Another access policy, or report about it, was named than waited.", _OFFICER),
    "policy_in_force": Reason("The access policy in force said that already.", "nobody; nothing is wrong"),
    "policy_locks_out": Reason("By that policy nobody could have changed the access policy any more.", _PROPOSER),
    "policy_missing": Reason("There was no version of the access policy yet.", "an administrator, by starting the api"),
    "policy_never_in_force": Reason("The access policy that was to be restored was never in force.", _PROPOSER),
    "policy_not_proposed": Reason("The access policy did not wait for a second person any more.", _PROPOSER),
    "policy_unsound": Reason("By that policy somebody could have done what no policy may allow.", _PROPOSER),
    "own_emergency": Reason("Who opens an emergency neither confirms nor reviews it.", f"{_OFFICER} who did not"),
    "emergency_confirmed_by_you": Reason("Who confirmed an emergency does not review it.", f"{_OFFICER} who did not"),
    "alias_names_it": Reason("The alias named that model version already, or none.", "nobody; nothing is wrong"),
    "not_served_before": Reason(
        "An alias goes back only to a model version that it named before.", f"{_APPROVER}, by a promotion"
    ),
    "taken_off_before": Reason(
        "The alias had been taken off that model version, which nobody undoes alone.", f"{_APPROVER}, by a promotion"
    ),
    "learned_from_the_erased": Reason(
        "A person whose records the model version learnt from was erased since.", "the requester, by training again"
    ),
    "roles_by_policy": Reason(
        "Roles are those of the access policy; nobody makes or changes one by itself.", _PROPOSER
    ),
    "role_not_granted": Reason(
        "Nobody becomes administrator or worker by a grant.", "an administrator, with an admin key for the person"
    ),
    "role_in_no_project": Reason(
        "The role is for emergencies, which are in no project.", "an administrator, who grants it everywhere"
    ),
    "projects_differ": Reason(
        "What was named is not all in one project, and data does not move between projects.",
        "the steward of the project, who registers it there",
    ),
    "project_archived_already": Reason("The project is archived, and stays as it is.", "nobody: make another project"),
    "project_archived": Reason("The project is archived: nothing new begins in it.", "an administrator"),
    "role_too_fresh": Reason(
        "Whoever approved had the role for it from the author, for less than 24 hours.",
        f"{_APPROVER} who has it from somebody else, or the same one later",
    ),
    "verdict_changed": Reason(
        "The decision named another verdict than that of the promotion, or the gate says another one by now.",
        f"{_APPROVER}, after reviewing the verdict",
    ),
    "not_overridable": Reason(
        "The gate stopped it by a rule that nobody can let pass, or for want of a measurement.",
        "the requester, with a better model version",
    ),
    "model_retired": Reason(
        "The model version was retired for good.", "nobody for this one; the requester, with another"
    ),
    "model_retired_before": Reason("The model version was retired before.", "nobody; nothing is wrong"),
    "alias_not_there": Reason("The alias does not name that model version.", "nobody; nothing is wrong"),
    "alias_unknown": Reason(
        "No alias of that name has been reviewed.", "an administrator, who proposes additions to the list"
    ),
    "not_deciding": Reason(
        "An approver and a privacy officer let pass what a gate stopped, and nobody else.",
        f"{_APPROVER}, or {_OFFICER}",
    ),
}
"""Every code of a refusal that is not about the input itself (`errors.Malformed`)."""


def reason(code: str, rule: str = "") -> Reason:
    """Why and who, for the code of a refusal or a failure and the line of the access policy that decided."""
    if code == "access_denied" and rule.endswith("/own"):
        return Reason("Nobody may approve what they asked for themselves.", f"{_APPROVER} who did not ask for it")
    return REASONS.get(code, _INPUT)


def spaced(word: str) -> str:
    """A word of a vocabulary with spaces: `care-quality` -> `care quality`, `EMAIL_ADDRESS` -> `email address`."""
    text = word.replace("-", " ").replace("_", " ")
    return text.lower() if word.isupper() else text
