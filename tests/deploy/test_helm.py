"""The chart, rendered by Helm and looked at by kubeconform, and what it says held against the
engine.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.cli.command import command_parser
from tests.deploy.described import DEPLOY, ROOT, Here, image
from tests.deploy.kubernetes import LOCATION, write_schemas
from tests.go_tools import KUBERNETES, NoTool, tool

CHART = DEPLOY / "helm" / "penstock"
KAFKA = {"kafka": {"bootstrap": "kafka:9092"}}
ALL_OF_IT = {
    "replicas": 5,
    "kafka": {
        "bootstrap": "k1:9093,k2:9093",
        "configSecret": "kafka-conf",
        "caSecret": "kafka-ca",
        "ports": [9093],
    },
    "auth": {
        "adminKeySecret": "first-key",
        "oidc": {
            "issuer": "https://id",
            "audience": "us",
            "jwksUrl": "https://id/k",
            "claim": "name",
        },
    },
    "tls": {"secret": "penstock-tls", "requireClientCertificate": True},
    "snapshots": {"place": "s3://bucket/prefix", "every": "5m", "truncateLog": True},
    "persistence": {"size": "5Gi", "storageClass": "fast"},
    "podDisruptionBudget": {"maxUnavailable": "20%"},
    "service": {"type": "LoadBalancer", "annotations": {"a": "b"}},
    "networkPolicy": {
        "clients": [{"namespaceSelector": {"matchLabels": {"team": "shop"}}}],
        "egress": [{"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}], "ports": [{"port": 443}]}],
    },
    "serviceMonitor": {"enabled": True, "keySecret": "scraper", "labels": {"release": "p"}},
    "builtin": {
        "enabled": True,
        "allow": ["10.2.0.0/16", "mail.shop.svc"],
        "allowPorts": [8080],
        "secretsSecret": "builtin-secrets",
        "keySecret": "builtin-key",
        "certificateSecret": "builtin-tls",
    },
    "serviceAccount": {"annotations": {"role": "arn:x"}},
    "imagePullSecrets": [{"name": "pull"}],
    "extraArgs": ["--metrics-names"],
    "env": [{"name": "AWS_REGION", "value": "eu-1"}],
    "envFrom": [{"secretRef": {"name": "aws"}}],
    "podAnnotations": {"x": "why"},
    "podLabels": {"z": "1"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "k", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "high",
}
BARE = {
    **KAFKA,
    "partitions": None,
    "networkPolicy": {"enabled": False},
    "auth": {"enabled": False},
    "serviceMonitor": {"enabled": True},
    "tls": {"secret": "penstock-tls"},
    "builtin": {"enabled": True},
}
VALUES = {"as it is": KAFKA, "all of it": ALL_OF_IT, "bare": BARE}
Render = Callable[[dict[str, Any]], str]


def helm(*words: str) -> subprocess.CompletedProcess[str]:
    """Run Helm, for the Kubernetes that the schemas are of."""
    of = ("--kube-version", KUBERNETES.version)
    return subprocess.run(
        [str(tool("helm")), *words, *of], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    try:
        tool("helm")
    except NoTool as error:
        pytest.skip(str(error))


@pytest.fixture
def render(tmp_path: Path) -> Render:
    """What Helm makes of values."""

    def made(values: dict[str, Any]) -> str:
        file = tmp_path / "values.yaml"
        file.write_text(yaml.safe_dump(values))
        done = helm("template", "shop", str(CHART), "-f", str(file), "--namespace", "flows")
        assert done.returncode == 0, done.stderr
        return done.stdout

    return made


Things = dict[tuple[str, str], Any]


def things(rendered: str) -> Things:
    """What was rendered, by kind and name."""
    found = [one for one in yaml.safe_load_all(rendered) if one]
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of schemas."""
    folder = tmp_path_factory.mktemp("schemas")
    try:
        tool("kubeconform")
        write_schemas(folder)
    except NoTool as error:
        pytest.skip(str(error))
    return folder


def judged(schemas: Path, rendered: str) -> list[Any]:
    """What kubeconform says of each."""
    words = ["-strict", "-verbose", "-output", "json"]
    words += ["-schema-location", f"{schemas}/{LOCATION}", "-"]
    done = subprocess.run(
        [str(tool("kubeconform")), *words],
        input=rendered,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return json.loads(done.stdout)["resources"]


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_what_is_rendered_is_what_kubernetes_takes(
    values: dict[str, Any], render: Render, schemas: Path
) -> None:
    rendered = render(values)
    found = judged(schemas, rendered)
    assert [one for one in found if one["status"] != "statusValid"] == []
    kinds = {one["kind"] for one in found}
    assert kinds >= {"StatefulSet", "Service", "ServiceAccount", "PodDisruptionBudget"}
    assert ("NetworkPolicy" in kinds) == values.get("networkPolicy", {}).get("enabled", True)
    assert ("ServiceMonitor" in kinds) == ("serviceMonitor" in values)
    assert ("Deployment" in kinds) == ("builtin" in values)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("replicas: 3", "replicas: many"), ("serviceName:", "serviceNam:"), ("httpGet:", "httpPut:")],
)
def test_what_kubernetes_does_not_take_is_seen(
    right: str, wrong: str, render: Render, schemas: Path
) -> None:
    rendered = render(KAFKA)
    assert right in rendered
    found = judged(schemas, rendered.replace(right, wrong))
    assert {one["kind"] for one in found if one["status"] == "statusInvalid"} == {"StatefulSet"}


def test_helm_finds_nothing_to_say() -> None:
    done = helm("lint", "--strict", str(CHART), "--set", "kafka.bootstrap=kafka:9092")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        {},  # Kafka is not named
        {**KAFKA, "replicas": 0},
        {**KAFKA, "cluster": "Main"},
        {**KAFKA, "replica": 3},
        {**KAFKA, "image": {"pullPolicy": "Sometimes"}},
        {**KAFKA, "drain": {"graceSeconds": 1}},
        {**KAFKA, "drain": {"preStopSeconds": 25}},  # which leaves no time to stop in
        {**KAFKA, "snapshots": {"place": "/mnt"}},
        {**KAFKA, "serviceMonitor": {"enabled": True}},  # and no key
        {**KAFKA, "builtin": {"enabled": True}},  # nor here
        {**BARE, "tls": {"secret": "t", "requireClientCertificate": True}},  # and no certificate
        {**KAFKA, "auth": {"oidc": {"issuer": "https://id"}}},
    ],
    ids=str,
)
def test_wrong_values_are_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(wrong))
    done = helm("template", "shop", str(CHART), "-f", str(file))
    assert done.returncode != 0
    assert any(
        one in done.stderr for one in ("specifications of the schema", " has to be ", " names ")
    )


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_the_nodes_words_are_the_command_lines_own(values: dict[str, Any], render: Render) -> None:
    [container] = pods(things(render(values)))["containers"]
    here = Here({"/etc/penstock/admin/admin.key": "/dev/null"})
    options = command_parser().parse_args(
        [*map(here.text, container["args"]), "--kafka", env(container)["PENSTOCK_KAFKA"]]
    )
    scheme = "https" if "tls" in values else "http"
    named = f"{scheme}://$(POD_NAME).shop-penstock-nodes.$(POD_NAMESPACE).svc:7070"
    assert options.advertise == named
    assert (options.cluster, options.standbys, options.port) == ("penstock", 1, 7070)
    assert (options.auth == "on") == values.get("auth", {}).get("enabled", True)
    behind = (
        "",
        ".$(POD_NAMESPACE)",
        ".$(POD_NAMESPACE).svc",
        ".$(POD_NAMESPACE).svc.cluster.local",
    )
    called = None if options.auth == "on" else [f"shop-penstock{one}" for one in behind]
    assert options.allow_hosts == called
    if values is ALL_OF_IT:
        assert options.snapshots == "s3://bucket/prefix" and options.snapshot_every_s == 300
        assert options.truncate_log and options.metrics_names
        assert options.oidc_issuer and options.oidc_jwks_url
        assert options.tls_client_ca is not None


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_all_that_the_nodes_read_is_mounted(values: dict[str, Any], render: Render) -> None:
    mounted = mounts(pods(things(render(values))), "data")
    assert mounted[image().environment["PENSTOCK_DATA"]] == "data"


def mounts(pod: Any, *claims: str) -> dict[str, str]:
    """What is mounted where; all that there is, and all that its one container is told to read."""
    [container] = pod["containers"]
    mounted = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
    assert set(mounted.values()) == {one["name"] for one in pod["volumes"]} | set(claims)
    named = [word.partition("=")[2] for word in container["args"]] + list(env(container).values())
    paths = [path for path in named if str(path).startswith("/etc/")]
    assert all(any(path.startswith(f"{at}/") for at in mounted) for path in paths), paths
    return mounted


@pytest.mark.parametrize("values", [ALL_OF_IT, BARE], ids=["all of it", "bare"])
def test_the_worker_of_built_in_tasks_is_no_node(values: dict[str, Any], render: Render) -> None:
    found = things(render(values))
    made = found["Deployment", "shop-penstock-builtin"]["spec"]
    labels = made["template"]["metadata"]["labels"]
    assert made["selector"]["matchLabels"].items() <= labels.items()
    nodes = found["Service", "shop-penstock"]["spec"]
    assert not nodes["selector"].items() <= labels.items(), "nobody is led to it"
    pod = made["template"]["spec"]
    mounts(pod)
    [container] = pod["containers"]
    options = command_parser().parse_args(container["args"])
    assert options.command == "builtin-worker"
    port = nodes["ports"][0]["port"]
    assert options.url == f"https://shop-penstock.flows.svc:{port}"
    assert options.secrets is None, "its file is named by the environment"
    keys = [one["name"] for one in container["env"] if "valueFrom" in one]
    assert keys == ([] if values is BARE else ["PENSTOCK_API_KEY"])
    volumes = {one["name"]: one["secret"] for one in pod["volumes"] if "secret" in one}
    assert volumes["ca"]["secretName"] == "penstock-tls"
    assert [one["key"] for one in volumes["ca"]["items"]] == ["ca.crt"], "not the nodes' key"
    if values is ALL_OF_IT:
        assert options.allow == ["10.2.0.0/16", "mail.shop.svc"] and options.allow_ports == ["8080"]
        assert volumes["tls"]["secretName"] == "builtin-tls"
        of_nodes = found["NetworkPolicy", "shop-penstock"]["spec"]["ingress"][1]["from"]
        assert of_nodes[-1]["podSelector"]["matchLabels"].items() <= labels.items(), "is let in"
        own = found["NetworkPolicy", "shop-penstock-builtin"]["spec"]
        assert own["podSelector"]["matchLabels"].items() <= labels.items()
        assert own["policyTypes"] == ["Ingress"] and "ingress" not in own, "nobody asks it"


@pytest.mark.parametrize("kind", ["StatefulSet", "Deployment"])
def test_a_pod_has_no_rights(kind: str, render: Render) -> None:
    [made] = [one for (of, _), one in things(render(ALL_OF_IT)).items() if of == kind]
    pod = made["spec"]["template"]["spec"]
    [container] = pod["containers"]
    own, of_pod = container["securityContext"], pod["securityContext"]
    assert own["readOnlyRootFilesystem"] and own["capabilities"] == {"drop": ["ALL"]}
    assert not own["allowPrivilegeEscalation"]
    assert f"{of_pod['runAsUser']}:{of_pod['runAsGroup']}" == image().user
    assert of_pod["runAsNonRoot"] and of_pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False


def test_a_stop_has_the_time_that_it_takes(render: Render) -> None:
    """Who listens on for the notice, then 3 s for requests, then what is left of the five."""
    pod = pods(things(render(KAFKA)))
    [container] = pod["containers"]
    [_, before] = container["lifecycle"]["preStop"]["exec"]["command"]
    options = command_parser().parse_args([*container["args"], "--kafka", "k:1"])
    assert options.drain_notice_s == 2
    assert int(before) + options.drain_notice_s + 10 < pod["terminationGracePeriodSeconds"]


def test_nodes_are_spread_over_zones_and_machines(render: Render) -> None:
    pod = pods(things(render(KAFKA)))
    spread = {one["topologyKey"]: one for one in pod["topologySpreadConstraints"]}
    assert set(spread) == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    for one in spread.values():
        assert one["whenUnsatisfiable"] == "ScheduleAnyway", "one machine is enough to try"
        assert one["labelSelector"]["matchLabels"]["app.kubernetes.io/name"] == "penstock"


def test_probes_ask_what_they_are_for(render: Render) -> None:
    [container] = pods(things(render(KAFKA)))["containers"]
    paths = {one: container[f"{one}Probe"]["httpGet"]["path"] for one in PROBES}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    [container] = pods(things(render(ALL_OF_IT)))["containers"]
    words = container["readinessProbe"]["exec"]["command"]
    assert words[:3] == image().healthcheck
    assert words[3] == "https://127.0.0.1:7070/readyz"
    assert {"PENSTOCK_TLS_CA", "PENSTOCK_TLS_CERT", "PENSTOCK_TLS_KEY"} <= set(env(container))


PROBES = ("startup", "liveness", "readiness")


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_selectors_find_the_pods(values: dict[str, Any], render: Render) -> None:
    found = things(render(values))
    labels = found["StatefulSet", "shop-penstock"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        found["StatefulSet", "shop-penstock"]["spec"]["selector"]["matchLabels"],
        found["Service", "shop-penstock"]["spec"]["selector"],
        found["Service", "shop-penstock-nodes"]["spec"]["selector"],
        found["PodDisruptionBudget", "shop-penstock"]["spec"]["selector"]["matchLabels"],
    ]
    if ("NetworkPolicy", "shop-penstock") in found:
        policy = found["NetworkPolicy", "shop-penstock"]["spec"]
        selectors.append(policy["podSelector"]["matchLabels"])
    assert all(one.items() <= labels.items() for one in selectors)
    nodes = found["Service", "shop-penstock-nodes"]
    assert nodes["spec"]["publishNotReadyAddresses"], "nodes find each other before they are ready"
    assert found["StatefulSet", "shop-penstock"]["spec"]["serviceName"] == "shop-penstock-nodes"
    if ("ServiceMonitor", "shop-penstock") in found:
        wanted = found["ServiceMonitor", "shop-penstock"]["spec"]["selector"]["matchLabels"]
        assert wanted.items() <= nodes["metadata"]["labels"].items()
        clients = found["Service", "shop-penstock"]["metadata"]["labels"]
        assert not wanted.items() <= clients.items(), "each node is scraped once"


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert f'version = "{chart["appVersion"]}"' in (ROOT / "pyproject.toml").read_text()


def test_every_value_has_its_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert unnamed(values, schema) == []
    assert set(schema["properties"]) == set(values) | {"global"}


def unnamed(values: Any, schema: Any, at: str = "") -> list[str]:
    """Values that a schema does not name."""
    if "properties" not in schema or not isinstance(values, dict):
        return []
    return [
        name
        for key, value in values.items()
        for name in (
            unnamed(value, schema["properties"][key], f"{at}.{key}")
            if key in schema["properties"]
            else [f"{at}.{key}"]
        )
    ]


def pods(found: Things) -> Any:
    """What the pods are made of."""
    return found["StatefulSet", "shop-penstock"]["spec"]["template"]["spec"]


def env(container: Any) -> dict[str, str]:
    """Its variables, those that are said outright."""
    return {one["name"]: one["value"] for one in container["env"] if "value" in one}
