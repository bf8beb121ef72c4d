"""The programs that are compared, and running them."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGE = "localhost/podkeeper/demo:1"
CALL_TIMEOUT_S = 180.0
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
            ("up", "-d"),
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
