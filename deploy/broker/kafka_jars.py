"""What the broker needs before it can start: Java 17+, and Kafka's jars, which Maven copies once.

As root on a machine with apt-get the two are installed if they are missing. The jars lie in the
checkout's build folder, under a name that follows pom.xml.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build" / "broker"
JAVA_MAJOR_MIN = 17
MAVEN_TIMEOUT_S = 600
APT_TIMEOUT_S = 900


class BrokerError(RuntimeError):
    """Kafka cannot be started here; the message says what is missing or what it printed."""


@dataclass(frozen=True)
class Java:
    """A Java runtime that is new enough."""

    command: str
    home: str


def find_java() -> Java | None:
    """Return the first Java of at least version 17: JAVA_HOME, PATH, then the usual folders."""
    candidates: list[str] = []
    if home := os.environ.get("JAVA_HOME"):
        candidates.append(str(Path(home, "bin", "java")))
    if on_path := shutil.which("java"):
        candidates.append(on_path)
    for root in ("/usr/lib/jvm", "/opt/homebrew/opt", "/usr/local/opt"):
        candidates += sorted(str(path) for path in Path(root).glob("*/bin/java"))
    return next((java for java in map(_probe_java, candidates) if java), None)


def _probe_java(command: str) -> Java | None:
    try:
        done = subprocess.run(
            [command, "-XshowSettings:properties", "-version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = done.stdout + done.stderr
    version = re.search(r"java\.specification\.version = (\d+)", text)
    home = re.search(r"java\.home = (.+)", text)
    if not version or not home or int(version[1]) < JAVA_MAJOR_MIN:
        return None
    return Java(command, home[1].strip())


def find_jars() -> Path | None:
    """Return the folder of Kafka's jars, if an earlier run made it for this pom.xml."""
    libs = _libs()
    return libs if libs.is_dir() else None


def _libs() -> Path:
    pom = hashlib.sha256((HERE / "pom.xml").read_bytes()).hexdigest()[:12]
    return BUILD / f"libs-{pom}"


def prepare(*, may_install: bool = True) -> tuple[Java, Path]:
    """Make sure of Java and the jars, and return them; raise BrokerError naming what is missing."""
    java, jars, maven = find_java(), find_jars(), shutil.which("mvn")
    missing = _missing(java, jars, maven)
    why = ""
    if missing and may_install and _can_apt():
        try:
            _apt_install(missing)
        except BrokerError as error:
            why = f"\nInstalling it here: {error}"
        java, maven = find_java(), shutil.which("mvn")
        missing = _missing(java, jars, maven)
    if missing or java is None:
        raise BrokerError(
            f"no Kafka broker: {' and '.join(missing)} not found. Install them "
            "(Debian: apt-get install openjdk-17-jre-headless maven), or set "
            f"PENSTOCK_TEST_KAFKA=host:port to use a broker that is running already.{why}"
        )
    return java, jars or _copy_jars(java, str(maven))


def _missing(java: Java | None, jars: Path | None, maven: str | None) -> list[str]:
    missing = [] if java else [f"Java {JAVA_MAJOR_MIN}+"]
    if not jars and not maven:
        missing.append("Maven")
    return missing


def _can_apt() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get") is not None


def _apt_install(missing: list[str]) -> None:
    say(f"installing {' and '.join(missing)} with apt-get")
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120"]
    run([*apt, "update"], "apt-get update", APT_TIMEOUT_S)
    install = [*apt, "install", "-y", "--no-install-recommends"]
    if "Maven" in missing:
        run([*install, "maven"], "apt-get install maven", APT_TIMEOUT_S)
    if find_java() is None:  # Maven may have brought one
        try:
            run([*install, "openjdk-17-jre-headless"], "apt-get install", APT_TIMEOUT_S)
        except BrokerError:  # newer Debian releases have only newer ones
            run([*install, "default-jre-headless"], "apt-get install", APT_TIMEOUT_S)


def _copy_jars(java: Java, maven: str) -> Path:
    """Let Maven copy Kafka and its dependencies; whole or not at all, also for two at a time."""
    say("copying Kafka's jars with Maven (once)")
    BUILD.mkdir(parents=True, exist_ok=True)
    libs = _libs()
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="libs-tmp-") as work:
        command = [
            *(maven, "-B", "-ntp", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"),
            *(f"-DoutputDirectory={work}/libs", "-DincludeScope=runtime"),
        ]
        env = {**os.environ, "JAVA_HOME": java.home}
        try:
            run(command, "Maven", MAVEN_TIMEOUT_S, env=env)
        except BrokerError:  # a download may fail once
            run(command, "Maven", MAVEN_TIMEOUT_S, env=env)
        with contextlib.suppress(OSError):  # another process was first
            os.rename(f"{work}/libs", libs)
    if not libs.is_dir():
        raise BrokerError(f"Maven made no folder {libs}")
    return libs


def run(
    command: list[str], what: str, timeout_s: float, *, env: dict[str, str] | None = None
) -> None:
    """Run a command to its end; if it fails, raise BrokerError with the end of what it wrote."""
    env = {**(env or os.environ), "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_s,
            env=env,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BrokerError(f"{what} took longer than {timeout_s} s") from None
    if done.returncode != 0:
        raise BrokerError(f"{what} failed ({done.returncode}):\n{done.stdout[-4000:]}")


def say(text: str) -> None:
    """Tell the person who waits."""
    print(f"broker: {text}", file=sys.stderr, flush=True)
