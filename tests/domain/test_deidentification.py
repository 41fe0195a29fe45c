"""Profiles and the Safe Harbor table."""

from decimal import Decimal
from pathlib import Path

import pytest

from tunewarden.domain.canonical import decode, digest_bytes, encode, from_plain, to_plain
from tunewarden.domain.deidentification import (
    KNOWN_GAPS,
    SAFE_HARBOR,
    EntityType,
    Operator,
    Profile,
    SafeHarbor,
    parse_profile,
)
from tunewarden.domain.errors import Malformed

SHIPPED = Path(__file__).parents[2] / "policies" / "deid"
GOOD = 'name = "strict"\nlanguage = "en"\nthreshold = "0.4"\ndefault = "replace"\n[operators]\ndate = "mask"\n'


def test_a_profile_says_what_happens_to_every_kind_of_identifier() -> None:
    profile = parse_profile("strict", GOOD)
    assert profile.operator(EntityType.DATE) is Operator.MASK
    assert profile.operator(EntityType.NAME) is Operator.REPLACE
    assert profile.threshold == Decimal("0.4")


def test_the_digest_of_a_profile_is_that_of_its_canonical_bytes_which_can_be_read_back() -> None:
    profile = parse_profile("strict", GOOD)
    stored = encode(to_plain(profile))
    assert digest_bytes(stored) == profile.digest()
    assert from_plain(Profile, decode(stored)) == profile


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (GOOD.replace("date =", "shoe-size ="), "unknown_entity_type"),
        (GOOD.replace('"mask"', '"encrypt"'), "unknown_operator"),
        (GOOD.replace('"replace"', '"forget"'), "unknown_operator"),
        (GOOD + '[extra]\nfield = "1"\n', "profile_fields"),
        (GOOD.replace('language = "en"\n', ""), "profile_fields"),
        (GOOD.replace('"0.4"', "0.4"), "profile_fields"),
        (GOOD.replace('"0.4"', '"much"'), "profile_fields"),
        (GOOD.replace('"0.4"', '"0"'), "threshold_out_of_range"),
        (GOOD.replace('"0.4"', '"NaN"'), "threshold_out_of_range"),
        (GOOD.replace("strict", "lenient"), "profile_name"),
        (GOOD.replace("[operators]", "[operators"), "profile_not_toml"),
        (GOOD.replace('[operators]\ndate = "mask"', 'operators = "none"'), "profile_fields"),
    ],
)
def test_a_profile_with_anything_unknown_in_it_is_refused_whole(broken: str, code: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_profile("strict", broken)
    assert refused.value.code == code


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.toml")), ids=lambda file: file.stem)
def test_every_shipped_profile_can_be_read(file: Path) -> None:
    assert parse_profile(file.stem, file.read_text(encoding="utf-8")).language == "en"


def test_the_safe_harbor_profile_names_every_kind_and_keeps_none() -> None:
    profile = parse_profile("hipaa-safe-harbor", (SHIPPED / "hipaa-safe-harbor.toml").read_text(encoding="utf-8"))
    assert set(profile.operators) == set(EntityType)
    assert Operator.KEEP not in profile.operators.values()


def test_safe_harbor_has_eighteen_categories_and_every_kind_stands_for_exactly_one() -> None:
    assert list(SAFE_HARBOR) == list(SafeHarbor)
    assert len(SAFE_HARBOR) == 18
    kinds = [kind for kinds in SAFE_HARBOR.values() for kind in kinds]
    assert sorted(kinds) == sorted(EntityType)


def test_a_category_without_a_detector_is_named_as_a_gap() -> None:
    without = {category for category, kinds in SAFE_HARBOR.items() if not kinds}
    assert without == {SafeHarbor.BIOMETRIC, SafeHarbor.PHOTOGRAPH}
    assert without <= set(KNOWN_GAPS)
