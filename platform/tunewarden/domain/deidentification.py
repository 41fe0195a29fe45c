"""De-identification profiles: in which languages, by which engine what is recognised, and what becomes of each kind.

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

from tunewarden.domain.canonical import Plain, digest_of
from tunewarden.domain.errors import Malformed
from tunewarden.domain.identifiers import SAFE_HARBOR, EntityType, SafeHarbor
from tunewarden.domain.names import Digest, PolicyName, digest_name, policy_name


class Operator(StrEnum):
    """What is done to an identifier. `steps/deidentify/operators.py` does it."""

    REPLACE = "replace"
    """Its type in brackets stands in its place: `[NAME]`."""
    REDACT = "redact"
    """It is taken out."""
    MASK = "mask"
    """Every letter and digit becomes `*`; the length stays, which may itself tell something."""
    SURROGATE = "surrogate"
    """A made-up one of the same kind, form and locale; the same person's same value always becomes the same."""
    SHIFT = "shift"
    """Dates: moved by a number of days that is the person's own and cannot be derived from the record."""
    YEAR = "year"
    """Dates: only the year stays (45 CFR 164.514(b)(2)(i)(C))."""
    TOP_CODE = "top-code"
    """Ages: over 89 becomes `90+`, others stay (45 CFR 164.514(b)(2)(i)(C))."""
    BAND = "band"
    """Ages: the five years they lie in, over 89 `90+`."""
    TRUNCATE = "truncate"
    """Postcodes: the first three digits of a ZIP, `000` for areas of 20,000 people or fewer (164.514(b)(2)(i)(B))."""
    HMAC = "hmac"
    """Its type and a keyed digest of it: the same person's same value can be told, the value cannot be recovered."""
    PSEUDONYM = "pseudonym"
    """Its type and its ciphertext under the person's own key, which can turn it back; without the key nobody can."""
    KEEP = "keep"
    """Left as it is. The planted recall of a kept kind is 0, so a gate that asks for it does not pass."""


LEFT_STANDING = frozenset({Operator.KEEP, Operator.YEAR, Operator.TOP_CODE, Operator.BAND, Operator.TRUNCATE})
"""What leaves something of the value in the text, on purpose: whoever reads the text should not take it for a leak."""

ONLY_FOR: Mapping[Operator, frozenset[EntityType]] = MappingProxyType(
    {
        Operator.SHIFT: frozenset({EntityType.DATE}),
        Operator.YEAR: frozenset({EntityType.DATE}),
        Operator.TOP_CODE: frozenset({EntityType.AGE}),
        Operator.BAND: frozenset({EntityType.AGE}),
        Operator.TRUNCATE: frozenset({EntityType.POSTCODE}),
    }
)
"""Operators that mean something for some kinds only; every other one can be used for any kind."""


class EngineKind(StrEnum):
    """What recognises names, places, organisations and the like, beside the patterns, which always take part."""

    STARTER = "starter"
    """The recogniser that comes with the platform: LoRA on all-MiniLM-L6-v2, English and Spanish."""
    SPACY = "spacy"
    TRANSFORMERS = "transformers"
    """A directory with a Hugging Face token classification model, safetensors only."""
    GLINER = "gliner"
    PATTERNS = "patterns"
    """Nothing: patterns and lists alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The model of a profile.

    Attributes:
        threshold: what the model finds with this probability or more is transformed; 0 < threshold <= 1.
        model: name of a folder among the recognisers of the settings; empty for the kinds that need none.
        digest: of that folder's weights, checked before they are loaded; None for the kinds that need none.
    """

    kind: EngineKind
    threshold: Decimal
    model: str = ""
    digest: Digest | None = None

    def __post_init__(self) -> None:
        _require_probability(self.threshold, "engine.threshold")
        needs_model = self.kind in {EngineKind.SPACY, EngineKind.TRANSFORMERS, EngineKind.GLINER}
        if needs_model != bool(self.model) or needs_model != (self.digest is not None):
            raise Malformed(
                "engine_fields",
                "An engine of the kinds spacy, transformers and gliner has 'model' and 'digest'; others have neither.",
                param="engine",
            )


class Method(StrEnum):
    """What a profile claims. A claim has to be signed by the privacy officer before anything is trained."""

    NONE = "none"
    SAFE_HARBOR = "hipaa-safe-harbor"
    """45 CFR 164.514(b)(2)."""
    EXPERT_DETERMINATION = "hipaa-expert-determination"
    """45 CFR 164.514(b)(1)."""
    LIMITED_DATASET = "hipaa-limited-dataset"
    """45 CFR 164.514(e); still protected health information."""
    PSEUDONYMISED = "gdpr-pseudonymised"
    """GDPR Art. 4(5); still personal data (Recital 26)."""


LIMITED_DATASET_KEEPS: frozenset[EntityType] = frozenset({EntityType.DATE, EntityType.AGE, EntityType.POSTCODE})
"""Kinds of the eighteen categories that 45 CFR 164.514(e)(2) leaves in a limited data set. Towns too, but they are
recognised as `PLACE` together with smaller places, so a limited data set here loses them."""


MOST_ALIKE = 1000
"""No profile asks for more persons who are alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is transformed how.

    Attributes:
        method: what the outcome may be called once somebody signed for it.
        languages: of the texts, ISO 639-1, one or more; a language without recognisers is refused by the step.
        threshold: what patterns and lists find with this score or more is transformed; 0 < threshold <= 1.
        operators: by kind of identifier.
        default: for every kind that `operators` does not name.
        k: so many persons or more have to be alike in what stays readable of them (`steps/deidentify/quasi.py`);
            more is taken out until they are. 0: nothing is taken out for it, only counted.
    """

    name: PolicyName
    method: Method
    languages: tuple[str, ...]
    threshold: Decimal
    engine: Engine
    operators: Mapping[EntityType, Operator]
    default: Operator
    k: int = 0

    def __post_init__(self) -> None:
        _require_probability(self.threshold, "threshold")
        if self.k != 0 and not 2 <= self.k <= MOST_ALIKE:
            raise Malformed("k_out_of_range", f"'k' is 0, or 2 to {MOST_ALIKE} persons.", param="k")
        if not self.languages or len(set(self.languages)) != len(self.languages):
            raise Malformed("profile_fields", "'languages' names one language or more, each once.", param="languages")
        for entity in EntityType:
            allowed = ONLY_FOR.get(self.operator(entity))
            if allowed is not None and entity not in allowed:
                raise Malformed(
                    "operator_for_other_kind",
                    f"The operator '{self.operator(entity)}' is not for '{entity}', but for: {', '.join(allowed)}.",
                    remedy="Use an operator that fits the kind.",
                    who="administrator",
                    param="operators",
                )
        _require_kept_promise(self)

    def operator(self, entity: EntityType) -> Operator:
        """What happens to identifiers of this kind."""
        return self.operators.get(entity, self.default)

    def digest(self) -> Digest:
        """What a plan binds to: the digest of `canonical.encode(profile)`."""
        return digest_of(self)


def claimed_method(profile: Plain) -> Method:
    """What a stored profile claims, of its canonical form; its other members are not looked at."""
    claimed = profile.get("method") if isinstance(profile, Mapping) else None
    return Method.NONE if claimed is None else Method(str(claimed))


def left_standing(profile: Plain) -> tuple[EntityType, ...]:
    """The kinds of which a stored profile, in its canonical form, leaves something in the text on purpose."""
    members = profile if isinstance(profile, Mapping) else {}
    operators, default = members.get("operators"), members.get("default")
    named = operators if isinstance(operators, Mapping) else {}
    return tuple(kind for kind in EntityType if named.get(kind, default) in LEFT_STANDING)


def parse_profile(name: str, toml_text: str) -> Profile:
    """Read a profile file called `name`. Raises `Malformed` for unknown kinds, operators or fields.

    The form is `policies/deid/default.toml`.
    """
    try:
        table = tomllib.loads(toml_text)
    except tomllib.TOMLDecodeError as error:
        raise Malformed("profile_not_toml", f"The profile is not TOML: {error}.") from error
    _require_fields(
        table, {"name", "method", "languages", "threshold", "default", "engine", "operators"}, optional={"k"}
    )
    if table["name"] != name:
        raise Malformed("profile_name", f"The profile in file '{name}' has another name.", param="name")
    return Profile(
        name=policy_name(name),
        method=_word(Method, table["method"], "method"),
        languages=_languages(table["languages"]),
        threshold=_decimal(table, "threshold"),
        engine=_engine(table["engine"]),
        operators=_operators(table["operators"]),
        default=_word(Operator, table["default"], "default"),
        k=_count(table.get("k", 0), "k"),
    )


W = TypeVar("W", bound=StrEnum)


_DERIVED = frozenset({Operator.HMAC, Operator.PSEUDONYM, Operator.SHIFT})
"""Operators whose outcome is derived from the value: a code that 45 CFR 164.514(c)(1) does not allow.

The law says so of de-identified data only; a limited data set is held to it too, on purpose.
"""


def _require_kept_promise(profile: Profile) -> None:
    """A profile that claims Safe Harbor or a limited data set leaves nothing in that the regulation wants out."""
    if profile.method not in {Method.SAFE_HARBOR, Method.LIMITED_DATASET}:
        return
    for category in SafeHarbor:
        for entity in SAFE_HARBOR[category]:
            if profile.method is Method.LIMITED_DATASET and entity in LIMITED_DATASET_KEEPS:
                continue
            operator = profile.operator(entity)
            dated = (
                entity is EntityType.DATE and operator is Operator.SURROGATE
            )  # a surrogate of a date is a shifted one
            if operator is Operator.KEEP or operator in _DERIVED or dated:
                raise Malformed(
                    "profile_breaks_its_claim",
                    f"The profile claims {profile.method}, but does '{operator}' to '{entity}', one of: {category}.",
                    remedy="Replace it by its type, or claim another method.",
                    who="administrator",
                    param="operators",
                )


def _engine(table: object) -> Engine:
    if not isinstance(table, dict):
        raise Malformed("profile_fields", "'engine' is a table.", param="engine")
    if not table.keys() <= {"kind", "threshold", "model", "digest"} or not table.keys() >= {"kind", "threshold"}:
        raise Malformed("profile_fields", "'engine' has kind and threshold, and may have model and digest.")
    return Engine(
        kind=_word(EngineKind, table["kind"], "engine.kind"),
        threshold=_decimal(table, "threshold"),
        model=_text(table, "model") if "model" in table else "",
        digest=digest_name(_text(table, "digest")) if "digest" in table else None,
    )


def _languages(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Malformed("profile_fields", "'languages' is a list of language codes in quotes.", param="languages")
    return tuple(value)


def _operators(table: object) -> Mapping[EntityType, Operator]:
    if not isinstance(table, dict):
        raise Malformed("profile_fields", "'operators' is a table of entity type = operator.", param="operators")
    return MappingProxyType(
        {_word(EntityType, key, "operators"): _word(Operator, value, "operators") for key, value in table.items()}
    )


def _require_fields(table: Mapping[str, Any], expected: set[str], optional: set[str]) -> None:
    if (table.keys() ^ expected) - optional:
        wrong = ", ".join(sorted((table.keys() ^ expected) - optional))
        raise Malformed("profile_fields", f"A profile has exactly {', '.join(sorted(expected))}; at fault: {wrong}.")


def _require_probability(value: Decimal, param: str) -> None:
    if not (value.is_finite() and 0 < value <= 1):
        raise Malformed("threshold_out_of_range", "A threshold is above 0 and at most 1.", param=param)


def _count(value: object, param: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Malformed("profile_fields", f"'{param}' is a whole number.", param=param)
    return value


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table[key]
    if not isinstance(value, str):
        raise Malformed("profile_fields", f"'{key}' must be a string in quotes.", param=key)
    return value


def _decimal(table: Mapping[str, Any], key: str) -> Decimal:
    try:
        return Decimal(_text(table, key))
    except InvalidOperation as error:
        raise Malformed("profile_fields", f"'{key}' must be a decimal in quotes.", param=key) from error


def _word(kind: type[W], value: object, param: str) -> W:
    try:
        return kind(str(value))
    except ValueError as error:
        known = ", ".join(kind)
        word = {Operator: "operator", EntityType: "entity_type", EngineKind: "engine", Method: "method"}[kind]
        raise Malformed(
            f"unknown_{word}",
            f"A word of the profile is not known; known are: {known}.",
            remedy="Use a known word.",
            who="administrator",
            param=param,
        ) from error
