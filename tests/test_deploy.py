"""The files in docs/deploy are valid, and agree with the commands and with each other."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from jsonschema.validators import validator_for
from kubernetes_validate import validate

from imgsearch.cli import commands
from imgsearch.service.auth import MIN_TOKEN_LENGTH
from tests.factories import CHECKOUT

DOCS = CHECKOUT / "docs"
DEPLOY = DOCS / "deploy"
GUIDES = [DOCS / "deploying.md", DOCS / "archive-security.md"]
GUIDE = "\n".join(page.read_text() for page in GUIDES)
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
PROXY = (DEPLOY / "haproxy.cfg").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "kuberay.yaml").read_text()))
KUBERNETES = "1.34"
IMAGE = "imgsearch"

# The fields of KubeRay's API that these files may use: raycluster_types.go of ray-operator.
CLUSTER_FIELDS = {"rayVersion", "headGroupSpec", "workerGroupSpecs", "enableInTreeAutoscaling",
                  "autoscalerOptions", "headServiceAnnotations", "suspend"}  # fmt: skip
HEAD_FIELDS = {"serviceType", "headService", "enableIngress", "rayStartParams", "template"}
WORKER_FIELDS = {"groupName", "replicas", "minReplicas", "maxReplicas", "numOfHosts",
                 "rayStartParams", "template", "scaleStrategy"}  # fmt: skip


def the_object(kind: str, name: str) -> dict[str, Any]:
    (found,) = [
        each for each in OBJECTS if each["kind"] == kind and each["metadata"]["name"] == name
    ]
    return found


CLUSTER = the_object("RayCluster", "imgsearch")["spec"]
JOB = the_object("Job", "imgsearch-index")["spec"]["template"]
SEARCH = the_object("Deployment", "imgsearch-search")["spec"]["template"]
PODS: dict[str, dict[str, Any]] = {
    "head": CLUSTER["headGroupSpec"]["template"],
    **{each["groupName"]: each["template"] for each in CLUSTER["workerGroupSpecs"]},
    "job": JOB,
    "search": SEARCH,
}


def environment_of(container: dict[str, Any]) -> dict[str, Any]:
    """The variables of a container: those of config maps by value, secrets as references."""
    values: dict[str, Any] = {}
    for source in container.get("envFrom", []):
        values |= the_object("ConfigMap", source["configMapRef"]["name"])["data"]
    return values | {
        each["name"]: each.get("value", each.get("valueFrom")) for each in container.get("env", [])
    }


# ------------------------------------------------------------------------- schemas


def test_the_compose_file_fulfils_the_specification() -> None:
    package = find_spec("check_jsonschema")
    assert package is not None and package.origin is not None
    schema = Path(package.origin).parent / "builtin_schemas/vendor/compose-spec.json"
    validator = validator_for(content := json.loads(schema.read_text()))(content)
    assert [f"{e.json_path}: {e.message}" for e in validator.iter_errors(COMPOSE)] == []


@pytest.mark.parametrize(
    "described",
    [each for each in OBJECTS if each["kind"] != "RayCluster"],
    ids=lambda each: f"{each['kind']} {each['metadata']['name']}",
)
def test_the_objects_fulfil_the_schemas_of_kubernetes(described: dict[str, Any]) -> None:
    validate(described, KUBERNETES, strict=True)


@pytest.mark.parametrize("name", PODS)
def test_the_pods_fulfil_the_schema_of_kubernetes(name: str) -> None:
    template = PODS[name]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **template["metadata"]}}
    validate(pod | {"spec": template["spec"]}, KUBERNETES, strict=True)


def test_the_cluster_has_the_fields_of_kuberay() -> None:
    cluster = the_object("RayCluster", "imgsearch")
    assert cluster["apiVersion"] == "ray.io/v1"
    assert CLUSTER["rayVersion"] and set(CLUSTER) <= CLUSTER_FIELDS
    head = CLUSTER["headGroupSpec"]
    assert {"rayStartParams", "template"} <= set(head) <= HEAD_FIELDS
    for group in CLUSTER["workerGroupSpecs"]:
        assert {"groupName", "rayStartParams", "template"} <= set(group) <= WORKER_FIELDS
        assert 0 <= group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for group in (head, *CLUSTER["workerGroupSpecs"]):
        # Both are text in the API; the operator takes the first container for that of Ray.
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        assert group["template"]["spec"]["containers"][0]["image"] == IMAGE


# ------------------------------------------------------------------------- commands


def commands_in(script: str) -> Iterator[list[str]]:
    """The commands of a shell script, as words."""
    words = shlex.shlex(script, posix=True, punctuation_chars="&|;")
    words.whitespace_split = True
    command: list[str] = []
    for word in [*words, ";"]:
        if set(word) <= set("&|;"):
            if command[:1] == ["exec"]:
                command = command[1:]
            if command:
                yield command
            command = []
        else:
            command.append(word)


def words_of(command: object) -> list[list[str]]:
    """The commands that a container runs: a line, words, or words that end with a script."""
    if isinstance(command, str):
        return list(commands_in(command))
    assert isinstance(command, list)
    return list(commands_in(command[-1])) if command[0] == "bash" else [command]


def all_commands() -> dict[str, list[list[str]]]:
    """The commands of the files and of the page, by where they are."""
    found = {
        name: words_of(each["command"]) for name, each in SERVICES.items() if "command" in each
    }
    for name, pod in PODS.items():
        for container in pod["spec"]["containers"]:
            if "command" in container:
                words = [*container["command"], *container.get("args", [])]
                found[f"pod {name}"] = words_of(words)
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    found["page"] = [command for line in lines for command in commands_in(line)]
    return found


COMMANDS = all_commands()


def parsed(group: click.Group, words: list[str]) -> click.Context:
    """A command line as the command understands it. Raises UsageError; nothing is run."""
    context = group.make_context(words[0], words[1:2], resilient_parsing=True)
    name, command, _ = group.resolve_command(context, words[1:])
    assert command is not None
    return command.make_context(name, words[2:], parent=context)


@pytest.mark.parametrize("place", COMMANDS)
def test_every_command_is_one_of_imgsearch(place: str) -> None:
    for words in COMMANDS[place]:
        if words[0] == "imgsearch":
            parsed(commands, words)


def test_what_runs_are_these_commands() -> None:
    """So that the test above cannot pass without a command."""
    run = {
        place: [" ".join(words[:2]) for words in found if words[0] in ("imgsearch", "ray")]
        for place, found in COMMANDS.items()
        if place != "page"
    }
    assert run == {
        "head": ["ray start"],
        "worker": ["ray start"],
        "index": ["ray start", "imgsearch index"],
        "search": ["imgsearch serve"],
        "pod job": ["ray start", "imgsearch index"],
        "pod search": ["imgsearch serve"],
    }
    in_page = {" ".join(words[:2]) for words in COMMANDS["page"]}
    assert {"imgsearch index", "imgsearch serve", "imgsearch status", "ray start"} <= in_page


def test_every_command_of_ray_is_one() -> None:
    pytest.importorskip("ray", reason="needs the extra scale")
    from ray.scripts.scripts import cli

    for words in (words for found in COMMANDS.values() for words in found if words[0] == "ray"):
        parsed(cli, words)
    for group in (CLUSTER["headGroupSpec"], *CLUSTER["workerGroupSpecs"]):
        options = [f"--{name}={value}" for name, value in group["rayStartParams"].items()]
        parsed(cli, ["ray", "start", *options])


def test_the_writer_joins_the_cluster_without_cpus() -> None:
    """A worker is then never given to its machine, which has other rights."""
    for place in ("index", "pod job"):
        (start,) = [words for words in COMMANDS[place] if words[0] == "ray"]
        assert start[start.index("--num-cpus") + 1] == "0"


def test_the_pods_join_the_cluster_of_the_file() -> None:
    (start,) = [words for words in COMMANDS["pod job"] if words[0] == "ray"]
    name = the_object("RayCluster", "imgsearch")["metadata"]["name"]
    assert start[start.index("--address") + 1] == f"{name}-head-svc:6379"
    (start,) = COMMANDS["worker"]
    assert start[start.index("--address") + 1] == "head:6379" and "head" in SERVICES


# ------------------------------------------------------------------------- the image


def test_the_image_has_the_extra_scale() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    (extras,) = re.findall(r"^ARG EXTRAS=(.+)$", DOCKERFILE, re.M)
    assert {"cpu", "scale"} == set(extras.split(",")) <= set(project["optional-dependencies"])
    assert '".[$EXTRAS]"' in DOCKERFILE
    (version,) = re.findall(r"^ARG BASE=python:3\.(\d+)-slim@sha256:", DOCKERFILE, re.M)
    (least,) = re.findall(r">=3\.(\d+)", project["requires-python"])
    assert int(version) >= int(least)


def test_nothing_runs_as_root() -> None:
    (uid,) = re.findall(r"^ARG USER_ID=(\d+)$", DOCKERFILE, re.M)
    assert 'useradd --uid "$USER_ID"' in DOCKERFILE
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.M) == ["imgsearch"]
    assert SERVICES["proxy"]["user"] == uid
    for pod in PODS.values():
        rights = pod["spec"]["securityContext"]
        assert rights["runAsNonRoot"] and rights["runAsUser"] == int(uid)
        for container in pod["spec"]["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False


def test_variables_keep_ray_from_reporting_and_ask_for_a_token() -> None:
    page = (DOCS / "scale.md").read_text()
    exported = re.findall(r"^export (.+)$", page, re.M)
    wanted = dict(each.split("=", 1) for line in exported for each in line.split())
    assert len(wanted) == 3 and all(name.startswith("RAY_") for name in wanted)
    in_image = dict(re.findall(r"\b(RAY_\w+)=(\S+)", DOCKERFILE))
    assert in_image.items() >= wanted.items()
    for name in ("head", "worker", "index"):
        assert SERVICES[name]["environment"].items() >= wanted.items(), name
    for name in ("head", "cpu", "job"):
        (container,) = PODS[name]["spec"]["containers"]
        assert environment_of(container).items() >= wanted.items(), name


# ------------------------------------------------------------------------- secrets and rights


def test_no_file_has_a_credential() -> None:
    for file in (*DEPLOY.iterdir(), *GUIDES):
        text = file.read_text()
        assert not re.search(r"AKIA[0-9A-Z]{16}|PRIVATE KEY|aws_secret_access_key *=", text), file
        assert not re.search(r"(?<!@sha256:)\b[0-9a-f]{64}\b", text), file
    assert not [each for each in OBJECTS if each["kind"] == "Secret"]
    for pod in PODS.values():
        for container in pod["spec"]["containers"]:
            for name, value in environment_of(container).items():
                if re.search("TOKEN|SECRET|PASSWORD|ACCESS_KEY", name):
                    assert isinstance(value, dict) and "secretKeyRef" in value, name
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("TOKEN|SECRET|PASSWORD|ACCESS_KEY|CREDENTIAL", name):
                assert value.startswith("/run/secrets/"), name
    ignored = (CHECKOUT / ".gitignore").read_text().splitlines()
    for secret in COMPOSE["secrets"].values():
        assert f"/docs/deploy/{Path(secret['file']).parent}/" in ignored
    assert f"{MIN_TOKEN_LENGTH} characters" in GUIDE


def secrets_of(service: dict[str, Any]) -> set[str]:
    return {
        each if isinstance(each, str) else each["source"] for each in service.get("secrets", [])
    }


def test_only_the_process_that_writes_has_the_rights_to() -> None:
    with_writer = {name for name, each in SERVICES.items() if "aws_writer" in secrets_of(each)}
    assert with_writer == {"index"}
    accounts = {name: pod["spec"].get("serviceAccountName") for name, pod in PODS.items()}
    reader, writer = "imgsearch-reader", "imgsearch-writer"
    assert accounts == {"head": None, "cpu": reader, "job": writer, "search": reader}
    for account in (reader, writer):
        the_object("ServiceAccount", account)


def test_the_policies_give_the_least_rights() -> None:
    policies = [json.loads(each) for each in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)]
    rights: list[set[tuple[str, str]]] = []
    for policy in policies:
        assert policy["Version"] == "2012-10-17"
        rights.append(set())
        for statement in policy["Statement"]:
            assert statement["Effect"] == "Allow"
            actions, resources = statement["Action"], statement["Resource"]
            actions = [actions] if isinstance(actions, str) else actions
            resources = [resources] if isinstance(resources, str) else resources
            rights[-1] |= {(action, resource) for action in actions for resource in resources}
    reader, writer = rights
    buckets = {"arn:aws:s3:::index", "arn:aws:s3:::photos"}
    places = {f"{bucket}/archive/*" for bucket in buckets}
    assert reader == {("s3:ListBucket", each) for each in buckets} | {
        ("s3:GetObject", each) for each in places
    }
    changes = ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload")
    assert writer == reader | {(each, "arn:aws:s3:::index/archive/*") for each in changes}


# ------------------------------------------------------------------------- the proxy


def test_the_proxy_reaches_the_service_and_is_reached_from_outside() -> None:
    (outside,) = re.findall(r"^ +bind :(\d+) ssl", PROXY, re.M)
    (inside,) = re.findall(r"^ +server \S+ 127\.0\.0\.1:(\d+)", PROXY, re.M)
    assert "set-header Host localhost" in PROXY
    assert not re.search(r"^ *log\b", PROXY, re.M)

    for place in ("search", "pod search", "page"):
        for words in COMMANDS[place]:
            if words[:2] == ["imgsearch", "serve"]:
                assert words[words.index("--port") + 1] == inside, place

    proxy = SERVICES["proxy"]
    assert proxy["network_mode"] == "service:search"
    assert SERVICES["search"]["ports"] == [f"{outside}:{outside}"]
    assert not [name for name, each in SERVICES.items() if "ports" in each and name != "search"]

    (beside,) = [each for each in SEARCH["spec"]["containers"] if each["name"] == "proxy"]
    assert beside["image"] == proxy["image"]
    (port,) = beside["ports"]
    assert port["containerPort"] == int(outside)
    (published,) = the_object("Service", "imgsearch-search")["spec"]["ports"]
    assert published["targetPort"] == port["name"]
    (rule,) = the_object("NetworkPolicy", "imgsearch-search")["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": int(outside)}]
    assert beside["readinessProbe"]["httpGet"]["path"] in PROXY
    assert the_object("ConfigMap", "imgsearch-proxy")["data"] == {"haproxy.cfg": PROXY}


def test_selectors_find_their_pods() -> None:
    search, fleet = (PODS[name]["metadata"]["labels"] for name in ("search", "head"))
    assert all(PODS[name]["metadata"]["labels"] == fleet for name in ("cpu", "job"))
    deployment = the_object("Deployment", "imgsearch-search")["spec"]
    assert deployment["selector"]["matchLabels"] == search != fleet
    assert the_object("Service", "imgsearch-search")["spec"]["selector"] == search
    for name, labels in (("imgsearch-search", search), ("imgsearch-fleet", fleet)):
        policy = the_object("NetworkPolicy", name)["spec"]
        assert policy["podSelector"]["matchLabels"] == labels
    (rule,) = the_object("NetworkPolicy", "imgsearch-fleet")["spec"]["ingress"]
    assert rule == {"from": [{"podSelector": {"matchLabels": fleet}}]}
