"""Numbers that states and institutions issue, with their checksums. Forms and checks are Presidio's where it has them.

Presidio gives a number whose checksum fits the highest score there is. A checksum of one digit fits one number in ten
by chance, so here only the strong ones are sure by themselves and the others need a word of context to beat a pattern
that says something else. Either way the number is covered.
"""

from collections.abc import Callable, Sequence

import regex
from presidio_analyzer import PatternRecognizer
from presidio_analyzer.predefined_recognizers import (
    AbaRoutingRecognizer,
    AuAbnRecognizer,
    AuMedicareRecognizer,
    AuTfnRecognizer,
    CaSinRecognizer,
    DeHealthInsuranceRecognizer,
    DeIdCardRecognizer,
    DeSocialSecurityRecognizer,
    DeTaxIdRecognizer,
    FiPersonalIdentityCodeRecognizer,
    InAadhaarRecognizer,
    InPanRecognizer,
    ItFiscalCodeRecognizer,
    KrRrnRecognizer,
    MedicalLicenseRecognizer,
    NhsRecognizer,
    PlPeselRecognizer,
    SePersonnummerRecognizer,
    SgFinRecognizer,
    ThTninRecognizer,
    TrNationalIdRecognizer,
    UkDrivingLicenceRecognizer,
    UkNinoRecognizer,
    UkPassportRecognizer,
    UkVehicleRegistrationRecognizer,
    UsItinRecognizer,
    UsMbiRecognizer,
    UsNpiRecognizer,
    UsPassportRecognizer,
    UsSsnRecognizer,
    ZaIdNumberRecognizer,
)

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify import checksums
from tunewarden.steps.deidentify.patterns import ANY_RUN, Pattern, Run, Start
from tunewarden.steps.deidentify.word_lists import words_of

_GROUP = regex.compile(r"(?<other>\\.|\[(?:\\.|[^\\\]])*\])|\((?!\?)")
_BEFORE, _AFTER = r"(?<![\p{L}\d]|\d[.,/-])", r"(?![\p{L}\d]|[.,/-]\d)"


def _of_presidio(
    recogniser: PatternRecognizer,
    entity: EntityType,
    start: Start,
    *,
    runs: Sequence[Run | None] = (),
    score: float | None = None,
    context: str = "",
) -> tuple[Pattern, ...]:
    """A recogniser's patterns as ours, whole words only. `score` stands in for that of its patterns.

    `runs` says how many digits each of its patterns begins with (`Pattern.run`); None leaves the pattern out.
    """
    wanted = runs or [ANY_RUN] * len(recogniser.patterns)
    return tuple(
        Pattern(
            entity=entity,
            regex=f"{_BEFORE}(?:{_form(pattern.regex)}){_AFTER}",
            score=pattern.score if score is None else score,
            start=start,
            run=run,
            valid=_checked(recogniser),
            context=words_of(" ".join(word.lower() for word in recogniser.context or () if " " not in word))
            | words_of(context),
            context_after=True,
        )
        for pattern, run in zip(recogniser.patterns, wanted, strict=True)
        if run is not None
    )


def _form(written: str) -> str:
    """A regex of Presidio without flags and groups; where it refers to its one group of separators, by name."""
    form = written.replace("(?i)", "")
    if r"\1" in form:
        form = form.replace("([", "(?<same>[", 1).replace(r"\1", "(?P=same)")
    return str(_GROUP.sub(lambda match: match["other"] or "(?:", form))


def _checked(recogniser: PatternRecognizer) -> Callable[[str], bool]:
    def valid(text: str) -> bool:
        return recogniser.validate_result(text.upper()) is not False and not recogniser.invalidate_result(text)

    return valid


def _own(
    entity: EntityType,
    form: str,
    score: float,
    start: Start,
    *,
    run: Run = ANY_RUN,
    valid: Callable[[str], bool] | None = None,
    context: frozenset[str] = frozenset(),
) -> Pattern:
    regex = f"{_BEFORE}(?:{form}){_AFTER}"
    return Pattern(entity=entity, regex=regex, score=score, start=start, run=run, valid=valid, context=context)


_NATIONAL = EntityType.NATIONAL_ID
_N, _C = Start.NUMBER, Start.CODE

ISSUED: tuple[Pattern, ...] = (
    # United States
    *_of_presidio(
        UsSsnRecognizer(),
        EntityType.SSN,
        _N,
        runs=(
            (5, 5),
            (3, 3),
            (3, 3),
            (9, 9),
            (3, 3),
        ),
        context="ssn social security ss",
    ),
    Pattern(  # with the separators of one, even of a number that was never issued; a table's comma may stand beside it
        entity=EntityType.SSN,
        regex=r"(?<![\p{L}\d]|\d[./-])\d{3}(?<same>[- .])\d{2}(?P=same)\d{4}(?![\p{L}\d]|[./-]\d)",
        score=0.7,
        start=_N,
        run=(3, 3),
    ),
    *_of_presidio(
        UsItinRecognizer(),
        EntityType.SSN,
        _N,
        runs=(
            (3, 5),
            (9, 9),
            (3, 3),
        ),
    ),
    *_of_presidio(
        UsMbiRecognizer(),
        EntityType.HEALTH_PLAN,
        _N,
        runs=(
            (1, 1),
            (1, 1),
        ),
        score=0.7,
    ),
    *_of_presidio(
        UsNpiRecognizer(),
        EntityType.LICENCE,
        _N,
        runs=(
            (10, 10),
            (4, 4),
        ),
        score=0.47,
    ),
    *_of_presidio(MedicalLicenseRecognizer(), EntityType.LICENCE, _C, score=0.8),
    *_of_presidio(UsPassportRecognizer(), EntityType.PASSPORT, _N, runs=((9, 9), None)),
    *_of_presidio(UsPassportRecognizer(), EntityType.PASSPORT, _C),
    *_of_presidio(
        AbaRoutingRecognizer(),
        EntityType.ACCOUNT,
        _N,
        runs=(
            (9, 9),
            (4, 4),
        ),
        score=0.3,
        context="routing aba rtn",
    ),
    _own(
        EntityType.DEVICE,
        r"\d{2}[ -]?\d{6}[ -]?\d{6}[ -]?\d",
        0.6,
        _N,
        run=(2, 15),
        valid=checksums.luhn,
        context=words_of("imei"),
    ),
    # United Kingdom
    *_of_presidio(NhsRecognizer(), _NATIONAL, _N, runs=((3, 10),), score=0.5),
    *_of_presidio(UkNinoRecognizer(), _NATIONAL, _C, score=0.7),
    *_of_presidio(UkDrivingLicenceRecognizer(), EntityType.LICENCE, _C, score=0.8),
    *_of_presidio(UkPassportRecognizer(), EntityType.PASSPORT, _C),
    *_of_presidio(UkVehicleRegistrationRecognizer(), EntityType.VEHICLE, _C),
    # Spain and Latin America
    _own(_NATIONAL, r"(?:\d{8}|\d{1,2}\.\d{3}\.\d{3})[- .]?[A-Z]", 0.85, _N, run=(1, 8), valid=checksums.dni),
    _own(_NATIONAL, r"(?-i:(?:\d{8}|\d{1,2}\.\d{3}\.\d{3})[- ]?[A-HJ-NP-TV-Z])", 0.5, _N, run=(1, 8)),
    _own(_NATIONAL, r"[XYZ][- .]?(?:\d{7}|\d\.\d{3}\.\d{3})[- .]?[A-Z]", 0.85, _C, valid=checksums.dni),
    _own(_NATIONAL, r"(?-i:[XYZ][- ]?\d{7}[- ]?[A-Z])", 0.6, _C),
    _own(
        EntityType.HEALTH_PLAN,
        r"\d{2}[ /-]?\d{7,8}[ /-]?\d{2}",
        0.6,
        _N,
        run=(2, 12),
        valid=checksums.spanish_social_security,
    ),
    _own(EntityType.HEALTH_PLAN, r"\d{2}[ /-]\d{7,8}[ /-]\d{2}", 0.5, _N, run=(2, 2)),
    _own(EntityType.VEHICLE, r"(?-i:\d{4}[ -]?[BCDFGHJKLMNPRSTVWXYZ]{3})", 0.5, _N, run=(4, 4)),
    _own(_NATIONAL, r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z\d]\d", 0.9, _C),
    _own(_NATIONAL, r"(?-i:[A-ZÑ&]{3,4}\d{6}[A-Z\d]{3})", 0.6, _C),
    _own(_NATIONAL, r"\d{1,2}\.\d{3}\.\d{3}-[\dk]|\d{7,8}-[\dk]", 0.6, _N, run=(1, 8)),
    _own(_NATIONAL, r"\d{2}-\d{8}-\d", 0.6, _N, run=(2, 2)),
    _own(_NATIONAL, r"\d{3}\.\d{3}\.\d{3}-\d{2}", 0.8, _N, run=(3, 3)),
    # other countries of Europe
    _own(
        _NATIONAL,
        r"[12][ ]?\d{2}[ ]?\d{2}[ ]?(?:\d{2}|2[AB])[ ]?\d{3}[ ]?\d{3}[ ]?\d{2}",
        0.85,
        _N,
        run=(1, 15),
        valid=checksums.insee,
    ),
    *_of_presidio(ItFiscalCodeRecognizer(), _NATIONAL, _C, score=0.85),
    *_of_presidio(DeTaxIdRecognizer(), _NATIONAL, _N, runs=((11, 11),), score=0.5),
    *_of_presidio(
        DeSocialSecurityRecognizer(),
        _NATIONAL,
        _N,
        runs=(
            (8, 8),
            (8, 8),
        ),
        score=0.7,
    ),
    *_of_presidio(DeIdCardRecognizer(), _NATIONAL, _C, score=0.42),
    *_of_presidio(DeHealthInsuranceRecognizer(), EntityType.HEALTH_PLAN, _C, score=0.6),
    *_of_presidio(PlPeselRecognizer(), _NATIONAL, _N, runs=((11, 11),), score=0.55),
    *_of_presidio(
        SePersonnummerRecognizer(),
        _NATIONAL,
        _N,
        runs=(
            (6, 12),
            (6, 12),
        ),
        score=0.55,
    ),
    *_of_presidio(
        FiPersonalIdentityCodeRecognizer(),
        _NATIONAL,
        _N,
        runs=(
            (6, 6),
            (6, 6),
        ),
        score=0.8,
    ),
    *_of_presidio(TrNationalIdRecognizer(), _NATIONAL, _N, runs=((11, 11),), score=0.5),
    # elsewhere
    *_of_presidio(
        CaSinRecognizer(),
        _NATIONAL,
        _N,
        runs=(
            (9, 9),
            (3, 3),
        ),
    ),
    *_of_presidio(
        InAadhaarRecognizer(),
        _NATIONAL,
        _N,
        runs=(
            (12, 12),
            (4, 4),
        ),
        score=0.55,
    ),
    _own(_NATIONAL, r"\d{4}(?<same>[ -])\d{4}(?P=same)\d{4}", 0.5, _N, run=(4, 4)),
    *_of_presidio(InPanRecognizer(), _NATIONAL, _C)[:2],
    *_of_presidio(
        AuTfnRecognizer(),
        _NATIONAL,
        _N,
        runs=(
            (3, 3),
            (9, 9),
        ),
        score=0.42,
    ),
    *_of_presidio(
        AuMedicareRecognizer(),
        EntityType.HEALTH_PLAN,
        _N,
        runs=(
            (4, 4),
            (10, 10),
        ),
        score=0.5,
    ),
    *_of_presidio(
        AuAbnRecognizer(),
        EntityType.OTHER_ID,
        _N,
        runs=(
            (2, 2),
            (11, 11),
        ),
        score=0.5,
    ),
    *_of_presidio(SgFinRecognizer(), _NATIONAL, _C),
    *_of_presidio(KrRrnRecognizer(), _NATIONAL, _N, runs=((6, 13),), score=0.6),
    *_of_presidio(ZaIdNumberRecognizer(), _NATIONAL, _N, runs=((13, 13),), score=0.6),
    *_of_presidio(ThTninRecognizer(), _NATIONAL, _N, runs=((13, 13),), score=0.6),
)
