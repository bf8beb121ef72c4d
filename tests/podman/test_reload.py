"""Reloads on real Podman: services take up new files without a restart."""

import os
import signal
import time
from collections.abc import Callable

import pytest
from tests.podman import bed
from tests.podman.command_line import Cli
from tests.podman.watching import PATIENCE_S, Watching

SERVICE = """
services:
  api:
    image: IMAGE
    command: LOOP
"""
TRAP = "trap 'cat /etc/app.conf >> /said' HUP; trap exit TERM; echo up > /said; while :; do sleep 0.05; done"


def reloading(cli: Cli, how: str) -> None:
    """A service that reads a mounted file when it is told to."""
    (cli.folder / "app.conf").write_text("first\n")
    cli.write(
        f"""
services:
  api:
    image: IMAGE
    command: ["sh", "-c", "{TRAP.replace("$", "$$")}"]
    volumes: [./app.conf:/etc/app.conf:ro]
    x-podkeeper: {{reload: {{{how}}}}}
"""
    )


def until_said(url: str, container: str, text: str) -> None:
    """Wait until the service has noted this, and nothing else."""
    deadline = time.monotonic() + PATIENCE_S
    while (said := bed.inside(url, container, "sh", "-c", "cat /said || true")) != text:
        assert time.monotonic() < deadline, f"never saw {text!r}, but {said!r}"
        time.sleep(0.02)


def test_reload_sends_the_signal_or_runs_the_command(cli: Cli, podman_url: str) -> None:
    """Nothing is restarted; a service that does not say how is told what to write."""
    name = f"{cli.project}_api_1"
    reloading(cli, "signal: SIGHUP")
    assert cli("up", "-d").returncode == 0
    until_said(podman_url, name, "up")
    done = cli("reload", "api")
    assert done.returncode == 0, done.stderr
    until_said(podman_url, name, "up\nfirst")
    reloading(cli, "exec: [sh, -c, 'echo told >> /said']")
    done = cli("reload")
    assert (done.returncode, "reloaded" in done.stderr) == (0, True), done.stderr
    assert bed.inside(podman_url, name, "cat", "/said").endswith("told")
    reloading(cli, "exec: ['false']")
    done = cli("reload", "api")
    assert (done.returncode, "hook_failed" in done.stderr) == (1, True)
    cli.write(SERVICE)
    done = cli("reload", "api")
    assert (done.returncode, "[usage]" in done.stderr, "x-podkeeper" in done.stderr) == (1, True, True)


def test_configuration_a_signal_and_a_trigger_file_reload(cli: Cli, watch: Callable[..., Watching]) -> None:
    """Three ways to have a service that runs take up its configuration; one save may be seen as two."""
    reloading(cli, "signal: HUP")
    watching = watch("watch", "--trigger-file", "trigger")
    watching.until(lambda: watching.content("/said") == "up", "the service")
    with (cli.folder / "app.conf").open("r+") as file:
        file.write("secon")
    watching.until(lambda: watching.content("/said").endswith("secon"), "a reload by the file")
    before = settled_reloads(watching)
    os.kill(watching.process.pid, signal.SIGUSR1)
    watching.until(lambda: reloads(watching) > before, "a reload by the signal")
    before = settled_reloads(watching)
    fresh = cli.folder / "trigger.new"
    fresh.write_text("wbe, api\n")
    fresh.rename(cli.folder / "trigger")
    watching.until(lambda: reloads(watching) > before, "a reload by the trigger")
    assert watching.said("names wbe")


def reloads(watching: Watching) -> int:
    """How often the service has taken up its second configuration."""
    return watching.content("/said").count("secon")


def settled_reloads(watching: Watching) -> int:
    """How often it has, once that has stood still for a second."""
    seen: list[tuple[float, int]] = []

    def stands_still() -> bool:
        count = reloads(watching)
        if not seen or seen[-1][1] != count:
            seen.append((time.monotonic(), count))
        return time.monotonic() - seen[-1][0] > 1

    watching.until(stands_still, "the reloads come to an end")
    return seen[-1][1]


def test_one_that_can_not_be_reloaded_keeps_no_other_from_it(cli: Cli, podman_url: str) -> None:
    """What was done is told beside what went wrong."""
    own = "x-podkeeper: {reload: {exec: [sh, -c, 'echo told >> /said']}}"
    cli.write(
        f"""
services:
  api: {{image: IMAGE, command: LOOP, x-podkeeper: {{reload: {{exec: ['false']}}}}}}
  web: {{image: IMAGE, command: LOOP, {own}}}
"""
    )
    nothing = cli("reload")
    assert (nothing.returncode, "nothing runs" in nothing.stderr) == (0, True)
    assert cli("up", "-d").returncode == 0
    done = cli("reload")
    assert (done.returncode, "[hook_failed]" in done.stderr) == (1, True), done.stderr
    assert "web: reloaded" in done.stderr
    assert bed.inside(podman_url, f"{cli.project}_web_1", "cat", "/said") == "told"


@pytest.mark.parametrize("trigger", ["nowhere/trigger", "src"])
def test_a_trigger_file_that_can_not_be_written_is_refused(cli: Cli, trigger: str) -> None:
    """Rather than waiting for it for ever."""
    (cli.folder / "src").mkdir()
    reloading(cli, "signal: HUP")
    done = cli("watch", "--no-up", "--trigger-file", trigger)
    assert (done.returncode, "trigger file" in done.stderr) == (1, True), done.stderr
