"""De-identification profiles: which kind of identifier is transformed how, and what that covers of HIPAA Safe Harbor.

What comes out is "de-identified by this profile", with the misses measured (`policies/metrics.toml`, `deid.*`).
Whether the result is anonymous in the sense of GDPR Recital 26 is a legal claim that nothing here makes.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

from tunewarden.domain.canonical import digest_of
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Digest, PolicyName, policy_name


class EntityType(StrEnum):
    """Kinds of identifiers. A closed vocabulary: the words name counts in the log and placeholders in the text."""

    NAME = "name"
    ADDRESS = "address"
    POSTCODE = "postcode"
    DATE = "date"
    AGE = "age"  # over 89 years only: 45 CFR 164.514(b)(2)(i)(C)
    PHONE = "phone"
    FAX = "fax"
    EMAIL = "email"
    SSN = "ssn"
    MEDICAL_RECORD = "medical-record"
    HEALTH_PLAN = "health-plan"
    ACCOUNT = "account"
    CARD = "card"
    IBAN = "iban"
    LICENCE = "licence"
    VEHICLE = "vehicle"
    DEVICE = "device"
    URL = "url"
    IP = "ip"
    OTHER_ID = "other-id"
    PERSON_ID = "person-id"  # the value of the record's own person column


class Operator(StrEnum):
    """What is done to an identifier."""

    REPLACE = "replace"
    """Its type in brackets stands in its place: `[NAME]`."""
    REDACT = "redact"
    """It is taken out."""
    MASK = "mask"
    """Every character becomes `*`; the length stays, which may itself tell something."""
    KEEP = "keep"
    """Left as it is. The planted recall of a kept kind is 0, so a gate that asks for it does not pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is transformed how.

    Attributes:
        language: of the texts, ISO 639-1; the step refuses a language that it has no recognisers for.
        threshold: identifiers recognised with this score or more are transformed; 0 < threshold <= 1.
        operators: by kind of identifier.
        default: for every kind that `operators` does not name.
    """

    name: PolicyName
    language: str
    threshold: Decimal
    operators: Mapping[EntityType, Operator]
    default: Operator

    def __post_init__(self) -> None:
        if not (self.threshold.is_finite() and 0 < self.threshold <= 1):
            raise Malformed("threshold_out_of_range", "A profile's threshold is above 0 and at most 1.")

    def operator(self, entity: EntityType) -> Operator:
        """What happens to identifiers of this kind."""
        return self.operators.get(entity, self.default)

    def digest(self) -> Digest:
        """What a plan binds to: the digest of `canonical.encode(to_plain(profile))`."""
        return digest_of(self)


def parse_profile(name: str, toml_text: str) -> Profile:
    """Read a profile file called `name`. Raises `Malformed` for unknown kinds, operators or fields.

    The form is `policies/deid/default.toml`.
    """
    try:
        table = tomllib.loads(toml_text)
    except tomllib.TOMLDecodeError as error:
        raise Malformed("profile_not_toml", f"The profile is not TOML: {error}.") from error
    expected = {"name", "language", "threshold", "default", "operators"}
    if table.keys() != expected:
        wrong = ", ".join(sorted(table.keys() ^ expected))
        raise Malformed("profile_fields", f"A profile has exactly {', '.join(sorted(expected))}; at fault: {wrong}.")
    if table["name"] != name:
        raise Malformed("profile_name", f"The profile in file '{name}' has another name.", param="name")
    return Profile(
        name=policy_name(name),
        language=_text(table, "language"),
        threshold=_decimal(_text(table, "threshold")),
        operators=_operators(table["operators"]),
        default=_word(Operator, table["default"], "default"),
    )


class SafeHarbor(StrEnum):
    """The eighteen categories of 45 CFR 164.514(b)(2)(i), (A) to (R), in order."""

    NAMES = "names"
    GEOGRAPHY = "geographic-subdivisions"
    DATES = "dates-and-ages-over-89"
    TELEPHONE = "telephone-numbers"
    FAX = "fax-numbers"
    EMAIL = "email-addresses"
    SOCIAL_SECURITY = "social-security-numbers"
    MEDICAL_RECORD = "medical-record-numbers"
    HEALTH_PLAN = "health-plan-beneficiary-numbers"
    ACCOUNT = "account-numbers"
    LICENCE = "certificate-and-licence-numbers"
    VEHICLE = "vehicle-identifiers"
    DEVICE = "device-identifiers"
    URL = "urls"
    IP = "ip-addresses"
    BIOMETRIC = "biometric-identifiers"
    PHOTOGRAPH = "full-face-photographs"
    OTHER = "other-unique-identifiers"


SAFE_HARBOR: Mapping[SafeHarbor, tuple[EntityType, ...]] = MappingProxyType(
    {
        SafeHarbor.NAMES: (EntityType.NAME,),
        SafeHarbor.GEOGRAPHY: (EntityType.ADDRESS, EntityType.POSTCODE),
        SafeHarbor.DATES: (EntityType.DATE, EntityType.AGE),
        SafeHarbor.TELEPHONE: (EntityType.PHONE,),
        SafeHarbor.FAX: (EntityType.FAX,),
        SafeHarbor.EMAIL: (EntityType.EMAIL,),
        SafeHarbor.SOCIAL_SECURITY: (EntityType.SSN,),
        SafeHarbor.MEDICAL_RECORD: (EntityType.MEDICAL_RECORD,),
        SafeHarbor.HEALTH_PLAN: (EntityType.HEALTH_PLAN,),
        SafeHarbor.ACCOUNT: (EntityType.ACCOUNT, EntityType.CARD, EntityType.IBAN),
        SafeHarbor.LICENCE: (EntityType.LICENCE,),
        SafeHarbor.VEHICLE: (EntityType.VEHICLE,),
        SafeHarbor.DEVICE: (EntityType.DEVICE,),
        SafeHarbor.URL: (EntityType.URL,),
        SafeHarbor.IP: (EntityType.IP,),
        SafeHarbor.BIOMETRIC: (),
        SafeHarbor.PHOTOGRAPH: (),
        SafeHarbor.OTHER: (EntityType.OTHER_ID, EntityType.PERSON_ID),
    }
)
"""Which kinds of identifiers stand for a category; an empty tuple means that it has no detector."""

KNOWN_GAPS: Mapping[SafeHarbor, str] = MappingProxyType(
    {
        SafeHarbor.NAMES: "names without title, label or frequent given name; names in lower-case text",
        SafeHarbor.GEOGRAPHY: "places that are not part of a street address or beside a postcode",
        SafeHarbor.DATES: "holidays and weekdays by name",
        SafeHarbor.BIOMETRIC: "no detector",
        SafeHarbor.PHOTOGRAPH: "no detector: text only",
        SafeHarbor.OTHER: "rare characteristics that single a person out",
    }
)
"""What the recognisers are known not to find, in words for the report."""

W = TypeVar("W", bound=StrEnum)


def _operators(table: object) -> Mapping[EntityType, Operator]:
    if not isinstance(table, dict):
        raise Malformed("profile_fields", "'operators' is a table of entity type = operator.", param="operators")
    return MappingProxyType(
        {_word(EntityType, key, "operators"): _word(Operator, value, "operators") for key, value in table.items()}
    )


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table[key]
    if not isinstance(value, str):
        raise Malformed("profile_fields", f"'{key}' must be a string in quotes.", param=key)
    return value


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise Malformed("profile_fields", "'threshold' must be a decimal in quotes.", param="threshold") from error


def _word(kind: type[W], value: object, param: str) -> W:
    try:
        return kind(str(value))
    except ValueError as error:
        known = ", ".join(kind)
        raise Malformed(
            f"unknown_{'operator' if kind is Operator else 'entity_type'}",
            f"A word of the profile is not known; known are: {known}.",
            remedy="Use a known word.",
            param=param,
        ) from error
