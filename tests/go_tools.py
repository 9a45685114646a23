"""Programs and files that come as Go modules: real tools, built once into the checkout's build
folder, and schemas that nobody else ships.

`python -m tests.go_tools NAME...` fetches and builds, which takes minutes, once; without names, all
that tests use. Tests build nothing: what needs a tool that is not there is skipped and says so.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

BUILD = Path(__file__).resolve().parents[1] / "build" / "tools"
BUILD_S = 600
FETCH_S = 300


class Module(NamedTuple):
    """Where a program lies in which version of a module."""

    path: str
    version: str


TOOLS = {
    "versitygw": Module("github.com/versity/versitygw/cmd/versitygw", "v1.8.0"),
    "helm": Module("helm.sh/helm/v3/cmd/helm", "v3.22.0"),
    "kubeconform": Module("github.com/yannh/kubeconform/cmd/kubeconform", "v0.8.0"),
}
PROMQL = Path(__file__).with_name("deploy") / "promql"
COMPOSE = Module("github.com/compose-spec/compose-go/v2", "v2.16.2")
KUBERNETES = Module("k8s.io/kubernetes", "v1.36.3")
PROMETHEUS_OPERATOR = Module("github.com/prometheus-operator/prometheus-operator", "v0.85.0")


class NoTool(Exception):
    """It is not there, and can not be made here."""


def tool(name: str, *, build: bool = False) -> Path:
    """A program, which is there or is to be built."""
    module = TOOLS[name]
    program = BUILD / f"{name}-{module.version}"
    if not program.exists():
        _may(build, name)
        folder = BUILD / f"{name}.{os.getpid()}"  # of two that build, both are whole
        environment = {"GOBIN": str(folder), "CGO_ENABLED": "0"}
        _go("install", f"{module.path}@{module.version}", timeout_s=BUILD_S, **environment)
        (folder / name).rename(program)
        folder.rmdir()
    return program


def own_program(folder: Path, *, build: bool = False) -> Path:
    """A program of ours, to be built anew when its files have changed."""
    sources = sorted(path for path in folder.iterdir() if path.suffix in {".go", ".mod", ".sum"})
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    program = BUILD / f"{folder.name}-{digest}"
    if not program.exists():
        _may(build, folder.name)
        half = BUILD / f"{program.name}.{os.getpid()}"
        words = ("-C", str(folder), "build", "-mod=readonly", "-o", str(half), ".")
        _go(*words, timeout_s=BUILD_S, CGO_ENABLED="0")
        half.rename(program)
    return program


def module_folder(module: Module) -> Path:
    """The files of a module."""
    told = _go("mod", "download", "-json", f"{module.path}@{module.version}", timeout_s=FETCH_S)
    return Path(json.loads(told)["Dir"])


def _may(build: bool, name: str) -> None:
    if not build:
        raise NoTool(f"{name} is not built: python -m tests.go_tools {name}")


def _go(*words: str, timeout_s: float, **environment: str) -> str:
    go = shutil.which("go")
    if go is None:
        raise NoTool("Go, which brings what this needs, is not installed")
    BUILD.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            [go, *words],
            cwd=BUILD,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NoTool(f"go {' '.join(words)} takes more than {timeout_s:g} s") from error
    if done.returncode != 0:
        raise NoTool(f"go {' '.join(words)}: {done.stderr.strip()[-300:]}")
    return done.stdout


def main(names: list[str]) -> int:
    """Build; 1 if something can not be."""
    missing = 0
    for name in names or (*TOOLS, PROMQL.name):
        try:
            made = (
                own_program(PROMQL, build=True) if name == PROMQL.name else tool(name, build=True)
            )
            print(f"{name}: {made}", flush=True)
        except NoTool as error:
            print(f"{name}: {error}", flush=True)
            missing += 1
    return int(missing > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
