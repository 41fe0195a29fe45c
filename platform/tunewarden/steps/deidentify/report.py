"""The report that a privacy officer signs: a canonical document of what was looked for, found, done and measured.

Its digest is what is signed, so it holds everything that is claimed and nothing that comes later: whether people read a
sample and who signed stands in the log. There is no time in it either; the same work gives the same bytes. It quotes no
record: its examples are made up.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tunewarden.domain.canonical import Plain, to_plain
from tunewarden.domain.deidentification import Method, Operator, Profile
from tunewarden.domain.gates import Measurement
from tunewarden.domain.identifiers import KNOWN_GAPS, SAFE_HARBOR, EntityType, SafeHarbor
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.residual import RECALL, Tally, proportion, together

FORM = "tunewarden.deidentification-report/1"

LAW: Mapping[Method, str] = {
    Method.NONE: "nothing is claimed",
    Method.SAFE_HARBOR: "45 CFR 164.514(b)(2)",
    Method.EXPERT_DETERMINATION: "45 CFR 164.514(b)(1)",
    Method.LIMITED_DATASET: "45 CFR 164.514(e)",
    Method.PSEUDONYMISED: "Regulation (EU) 2016/679 Art. 4(5)",
}
"""Where what a profile claims is defined."""

EXAMPLES = (
    "Patient: Ada Example, MRN 00412-77, DOB 3/14/1952, seen by Dr. Sample on 15 May 2021.",
    "Lives at 12 Invented Road, Sampleton, OH 44017. Call (555) 555-0134 or ada@example.org.",
    "Paciente: Ada Ejemplo, NHC 4127735, vista por la Dra. Muestra el 15 de mayo de 2021.",
)
"""Made-up texts that a report shows before and after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Of what was released: `emptied` texts had nothing left, `erased` records belong to persons without a key."""

    records: int
    persons: int
    emptied: int
    erased: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A made-up text before and after the profile."""

    before: str
    after: str


def safe_harbor_document(
    *,
    profile: Profile,
    detector: Digest,
    source: Digest,
    released: Digest,
    coverage: Mapping[EntityType, Sequence[str]],
    counts: Counts,
    found: Mapping[EntityType, int],
    planted: Mapping[EntityType, Tally],
    measurements: Iterable[Measurement],
    examples: Iterable[Example] = (),
) -> Plain:
    """All eighteen categories of 45 CFR 164.514(b)(2)(i), and whatever else was looked for and measured.

    Args:
        detector: `identity.detector_digest`.
        source, released: digests of the records before and after.
        coverage: `coverage.coverage(profile)`.
        found: identifiers that were transformed, by kind.
        planted: how many planted identifiers of each kind were found; a kind that is not there was not tested.
        measurements: everything that was measured; recall by kind is left out, because `planted` has it.
        examples: made up, see `EXAMPLES`. Never a record's text.
    """
    kinds = {kind: _kind(kind, profile, coverage, found, planted) for kind in EntityType}
    within = {kind for several in SAFE_HARBOR.values() for kind in several}
    return to_plain(
        {
            "form": FORM,
            "claim": {"method": profile.method, "law": LAW[profile.method]},
            "profile": {
                "name": profile.name,
                "digest": profile.digest(),
                "languages": profile.languages,
                "threshold": profile.threshold,
                "engine": profile.engine,
            },
            "detector": detector,
            "source": source,
            "released": released,
            "counts": counts,
            "reviewed": False,  # it is made before anybody can have read a sample
            "categories": [
                _category(letter, category, profile, kinds, coverage, found, planted)
                for letter, category in zip("ABCDEFGHIJKLMNOPQR", SafeHarbor, strict=True)
            ],
            "other_kinds": [kinds[kind] for kind in EntityType if kind not in within],
            "measured": {
                each.metric: {"low": each.low, "value": each.value, "high": each.high, "n": each.n}
                for each in measurements
                if not each.metric.startswith(f"{RECALL}.")
            },
            "examples": tuple(examples),
        }
    )


def in_short(document: Plain) -> Plain:
    """One line for each category of a report: what the lineage report shows of it."""
    assert isinstance(document, Mapping)
    categories = document["categories"]
    assert isinstance(categories, Sequence)
    rows = [row for row in categories if isinstance(row, Mapping)]
    return [
        {
            "category": row["category"],
            "detector": bool(row["recognisers"]) and not row["keeps"],
            "transformed": row["found"],
            "known_gap": row["gap"],
        }
        for row in rows
    ]


def _category(
    letter: str,
    category: SafeHarbor,
    profile: Profile,
    kinds: Mapping[EntityType, Mapping[str, object]],
    coverage: Mapping[EntityType, Sequence[str]],
    found: Mapping[EntityType, int],
    planted: Mapping[EntityType, Tally],
) -> Mapping[str, object]:
    own = SAFE_HARBOR[category]
    tested = [planted[kind] for kind in own if kind in planted]
    return {
        "letter": letter,
        "category": category,
        "recognisers": sorted({name for kind in own for name in coverage.get(kind, ())}),
        "operators": sorted({profile.operator(kind) for kind in own}),
        "keeps": sorted(kind for kind in own if profile.operator(kind) is Operator.KEEP),
        "found": sum(found.get(kind, 0) for kind in own),
        "recall": _recall(together(tested)) if tested else None,
        "untested": sorted(kind for kind in own if kind not in planted),
        "gap": KNOWN_GAPS.get(category, ""),
        "kinds": [kinds[kind] for kind in own],
    }


def _kind(
    kind: EntityType,
    profile: Profile,
    coverage: Mapping[EntityType, Sequence[str]],
    found: Mapping[EntityType, int],
    planted: Mapping[EntityType, Tally],
) -> Mapping[str, object]:
    return {
        "kind": kind,
        "recognisers": coverage.get(kind, ()),
        "operator": profile.operator(kind),
        "found": found.get(kind, 0),
        "recall": _recall(planted[kind]) if kind in planted else None,
    }


def _recall(tally: Tally) -> Mapping[str, object]:
    measured = proportion("", tally)
    return {
        "hits": tally.hits,
        "n": tally.n,
        "low": measured.low,
        "value": measured.value,
        "high": measured.high,
    }
