"""What one process does reaches the others: their `events`, their hooks, and who asks later."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.podman import bed
from tests.podman.command_line import Cli
from tests.podman.monitors import StartMonitor

STACK = "services: {web: {image: IMAGE, command: LOOP}}"
HOOKS = """
hooks:
  tell-the-board: {on: transaction.finished, run: [sh, -c, cat >> deployments]}
"""


class Follower:
    """`podkeeper events --json` beside a test."""

    def __init__(self, cli: Cli, *options: str) -> None:
        self._process = cli.start("events", "--json", *options)
        self.told: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.told += (json.loads(line) for line in self._process.stdout)

    def kinds(self) -> list[str]:
        """Of everything that was told, in its order."""
        return [event["kind"] for event in tuple(self.told)]

    def stop(self) -> None:
        """As Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(10)
        self._reader.join(5)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


def until(wanted: Callable[[], object], what: str, timeout_s: float = 30.0) -> None:
    """Wait for it."""
    deadline = time.monotonic() + timeout_s
    while not wanted():
        assert time.monotonic() < deadline, f"never saw {what}"
        time.sleep(0.05)


def deployments(cli: Cli) -> list[dict[str, Any]]:
    """What the hook `tell-the-board` wrote."""
    file = cli.folder / "deployments"
    text = file.read_text() if file.exists() else ""
    return [json.loads(part + "}") for part in text.split("}") if part.strip()]


def test_what_a_monitor_does_is_shown_beside_it_and_later_each_thing_once(
    cli: Cli, podman_url: str, monitor: StartMonitor
) -> None:
    """Incidents, restarts and transactions of other processes, while they happen and with --since."""
    cli.write(STACK)
    assert cli("up", "-d").returncode == 0
    monitor()
    follower = Follower(cli)
    try:
        until(lambda: "server.resynchronised" in follower.kinds(), "the follower's beginning")
        os.kill(bed.process_of(podman_url, f"{cli.project}_web_1"), signal.SIGKILL)
        until(lambda: "incident.closed" in follower.kinds(), "the incident's end")
        assert cli("restart", "web").returncode == 0
        until(lambda: "transaction.finished" in follower.kinds(), "the restart")
    finally:
        follower.stop()
    ours = ("incident.", "health.restarted", "transaction.")
    live = [kind for kind in follower.kinds() if kind.startswith(ours)]
    expected = ["health.restarted", "incident.closed", "incident.opened"]
    assert sorted(live) == [*expected, "transaction.finished", "transaction.started"]
    asked = cli("events", "--since", "10m", "--no-follow", "--json")
    past = [json.loads(line) for line in asked.stdout.splitlines()]
    assert sorted(e["kind"] for e in past if e["kind"].startswith(ours)) == [
        *expected,
        *["transaction.finished"] * 2,
        *["transaction.started"] * 2,
    ]
    told = {e["id"]: e["kind"] for e in follower.told if e["kind"].startswith(ours)}
    assert told.items() <= {e["id"]: e["kind"] for e in past}.items()


def test_hooks_of_a_monitor_see_what_the_command_line_does(cli: Cli, monitor: StartMonitor) -> None:
    """Each change once; one that a hook makes by its own verb does not set that hook off again."""
    cli.write(STACK)
    again = '  once-more: {on: transaction.finished, verb: "restart web"}\n'
    (cli.folder / "podkeeper.yaml").write_text(HOOKS + again)
    watcher = monitor()
    assert cli("up", "-d").returncode == 0
    until(lambda: len(deployments(cli)) == 2, "the `up`, and the restart of the other hook")
    assert [(d["verb"], d["outcome"]) for d in deployments(cli)] == [
        ("up", "committed"),
        ("restart", "committed"),
    ]
    watcher.until(lambda: len(watcher.events("server.hook_finished")) == 3, "three runs of hooks")
    assert all(event["ok"] for event in watcher.events("server.hook_finished"))


def test_files_that_change_count_at_once_and_wrong_ones_are_told(cli: Cli, monitor: StartMonitor) -> None:
    """A hook that is written under a running monitor; then a mistake, in which what was there goes on."""
    cli.write(STACK)
    watcher = monitor()
    own = cli.folder / "podkeeper.yaml"
    own.write_text(HOOKS)
    time.sleep(1.0)  # nothing tells of it that a person would see
    assert cli("up", "-d").returncode == 0
    until(lambda: len(deployments(cli)) == 1, "the first deployment")
    own.write_text("hooks: {tell-the-board: {on: transaction.finish, run: [date]}}\n")
    watcher.until(lambda: "transaction.finish" in "".join(watcher.said), "the mistake told")
    assert "podkeeper.yaml:1:" in "".join(watcher.said)
    own.write_text(HOOKS)
    watcher.until(lambda: "right again" in "".join(watcher.said), "the files right again")
    assert cli("restart").returncode == 0
    until(lambda: len(deployments(cli)) == 2, "the second deployment")
