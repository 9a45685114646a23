"""The image, as far as can be told without building it; test_built.py carries its steps out."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from penstock.cli.command import command_parser
from tests.deploy.built import let_through
from tests.deploy.described import DEPLOY, DOCKERFILE, ROOT, image, instructions, stages

PLAIN_NAME = re.compile(r"[a-z0-9-]+(/[a-z0-9-]+)?:[\w.-]+")
"""Without a host: whoever builds says where images come from."""
EXTRAS = ("server", "s3", "otel", "flows")


def test_bases_are_plain_names_or_stages() -> None:
    known: set[str] = set()
    for stage in stages():
        assert stage.base in known or PLAIN_NAME.fullmatch(stage.base), stage.base
        known.add(stage.name)
    assert PLAIN_NAME.fullmatch(stages()[-1].base)
    assert not PLAIN_NAME.fullmatch("registry.example.com/library/python:3.11-slim")


def test_the_wheel_has_all_that_its_description_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (wheel,) = (stage for stage in stages() if stage.name == "wheel")
    copied = {word for step in wheel.steps if step.word == "COPY" for word in step.text.split()}
    assert {project["readme"], *project["license-files"]} <= copied


def test_what_is_copied_is_there_and_let_through() -> None:
    copied = 0
    for stage in stages():
        for step in stage.steps:
            if step.word != "COPY" or step.text.startswith("--from="):
                continue
            *sources, _target = step.text.split()
            for source in sources:
                assert (ROOT / source).exists(), source
                assert let_through(source), f".dockerignore keeps {source} out"
                copied += 1
    assert copied >= 8


def test_what_the_image_has_no_need_of_is_kept_out() -> None:
    for path in (".git/config", ".venv/bin/python", "build/x", "tests/conftest.py", "docs/CLI.md"):
        assert not let_through(path), path
    for path in ("deploy/compose/secrets/engine.key", "ui/node_modules/x/y.js"):
        assert not let_through(path), path
    assert let_through("engine/penstock/core/ids.py")


def test_it_runs_as_a_user_without_rights_and_writes_to_its_data_alone() -> None:
    made = image()
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", made.user), "a number: runAsNonRoot wants one"
    assert made.volumes == [made.environment["PENSTOCK_DATA"]]
    assert "PYTHONDONTWRITEBYTECODE" in made.environment
    last = [step for step in stages()[-1].steps if step.word == "RUN"]
    assert [step.text.split()[0] for step in last] == ["install"], "nothing is built in it"
    assert made.volumes[0] in last[0].text and f"-o {made.user.partition(':')[0]}" in last[0].text
    assert not [step for step in instructions(DOCKERFILE.read_text()) if step.word == "ADD"]


def test_its_words_are_the_command_lines_own() -> None:
    made = image()
    assert made.entrypoint == ["penstock"]
    options = command_parser().parse_args([*made.command, "--kafka", "kafka:9092"])
    assert (options.command, options.host, options.auth) == ("server", "0.0.0.0", "on")
    script = DEPLOY / "image" / Path(made.healthcheck[-1]).name
    assert script.exists()


def test_its_libraries_are_locked_and_those_that_are_tested() -> None:
    lock = (DEPLOY / "image" / "requirements.lock").read_text()
    here, tested = pins(lock), pins((ROOT / "requirements-dev.lock").read_text())
    assert here.items() <= tested.items(), "make lock writes both"
    assert lock.count("--hash=sha256:") >= len(here) > 20
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    for extra in EXTRAS:
        wanted += project["optional-dependencies"][extra]
    names = {re.split(r"[\[<>=;]", one)[0] for one in wanted}
    assert names <= set(here)


def pins(lock: str) -> dict[str, str]:
    """What a lock file names, with the versions."""
    return dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
