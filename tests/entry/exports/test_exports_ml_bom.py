"""ml-bom.cdx.json against the official schema of CycloneDX 1.6, and what it says against the log."""

import ast
import json
from importlib.metadata import metadata
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from jsonschema.validators import Draft7Validator
from packageurl import PackageURL
from rfc3986_validator import validate_rfc3986
from tests.conftest import ROOT
from tests.entry.exports.conftest import Handed

from tunewarden.domain.events import ModelRegistered, RequestSubmitted, StepFinished
from tunewarden.entry.exports.ml_bom import _LICENCES, _library, ml_bom
from tunewarden_audit import bundle as archive

STEPS = ROOT / "platform/tunewarden/steps"
NAMED = {"train/driver.py": "_PACKAGES", "measure/step.py": "_LIBRARIES"}  # what the steps' details name


@Draft7Validator.FORMAT_CHECKER.checks("iri-reference")
def is_reference(value: object) -> bool:
    """RFC 3986, which is stricter than the schema's RFC 3987; ours are all ASCII.

    The package by which jsonschema knows RFC 3987 builds a grammar in every process that imports Ray: more than a
    second in each of the fifteen of one training.
    """
    return not isinstance(value, str) or bool(validate_rfc3986(value, rule="URI_reference"))


@pytest.fixture
def bom(handed: Handed) -> dict[str, Any]:
    return dict(json.loads(handed.files()[archive.ML_BOM]))


def problem(content: bytes) -> object:
    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(content.decode())


def components(bom: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one for one in bom["components"] if one["type"] == kind]


def test_the_official_schema_accepts_it_strictly(handed: Handed) -> None:
    assert problem(handed.files()[archive.ML_BOM]) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda bom: bom["metadata"]["component"]["modelCard"].update(figure="0.9"),
        lambda bom: bom["metadata"]["component"].update(type="model"),
        lambda bom: bom["components"][0]["hashes"][0].update(content="x"),
        lambda bom: bom["components"][0].update(licenses=[{"license": {"id": "None-Such"}}]),
        lambda bom: bom.update(serialNumber="1"),
        lambda bom: bom["components"][0].update(externalReferences=[{"type": "website", "url": "https://[no one"}]),
        lambda bom: bom["metadata"].update(timestamp="yesterday"),
    ],
)
def test_the_schema_would_notice(bom: dict[str, Any], spoil: Any) -> None:
    spoil(bom)
    assert problem(json.dumps(bom).encode()) is not None


def test_the_model_is_the_adapter_with_its_card_and_its_base_is_its_ancestor(
    handed: Handed, bom: dict[str, Any]
) -> None:
    report = handed.told.lineage().report
    registered, asked = report.model.event, report.request.event
    assert isinstance(registered, ModelRegistered)
    assert isinstance(asked, RequestSubmitted)
    model = bom["metadata"]["component"]
    digest = registered.adapter.removeprefix("sha256:")
    assert (model["name"], model["version"], model["hashes"][0]["content"]) == (registered.model, digest, digest)
    card = model["modelCard"]
    assert card["modelParameters"]["datasets"] == [{"ref": "dataset"}]
    assert asked.purpose.value in card["considerations"]["useCases"][0]
    (privacy,) = card["considerations"]["ethicalConsiderations"]
    assert "at most epsilon 8 at delta 0.0001" in privacy["mitigationStrategy"]
    (base,) = model["pedigree"]["ancestors"]
    assert base["hashes"][0]["content"] == asked.base_digest.removeprefix("sha256:")
    (data,) = components(bom, "data")
    assert data["hashes"][0]["content"] == asked.dataset_version.removeprefix("sha256:")


def test_every_measurement_stands_there_with_its_interval_and_log_index(handed: Handed, bom: dict[str, Any]) -> None:
    lineage = handed.told.lineage()
    logged = [
        (one["metric"], one["value"], one["low"], one["high"], entry.index)
        for entry in lineage.report.steps
        if isinstance(entry.event, StepFinished)
        for one in json.loads(lineage.documents[entry.event.evidence])["measurements"]
    ]
    told = [
        (
            one["type"],
            one["value"],
            one["confidenceInterval"]["lowerBound"],
            one["confidenceInterval"]["upperBound"],
            int(one["slice"].rpartition(" ")[2]),
        )
        for one in bom["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    ]
    assert told == logged
    assert len(told) > 10


def test_every_library_that_a_step_named_is_a_component_with_version_licence_and_index(
    handed: Handed, bom: dict[str, Any]
) -> None:
    held = {str(entry.index) for entry in handed.told.lineage().report.entries()}
    found = {one["name"]: one for one in components(bom, "library")}
    assert found["opacus"]["version"] == "1.6.0"
    assert found["opacus"]["purl"] == "pkg:pypi/opacus@1.6.0"
    assert found["opacus"]["licenses"] == [{"expression": "Apache-2.0"}]
    for one in bom["components"]:
        assert {each["value"] for each in one["properties"]} <= held
    (whole,) = [one for one in bom["dependencies"] if one["ref"] == bom["metadata"]["component"]["bom-ref"]]
    assert sorted(whole["dependsOn"]) == sorted(one["bom-ref"] for one in bom["components"])


def test_a_base_model_of_the_allowlist_carries_its_licence_and_another_none(handed: Handed) -> None:
    lineage = handed.told.lineage()
    asked = lineage.report.request.event
    assert isinstance(asked, RequestSubmitted)
    for licences, expected in (({asked.base_digest: "MIT"}, [{"expression": "MIT"}]), ({}, None)):
        content = ml_bom(lineage, {}, licences)
        assert problem(content) is None
        (base,) = components(json.loads(content), "machine-learning-model")
        assert base.get("licenses") == expected


@pytest.mark.parametrize("version", ["2.13.0+cpu", "1.0rc1", "0.0.1.post1"])
def test_a_package_url_is_written_as_its_own_library_writes_it(version: str) -> None:
    assert _library("torch", version, 7)["purl"] == PackageURL("pypi", name="torch", version=version).to_string()


def test_the_licences_are_the_ones_that_the_installed_packages_declare() -> None:
    for name, expression in _LICENCES.items():
        declared = metadata(name)
        said = declared.get("License-Expression")
        words = " ".join([declared.get("License") or "", *(declared.get_all("Classifier") or [])])
        assert said == expression if said else expression.partition("-")[0] in words, name


def test_the_licence_of_every_library_that_the_steps_name_is_known() -> None:
    named: set[str] = set()
    for file, constant in NAMED.items():
        for statement in ast.parse((STEPS / file).read_text()).body:
            if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == constant:
                named |= set(ast.literal_eval(statement.value))
    assert named >= {"torch", "opacus", "captum"}
    assert named <= _LICENCES.keys()


def test_the_serial_number_follows_from_the_content(handed: Handed, bom: dict[str, Any]) -> None:
    other = json.loads(ml_bom(handed.told.lineage(), {"utility.accuracy": {"unit": "another"}}, {}))
    assert bom["serialNumber"] != other["serialNumber"]
    assert "timestamp" not in bom["metadata"]
