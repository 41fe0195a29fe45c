"""Profiles: what is recognised in which language by which engine, what becomes of it, and what a claim forbids."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tunewarden.domain.canonical import decode, digest_bytes, encode, from_plain, to_plain
from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile, parse_profile
from tunewarden.domain.errors import Malformed
from tunewarden.domain.identifiers import KNOWN_GAPS, SAFE_HARBOR, EntityType, SafeHarbor
from tunewarden.domain.names import Digest

SHIPPED = Path(__file__).parents[2] / "policies" / "deid"
GOOD = """
name = "strict"
method = "none"
languages = ["en", "es"]
threshold = "0.4"
default = "replace"
[engine]
kind = "starter"
threshold = "0.2"
[operators]
date = "shift"
"""


def put(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def test_a_profile_says_what_happens_to_every_kind_of_identifier() -> None:
    profile = parse_profile("strict", GOOD)
    assert profile.operator(EntityType.DATE) is Operator.SHIFT
    assert profile.operator(EntityType.NAME) is Operator.REPLACE
    assert profile.threshold == Decimal("0.4")
    assert profile.engine == Engine(kind=EngineKind.STARTER, threshold=Decimal("0.2"))


def test_the_digest_of_a_profile_is_that_of_its_canonical_bytes_which_can_be_read_back() -> None:
    profile = parse_profile("strict", GOOD)
    stored = encode(to_plain(profile))
    assert digest_bytes(stored) == profile.digest()
    assert from_plain(Profile, decode(stored)) == profile


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (put('"shift"', '"blur"'), "unknown_operator"),
        (put("date =", "star-sign ="), "unknown_entity_type"),
        (put('"starter"', '"oracle"'), "unknown_engine"),
        (put('method = "none"', 'method = "anonymous"'), "unknown_method"),
        (put('"strict"', '"lax"'), "profile_name"),
        (put('default = "replace"\n', ""), "profile_fields"),
        (put('languages = ["en", "es"]', 'languages = "en"'), "profile_fields"),
        (put('languages = ["en", "es"]', "languages = []"), "profile_fields"),
        (put('languages = ["en", "es"]', 'languages = ["en", "en"]'), "profile_fields"),
        (put('threshold = "0.4"', "threshold = 0.4"), "profile_fields"),
        (put('threshold = "0.4"', 'threshold = "much"'), "profile_fields"),
        (put('threshold = "0.4"', 'threshold = "0"'), "threshold_out_of_range"),
        (put('threshold = "0.2"', 'threshold = "1.1"'), "threshold_out_of_range"),
        (put('threshold = "0.2"', 'threshold = "NaN"'), "threshold_out_of_range"),
        (put('kind = "starter"', 'kind = "spacy"'), "engine_fields"),
        (put('kind = "starter"', 'kind = "starter"\nmodel = "x"'), "engine_fields"),
        (put('kind = "starter"', 'kind = "starter"\ncolour = "x"'), "profile_fields"),
        (put("date =", "name ="), "operator_for_other_kind"),
        (put('default = "replace"', 'default = "band"'), "operator_for_other_kind"),
        ("name = ", "profile_not_toml"),
    ],
)
def test_a_profile_that_is_not_one_is_refused(broken: str, code: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_profile("strict", broken)
    assert refused.value.code == code


def claiming(method: Method, changed: dict[EntityType, Operator]) -> Profile:
    return Profile(
        name=parse_profile("strict", GOOD).name,
        method=method,
        languages=("en",),
        threshold=Decimal("0.4"),
        engine=Engine(kind=EngineKind.PATTERNS, threshold=Decimal("0.5")),
        operators=changed,
        default=Operator.REPLACE,
    )


@pytest.mark.parametrize("category", list(SafeHarbor))
def test_a_profile_that_claims_safe_harbor_may_keep_nothing_of_any_category(category: SafeHarbor) -> None:
    for entity in SAFE_HARBOR[category]:
        with pytest.raises(Malformed) as refused:
            claiming(Method.SAFE_HARBOR, {entity: Operator.KEEP})
        assert refused.value.code == "profile_breaks_its_claim"
        assert claiming(Method.NONE, {entity: Operator.KEEP}).operator(entity) is Operator.KEEP


@pytest.mark.parametrize(
    ("entity", "operator"),
    [
        (EntityType.DATE, Operator.SHIFT),
        (EntityType.DATE, Operator.SURROGATE),
        (EntityType.MEDICAL_RECORD, Operator.PSEUDONYM),
        (EntityType.NAME, Operator.HMAC),
    ],
)
def test_what_is_derived_from_the_person_is_no_safe_harbor(entity: EntityType, operator: Operator) -> None:
    """45 CFR 164.514(b)(2)(i)(C) and (R), (c)(1): a code must not be derived from information about the person."""
    with pytest.raises(Malformed) as refused:
        claiming(Method.SAFE_HARBOR, {entity: operator})
    assert refused.value.code == "profile_breaks_its_claim"


def test_a_limited_dataset_may_keep_dates_ages_and_postcodes_and_no_names() -> None:
    kept = dict.fromkeys((EntityType.DATE, EntityType.AGE, EntityType.POSTCODE), Operator.KEEP)
    assert claiming(Method.LIMITED_DATASET, kept).operator(EntityType.DATE) is Operator.KEEP
    with pytest.raises(Malformed):
        claiming(Method.LIMITED_DATASET, {EntityType.NAME: Operator.KEEP})


def test_an_engine_of_somebody_else_names_its_folder_and_pins_it() -> None:
    pinned = Digest("sha256:" + "0" * 64)
    made = parse_profile(
        "strict", put('kind = "starter"', f'kind = "transformers"\nmodel = "clinical"\ndigest = "{pinned}"')
    )
    assert (made.engine.model, made.engine.digest) == ("clinical", pinned)


def _names() -> list[str]:
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def test_the_shipped_profiles_are_those_that_are_documented() -> None:
    assert _names() == ["default", "default-k5", "gdpr-pseudonymised", "hipaa-limited-dataset", "hipaa-safe-harbor"]


@pytest.mark.parametrize("name", _names())
def test_every_shipped_profile_can_be_read_and_no_name_is_kept_by_it(name: str) -> None:
    profile = parse_profile(name, (SHIPPED / f"{name}.toml").read_text(encoding="utf-8"))
    assert profile.operator(EntityType.NAME) is not Operator.KEEP
    assert profile.languages == ("en", "es")


@pytest.mark.parametrize(
    "claim",
    [
        lambda: set(SAFE_HARBOR) == set(SafeHarbor),
        lambda: len(SafeHarbor) == 18,
        lambda: set(KNOWN_GAPS) <= set(SafeHarbor),
    ],
)
def test_the_table_of_the_eighteen_categories_is_whole(claim: Callable[[], bool]) -> None:
    assert claim()
    assert all(SAFE_HARBOR.values()), "every category has a kind that stands for it"
