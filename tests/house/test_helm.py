"""The chart, judged by the real Helm 4 (helm-sdkpy, unpacked by `make`) and read back as Helm renders it.

Not shown: that a cluster admits and runs the objects.
"""

import copy
import json
import platform
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tunewarden.entry.settings import Settings
from tunewarden_audit.custody import create_key, read_key
from tunewarden_audit.note import InvalidKey

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm"
LIBRARY = ROOT / ".venv" / "helm"
INFO = 1  # Helm's severities: 1 info, 2 warning, 3 error; a strict lint allows no more than the first
CLOSED_ON_PURPOSE = {
    "kms",  # the chart's keys are secrets, which a cluster has its own KMS encrypt
    "kms_token_file",
    "master_keys",  # a secret in an environment is seen by more than one in a file
    "metrics_token_file",  # the chart has nobody who scrapes; whoever does mounts a token and sets it there
    "allow_hub",  # no value of the chart opens the way to a model hub
    "recognisers",  # the chart mounts no models; whoever builds an image with some sets it there
    "signing_key_pem",  # a secret in an environment is seen by more than one in a file
    "sinks_file",  # the chart runs no exporter
    *("webhooks", "webhook_allowed", "webhook_key_file"),  # off here as by default; test_helm_notifier.py has it on
}

SMALLEST = {
    "log": {"origin": "example.org/log", "vkey": "example.org/log+01234567+AQID"},
    "network": {"egress": {"database": {"to": [{"ipBlock": {"cidr": "192.0.2.10/32"}}]}}},
}
PRODUCTION = yaml.safe_load((CHART / "examples" / "production.yaml").read_text())

with_helm = pytest.mark.skipif(
    not (LIBRARY / "helm_sdkpy" / "_lib" / "linux-amd64").is_dir()
    or (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="no Helm: `make test` unpacks it into .venv/helm, and helm-sdkpy carries it for Linux on x86-64 only",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Helm:
    """What Helm said of one chart with one set of values; `objects` is empty where it refused to render."""

    messages: list[tuple[int, str]]
    objects: list[dict[str, Any]]
    refusal: str

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [thing for thing in self.objects if thing["kind"] == kind]

    def pods(self) -> dict[str, dict[str, Any]]:
        """Pod templates by component."""
        found = [thing["spec"]["template"] for thing in self.objects if "template" in thing.get("spec", {})]
        return {pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod for pod in found}

    def containers(self) -> Iterator[dict[str, Any]]:
        for pod in self.pods().values():
            yield from pod["spec"].get("initContainers", []) + pod["spec"]["containers"]


def ask_helm(values: dict[str, Any], home: Path, chart: Path = CHART) -> Helm:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("helm_process.py")), str(LIBRARY), str(chart)],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    release = answer["release"] or {"manifest": "", "hooks": []}
    texts = [release["manifest"], *(hook["manifest"] for hook in release["hooks"])]
    return Helm(
        messages=[(severity, path) for severity, path in answer["messages"]],
        objects=[thing for text in texts for thing in yaml.safe_load_all(text) if thing],
        refusal=answer["refusal"],
    )


def changed(values: dict[str, Any], path: str, new: object) -> dict[str, Any]:
    """A copy of `values` with the value at the dotted path replaced."""
    result = copy.deepcopy(values)
    *parents, last = path.split(".")
    place = result
    for name in parents:
        place = place.setdefault(name, {})
    place[last] = new
    return result


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Values laid over values, as Helm does: maps are merged, anything else is replaced."""
    both = {key: merged(below[key], above[key]) for key in below.keys() & above.keys() if isinstance(above[key], dict)}
    return below | above | both


def selects(policy: dict[str, Any], pod: dict[str, Any]) -> bool:
    labels = pod["metadata"]["labels"]
    selector = policy["spec"]["podSelector"]
    assert selector["matchLabels"], "an empty selector would reach pods of others"
    return all(labels.get(name) == value for name, value in selector["matchLabels"].items()) and all(
        rule["operator"] == "In" and labels.get(rule["key"]) in rule["values"]
        for rule in selector.get("matchExpressions", [])
    )


def settings_and_mounts(helm: Helm, component: str) -> tuple[Settings, dict[str, str]]:
    """What a process is told, as the platform understands it; and its volumes by where they are mounted."""
    prefix = str(Settings.model_config["env_prefix"])
    [process] = helm.pods()[component]["spec"]["containers"]
    given = {env["name"]: env.get("value", "postgresql://database.invalid/tunewarden") for env in process["env"]}
    ours = {name.removeprefix(prefix).lower(): value for name, value in given.items() if name.startswith(prefix)}
    return Settings(**ours), {mount["mountPath"]: mount["name"] for mount in process["volumeMounts"]}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("helm-home")


@pytest.fixture(scope="module", params=[SMALLEST, PRODUCTION], ids=["smallest", "production"])
def installed(request: pytest.FixtureRequest, home: Path) -> Helm:
    helm = ask_helm(request.param, home)
    assert helm.objects, helm.refusal
    return helm


@pytest.fixture(scope="module")
def production(home: Path) -> Helm:
    return ask_helm(PRODUCTION, home)


@with_helm
@pytest.mark.parametrize("values", [{}, SMALLEST, PRODUCTION], ids=["as shipped", "smallest", "production"])
def test_a_strict_lint_by_the_real_helm_finds_nothing(values: dict[str, Any], home: Path, tmp_path: Path) -> None:
    chart = shutil.copytree(CHART, tmp_path / "chart")
    defaults = yaml.safe_load((chart / "values.yaml").read_text())
    (chart / "values.yaml").write_text(yaml.safe_dump(merged(defaults, values)))
    worst = [message for message in ask_helm(values, home, chart).messages if message[0] > INFO]
    assert worst == []


@with_helm
def test_the_lint_would_have_seen_a_broken_template_and_a_value_that_the_schema_refuses(
    home: Path, tmp_path: Path
) -> None:
    broken = shutil.copytree(CHART, tmp_path / "broken")
    (broken / "templates" / "broken.yaml").write_text("kind: {{ .Values.absent.deeper }}\n")
    refused = shutil.copytree(CHART, tmp_path / "refused")
    with (refused / "values.yaml").open("a") as values:
        values.write("surprise: true\n")
    for chart in (broken, refused):
        assert max(severity for severity, _ in ask_helm(SMALLEST, home, chart).messages) > INFO


@with_helm
@pytest.mark.parametrize(
    "path", ["surprise", "image.surprise", "sealer.replicas", "secrets.signingKey.value", "network.egress.database.all"]
)
def test_an_unknown_value_is_refused_by_name_wherever_it_stands(path: str, home: Path) -> None:
    answer = ask_helm(changed(PRODUCTION, path, 2), home)
    assert answer.objects == []
    assert path.rpartition(".")[2] in answer.refusal


@with_helm
@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("runAs", 0),
        ("blobs.url", "s3://key:secret@bucket/blobs"),
        ("worker.rayAddress", "head:6379"),
        ("sealer.timestamps.url", "https://key:secret@tsa.example.org"),
        ("network.egress.database.to", [{}]),
        ("network.egress.database.to", [{"namespaceSelector": {"matchLabels": {}}}]),
        ("image.digest", "sha256:short"),
    ],
)
def test_a_value_that_would_weaken_the_installation_is_refused(path: str, wrong: object, home: Path) -> None:
    answer = ask_helm(changed(PRODUCTION, path, wrong), home)
    assert answer.objects == []
    assert "/".join(path.split(".")) in answer.refusal


@with_helm
@pytest.mark.parametrize(
    ("path", "empty"),
    [
        ("log.origin", ""),
        ("log.vkey", ""),
        ("network.egress.database.to", []),
        ("network.egress.blobStore.to", []),
        ("network.egress.ray.to", []),
        ("network.egress.witnesses.to", []),
        ("network.egress.identityProvider.to", []),
        ("network.egress.timestamps.to", []),
        ("sealer.timestamps.rootConfigMap.name", ""),
        ("secrets.rayToken.name", ""),
    ],
)
def test_what_has_no_safe_default_is_asked_for_by_name(path: str, empty: object, home: Path) -> None:
    answer = ask_helm(changed(PRODUCTION, path, empty), home)
    assert answer.objects == []
    assert f"{path} is empty; expected" in answer.refusal


@with_helm
def test_only_the_sealer_can_see_the_signing_key_and_what_it_signed_last(installed: Helm) -> None:
    for treasure in ("tunewarden-signing-key", '"claimName": "tunewarden-sealer"'):
        holders = {name for name, pod in installed.pods().items() if treasure in json.dumps(pod)}
        assert holders == {"sealer"}


@with_helm
def test_each_process_holds_only_the_keys_it_needs(production: Helm) -> None:
    held = {
        name: {
            source["secret"]["name"]
            for volume in pod["spec"]["volumes"]
            for source in volume.get("projected", {}).get("sources", [])
        }
        for name, pod in production.pods().items()
    }
    assert held == {
        "api": {"tunewarden-blob-key", "tunewarden-master-key", "tunewarden-oidc-client"},
        "worker": {
            "tunewarden-blob-key",
            "tunewarden-master-key",
            "tunewarden-tenant-key",
            "tunewarden-vault-key",
            "tunewarden-release-key",
            "tunewarden-ray-token",
        },
        "sealer": {"tunewarden-signing-key"},
        "migrate": set(),
    }


@with_helm
def test_there_is_one_sealer_and_never_two(installed: Helm) -> None:
    [sealer] = [thing for thing in installed.of_kind("Deployment") if thing["metadata"]["name"].endswith("-sealer")]
    assert sealer["spec"]["replicas"] == 1
    assert sealer["spec"]["strategy"] == {"type": "Recreate"}


@with_helm
def test_every_container_is_locked_down(installed: Helm) -> None:
    containers = list(installed.containers())
    assert len(containers) == 7  # four processes, three of them with a copier of keys
    for container in containers:
        assert container["securityContext"] == {
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert container["resources"]["requests"]
        assert container["resources"]["limits"]["memory"]


@with_helm
def test_no_pod_has_a_token_of_the_cluster_or_runs_as_root(installed: Helm) -> None:
    pods = installed.pods()
    accounts = {account["metadata"]["name"]: account for account in installed.of_kind("ServiceAccount")}
    assert set(pods) == {"api", "worker", "sealer", "migrate"}
    for pod in pods.values():
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert accounts[pod["spec"]["serviceAccountName"]]["automountServiceAccountToken"] is False
        assert pod["spec"]["securityContext"]["runAsUser"] > 0


@with_helm
def test_a_service_called_tunewarden_cannot_plant_the_setting_tunewarden_port(installed: Helm) -> None:
    assert all(pod["spec"]["enableServiceLinks"] is False for pod in installed.pods().values())


@with_helm
def test_every_pod_is_cut_off_and_no_opening_leads_everywhere(installed: Helm) -> None:
    policies = installed.of_kind("NetworkPolicy")
    [deny] = [policy for policy in policies if not {"ingress", "egress"} & policy["spec"].keys()]
    assert deny["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert all(selects(deny, pod) for pod in installed.pods().values())
    for policy in policies:
        for rule in policy["spec"].get("ingress", []):
            assert rule["from"]
            assert rule["ports"]
        for rule in policy["spec"].get("egress", []):
            assert rule["to"]
            assert rule["ports"]


@with_helm
def test_each_process_reaches_what_it_needs_and_nothing_else(production: Helm) -> None:
    reached: dict[str, tuple[set[int], set[int]]] = {}
    for name, pod in production.pods().items():
        policies = [policy["spec"] for policy in production.of_kind("NetworkPolicy") if selects(policy, pod)]
        incoming, outgoing = (
            {port["port"] for policy in policies for rule in policy.get(way, []) for port in rule["ports"]}
            for way in ("ingress", "egress")
        )
        reached[name] = (incoming, outgoing)
    names, database, store, ray = 53, 5432, 443, 10001
    witness_and_timestamps = 443
    assert reached == {
        "api": ({8080}, {names, database, store}),
        "worker": (set(), {names, database, store, ray}),
        "sealer": (set(), {names, database, witness_and_timestamps}),
        "migrate": (set(), {names, database}),
    }


@with_helm
def test_the_migration_runs_first_behind_its_own_wall(installed: Helm) -> None:
    hooks = [thing for thing in installed.objects if "helm.sh/hook" in thing["metadata"].get("annotations", {})]
    weights = {thing["kind"]: int(thing["metadata"]["annotations"]["helm.sh/hook-weight"]) for thing in hooks}
    assert weights["ServiceAccount"] == weights["NetworkPolicy"] < weights["Job"]
    assert {thing["metadata"]["annotations"]["helm.sh/hook"] for thing in hooks} == {"pre-install,pre-upgrade"}
    [wall] = [thing for thing in hooks if thing["kind"] == "NetworkPolicy"]
    assert selects(wall, installed.pods()["migrate"])
    assert wall["spec"]["policyTypes"] == ["Ingress", "Egress"]


@with_helm
def test_the_chart_makes_no_secret_and_the_database_url_comes_from_one(installed: Helm) -> None:
    assert installed.of_kind("Secret") == []
    for pod in installed.pods().values():
        [url] = [env for env in pod["spec"]["containers"][0]["env"] if env["name"] == "TUNEWARDEN_DATABASE_URL"]
        assert set(url["valueFrom"]) == {"secretKeyRef"}


@with_helm
def test_the_chart_sets_every_setting_of_the_platform_and_no_other(production: Helm) -> None:
    prefix = str(Settings.model_config["env_prefix"])
    named = {
        env["name"].removeprefix(prefix).lower()
        for container in production.containers()
        for env in container.get("env", [])
        if env["name"].startswith(prefix)
    }
    assert named == set(Settings.model_fields) - CLOSED_ON_PURPOSE


@with_helm
def test_the_platform_accepts_the_settings_of_every_process(installed: Helm) -> None:
    for component in installed.pods():
        settings, _ = settings_and_mounts(installed, component)
        assert settings.environment == "production"


@with_helm
def test_a_public_key_of_another_log_is_refused(home: Path) -> None:
    answer = ask_helm(changed(PRODUCTION, "log.origin", "example.org/other"), home)
    assert answer.objects == []
    assert "log.vkey is the key of another log" in answer.refusal


@with_helm
def test_the_files_of_the_log_lie_where_the_platform_looks_for_them(production: Helm) -> None:
    sealer, sealer_mounts = settings_and_mounts(production, "sealer")
    assert sealer_mounts[str(sealer.signing_key)] == "keys"  # memory
    assert str(sealer.sealer_state) not in sealer_mounts
    assert sealer_mounts[str(sealer.sealer_state.parent)] == "state"  # the claim
    api, api_mounts = settings_and_mounts(production, "api")
    assert api_mounts[str(api.log_vkey)] == "log"
    [public] = production.of_kind("ConfigMap")
    assert public["data"] == {api.log_vkey.name: PRODUCTION["log"]["vkey"]}


@with_helm
def test_the_copied_signing_key_is_one_the_sealer_accepts(production: Helm, tmp_path: Path) -> None:
    [copier] = production.pods()["sealer"]["spec"]["initContainers"]
    secrets, keys = tmp_path / "secrets", tmp_path / "keys"
    secrets.mkdir()
    keys.mkdir()
    create_key(secrets / "signing-key", "example.org/log")
    (secrets / "signing-key").chmod(0o440)  # as Kubernetes hands it to an account other than root
    with pytest.raises(InvalidKey):
        read_key(secrets / "signing-key", "example.org/log")
    command = [part.replace("/run/tunewarden", str(tmp_path)) for part in (*copier["command"], *copier["args"])]
    for _ in range(2):  # a pod whose sandbox is restarted copies again
        subprocess.run(command, check=True, timeout=10)
    assert stat.S_IMODE((keys / "signing-key").stat().st_mode) == 0o400
    read_key(keys / "signing-key", "example.org/log")
