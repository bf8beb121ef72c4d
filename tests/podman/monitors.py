"""`podkeeper monitor` beside a test: what it says, and when it said it; the fixture `monitor`."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.podman.command_line import Cli

_OURS = ("subscriber ", "task ", "supervision of ")
"""Parts that fail by a fault of our own alone."""


class Monitor:
    """One `podkeeper monitor --json` in a process of its own.

    Each event that it tells is kept with the moment of its arrival, as `heard_at` (seconds since the epoch).
    """

    def __init__(self, cli: Cli) -> None:
        self._process = cli.start("monitor", "--json", "--log-level", "info")
        self.told: list[dict[str, Any]] = []
        self.said: list[str] = []
        self._changed = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def is_supervisor(self) -> bool:
        """What it said last of who supervises."""
        told = [e for e in tuple(self.told) if e["kind"] == "server.supervisor"]
        return bool(told and told[-1]["is_ours"])

    def events(self, kind: str, service: str | None = None) -> list[dict[str, Any]]:
        """Those of a kind."""
        return [e for e in tuple(self.told) if e["kind"] == kind and service in {None, e.get("service")}]

    def until(self, wanted: Callable[[], object], what: str, timeout_s: float = 60.0) -> None:
        """Wait until something is told that makes `wanted()` true."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not wanted():
                left_s = deadline - time.monotonic()
                told = [(e["kind"], e.get("service"), e.get("reason")) for e in self.told]
                assert left_s > 0, f"never saw {what}; told: {told}; said: {self.said}"
                self._changed.wait(min(left_s, 0.1))

    def until_told(self, kind: str, times: int = 1, timeout_s: float = 60.0) -> None:
        """Wait until a kind of event was told so often."""
        self.until(lambda: len(self.events(kind)) >= times, f"{kind}, {times} times", timeout_s)

    def kill(self) -> None:
        """As a crash would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """As a person would, with Ctrl-C; safe to call again."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
        for reader in self._readers:
            reader.join(5)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def require_nothing_broke(self) -> None:
        """No handler and no task in it may have failed; for when everything has been stopped."""
        failed = {e["part"]: e["reason"] for e in self.events("server.part_failed")}
        broken = {part: reason for part, reason in failed.items() if part.startswith(_OURS)}
        assert not broken, f"{broken}; it said: {self.said[-50:]}"

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.told.append({**json.loads(line), "heard_at": time.time()})
                self._changed.notify_all()

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said.append(line)


StartMonitor = Callable[[], Monitor]


@pytest.fixture
def monitor(cli: Cli) -> Iterator[StartMonitor]:
    """Starts monitors of the test's stack; they end with it."""
    started: list[Monitor] = []

    def start() -> Monitor:
        made = Monitor(cli)
        started.append(made)
        made.until_told("server.supervisor")
        made.until_told("server.resynchronised")
        return made

    yield start
    for each in started:
        each.stop()
    for each in started:
        each.require_nothing_broke()
