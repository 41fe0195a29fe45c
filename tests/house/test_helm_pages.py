"""The chart's schema, its README and its version, read as files; what Helm makes of the chart is in test_helm.py."""

import json
import os
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tunewarden.drivers.keyfiles import KEY_BYTES
from tunewarden.drivers.release import load_release_key
from tunewarden_audit.custody import read_key

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm"


def leaves(values: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict) and value and name != "resources":
            yield from leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def test_the_schema_closes_every_object_the_chart_names() -> None:
    def walk(schema: object) -> Iterator[dict[str, Any]]:
        if isinstance(schema, dict):
            if "properties" in schema and schema.get("type") == "object":
                yield schema
            for part in schema.values():
                yield from walk(part)

    schema = json.loads((CHART / "values.schema.json").read_text())
    closed = [part.get("additionalProperties") for part in walk(schema)]
    assert len(closed) > 20
    assert set(closed) == {False}


def test_the_readme_explains_every_value() -> None:
    readme = (CHART / "README.md").read_text()
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert [path for path in leaves(values) if f"`{path}`" not in readme] == []


def test_the_chart_is_of_the_version_of_the_platform() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert chart["appVersion"] == chart["version"] == project["project"]["version"]


def test_the_keys_the_readme_makes_are_keys_the_platform_reads(tmp_path: Path) -> None:
    first_block = (CHART / "README.md").read_text().partition("```sh\n")[2].partition("```")[0]
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", textwrap.dedent(first_block)],
        cwd=tmp_path,
        env={"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"},
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == read_key(tmp_path / "signing-key", "example.org/tunewarden").verifier.vkey
    load_release_key(tmp_path / "release-key")
    for name in ("tenant-key", "vault-key", "master-key", "blob-key", "webhook-key"):
        made = (tmp_path / name).stat()
        assert (made.st_size, made.st_mode & 0o777) == (KEY_BYTES, 0o600)
