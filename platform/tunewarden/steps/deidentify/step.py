"""The de-identify step: an attempt in, the manifest of the released records and the evidence about it out."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files

from presidio_analyzer import EntityRecognizer

from tunewarden.domain.canonical import Plain, decimal_text, decode, digest_of, encode, from_plain, to_plain
from tunewarden.domain.deidentification import KNOWN_GAPS, SAFE_HARBOR, EntityType, Operator, Profile
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.detector import Deidentifier
from tunewarden.steps.deidentify.recognisers import recognisers
from tunewarden.steps.deidentify.release import Released, release, source_records
from tunewarden.steps.deidentify.residual import Tally, planted_recall, proportion, recall_measurements
from tunewarden.usecases.ports import Attempt, Blobs, StepResult

PLANTS_OF_EACH_KIND = 150  # none missed of 150: recall is at least 0.975 with 95 % confidence
_LEAST_KEY_BYTES = 32
_EXAMPLES = (
    "Patient: Ada Example, MRN 00412-77, DOB 3/14/1952, seen by Dr. Sample on 15 May 2021.",
    "Lives at 12 Invented Road, Sampleton, OH 44017. Call (555) 555-0134 or ada@example.org.",
)


class DeidentifyStep:
    """Implements `usecases.ports.Step`."""

    def __init__(
        self,
        blobs: Blobs,
        tenant_key: bytes,
        recognise: Callable[[], Sequence[EntityRecognizer]] = recognisers,
        plants_of_each_kind: int = PLANTS_OF_EACH_KIND,
    ) -> None:
        """`tenant_key` makes pseudonyms and has 32 bytes or more; `recognise` builds the recognisers of an attempt."""
        if len(tenant_key) < _LEAST_KEY_BYTES:
            raise ValueError(f"the tenant key has {len(tenant_key)} bytes, at least {_LEAST_KEY_BYTES} are needed")
        self._blobs, self._tenant_key = blobs, tenant_key
        self._recognise, self._plants = recognise, plants_of_each_kind
        self.identity: Digest = _identity(recognise(), plants_of_each_kind)

    def __call__(self, attempt: Attempt) -> StepResult:
        """De-identify the dataset version by the plan's profile, and measure what is left.

        Raises `Malformed` for a language without recognisers or a text that is too long, `Refused` for one that takes
        too long, `NotFound` and `Corrupted` for blobs that are not there or not what they were.
        """
        profile = from_plain(Profile, decode(self._blobs.read(attempt.plan.profile)))
        deidentifier = Deidentifier(profile, self._recognise())
        manifest, released = release(
            self._blobs,
            attempt.records,
            deidentifier=deidentifier,
            tenant_key=self._tenant_key,
            dataset=attempt.plan.dataset,
            classes=len(attempt.labels),
        )
        texts = (record.text for record in source_records(self._blobs, attempt.records))
        recall = planted_recall(deidentifier, texts, manifest.rows, attempt.records, self._plants)
        details = _details(deidentifier, released, recall)
        return StepResult(
            output=self._blobs.put_bytes(encode(to_plain(manifest))),
            measurements=(*recall_measurements(recall), released.rescan.measurement()),
            details=self._blobs.put_bytes(encode(details)),
            counts=_counts(released),
        )


def _identity(active: Sequence[EntityRecognizer], plants: int) -> Digest:
    """Digest of this package's files, of Presidio's versions, and of which recognisers take part."""
    package = sorted((file for file in files(__package__).iterdir() if file.is_file()), key=lambda file: file.name)
    return digest_of(
        {
            "step": "deidentify",
            "files": {file.name: sha256(file.read_bytes()).hexdigest() for file in package},
            "presidio": [version("presidio-analyzer"), version("presidio-anonymizer"), version("phonenumbers")],
            "recognisers": sorted(recogniser.name for recogniser in active),
            "plants": plants,
        }
    )


def _counts(released: Released) -> Mapping[str, int]:
    return {
        "records": released.rows,
        "persons": len(released.persons),
        "emptied": released.emptied,
        "entities": released.entities.total(),
        **{entity.value: count for entity, count in sorted(released.entities.items())},
    }


def _details(deidentifier: Deidentifier, released: Released, recall: Mapping[EntityType, Tally]) -> Plain:
    """The tables behind the measurements; texts in it are this file's own examples, never a record's."""
    profile = deidentifier.profile
    transformed = {entity: count for entity, count in released.entities.items() if count}
    return to_plain(
        {
            "profile": profile.digest(),
            "reviewed": False,  # no person has read a sample of the output
            "records": released.rows,
            "emptied": released.emptied,
            "entities": transformed,
            "operators": {entity: profile.operator(entity) for entity in EntityType},
            "safe_harbor": [
                {
                    "category": category,
                    "entities": entities,
                    "detector": bool(entities)
                    and all(profile.operator(kind) is not Operator.KEEP for kind in entities),
                    "transformed": sum(transformed.get(entity, 0) for entity in entities),
                    "known_gap": KNOWN_GAPS.get(category, ""),
                }
                for category, entities in SAFE_HARBOR.items()
            ],
            "planted": {entity: _row(tally) for entity, tally in recall.items()},
            "rescan": {
                "threshold": decimal_text(profile.threshold / 2),
                "records_hit": released.rescan.records_hit,
                "kinds": dict(released.rescan.kinds),
            },
            "examples": [{"before": text, "after": deidentifier.clean(text).text} for text in _EXAMPLES],
        }
    )


def _row(tally: Tally) -> Mapping[str, object]:
    measured = proportion("", tally)
    return {"found": tally.hits, "n": tally.n, "low": measured.low, "value": measured.value, "high": measured.high}
