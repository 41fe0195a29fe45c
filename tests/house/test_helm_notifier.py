"""The notifier in the chart: off unless it is switched on, and then alone with the way out; read back as Helm has it.

Not shown: that a cluster admits and runs the objects.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.house.test_helm import (
    CHART,
    CLOSED_ON_PURPOSE,
    PRODUCTION,
    SMALLEST,
    Helm,
    ask_helm,
    changed,
    merged,
    selects,
    settings_and_mounts,
    with_helm,
)

from tunewarden.drivers.webhook_addresses import read_allowed
from tunewarden.entry import key_files
from tunewarden.entry.settings import Settings

RECEIVERS = {"ipBlock": {"cidr": "203.0.113.64/26"}}
INSIDE = ["pager.hooks.svc", "10.20.0.0/16", "fd00:1::/64"]
SWITCHED_ON: dict[str, Any] = {
    "notifier": {"enabled": True, "allowed": INSIDE},
    "secrets": {"database": {"keys": {"notifier": "notifier-url"}}},
    "network": {"egress": {"webhooks": {"to": [RECEIVERS], "port": 8443}}},
    "serviceAccount": {"annotations": {"example.org/role": "reads-the-bucket"}},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("helm-home")


@pytest.fixture(scope="module")
def telling(home: Path) -> Helm:
    """The example, with webhooks."""
    helm = ask_helm(merged(PRODUCTION, SWITCHED_ON), home)
    assert helm.objects, helm.refusal
    return helm


def policies_of(helm: Helm, component: str) -> list[dict[str, Any]]:
    pod = helm.pods()[component]
    return [policy["spec"] for policy in helm.of_kind("NetworkPolicy") if selects(policy, pod)]


@with_helm
def test_as_shipped_there_is_no_notifier_and_no_webhook(home: Path) -> None:
    assert yaml.safe_load((CHART / "values.yaml").read_text())["notifier"]["enabled"] is False
    helm = ask_helm(SMALLEST, home)
    assert "api" in helm.pods()
    assert "notifier" not in helm.pods()
    assert not [thing for thing in helm.objects if thing["metadata"]["name"].endswith("-notifier")]
    assert "WEBHOOK" not in json.dumps(helm.objects)
    assert "webhook-key" not in json.dumps(helm.objects)


@with_helm
def test_switched_on_it_is_one_deployment_that_passes_the_strict_lint(telling: Helm) -> None:
    [notifier] = [thing for thing in telling.of_kind("Deployment") if thing["metadata"]["name"].endswith("-notifier")]
    assert notifier["spec"]["replicas"] == 1
    assert notifier["spec"]["strategy"] == {"type": "Recreate"}
    [process] = telling.pods()["notifier"]["spec"]["containers"]
    assert (process["command"], process["args"]) == (["tunewarden"], ["notifier"])
    assert not {"ports", "livenessProbe", "readinessProbe", "startupProbe", "envFrom"} & process.keys()


@with_helm
def test_it_holds_the_webhook_key_and_no_other_and_beside_it_only_the_api_does(telling: Helm) -> None:
    held = {
        name: {
            source["secret"]["name"]
            for volume in pod["spec"]["volumes"]
            for source in volume.get("projected", {}).get("sources", [])
        }
        for name, pod in telling.pods().items()
    }
    assert held["notifier"] == {"tunewarden-webhook-key"}
    assert {name for name, keys in held.items() if "tunewarden-webhook-key" in keys} == {"api", "notifier"}
    pod = json.dumps(telling.pods()["notifier"])
    for other in ("signing-key", "persistentVolumeClaim", "blob", "master-key", "vault-key", "tenant-key"):
        assert other not in pod


@with_helm
def test_it_has_an_account_of_its_own_without_a_token_of_the_cluster_or_an_identity_of_the_cloud(
    telling: Helm,
) -> None:
    accounts = {account["metadata"]["name"]: account for account in telling.of_kind("ServiceAccount")}
    spec = telling.pods()["notifier"]["spec"]
    account = accounts[spec["serviceAccountName"]]
    assert spec["serviceAccountName"] == "tunewarden-notifier"
    assert spec["automountServiceAccountToken"] is account["automountServiceAccountToken"] is False
    assert "annotations" not in account["metadata"]
    annotated = {name for name, one in accounts.items() if "annotations" in one["metadata"]}
    assert annotated - {"tunewarden-migrate"} == {"tunewarden-api", "tunewarden-worker"}


@with_helm
def test_its_containers_are_locked_down_as_the_others_are(telling: Helm) -> None:
    spec = telling.pods()["notifier"]["spec"]
    containers = spec["initContainers"] + spec["containers"]
    assert len(containers) == 2
    sealer = telling.pods()["sealer"]["spec"]["containers"][0]["securityContext"]
    assert sealer["readOnlyRootFilesystem"] is True
    assert all(container["securityContext"] == sealer for container in containers)
    assert all(container["resources"]["limits"]["memory"] for container in containers)
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["enableServiceLinks"] is False


@with_helm
def test_it_is_let_out_to_receivers_names_and_the_database_and_nobody_reaches_it(telling: Helm) -> None:
    specs = policies_of(telling, "notifier")
    assert [spec["policyTypes"] for spec in specs if not {"ingress", "egress"} & spec.keys()] == [["Ingress", "Egress"]]
    assert not [rule for spec in specs for rule in spec.get("ingress", [])]
    rules = [rule for spec in specs for rule in spec.get("egress", [])]
    assert {port["port"] for rule in rules for port in rule["ports"]} == {53, 5432, 8443}
    assert [rule["to"] for rule in rules if rule["ports"] == [{"protocol": "TCP", "port": 8443}]] == [[RECEIVERS]]


@with_helm
def test_nobody_else_is_let_out_to_receivers(telling: Helm) -> None:
    others = set(telling.pods()) - {"notifier"}
    assert others == {"api", "worker", "sealer", "migrate"}
    reaching = {name for name in others if "203.0.113.64/26" in json.dumps(policies_of(telling, name))}
    assert reaching == set()


@with_helm
def test_where_it_may_send_has_no_default_and_is_asked_for_by_name(home: Path) -> None:
    answer = ask_helm(changed(merged(PRODUCTION, SWITCHED_ON), "network.egress.webhooks.to", []), home)
    assert answer.objects == []
    assert "network.egress.webhooks.to is empty; expected" in answer.refusal


@with_helm
@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("notifier.allowed", ["a.example,b.example"]),
        ("notifier.allowed", ["https://a.example"]),
        ("notifier.replicas", 2),
        ("network.egress.webhooks.to", [{}]),
        ("secrets.webhookKey.value", "x"),
    ],
)
def test_a_value_that_is_none_is_refused_by_name(path: str, wrong: object, home: Path) -> None:
    answer = ask_helm(changed(merged(PRODUCTION, SWITCHED_ON), path, wrong), home)
    assert answer.objects == []
    assert path.split(".")[1] in answer.refusal


@with_helm
@pytest.mark.parametrize("component", ["api", "notifier"])
def test_the_platform_understands_what_it_is_told_of_webhooks(telling: Helm, component: str) -> None:
    settings, mounts = settings_and_mounts(telling, component)
    assert settings.environment == "production"
    assert settings.webhooks
    allowed = read_allowed(settings.webhook_allowed)
    assert allowed.hosts == {"pager.hooks.svc"}
    assert [str(network) for network in allowed.networks] == INSIDE[1:]
    assert key_files.key_files(settings)[key_files.WEBHOOKS].path == settings.webhook_key
    assert mounts[str(settings.webhook_key.parent)] == "keys"
    [copier] = telling.pods()[component]["spec"]["initContainers"]
    assert f"/run/tunewarden/secrets/{settings.webhook_key.name}" in copier["args"]


@with_helm
def test_with_it_the_chart_sets_the_settings_of_webhooks_too(telling: Helm) -> None:
    prefix = str(Settings.model_config["env_prefix"])
    containers = list(telling.containers())
    named = {
        env["name"].removeprefix(prefix).lower()
        for container in containers
        for env in container.get("env", [])
        if env["name"].startswith(prefix)
    }
    webhooks = {name for name in Settings.model_fields if name.startswith("webhook")}
    assert webhooks == {"webhooks", "webhook_allowed", "webhook_key_file"} <= CLOSED_ON_PURPOSE
    assert named == set(Settings.model_fields) - CLOSED_ON_PURPOSE | webhooks
    [process] = telling.pods()["notifier"]["spec"]["containers"]
    [url] = [env["valueFrom"] for env in process["env"] if env["name"] == "TUNEWARDEN_DATABASE_URL"]
    assert url == {"secretKeyRef": {"name": "tunewarden-database", "key": "notifier-url"}}


@with_helm
def test_a_strict_lint_finds_nothing_where_it_is_on(home: Path, tmp_path: Path) -> None:
    chart = shutil.copytree(CHART, tmp_path / "chart")
    defaults = yaml.safe_load((chart / "values.yaml").read_text())
    values = merged(merged(defaults, PRODUCTION), SWITCHED_ON)
    (chart / "values.yaml").write_text(yaml.safe_dump(values))
    assert [path for severity, path in ask_helm(values, home, chart).messages if severity > 1] == []
