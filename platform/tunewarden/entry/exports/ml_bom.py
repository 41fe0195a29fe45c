"""`ml-bom.cdx.json`: the model, what it was made from and with, as a CycloneDX 1.6 ML-BOM.

`cyclonedx-python-lib` has no classes for model cards yet, so the JSON is written here; the tests validate it against
the official schema that the library ships. It has no timestamp, and its serial number follows from its content: the
same state gives the same bytes. `tunewarden:index` is the log index of the entry that a component rests on. Only the
licences are not in the log: a base model's is the one in the allowlist, a library's the one that its package declares.
"""

import hashlib
from collections.abc import Mapping
from urllib.parse import quote
from uuid import UUID

from tunewarden.domain.canonical import Plain, decimal_text, encode
from tunewarden.domain.events import (
    DatasetRegistered,
    DatasetVersionAdded,
    GateJudged,
    ModelRegistered,
    RequestSubmitted,
)
from tunewarden.domain.gates import Outcome
from tunewarden.domain.names import Digest
from tunewarden.entry.exports.evidence import Cited, brackets, cited, learnt, libraries, plan, promised
from tunewarden.entry.report.facts import of, only
from tunewarden.entry.report.verdicts import Metrics
from tunewarden.usecases.reports import Lineage

_BASE, _DATA = "base-model", "dataset"
_LICENCES: Mapping[str, str] = {
    "captum": "BSD-3-Clause",
    "dp-accounting": "Apache-2.0",
    "fairlearn": "MIT",
    "numpy": "BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0",
    "opacus": "Apache-2.0",
    "peft": "Apache-2.0",
    "ray": "Apache-2.0",
    "safetensors": "Apache-2.0",
    "tokenizers": "Apache-2.0",
    "torch": "Apache-2.0 AND Apache-2.0 WITH LLVM-exception AND BSD-2-Clause AND BSD-3-Clause AND BSL-1.0 AND MIT",
    "transformers": "Apache-2.0",
}
"""SPDX expressions of the libraries that the steps name; the tests hold them against the installed packages."""


def ml_bom(lineage: Lineage, metrics: Metrics, licences: Mapping[Digest, str]) -> bytes:
    """Canonical JSON. `licences` are SPDX expressions of base models, by the digest of their weights.

    Raises `Corrupted` for a plan or evidence that is not what its digest says.
    """
    used = libraries(lineage)
    base = _base(lineage, licences)
    model = _model(lineage, metrics, base)
    content: dict[str, Plain] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": model},
        "components": [base, _dataset(lineage), *(_library(name, *used[name]) for name in used)],
        "dependencies": [
            {"ref": model["bom-ref"], "dependsOn": [_BASE, _DATA, *map(_reference, used)]},
            {"ref": _BASE},
            {"ref": _DATA},
            *({"ref": _reference(name)} for name in used),
        ],
    }
    return encode({**content, "serialNumber": _serial_number(encode(content))})


def _serial_number(content: bytes) -> str:
    """A UUID of version 8 (RFC 9562 section 5.8) from the SHA-256 of the rest."""
    bits = int.from_bytes(hashlib.sha256(content).digest()[:16], "big")
    bits = bits & ~(0xF << 76) | 0x8 << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    return f"urn:uuid:{UUID(int=bits)}"


def _model(lineage: Lineage, metrics: Metrics, base: Mapping[str, Plain]) -> dict[str, Plain]:
    made, asked = only(lineage.report.model, ModelRegistered), only(lineage.report.request, RequestSubmitted)
    task = learnt(lineage)
    return {
        "bom-ref": made.model,
        "type": "machine-learning-model",
        "name": made.model,
        "version": made.adapter.removeprefix("sha256:"),
        "description": f"A LoRA adapter for {task.words}; the base model is a component of its own.",
        "hashes": [_hash(made.adapter)],
        "pedigree": {"ancestors": [{**base, "bom-ref": f"{_BASE}-ancestor"}]},
        "modelCard": {
            "modelParameters": {
                "approach": {"type": "supervised"},
                "task": task.hub,
                "modelArchitecture": f"LoRA on {asked.base_model}",
                "datasets": [{"ref": _DATA}],
                "inputs": [{"format": "text"}],
                "outputs": [{"format": task.output}],
            },
            "quantitativeAnalysis": {"performanceMetrics": [_metric(one, metrics) for one in cited(lineage)]},
            "considerations": _considerations(lineage),
        },
        "properties": [
            *_indices(lineage.report.model.index),
            {"name": "tunewarden:plan", "value": asked.plan},
            {"name": "tunewarden:request", "value": asked.request},
        ],
    }


def _metric(one: Cited, metrics: Metrics) -> Plain:
    unit = metrics.get(one.measurement.metric, {}).get("unit", "")
    return {
        "type": one.measurement.metric,
        "value": decimal_text(one.measurement.value),
        "slice": f"n = {one.measurement.n}; unit: {unit}; log entry {one.index}",
        "confidenceInterval": {
            "lowerBound": decimal_text(one.measurement.low),
            "upperBound": decimal_text(one.measurement.high),
        },
    }


def _considerations(lineage: Lineage) -> Plain:
    report = lineage.report
    asked = only(report.request, RequestSubmitted)
    recipe, told = plan(lineage).recipe, promised(lineage)
    index = report.request.index
    return {
        "useCases": [
            f"Purpose: {asked.purpose.value} (log entry {index}). For no other purpose was it asked or approved."
        ],
        "technicalLimitations": [
            f"At most {recipe.max_tokens} tokens of a text are read (plan of log entry {index}).",
            *_not_passed(lineage),
        ],
        "ethicalConsiderations": [
            {
                "name": "What the model may give away about a person it was trained on",
                "mitigationStrategy": f"Differential privacy. {told.promise.text} Log entries "
                f"{brackets(told.promise.log)}.",
            }
        ],
    }


def _not_passed(lineage: Lineage) -> list[str]:
    """What a gate did not find good enough, whatever it said later."""
    return [
        f"The gate {event.gate} said {finding.outcome.value} of {finding.metric} (log entry {entry.index})."
        for entry, event in of(lineage.report.verdicts, GateJudged)
        for finding in event.findings
        if finding.outcome is not Outcome.PASS
    ]


def _base(lineage: Lineage, licences: Mapping[Digest, str]) -> dict[str, Plain]:
    asked = only(lineage.report.request, RequestSubmitted)
    return {
        "bom-ref": _BASE,
        "type": "machine-learning-model",
        "name": asked.base_model,
        "hashes": [_hash(asked.base_digest)],
        **_licensed(licences.get(asked.base_digest)),
        "properties": _indices(lineage.report.request.index),
    }


def _dataset(lineage: Lineage) -> Plain:
    report = lineage.report
    dataset, version = only(report.dataset, DatasetRegistered), only(report.version, DatasetVersionAdded)
    return {
        "bom-ref": _DATA,
        "type": "data",
        "name": dataset.dataset,
        "version": version.version.removeprefix("sha256:"),
        "hashes": [_hash(version.version)],
        "data": [
            {
                "type": "dataset",
                "name": dataset.dataset,
                "classification": dataset.sensitivity.value,
                "description": f"{version.rows} rows of {version.persons} persons, before de-identification; "
                f"lawful basis {dataset.lawful_basis.value}; to be kept until {dataset.retain_until.isoformat()}.",
            }
        ],
        "properties": _indices(report.dataset.index, report.version.index),
    }


def _library(name: str, version: str, index: int) -> Plain:
    return {
        "bom-ref": _reference(name),
        "type": "library",
        "name": name,
        "version": version,
        **_licensed(_LICENCES.get(name)),
        "purl": f"pkg:pypi/{name.lower().replace('_', '-')}@{quote(version, safe='')}",
        "properties": _indices(index),
    }


def _licensed(expression: str | None) -> dict[str, Plain]:
    """Nothing where the licence is not known: a guess is worse."""
    return {} if expression is None else {"licenses": [{"expression": expression}]}


def _reference(name: str) -> str:
    return f"library/{name}"


def _hash(digest: Digest) -> Mapping[str, Plain]:
    return {"alg": "SHA-256", "content": digest.removeprefix("sha256:")}


def _indices(*indices: int) -> list[Plain]:
    return [{"name": "tunewarden:index", "value": str(index)} for index in indices]
