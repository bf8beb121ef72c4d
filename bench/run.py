#!/usr/bin/env python3
"""Measure Podkeeper beside podman-compose and docker compose, on the same Podman, in the same minutes.

Two questions. How long do `up`, `up` again, `ps` and `down` take for twenty small services? And how soon
after a service has become ready does the one that waits for it start? The tools take turns, so that a busy
minute of the machine is shared by all; the tables show medians.

Everything it makes has a name of its own and is removed at the end, also after Ctrl-C.
"""

import argparse
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
IMAGE = "localhost/podkeeper/demo:1"
SERVICES = 20
VERBS = ("up", "up again", "ps", "down")
CALL_TIMEOUT_S = 180.0
NEVER_S = 20.0
"""A dependent that has not started so long after its dependency was ready does not start."""
READY_AFTER_S = 1

STAY = "trap 'exit 0' TERM; while :; do sleep 3600 & wait $$!; done"
"""What a service runs: it ends at once on TERM, so that `down` measures the tool and not a time-out."""


class MeasureError(Exception):
    """A tool did not do what was asked of it."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One of the programs that are compared."""

    name: str
    command: tuple[str, ...]
    up: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)

    def argv(self, project: str, file: Path, *verb: str) -> list[str]:
        """The whole command line of a verb."""
        return [*self.command, "-p", project, "-f", str(file), *verb]


def say(text: str = "") -> None:
    """One line for the reader; standard error is for progress."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """One line of progress."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def call(argv: Sequence[str], environ: Mapping[str, str], timeout_s: float = CALL_TIMEOUT_S) -> float:
    """Run a program to its end; the seconds it took.

    Its process group ends with it: a tool that is cut off must not go on in the background.

    Raises:
        MeasureError: it failed; the message has the end of what it said.
        TimeoutError: it was cut off.
    """
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: S603  (an argv of ours)
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environ},
            start_new_session=True,
        )
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"{argv[0]} took more than {timeout_s:.0f} s") from error
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        took = time.monotonic() - began
        if code:
            output.seek(0)
            said = output.read().decode(errors="replace").strip().splitlines()[-5:]
            raise MeasureError(f"{' '.join(argv)} ended with {code}:\n  " + "\n  ".join(said))
    return took


def output_of(*argv: str) -> str:
    """What a program prints; empty where it fails."""
    done = subprocess.run(argv, check=False, capture_output=True, text=True)  # noqa: S603
    return done.stdout.strip() if done.returncode == 0 else ""


# --- the stacks


def twenty_services() -> str:
    """Services in five layers of four; no health conditions, which not every tool could fulfil."""
    layers = 5
    width = SERVICES // layers
    lines = ["services:"]
    for number in range(SERVICES):
        lines += [
            f"  s{number:02}:",
            f"    image: {IMAGE}",
            "    pull_policy: never",
            f'    command: ["sh", "-c", "{STAY}"]',
            "    environment:",
            f"      NUMBER: '{number}'",
        ]
        if number >= width:
            lines += ["    depends_on:", f"      - s{number - width:02}"]
    return "\n".join(lines) + "\n"


def waiting_pair(stamps: Path) -> str:
    """A service that is ready after a second but checked every 30 s, and one that waits for it."""
    return f"""services:
  dependency:
    image: {IMAGE}
    pull_policy: never
    user: "0:0"
    command: ["sh", "-c", "sleep {READY_AFTER_S}; touch /stamps/ready; {STAY}"]
    volumes: ["{stamps}:/stamps"]
    healthcheck:
      test: ["CMD", "test", "-e", "/stamps/ready"]
      interval: 30s
      timeout: 5s
      retries: 3
  dependent:
    image: {IMAGE}
    pull_policy: never
    user: "0:0"
    command: ["sh", "-c", "touch /stamps/started; {STAY}"]
    volumes: ["{stamps}:/stamps"]
    depends_on:
      dependency:
        condition: service_healthy
"""


# --- the tools


def beside_python(name: str) -> Path | None:
    """A console script of the Python that runs this."""
    path = Path(sys.executable).parent / name
    return path if path.is_file() else None


def find_tools(socket_url: str, state: Path) -> tuple[list[Tool], list[str]]:
    """The tools that are here, Podkeeper first, and which are not."""
    script = beside_python("podkeeper")
    source = os.pathsep.join(filter(None, (str(ROOT / "src"), os.environ.get("PYTHONPATH"))))
    tools = [
        Tool(
            "podkeeper",
            (str(script),) if script else (sys.executable, "-m", "containers"),
            ("up",),
            {
                "PODKEEPER_STATE_DIR": str(state),
                "CONTAINER_HOST": socket_url,
                **({} if script else {"PYTHONPATH": source}),
            },
        )
    ]
    missing = []
    for name, program, environ in (
        ("podman-compose", "podman-compose", {}),
        ("docker compose", "docker-compose", {"DOCKER_HOST": socket_url}),
    ):
        if path := beside_python(program):
            tools.append(Tool(name, (str(path),), ("up", "-d"), environ))
        else:
            missing.append(name)
    return tools, missing


def answers(url: str) -> bool:
    """Whether a Podman answers at a `unix://` socket."""
    if not url.startswith("unix://"):
        return False
    connection = http.client.HTTPConnection("localhost", timeout=5)
    try:
        with socket.socket(socket.AF_UNIX) as end:
            end.settimeout(5)
            end.connect(url.removeprefix("unix://"))
            connection.sock = end
            connection.request("GET", "/_ping")
            return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


@contextlib.contextmanager
def podman_socket(scratch: Path) -> Iterator[str]:
    """A socket of the very Podman that podman-compose runs; one of our own where none answers."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    usual = "/run/podman/podman.sock" if os.geteuid() == 0 else f"{runtime}/podman/podman.sock"
    for url in (os.environ.get("CONTAINER_HOST", ""), f"unix://{usual}"):
        if answers(url):
            yield url
            return
    own = f"unix://{scratch / 'podman.sock'}"
    service = subprocess.Popen(  # noqa: S603  (an argv of ours)
        [shutil.which("podman") or "podman", "system", "service", "--time=0", own],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 10
        while not answers(own):
            if time.monotonic() > until or service.poll() is not None:
                raise MeasureError("podman system service does not answer")
            time.sleep(0.05)
        yield own
    finally:
        service.terminate()
        service.wait(10)


def remove(project: str) -> None:
    """Remove whatever carries the project's name, whoever made it."""
    found = set[str]()
    for label in ("io.podman.compose.project", "com.docker.compose.project"):
        found.update(output_of("podman", "ps", "-aq", "--filter", f"label={label}={project}").split())
    if found:
        output_of("podman", "rm", "-f", "-t", "0", *found)
    networks = output_of("podman", "network", "ls", "--format", "{{.Name}}").split()
    for network in networks:
        if network.startswith(f"{project}_"):
            output_of("podman", "network", "rm", "-f", network)


# --- measuring


Samples = dict[str, dict[str, list[float]]]


def measure_verbs(tools: Sequence[Tool], runs: int, scratch: Path, failures: dict[str, str]) -> Samples:
    """Seconds by tool and verb. Each `up` starts with nothing: no containers, network or cached state."""
    file = scratch / "twenty.yaml"
    file.write_text(twenty_services())
    samples: Samples = {tool.name: {verb: [] for verb in VERBS} for tool in tools}
    for number in range(runs):
        for tool in tools:
            if tool.name in failures:
                continue
            project = f"pkbench{uuid.uuid4().hex[:8]}"
            state = tool.environ.get("PODKEEPER_STATE_DIR")
            if state:
                shutil.rmtree(state, ignore_errors=True)
            verbs: dict[str, tuple[str, ...]] = {
                "up": tool.up,
                "up again": tool.up,
                "ps": ("ps",),
                "down": ("down",),
            }
            note(f"run {number + 1} of {runs}: {tool.name}")
            try:
                for verb, arguments in verbs.items():
                    took = call(tool.argv(project, file, *arguments), tool.environ)
                    samples[tool.name][verb].append(took)
            except (MeasureError, TimeoutError) as error:
                failures[tool.name] = str(error)
            finally:
                remove(project)
    return samples


def measure_wait(tool: Tool, scratch: Path) -> float | None:
    """Seconds from ready to the dependent's first act; negative is too early, None is never."""
    project = f"pkbench{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        stamps = Path(folder)
        stamps.chmod(0o777)
        file = scratch / f"{project}.yaml"
        file.write_text(waiting_pair(stamps))
        try:
            with contextlib.suppress(TimeoutError):
                call(tool.argv(project, file, *tool.up), tool.environ, READY_AFTER_S + NEVER_S)
            until = time.monotonic() + READY_AFTER_S + 1
            while time.monotonic() < until and not (stamps / "ready").exists():
                time.sleep(0.05)
            if not (stamps / "ready").exists():
                raise MeasureError("the dependency never got ready")
            if not (stamps / "started").exists():
                return None
            # the kernel's own stamps: a shell's clock in a container may have whole seconds only
            after = (stamps / "started").stat().st_mtime_ns - (stamps / "ready").stat().st_mtime_ns
            return after / 1e9
        finally:
            remove(project)
            file.unlink()


def measure_waits(tools: Sequence[Tool], runs: int, scratch: Path) -> dict[str, list[float | None] | str]:
    """As `measure_wait`, for each tool; a text where it failed."""
    found: dict[str, list[float | None] | str] = {}
    for number in range(runs):
        for tool in tools:
            samples = found.setdefault(tool.name, [])
            # one "never" says it; nobody needs to sit through more of them
            if isinstance(samples, str) or None in samples:
                continue
            note(f"waiting, run {number + 1} of {runs}: {tool.name}")
            try:
                samples.append(measure_wait(tool, scratch))
            except MeasureError as error:
                found[tool.name] = str(error)
    return found


# --- telling


def verb_table(samples: Samples, failures: Mapping[str, str]) -> list[str]:
    """Medians, with how many times Podkeeper's each of the others' is."""
    lines = [f"| {SERVICES} services | {' | '.join(VERBS)} |", "|---" * (len(VERBS) + 1) + "|"]
    ours = samples["podkeeper"]
    for name, verbs in samples.items():
        cells = []
        for verb in VERBS:
            if name in failures or not verbs[verb]:
                cells.append("failed")
                continue
            median = statistics.median(verbs[verb])
            cell = f"{median:.2f} s"
            if verbs is not ours and ours[verb]:
                cell += f" ({median / statistics.median(ours[verb]):.1f}x)"
            cells.append(cell)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def wait_table(waits: Mapping[str, list[float | None] | str]) -> list[str]:
    """When the dependent started, counted from when its dependency was ready."""
    lines = ["| ready after 1 s, `interval: 30s` | the dependent starts |", "|---|---|"]
    for name, samples in waits.items():
        if isinstance(samples, str):
            cell = "failed"
        elif known := [s for s in samples if s is not None]:
            median = statistics.median(known)
            cell = f"{median:.2f} s after" if median >= 0 else f"{-median:.2f} s too early"
        else:
            cell = f"never (within {NEVER_S:.0f} s)"
        lines.append(f"| {name} | {cell} |")
    return lines


def versions(tools: Sequence[Tool]) -> dict[str, str]:
    """What was measured."""
    found = {"podman": output_of("podman", "--version").removeprefix("podman version ")}
    for tool in tools:
        environ = {**os.environ, **tool.environ}
        argv = [*tool.command, "version" if tool.name == "docker compose" else "--version"]
        done = subprocess.run(argv, check=False, capture_output=True, text=True, env=environ)  # noqa: S603
        first = next((line for line in done.stdout.splitlines() if line.strip()), "")
        found[tool.name] = first.split()[-1] if first else "unknown"
    return found


def ensure_image() -> None:
    """Make the demo's image where it is missing."""
    if not output_of("podman", "image", "inspect", "--format", "{{.Id}}", IMAGE):
        call([str(ROOT / "environments/demo/build-image.sh")], {})


def measure(runs: int, parts: Sequence[str], scratch: Path) -> dict[str, object]:
    """Measure everything, print the tables, and return the data behind them."""
    ensure_image()
    with podman_socket(scratch) as url:
        tools, missing = find_tools(url, scratch / "state")
        about = versions(tools)
        say(", ".join(f"{name} {version}" for name, version in about.items()))
        load = os.getloadavg()[0]
        say(f"median of {runs}; {os.cpu_count()} cores, load {load:.1f}; in brackets: times Podkeeper's")
        report: dict[str, object] = {
            "versions": about,
            "runs": runs,
            "cores": os.cpu_count(),
            "load_before": load,
        }
        failures: dict[str, str] = {}
        if "verbs" in parts:
            samples = measure_verbs(tools, runs, scratch, failures)
            report["verbs"] = samples
            say()
            for line in verb_table(samples, failures):
                say(line)
        if "waiting" in parts:
            waits = measure_waits(tools, runs, scratch)
            failures.update({f"{k}, waiting": v for k, v in waits.items() if isinstance(v, str)})
            report["waiting"] = waits
            say()
            for line in wait_table(waits):
                say(line)
        report["failures"] = failures
        for name in missing:
            say(f"\nnot measured, it is not installed beside {sys.executable}: {name}")
        for name, failure in failures.items():
            say(f"\n{name} failed: {failure}")
        return report


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, measure, tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="how often each tool is measured (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to FILE")
    parser.add_argument("--only", choices=("verbs", "waiting"), help="one of the two tables")
    chosen = parser.parse_args(arguments)
    if chosen.runs < 1:
        parser.error("--runs must be at least 1")
    signal.signal(signal.SIGTERM, _terminated)
    parts = (chosen.only,) if chosen.only else ("verbs", "waiting")
    with tempfile.TemporaryDirectory(prefix="pkbench-") as folder:
        try:
            report = measure(chosen.runs, parts, Path(folder))
        except KeyboardInterrupt:
            note("interrupted; everything is removed")
            return 130
        except MeasureError as error:
            note(f"error: {error}")
            return 1
    if chosen.json:
        chosen.json.write_text(json.dumps(report, indent=2) + "\n")
    return 1 if report["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
