"""Kinds of identifiers, and which of the eighteen categories of HIPAA Safe Harbor each stands for."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class EntityType(StrEnum):
    """Kinds of identifiers. A closed vocabulary: the words name counts in the log and placeholders in the text.

    The last group are attributes: none of them identifies alone, together they may (`steps/deidentify/quasi.py`).
    """

    NAME = "name"
    USERNAME = "username"
    PLACE = "place"  # a town, a region, a building: whatever is no street address
    ADDRESS = "address"
    POSTCODE = "postcode"
    COORDINATES = "coordinates"
    ORGANISATION = "organisation"
    DATE = "date"
    PHONE = "phone"
    FAX = "fax"
    EMAIL = "email"
    SSN = "ssn"
    NATIONAL_ID = "national-id"  # of other countries than the United States
    PASSPORT = "passport"
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
    MAC = "mac"
    BIOMETRIC = "biometric"  # a reference to one: "fingerprint ID 4471"
    PHOTOGRAPH = "photograph"  # a reference to one: "photo IMG_2031.jpg"
    OTHER_ID = "other-id"
    PERSON_ID = "person-id"  # the value of the record's own person column
    AGE = "age"
    SEX = "sex"
    DEMOGRAPHIC = "demographic"  # nationality, ethnicity, religion, civil status
    OCCUPATION = "occupation"
    RELATIVE = "relative"  # "his mother": that there is one, not what she is called
    PARTICULAR = "particular"  # an amount or a circumstance that singles a case out
    RARE_CONDITION = "rare-condition"  # a disease, a procedure or a circumstance that few people have


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
        SafeHarbor.GEOGRAPHY: (
            EntityType.ADDRESS,
            EntityType.POSTCODE,
            EntityType.PLACE,
            EntityType.COORDINATES,
        ),
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
        SafeHarbor.DEVICE: (EntityType.DEVICE, EntityType.MAC),
        SafeHarbor.URL: (EntityType.URL,),
        SafeHarbor.IP: (EntityType.IP,),
        SafeHarbor.BIOMETRIC: (EntityType.BIOMETRIC,),
        SafeHarbor.PHOTOGRAPH: (EntityType.PHOTOGRAPH,),
        SafeHarbor.OTHER: (
            EntityType.NATIONAL_ID,
            EntityType.PASSPORT,
            EntityType.USERNAME,
            EntityType.OTHER_ID,
            EntityType.PERSON_ID,
        ),
    }
)
"""Which kinds of identifiers stand for a category."""

KNOWN_GAPS: Mapping[SafeHarbor, str] = MappingProxyType(
    {
        SafeHarbor.NAMES: "nicknames and names that are words of prose where nothing around them says so",
        SafeHarbor.GEOGRAPHY: "landmarks and descriptions of a place without its name",
        SafeHarbor.DATES: "holidays and weekdays by name",
        SafeHarbor.BIOMETRIC: "references by a number only; the recordings themselves are not text",
        SafeHarbor.PHOTOGRAPH: "references by a file name or number only; pictures are not text",
        SafeHarbor.OTHER: "rare characteristics that single a person out",
    }
)
"""What the recognisers are known not to find, in words for the report."""
