"""Builds what is released: python -m tests.release.packaging

dist/ has the wheel, the source distribution, and the list of what an installation of the server
has, as CycloneDX.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

from penstock.gateway.pages import DIST as UI_BUILT
from penstock.gateway.pages import INDEX

ROOT: Final = Path(__file__).resolve().parents[2]
DIST: Final = ROOT / "dist"
LOCK: Final = ROOT / "requirements.lock"
BIN: Final = Path(sys.executable).parent


def build(folder: Path) -> tuple[Path, Path]:
    """The wheel and the source distribution, in a folder."""
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


def bill(python: Path, to: Path) -> None:
    """What an environment has, as CycloneDX."""
    words = "environment", str(python), "--pyproject", str(ROOT / "pyproject.toml")
    run(str(BIN / "cyclonedx-py"), *words, "--output-reproducible", "-o", str(to))


def run(*command: str) -> None:
    """Run a tool; what it says is told if it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def main() -> int:
    """Build all into dist/."""
    shutil.rmtree(DIST, ignore_errors=True)
    wheel, source = build(DIST)
    with tempfile.TemporaryDirectory() as folder:
        python = environment(Path(folder, "venv"))
        install(python, wheel)
        listed = DIST / f"penstock-{version('penstock')}.cdx.json"
        bill(python, listed)
    for path in (wheel, source, listed):
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes")
    if not (UI_BUILT / INDEX).exists():
        print("without the dashboard: `make ui` builds it, and then it is in the wheel")
    return 0


if __name__ == "__main__":
    sys.exit(main())
