"""Builds what is released: python -m tests.release.packaging

dist/ has the wheel, the source distribution, the list of what an installation of the server has, as
CycloneDX (what pip installs, and what is built into the dashboard), and the digests of these.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from penstock.gateway.pages import is_built
from tests.release.licences import dashboard_packages

ROOT: Final = Path(__file__).resolve().parents[2]
DIST: Final = ROOT / "dist"
LOCK: Final = ROOT / "requirements.lock"
BIN: Final = Path(sys.executable).parent


class NoDashboard(RuntimeError):
    """What is released has the dashboard in it, and there is none."""

    def __init__(self) -> None:
        super().__init__("the dashboard is not built: `make ui` builds it, with Node")


def build(folder: Path) -> tuple[Path, Path]:
    """The wheel and the source distribution, in a folder. Raises NoDashboard."""
    if not is_built():
        raise NoDashboard
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", str(folder))
    [wheel], [source] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


def environment(folder: Path) -> Path:
    """The Python of a new, empty environment."""
    run(str(BIN / "uv"), "venv", "--quiet", "--python", sys.executable, str(folder))
    return folder / "bin" / "python"


def install(python: Path, package: Path) -> None:
    """Install a package with its server and what that needs, as it is locked."""
    uv = str(BIN / "uv"), "pip", "install", "--quiet", "--python", str(python)
    only = ["--only-binary", ":all:"]
    if package.suffix != ".whl":
        only += ["--no-binary", "penstock"]
    run(*uv, *only, "--constraint", str(LOCK), f"penstock[server] @ {package.as_uri()}")


def constraints() -> str:
    """What is locked, for a pip that is asked for names: versions alone."""
    return "\n".join(re.findall(r"^[a-z0-9-]+==[^ \\;]+", LOCK.read_text(), re.MULTILINE))


def bill(python: Path, to: Path) -> None:
    """What an environment has, and the dashboard in it, as CycloneDX."""
    words = "environment", str(python), "--pyproject", str(ROOT / "pyproject.toml")
    run(str(BIN / "cyclonedx-py"), *words, "--output-reproducible", "-o", str(to))
    told: dict[str, Any] = json.loads(to.read_text())
    built_in = [_component(name, one) for name, one in dashboard_packages().items()]
    references = [one["bom-ref"] for one in built_in]
    ours = told["metadata"]["component"]["bom-ref"]
    [root] = [one for one in told["dependencies"] if one["ref"] == ours]
    root["dependsOn"] = sorted([*root.get("dependsOn", ()), *references])
    told["dependencies"] += [{"ref": one} for one in references]
    told["components"] += built_in
    to.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")


def digests(files: Iterable[Path]) -> str:
    """By which whoever was handed these files knows them; as sha256sum reads it."""
    lines = (f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in files)
    return "".join(lines)


def _component(name: str, locked: dict[str, Any]) -> dict[str, Any]:
    """A package of the dashboard's, as its lock file has it."""
    kind, _, digest = locked["integrity"].partition("-")
    assert kind == "sha512", locked["integrity"]
    address = f"pkg:npm/{name.replace('@', '%40')}@{locked['version']}"
    return {
        "type": "library",
        "bom-ref": address,
        "name": name,
        "version": locked["version"],
        "purl": address,
        "licenses": [{"expression": locked["license"]}],
        "hashes": [{"alg": "SHA-512", "content": base64.b64decode(digest).hex()}],
        "description": "built into the dashboard",
    }


def run(*command: str) -> None:
    """Run a tool; what it says is told if it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def main() -> int:
    """Build all into dist/."""
    shutil.rmtree(DIST, ignore_errors=True)
    try:
        wheel, source = build(DIST)
    except NoDashboard as error:
        sys.stderr.write(f"{error}\n")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        python = environment(Path(folder, "venv"))
        install(python, wheel)
        listed = DIST / f"penstock-{version('penstock')}.cdx.json"
        bill(python, listed)
    known = DIST / "SHA256SUMS"
    known.write_text(digests((wheel, source, listed)))
    for path in (wheel, source, listed, known):
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
