"""Kinds of identifiers, categories, operators and figures of de-identification in plain words."""

from collections.abc import Mapping
from types import MappingProxyType

from tunewarden.domain.attestations import Knowledge, Withdrawal
from tunewarden.domain.deidentification import Method, Operator
from tunewarden.domain.identifiers import EntityType, SafeHarbor

_APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"

KINDS: Mapping[EntityType, str] = MappingProxyType(
    {
        EntityType.SSN: "social security number",
        EntityType.URL: "web address",
        EntityType.IP: "IP address",
        EntityType.MAC: "MAC address",
        EntityType.IBAN: "IBAN",
        EntityType.EMAIL: "e-mail address",
        EntityType.NATIONAL_ID: "national id of another country",
        EntityType.USERNAME: "user name",
        EntityType.OTHER_ID: "other id",
        EntityType.PERSON_ID: f"the record{_APOSTROPHE}s own person id",
        EntityType.SEX: "sex",
        EntityType.RELATIVE: "word for a relative",
        EntityType.PARTICULAR: "amount or circumstance",
        EntityType.RARE_CONDITION: "rare disease, procedure or circumstance",
        EntityType.BIOMETRIC: "reference to a biometric",
        EntityType.PHOTOGRAPH: "reference to a photograph",
    }
)
"""Kinds whose word alone would not do."""

CATEGORIES: Mapping[SafeHarbor, str] = MappingProxyType(
    {
        SafeHarbor.NAMES: "Names",
        SafeHarbor.GEOGRAPHY: "Geographic subdivisions smaller than a state",
        SafeHarbor.DATES: "Dates, but for the year; ages over 89",
        SafeHarbor.TELEPHONE: "Telephone numbers",
        SafeHarbor.FAX: "Fax numbers",
        SafeHarbor.EMAIL: "E-mail addresses",
        SafeHarbor.SOCIAL_SECURITY: "Social security numbers",
        SafeHarbor.MEDICAL_RECORD: "Medical record numbers",
        SafeHarbor.HEALTH_PLAN: "Health plan beneficiary numbers",
        SafeHarbor.ACCOUNT: "Account numbers",
        SafeHarbor.LICENCE: "Certificate and licence numbers",
        SafeHarbor.VEHICLE: "Vehicle identifiers and plates",
        SafeHarbor.DEVICE: "Device identifiers and serial numbers",
        SafeHarbor.URL: "Web addresses (URLs)",
        SafeHarbor.IP: "Internet protocol addresses",
        SafeHarbor.BIOMETRIC: "Biometric identifiers",
        SafeHarbor.PHOTOGRAPH: "Full-face photographs",
        SafeHarbor.OTHER: "Any other unique identifying number or code",
    }
)
"""The eighteen categories, in short."""

OPERATORS: Mapping[Operator, str] = MappingProxyType(
    {
        Operator.REPLACE: "replaced by its type",
        Operator.REDACT: "taken out",
        Operator.MASK: "masked",
        Operator.SURROGATE: "replaced by a made-up one",
        Operator.SHIFT: "moved by the person\N{RIGHT SINGLE QUOTATION MARK}s own number of days",
        Operator.YEAR: "cut to the year",
        Operator.TOP_CODE: "90+ if over 89",
        Operator.BAND: "a band of five years",
        Operator.TRUNCATE: "cut to three digits",
        Operator.HMAC: "a keyed digest",
        Operator.PSEUDONYM: "a reversible pseudonym",
        Operator.KEEP: "left as it is",
    }
)
"""What is done."""

METHODS: Mapping[Method, str] = MappingProxyType(
    {
        Method.NONE: "Nothing is claimed",
        Method.SAFE_HARBOR: "HIPAA Safe Harbor",
        Method.EXPERT_DETERMINATION: "HIPAA expert determination",
        Method.LIMITED_DATASET: "HIPAA limited data set",
        Method.PSEUDONYMISED: "GDPR pseudonymisation",
    }
)
"""What a profile claims."""

STATEMENTS: Mapping[Knowledge, str] = MappingProxyType(
    {
        Knowledge.NONE: "that they know of nothing that would identify a person",
        Knowledge.AGREEMENT: "that a data use agreement is in force with whoever gets the data or a model of them",
    }
)
"""What whoever signs states with the signature."""

DECLARATIONS: Mapping[Knowledge, str] = MappingProxyType(
    {
        Knowledge.NONE: (
            "I have no actual knowledge that what remains could be used alone or in combination with other information "
            "to identify a person in these data (45 CFR 164.514(b)(2)(ii))."
        ),
        Knowledge.AGREEMENT: (
            "A data use agreement is in force with everybody who gets these data, or a model that learned from them: "
            "it names the uses that are permitted and who may make them, and forbids to identify or contact anybody "
            "(45 CFR 164.514(e)(4))."
        ),
    }
)
"""The same in the words of whoever signs."""

WITHDRAWALS: Mapping[Withdrawal, str] = MappingProxyType(
    {
        Withdrawal.KNOWLEDGE: "something is known by which a person could be identified",
        Withdrawal.AGREEMENT_ENDED: "the data use agreement has ended, or is not kept",
        Withdrawal.MISTAKE: "it was signed by mistake",
    }
)
"""Why a signature was withdrawn."""

MEASURES: Mapping[str, str] = MappingProxyType(
    {
        "deid.planted_recall": "Planted identifiers of all kinds that were found, entirely",
        "deid.rescan_hits_per_1000_records": "Records, of 1,000, in which a second, closer look saw something left",
        "deid.value_leaks_per_1000_records": "Records, of 1,000, in which an identifier of their person still stands",
        "deid.k_anonymity": "Persons in the smallest group that shares all readable attributes (k)",
        "deid.persons_below_k_share": "Share of persons in groups smaller than wanted",
        "deid.l_diversity": "Different labels in the group that has the fewest (l)",
        "deid.generalised_value_share": "Share of readable attributes that gave way so that k holds",
        "deid.duplicate_share": "Share of records that repeat another one, exactly or nearly",
        "deid.name_recall_gap": "How far recall of names of one origin and gender falls behind the others",
        "deid.attested": "Whether nothing has to be signed, or it is signed (1)",
        "deid.data_use_agreement": "Whether it is signed that a data use agreement is in force (1)",
    }
)
"""What was measured; a metric that is not here is shown by its own name."""


def kind_name(kind: str) -> str:
    """A kind in words; a word that is not known is shown as it is."""
    try:
        return KINDS.get(EntityType(kind), kind.replace("-", " "))
    except ValueError:
        return kind.replace("-", " ")


def operator_name(word: str) -> str:
    """What is done, in words."""
    return OPERATORS[Operator(word)] if word in list(Operator) else word


def category_name(word: str) -> str:
    """A category in words."""
    return CATEGORIES[SafeHarbor(word)] if word in list(SafeHarbor) else word.replace("-", " ")
