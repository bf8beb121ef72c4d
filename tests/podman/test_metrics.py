"""Services of real Podman, measured by the command line's monitor and told by `health` and `report`."""

import contextlib
import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.podman import bed
from tests.podman.command_line import Cli

SERVICES = """
services:
  api:
    image: IMAGE
    command: LOOP
    stop_grace_period: 1s
    healthcheck: {test: ["CMD", "test", "!", "-e", "/tmp/bad"], interval: 1s, timeout: 30s, retries: 1}
  web:
    image: IMAGE
    command: LOOP
    restart: "no"
    stop_grace_period: 1s
"""


@contextlib.contextmanager
def monitored(cli: Cli) -> Iterator[subprocess.Popen[str]]:
    """`podkeeper monitor` for as long as the block lasts."""
    process = cli.start("monitor")
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=15)


def until(wanted: Callable[[], Any], what: str, patience_s: float = 90.0) -> Any:
    """Wait until `wanted()` is something; that."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if found := wanted():
            return found
        time.sleep(0.3)
    pytest.fail(f"never saw {what}")


def health(cli: Cli, *arguments: str) -> dict[str, Any]:
    """What `health --json` says."""
    done = cli("health", "--json", *arguments)
    assert done.returncode in {0, 1}, done.stderr
    return dict(json.loads(done.stdout))


def up(cli: Cli, services: str = SERVICES) -> None:
    """Bring the stack up."""
    cli.write(services)
    done = cli("up", "-d")
    assert done.returncode == 0, done.stderr


def test_a_monitored_service_is_measured_and_its_availability_told(cli: Cli) -> None:
    """Checks, processor, memory and uptime come from the history; so does how much of the time was observed.

    Rootless on cgroup v1 Podman measures nothing: then figures are absent, and the rest is there.
    """
    up(cli)
    measured = podman_measures(cli)
    with monitored(cli):

        def two_samples() -> dict[str, Any] | None:
            api: dict[str, Any] = health(cli)["services"]["api"]
            is_measured = api["figures"]["cpu_percent"] is not None or not measured
            return api if is_measured and api["response_s"] and api["reliability"]["up_s"] > 5 else None

        api = until(two_samples, "a second sample")
    assert (api["state"], api["health"], api["well"]) == ("running", "healthy", True)
    assert api["response_s"] > 0
    assert api["last_check_at"]
    if measured:
        assert 0 < api["figures"]["memory_bytes"] < api["figures"]["memory_limit_bytes"]
        assert api["figures"]["processes"] >= 1
    else:
        assert set(api["figures"].values()) == {None}
    assert api["reliability"]["availability_percent"] == 100
    assert 0 < api["reliability"]["observed_percent"] < 1, "of a day it was monitored for seconds"
    recent = health(cli, "--since", "30s")["services"]["api"]["reliability"]
    assert recent["observed_percent"] > 10
    assert cli("stop", "api").returncode == 0
    stopped = health(cli)["services"]["api"]
    assert (stopped["state"], stopped["health"], stopped["uptime_s"]) == ("exited", "none", None)
    assert set(stopped["figures"].values()) == {None}, "what it used says nothing of now"
    assert cli("health", "api").stdout.splitlines()[1].split()[2:5] == ["-", "-", "-"]


def podman_measures(cli: Cli) -> bool:
    """Whether this Podman can tell what containers use."""
    url = cli.environ["CONTAINER_HOST"]
    form = "{{.Host.Security.Rootless}} {{.Host.CgroupsVersion}}"
    return bed.podman(url, "info", "--format", form).strip() != "true v1"


def test_health_without_a_monitor_shows_what_is_and_says_that_nobody_looked(cli: Cli) -> None:
    """Use of resources is measured at once then; what was is unknown, not 100 %."""
    up(cli)
    done = cli("health", "api")
    assert done.returncode == 0, done.stderr
    heading, row = done.stdout.splitlines()
    assert heading.split()[:4] == ["SERVICE", "HEALTH", "CHECKED", "TOOK"]
    assert row.split()[:2] == ["api", "healthy"]
    assert ("iB / " in row) == podman_measures(cli), "figures are there, or absent; never made up"
    assert "nobody looked" in done.stderr
    assert "100 %" not in row


def test_a_service_that_is_dead_or_unhealthy_makes_the_exit_code_1(cli: Cli, podman_url: str) -> None:
    """One that ended in order does not."""
    up(cli)
    (web,) = (r["container"] for r in cli.ps().values() if r["service"] == "web")
    bed.podman(podman_url, "kill", str(web))
    until(lambda: cli.ps()["web"]["state"] == "exited", "its death")
    assert cli("health").returncode == 1
    assert cli("health", "api").returncode == 0
    (api,) = (r["container"] for r in cli.ps().values() if r["service"] == "api")
    bed.podman(podman_url, "exec", str(api), "touch", "/tmp/bad")  # noqa: S108  (in the container)
    with contextlib.suppress(AssertionError):
        bed.podman(podman_url, "healthcheck", "run", str(api))
    done = cli("health", "api")
    assert (done.returncode, done.stdout.splitlines()[1].split()[1]) == (1, "unhealthy")


def test_being_unhealthy_is_down_time_that_health_and_report_tell(cli: Cli, podman_url: str) -> None:
    """Of the time in which somebody looked; the time without a monitor counts neither way."""
    up(cli)
    (api,) = (r["container"] for r in cli.ps().values() if r["service"] == "api")
    with monitored(cli):
        until(lambda: health(cli)["services"]["api"]["reliability"]["up_s"] > 0, "that it is up")
        bed.podman(podman_url, "exec", str(api), "touch", "/tmp/bad")  # noqa: S108  (in the container)

        def down() -> Any:
            return health(cli)["services"]["api"]["reliability"]["down_s"] > 0

        until(down, "that it is down")
    found = health(cli)["services"]["api"]["reliability"]
    assert 0 < found["availability_percent"] < 100
    lines = dict(line.split("  ", 1) for line in cli("report").stdout.splitlines())
    assert "%" in lines["availability"]
    assert lines["torn states"].strip() == "0"
    assert json.loads(cli("report", "--json").stdout)["availability"]["down_s"] > 0


def test_a_damaged_database_is_replaced_and_a_locked_one_stops_nothing(cli: Cli, tmp_path: Path) -> None:
    """The monitor goes on; what can not be written is told once, and that it works again as well."""
    up(cli)
    database = tmp_path / "state" / "state.db"
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as held:
        process = cli.start("monitor", "--json")
        assert process.stdout is not None
        try:
            until(lambda: held.execute("SELECT count(*) FROM samples").fetchone()[0], "samples")
            held.execute("BEGIN EXCLUSIVE")
            _until_told(process, "server.part_failed", "history")
            held.execute("ROLLBACK")
            _until_told(process, "server.part_recovered", "history")
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=15)
    database.write_bytes(b"this is no database " * 400)
    for ending in ("-wal", "-shm"):
        database.with_name(database.name + ending).unlink(missing_ok=True)
    assert cli("health", "api").returncode == 0
    assert list(database.parent.glob("*.damaged-*"))


def _until_told(process: subprocess.Popen[str], kind: str, part: str) -> None:
    """Read what the monitor tells until an event of a kind about a part."""
    assert process.stdout is not None
    for line in process.stdout:
        event: dict[str, Any] = json.loads(line)
        if (event["kind"], event.get("part")) == (kind, part):
            return
    pytest.fail(f"the monitor ended before {kind} of {part}")
