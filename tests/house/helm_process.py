"""Asks the real Helm about a chart, in a process of its own: the Go runtime it loads must not enter pytest's.

    python helm_process.py LIBRARY CHART < values.json > answer.json

LIBRARY is the folder of the unpacked helm-sdkpy wheel, CHART a chart folder. Two questions are asked:

1. lint, of CHART with its own values.yaml (the library takes no other values): severities and paths; the library
   drops the wording of a message;
2. install, of CHART with the given values, into a `WritingCluster`: the rendered manifest and hooks, or Helm's words
   for why it would not install. The library has no "template", so Helm is given a cluster that answers only what Helm
   asks before it stores a release, keeps that release, and refuses to store it.

Not checked: whether a Kubernetes API server would admit the objects.
"""

import asyncio
import base64
import gzip
import json
import re
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KINDS: Mapping[str, tuple[str, ...]] = {
    "v1": ("ConfigMap", "PersistentVolumeClaim", "Secret", "Service", "ServiceAccount"),
    "apps/v1": ("Deployment",),
    "batch/v1": ("Job",),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "policy/v1": ("PodDisruptionBudget",),
}


def plural(kind: str) -> str:
    lower = kind.lower()
    return lower[:-1] + "ies" if lower.endswith("y") else lower + "s"


def discovery() -> dict[str, object]:
    """What a cluster says it knows, by path: the versions, and the kinds of each of `KINDS`."""
    groups = [
        {"name": api.partition("/")[0], "versions": [version], "preferredVersion": version}
        for api in KINDS
        if "/" in api
        for version in [{"groupVersion": api, "version": api.partition("/")[2]}]
    ]
    answers: dict[str, object] = {
        "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
    }
    for api, kinds in KINDS.items():
        resources = [
            {"name": plural(kind), "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": ["create"]}
            for kind in kinds
        ]
        path = f"/apis/{api}" if "/" in api else f"/api/{api}"
        answers[path] = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api, "resources": resources}
    return answers


class WritingCluster(ThreadingHTTPServer):
    """A Kubernetes API on this machine that holds nothing, keeps the release Helm stores, and creates nothing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.known = discovery()
        self.release: dict[str, object] | None = None

    @property
    def kubeconfig(self) -> str:
        return (
            "apiVersion: v1\nkind: Config\ncurrent-context: here\n"
            f"clusters: [{{name: here, cluster: {{server: 'http://127.0.0.1:{self.server_port}'}}}}]\n"
            "users: [{name: here, user: {}}]\n"
            "contexts: [{name: here, context: {cluster: here, user: here}}]\n"
        )


class Answer(BaseHTTPRequestHandler):
    server: WritingCluster

    def do_GET(self) -> None:
        known = self.server.known.get(self.path.partition("?")[0])
        if known is not None:
            self._say(200, known)
        elif self.path.partition("?")[0].endswith("/secrets"):
            self._say(200, {"kind": "SecretList", "apiVersion": "v1", "metadata": {}, "items": []})
        else:
            self._say(404, {"kind": "Status", "apiVersion": "v1", "reason": "NotFound", "code": 404})

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        # The first thing Helm writes is the release, a Secret in protobuf: its one value is gzip in base64, whose
        # first bytes are always these, and the byte after it is a protobuf tag, never a letter of base64.
        packed = re.search(rb"H4sI[A-Za-z0-9+/]+=*", sent)
        if packed is not None:
            self.server.release = json.loads(gzip.decompress(base64.b64decode(packed[0])))
        self._say(403, {"kind": "Status", "apiVersion": "v1", "message": "this cluster only writes down", "code": 403})

    def _say(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Keeps standard error for Helm."""


def main() -> None:
    library, chart = sys.argv[1:]
    values = json.load(sys.stdin)
    sys.path.insert(0, library)
    from helm_sdkpy import Configuration, HelmError, Install, Lint

    cluster = WritingCluster()
    threading.Thread(target=cluster.serve_forever, daemon=True).start()
    helm = Configuration(namespace="house", kubeconfig=cluster.kubeconfig)
    linted = asyncio.run(Lint(helm).run(chart))
    refusal = ""
    try:
        asyncio.run(Install(helm).run("tunewarden", chart, values=values, wait=False, timeout=20))
    except HelmError as error:
        refusal = str(error)
    answer = {
        "messages": [[message["Severity"], message["Path"]] for message in linted["Messages"]],
        "release": cluster.release,
        "refusal": refusal,
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
