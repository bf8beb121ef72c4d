"""`podkeeper watch` beside a test: what it says, and what is in its containers."""

import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from tests.podman import bed
from tests.podman.command_line import Cli

PATIENCE_S = 60.0


@dataclass
class Watching:
    """A `podkeeper watch` that runs beside the test."""

    cli: Cli
    url: str
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def until(self, wanted: Callable[[], object], what: str) -> None:
        """Look again and again."""
        end = time.monotonic() + PATIENCE_S
        while not wanted():
            assert self.process.poll() is None, f"watch ended: {self.lines}"
            assert time.monotonic() < end, f"never saw {what}; watch said: {self.lines}"
            time.sleep(0.02)

    def said(self, text: str) -> bool:
        """Whether a line holds a text."""
        return any(text in line for line in self.lines)

    def within(self, *command: str, service: str = "api", number: int = 1) -> str:
        """What a command prints in a container; empty where it fails."""
        with contextlib.suppress(AssertionError):
            return bed.inside(self.url, f"{self.cli.project}_{service}_{number}", *command)
        return ""

    def content(self, path: str, number: int = 1) -> str:
        """A file in the container."""
        return self.within("cat", path, number=number)


@pytest.fixture
def watch(cli: Cli, podman_url: str) -> Iterator[Callable[..., Watching]]:
    """Starts `podkeeper watch`, and returns when it sees changes."""
    started: list[Watching] = []
    readers: list[threading.Thread] = []

    def start(*arguments: str) -> Watching:
        process = cli.start(*arguments or ("watch",))
        watching = Watching(cli, podman_url, process)

        def read() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                watching.lines.append(line.rstrip("\n"))

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        readers.append(reader)
        started.append(watching)
        watching.until(lambda: watching.said("watching "), "that watching has begun")
        return watching

    yield start
    for watching in started:
        watching.process.send_signal(signal.SIGINT)
        try:
            watching.process.wait(20)
        except subprocess.TimeoutExpired:
            watching.process.kill()
            watching.process.wait()
    for reader in readers:
        reader.join(10)
    for watching in started:
        for stream in (watching.process.stdout, watching.process.stderr):
            if stream is not None:
                stream.close()
