"""A training that does what its plan says gets a certificate, and is left as it was found."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import torch
from tests.steps.train.planted import Subject, classifier, completer, of_records, scaled_clip
from tests.steps.train.precisions import PRECISIONS

from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.errors import Refused
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import NoiseForm, Plan, Precision
from tunewarden.steps.train.certificate import MEANINGS, Certificate, Check, CheckName, passed, worst
from tunewarden.steps.train.conformance_clips import tolerance
from tunewarden.steps.train.discrete_noise import Grid, GridClipper
from tunewarden.steps.train.release import Release, noise_of
from tunewarden.steps.train.single_pass import SinglePassClipper

pytestmark = pytest.mark.filterwarnings("ignore:Full backward hook is firing")


@pytest.fixture(params=["classification", "completion"])
def subject(request: pytest.FixtureRequest, base: Path, plan: Plan, tmp_path: Path) -> Subject:
    return classifier(base, plan) if request.param == "classification" else completer(base, plan, tmp_path)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("unit", PrivacyUnit)
def test_an_honest_training_passes_every_check(
    base: Path, plan: Plan, tmp_path: Path, precision: Precision, unit: PrivacyUnit
) -> None:
    for subject in (classifier(base, plan, precision), completer(base, plan, tmp_path, precision)):
        certificate = (subject if unit is PrivacyUnit.PERSON else of_records(subject)).certify()
        assert {check.name for check in certificate.checks} == set(CheckName)
        assert all(check.passed for check in certificate.checks)
        assert certificate.not_checked == ()
        assert certificate.precision is precision


def test_the_release_of_the_loop_passes_in_both_forms_of_noise(subject: Subject) -> None:
    numbers = sum(parameter.numel() for parameter in subject.model.trainable().values())
    for form in NoiseForm:
        plan = replace(subject.plan, recipe=replace(subject.plan.recipe, noise=form))
        multiplier = float(plan.mechanism.noise_multiplier)

        def on_a_grid(rows, clip, compute, multiplier=multiplier):  # type: ignore[no-untyped-def]
            own = SinglePassClipper(subject.model, rows, clip, compute)
            return GridClipper(own, Grid.fit(clip, multiplier, numbers))

        clipper = on_a_grid if form is NoiseForm.DISCRETE_GAUSSIAN else subject.honest().clipper
        with Release(plan, noise_of(plan, numbers)) as release:
            certificate = replace(subject, plan=plan).certify(
                release=lambda total, _drawn, release=release: release(total), clipper=clipper
            )
        assert certificate.not_checked == ()


def test_the_model_is_left_as_it_was_bit_for_bit(subject: Subject) -> None:
    subject.model.train()
    before = {name: tensor.clone() for name, tensor in subject.model.state_dict().items()}
    subject.certify()
    with pytest.raises(Refused):
        subject.certify(clipper=scaled_clip(subject.model, 2.0))
    assert all(torch.equal(tensor, before[name]) for name, tensor in subject.model.state_dict().items())
    assert all(parameter.grad is None for parameter in subject.model.parameters())
    assert all(module.training for module in subject.model.modules())


def test_a_certificate_survives_being_stored_and_names_plan_and_code(subject: Subject) -> None:
    certificate = subject.certify()
    stored = encode(to_plain(certificate))
    assert from_plain(Certificate, decode(stored)) == certificate
    assert certificate.plan == subject.plan.digest()
    assert certificate.device == "cpu"
    assert len(stored) < 2_000


def test_without_a_second_way_to_clip_the_certificate_says_that_it_was_not_checked(subject: Subject) -> None:
    def covers_nothing(*_given: object) -> SinglePassClipper:
        raise Refused("parameter_not_covered", "It does not know this layer.")

    for checker in (None, covers_nothing):
        assert subject.certify(checker=checker).not_checked == (CheckName.SECOND_WAY,)


def test_another_refusal_of_the_second_way_is_not_taken_for_a_lack_of_coverage(subject: Subject) -> None:
    def breaks(*_given: object) -> SinglePassClipper:
        raise Refused("precision_unsupported", "Not here.")

    with pytest.raises(Refused) as refused:
        subject.certify(checker=breaks)
    assert refused.value.code == "precision_unsupported"


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_clip_too_long_by_a_fifth_of_a_percent_is_found(base: Path, plan: Plan, precision: Precision) -> None:
    subject = classifier(base, plan, precision)
    with pytest.raises(Refused) as refused:
        subject.certify(clipper=scaled_clip(subject.model, 1.002))
    expected = {Precision.FLOAT32: "conformance_brute_force", Precision.BFLOAT16: "conformance_neighbours"}
    assert refused.value.code == expected[precision]


def test_in_float32_a_fiftieth_of_a_percent_is_found(subject: Subject) -> None:
    for factor in (1.0003, 0.9997):
        with pytest.raises(Refused, match="one person after the other"):
            subject.certify(clipper=scaled_clip(subject.model, factor))
    subject.certify(clipper=scaled_clip(subject.model, 1.00001))  # within what rounding may do


def test_a_check_fails_closed_on_what_is_not_a_number() -> None:
    for figure in (float("nan"), float("inf")):
        with pytest.raises(Refused):
            passed(CheckName.NEIGHBOURS, figure, 1.001)
        with pytest.raises(Refused):
            passed(CheckName.NEIGHBOURS, worst([0.5, figure, 0.7]), 1.001)


def test_what_is_measured_is_rounded_against_the_training() -> None:
    check = passed(CheckName.NEIGHBOURS, 1.0000000001, 1.001)
    assert check == Check(name=CheckName.NEIGHBOURS, measured=Decimal("1.000000001"), limit=Decimal("1.001"))
    with pytest.raises(Refused):
        passed(CheckName.NEIGHBOURS, 1.0010000001, 1.001)


def test_every_check_has_a_meaning_and_a_code_of_its_own() -> None:
    assert MEANINGS.keys() == set(CheckName)
    codes = set()
    for name in CheckName:
        with pytest.raises(Refused) as refused:
            passed(name, 2.0, 1.0)
        codes.add(refused.value.code)
    assert len(codes) == len(CheckName)


def test_rounding_may_never_do_more_than_a_thousandth_of_the_clip_beyond_it(plan: Plan) -> None:
    for precision in Precision:
        assert tolerance(replace(plan.recipe, precision=precision)).beyond == 1e-3
