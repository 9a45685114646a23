"""The image and the compose files, as they stand in deploy/: what a container would be started
with, so that tests start the same here.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = DEPLOY / "image" / "Dockerfile"
COMPOSE = DEPLOY / "compose" / "compose.yaml"
SECURE = DEPLOY / "compose" / "compose.secure.yaml"
WORKER = DEPLOY / "compose" / "worker.yaml"  # beside the secure one
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*)|:\?[^}]+)?\}")


class Step(NamedTuple):
    """An instruction of a Dockerfile, and what it says."""

    word: str
    text: str


class Stage(NamedTuple):
    """One of a Dockerfile's images."""

    name: str
    base: str
    steps: tuple[Step, ...]


class Image(NamedTuple):
    """What the last stage tells whoever starts it."""

    base: str
    environment: dict[str, str]
    entrypoint: list[str]
    command: list[str]
    healthcheck: list[str]
    user: str
    volumes: list[str]


class Started(NamedTuple):
    """A container's words and variables."""

    words: list[str]
    environment: dict[str, str]


def instructions(text: str) -> list[Step]:
    """A Dockerfile's, with continued lines in one."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [Step(*line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def stages() -> list[Stage]:
    """The image's stages, with the arguments before them put in."""
    known: dict[str, str] = {}
    found: list[Stage] = []
    for step in instructions(DOCKERFILE.read_text()):
        if step.word == "FROM":
            base, _, name = interpolated(step.text, known).partition(" AS ")
            found.append(Stage(name, base, ()))
        elif not found:
            assert step.word == "ARG", "before the first FROM there are arguments alone"
            name, _, value = step.text.partition("=")
            known[name] = value
        else:
            found[-1] = found[-1]._replace(steps=(*found[-1].steps, step))
    return found


def image() -> Image:
    """What the image is started with."""
    last = stages()[-1]
    said = {step.word: step.text for step in last.steps}  # of several the last counts
    environment: dict[str, str] = {}
    for step in last.steps:
        if step.word == "ENV":
            environment |= dict(one.split("=", 1) for one in shlex.split(step.text))
    check = said["HEALTHCHECK"]
    return Image(
        base=last.base,
        environment=environment,
        entrypoint=json.loads(said["ENTRYPOINT"]),
        command=json.loads(said["CMD"]),
        healthcheck=json.loads(check[check.index("[") :]),
        user=said["USER"],
        volumes=json.loads(said["VOLUME"]),
    )


def compose(file: Path, variables: Mapping[str, str] | None = None) -> Any:
    """A compose file with its variables put in, which happens once it is read."""
    return _interpolated_in(yaml.safe_load(file.read_text()), variables or {})


def _interpolated_in(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return interpolated(value, variables)
    if isinstance(value, list):
        return [_interpolated_in(one, variables) for one in value]
    if isinstance(value, dict):
        return {name: _interpolated_in(one, variables) for name, one in value.items()}
    return value


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """`${NAME}`, `${NAME:-default}` and `${NAME:?why it must be there}`, as Docker and compose read
    them.
    """

    def value(found: re.Match[str]) -> str:
        default = found[2]
        if default is None:
            return variables[found[1]]
        return variables.get(found[1]) or default

    return _VARIABLE.sub(value, text)


def started(service: Mapping[str, Any]) -> Started:
    """What a service that runs our image is started with."""
    made = image()
    words = [*made.entrypoint, *service.get("command", made.command)]
    return Started(words, made.environment | service.get("environment", {}))


def engines(described: Mapping[str, Any]) -> dict[str, Any]:
    """The services that are nodes of the engine."""
    return {
        name: service
        for name, service in described["services"].items()
        if started(service).words[1] == "server" and service["image"].startswith("penstock:")
    }


def properties(file: Path) -> dict[str, str]:
    """A Java properties file."""
    lines = (line for line in file.read_text().splitlines() if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in (one.partition("=") for one in lines)}


class Here:
    """Places and addresses of containers, as they are on this machine."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = sorted(places.items(), key=lambda one: -len(one[0]))

    def text(self, text: str) -> str:
        """A text with all of them put in; none is looked at twice."""
        known = dict(self._places)
        pattern = "|".join(map(re.escape, known))
        return re.sub(pattern, lambda found: known[found[0]], text) if known else text

    def file(self, source: Path, folder: Path) -> Path:
        """A copy of a file, with the same done to it."""
        copy = folder / source.name
        copy.write_text(self.text(source.read_text()))
        copy.chmod(source.stat().st_mode)
        return copy

    def started(self, one: Started) -> Started:
        """The same of words and variables."""
        words = [self.text(word) for word in one.words]
        return Started(words, {name: self.text(value) for name, value in one.environment.items()})
