"""What keeps a stack well, on real Podman: it brings back what fails, and nothing that a person ended."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from tests.podman import bed
from tests.podman.command_line import Cli
from tests.podman.monitors import Monitor, StartMonitor

from containers.model.base import ProjectName

STUBBORN = ["sh", "-c", "trap '' TERM; while :; do sleep 0.2; done"]
"""Stopping it takes a KILL, so that its exit code is that of a crash."""
SERVER = ["sh", "-c", "mkdir -p /www; echo ok > /www/index.html; exec httpd -f -p 80 -h /www"]
ASKS = ["CMD", "wget", "-q", "-O", "-", "http://127.0.0.1:80/index.html"]
AWAY_TIMES = 10
QUIET_S = 2.5
"""For what must not happen to happen."""


def write(cli: Cli, **services: dict[str, object]) -> None:
    """A compose file with these services, and all of it up."""
    full = {name: {"image": bed.IMAGE, "stop_grace_period": "1s", **s} for name, s in services.items()}
    (cli.folder / "compose.yaml").write_text(json.dumps({"name": cli.project, "services": full}))


def up(cli: Cli, *arguments: str) -> None:
    """Bring it up."""
    done = cli("up", "-d", *arguments)
    assert done.returncode == 0, done.stderr


def state_of(url: str, container: str) -> str:
    """Its state, in Podman's words."""
    return bed.podman(url, "inspect", "--format", "{{.State.Status}}", container)


def until_exited(url: str, container: str, *, or_state: str = "exited") -> None:
    """Podman says `stopped` until it has cleaned up, which takes a busy machine seconds."""
    deadline = time.monotonic() + 20
    while (state := state_of(url, container)) not in {"exited", or_state}:
        assert time.monotonic() < deadline, state
        time.sleep(0.1)


def starts_of(url: str, container: str, since: float) -> int:
    """How often Podman started a container since then."""
    text = bed.podman(
        url, "events", "--stream=false", "--since", f"{since:.3f}", "--filter", f"container={container}",
        "--filter", "event=start", "--format", "{{.Status}}",
    )  # fmt: skip
    return len(text.split())


def test_a_killed_process_is_brought_back(
    cli: Cli, podman_url: str, project: ProjectName, monitor: StartMonitor
) -> None:
    """Told as an incident that opens and closes, once; every replica counts."""
    write(cli, web={"command": STUBBORN, "deploy": {"replicas": 2}})
    up(cli)
    watcher = monitor()
    for times, number in enumerate((2, 1), start=1):
        os.kill(bed.process_of(podman_url, f"{project}_web_{number}"), signal.SIGKILL)
        watcher.until_told("incident.closed", times)
        assert state_of(podman_url, f"{project}_web_{number}") == "running"
    closed = watcher.events("incident.closed")
    assert [(e["how"], e["restarts"]) for e in closed] == [("restarted", 1)] * 2
    assert len(watcher.events("incident.opened")) == 2
    assert all(e["duration_s"] > 0 for e in closed)


def test_our_own_restart_of_what_depends_on_it_is_no_incident(
    cli: Cli, podman_url: str, project: ProjectName, monitor: StartMonitor
) -> None:
    """Also where it takes a KILL, so that it ends as a crash would."""
    needs = {"web": {"condition": "service_started", "restart": True}}
    write(cli, web={"command": STUBBORN}, api={"command": STUBBORN, "depends_on": needs})
    up(cli)
    watcher = monitor()
    for times in range(1, 4):
        os.kill(bed.process_of(podman_url, f"{project}_web_1"), signal.SIGKILL)
        watcher.until(lambda n=times: len(watcher.events("health.restarted", "api")) == n, "api's restart")  # type: ignore[misc]
        watcher.until_told("incident.closed", times)
    assert {e["service"] for e in watcher.events("incident.opened")} == {"web"}
    assert {e["attempt"] for e in watcher.events("health.restarted", "api")} == {0}


def test_a_frozen_process_is_brought_back_although_its_check_never_ends(
    cli: Cli, podman_url: str, project: ProjectName, monitor: StartMonitor
) -> None:
    """Podman 4 does not count a check that hangs; it has to be killed, since it does not hear TERM."""
    check = {"test": ASKS, "interval": "500ms", "timeout": "3s", "retries": 1}
    write(cli, web={"command": SERVER, "healthcheck": check, "stop_grace_period": "60s"})
    up(cli, "--wait-timeout", "60")
    watcher = monitor()
    time.sleep(1.0)
    before = len(watcher.events("incident.closed"))  # a busy machine may have been too slow for the check
    os.kill(bed.process_of(podman_url, f"{project}_web_1"), signal.SIGSTOP)
    watcher.until_told("incident.closed", before + 1, 60)
    assert watcher.events("health.restarted", "web")
    assert state_of(podman_url, f"{project}_web_1") == "running"


def test_what_a_person_stopped_stays_stopped_also_where_it_took_a_kill(
    cli: Cli, podman_url: str, project: ProjectName, monitor: StartMonitor
) -> None:
    """With a monitor there, and one that comes later and finds it dead with exit code 137."""
    write(
        cli, web={"command": STUBBORN}, trap={"command": ["sh", "-c", "trap 'exit 9' TERM; sleep 99 & wait"]}
    )
    up(cli)
    watcher = monitor()
    began = time.time()
    bed.podman(podman_url, "stop", "--time", "1", f"{project}_web_1", f"{project}_trap_1")
    time.sleep(QUIET_S)
    watcher.stop()
    later = monitor()
    time.sleep(QUIET_S)
    for service in ("web", "trap"):
        until_exited(podman_url, f"{project}_{service}_1")
        assert starts_of(podman_url, f"{project}_{service}_1", began) == 0
    assert not later.events("health.restarted")
    assert all(e["how"] == "by_hand" for e in watcher.events("incident.closed"))


def test_what_died_while_nobody_watched_is_brought_back(
    cli: Cli, podman_url: str, project: ProjectName, monitor: StartMonitor
) -> None:
    """Podman remembers that nobody stopped it."""
    write(cli, web={"command": STUBBORN})
    up(cli)
    os.kill(bed.process_of(podman_url, f"{project}_web_1"), signal.SIGKILL)
    time.sleep(1.0)
    watcher = monitor()
    watcher.until(lambda: watcher.events("health.restarted", "web"), "it back")


def test_what_is_removed_by_force_is_made_again_and_what_was_stopped_first_is_not(
    cli: Cli, podman_url: str, project: ProjectName, monitor: StartMonitor
) -> None:
    """As it was last applied; and `down` is no incident."""
    others = [f"other{number}" for number in range(4)]
    services: dict[str, Any] = {other: {"command": STUBBORN} for other in others}
    write(cli, web={"command": STUBBORN}, **services)
    up(cli)
    watcher = monitor()
    bed.podman(podman_url, "rm", "--force", "--time", "0", f"{project}_web_1")
    watcher.until(lambda: watcher.events("health.restarted", "web"), "it made again", 30)
    assert state_of(podman_url, f"{project}_web_1") == "running"
    for other in others:
        # so soon that Podman's own clean-up often comes too late to be told
        bed.podman(podman_url, "stop", "--time", "0", f"{project}_{other}_1")
        bed.podman(podman_url, "rm", f"{project}_{other}_1")
    time.sleep(QUIET_S)
    left = bed.podman(podman_url, "ps", "-a", "--format", "{{.Names}}").split()
    assert [name for name in left if name.startswith(f"{project}_")] == [f"{project}_web_1"]
    reasons = [line for line in watcher.said if "stays" in line]
    assert len(reasons) == len(others), "it says of each why it is not made again"
    opened = len(watcher.events("incident.opened", "web"))
    assert cli("down").returncode == 0
    time.sleep(QUIET_S)
    assert len(watcher.events("incident.opened", "web")) == opened
    assert f"{project}_web_1" not in bed.podman(podman_url, "ps", "-a", "--format", "{{.Names}}").split()


def test_many_that_are_removed_at_once_are_made_again_together(
    cli: Cli, podman_url: str, project: ProjectName, monitor: StartMonitor
) -> None:
    """Symptom: each took the other's place in the queue, all attempts failed, and all were given up."""
    names = [f"s{number}" for number in range(8)]
    services: dict[str, Any] = {name: {"command": STUBBORN} for name in names}
    write(cli, **services)
    up(cli)
    watcher = monitor()
    containers = [f"{project}_{name}_1" for name in names]
    began = time.time()
    bed.podman(podman_url, "rm", "--force", "--time", "0", *containers)
    watcher.until(lambda: len(watcher.events("incident.closed")) == len(names), "all of them back", 60)
    ends = {e["service"]: e["how"] for e in watcher.events("incident.closed")}
    assert ends == dict.fromkeys(names, "restarted")
    assert watcher.events("health.restart_failed") == []
    starts = {name: starts_of(podman_url, f"{project}_{name}_1", began) for name in names}
    assert starts == dict.fromkeys(names, 1)


def test_what_is_gone_while_its_stack_is_taken_down_is_not_made_again_after_that(
    cli: Cli, podman_url: str, project: ProjectName, monitor: StartMonitor
) -> None:
    """Its repair waits until the lock is free, and then has nothing to do."""
    write(
        cli,
        db={"command": STUBBORN},
        web={"command": STUBBORN, "depends_on": ["db"], "stop_grace_period": "4s"},
    )
    up(cli)
    watcher = monitor()
    taking_down = cli.start("down")
    cli.until_locked()
    bed.podman(podman_url, "rm", "--force", "--time", "0", f"{project}_db_1")
    watcher.until_told("incident.opened")
    _, said = taking_down.communicate(timeout=30)
    assert taking_down.returncode == 0, said
    time.sleep(QUIET_S)
    assert not watcher.events("health.restarted")
    assert not bed.podman(podman_url, "ps", "--all", "--quiet", "--filter", f"name={project}")


def test_a_crash_loop_of_podmans_own_is_stopped_told_once_and_tried_again_when_asked(
    cli: Cli, podman_url: str, project: ProjectName, monitor: StartMonitor
) -> None:
    """`restart: always` has no pause; the rest is unharmed, and the cause is told."""
    write(
        cli,
        web={"command": STUBBORN},
        loop={
            "command": ["sh", "-c", "test -e /data/ok || { echo no ok here; exit 3; }; sleep 99"],
            "restart": "always",
            "volumes": [f"{cli.folder}/data:/data"],
            "x-podkeeper": {"restart": {"max_attempts": 3}},
        },
    )
    (cli.folder / "data").mkdir()
    (cli.folder / "data").chmod(0o755)
    up(cli, "web")
    watcher = monitor()
    cli("up", "-d", "--mode", "fast", "loop")
    watcher.until(lambda: watcher.events("health.given_up", "loop"), "giving up", 30)
    (told,) = watcher.events("health.given_up", "loop")
    assert (told["exit_code"], told["log_tail"][-1]) == (3, "no ok here")
    assert "Podman has restarted it" in told["reason"]
    time.sleep(QUIET_S)
    # Made ready before it was stopped, it counts as created on Podman 4.
    until_exited(podman_url, f"{project}_loop_1", or_state="created")
    assert cli.ps()["loop"]["supervision"] == "given up"
    assert "given up" in cli("ps").stdout
    (cli.folder / "data" / "ok").touch()
    assert cli("retry", "loop").returncode == 0
    watcher.until(lambda: watcher.events("health.restarted", "loop"), "another try")
    watcher.until(lambda: cli.ps()["loop"]["supervision"] is None, "the breaker closed")
    assert state_of(podman_url, f"{project}_loop_1") == "running"
    assert len(watcher.events("health.given_up")) == 1
    assert not watcher.events("health.restarted", "web")


def test_a_service_of_ours_that_crashes_again_and_again_is_given_up_with_growing_waits(
    cli: Cli, podman_url: str, project: ProjectName, monitor: StartMonitor
) -> None:
    """The first try at once, then ever later; then one word, and quiet."""
    rules = {"max_attempts": 3, "first_backoff": "500ms", "longest_backoff": "1s"}
    code = "echo why; sleep 0.3; test -e /tmp/ok || exit 4; sleep 99"
    write(cli, web={"command": ["sh", "-c", code], "x-podkeeper": {"restart": rules}})
    cli("up", "-d", "--mode", "fast")
    watcher = monitor()
    watcher.until(lambda: watcher.events("health.given_up", "web"), "giving up", 30)
    assert [e["attempt"] for e in watcher.events("health.restarted")] == [1, 2, 3]
    (told,) = watcher.events("health.given_up")
    assert (told["attempts"], told["exit_code"], told["log_tail"][-1]) == (3, 4, "why")
    time.sleep(QUIET_S)
    assert len(watcher.events("health.given_up")) == 1
    until_exited(podman_url, f"{project}_web_1")


def test_a_service_that_is_added_while_the_monitor_runs_is_kept_as_well(
    cli: Cli, podman_url: str, project: ProjectName, monitor: StartMonitor
) -> None:
    """Its `up` comes from another terminal, after an override was written that was not there before."""
    write(cli, web={"command": STUBBORN})
    up(cli)
    watcher = monitor()
    late = {"image": bed.IMAGE, "stop_grace_period": "1s", "command": STUBBORN}
    (cli.folder / "compose.override.yaml").write_text(json.dumps({"services": {"late": late}}))
    up(cli)
    watcher.until(lambda: watcher.events("container.started", "late"), "its start")
    os.kill(bed.process_of(podman_url, f"{project}_late_1"), signal.SIGKILL)
    watcher.until(lambda: watcher.events("incident.closed", "late"), "it back")
    assert state_of(podman_url, f"{project}_late_1") == "running"


def test_a_project_that_is_given_another_name_is_kept_by_that_name(
    cli: Cli, podman_url: str, project: ProjectName, monitor: StartMonitor
) -> None:
    """Symptom: the monitor saw nothing of it, and told nothing. What has the old name is left as it is."""
    write(cli, web={"command": STUBBORN})
    up(cli)
    watcher = monitor()
    cli.project = ProjectName(f"{project}new")
    write(cli, web={"command": STUBBORN})
    try:
        up(cli)
        watcher.until(lambda: watcher.events("container.started", "web"), "its start")
        os.kill(bed.process_of(podman_url, f"{cli.project}_web_1"), signal.SIGKILL)
        watcher.until(lambda: watcher.events("incident.closed", "web"), "it back")
        assert state_of(podman_url, f"{cli.project}_web_1") == "running"
        said = "".join(watcher.said)
        assert f"watching over {cli.project} (1 service) from now on, no longer {project}" in said
        assert {e["project"] for e in watcher.told if e["kind"].startswith("incident.")} == {cli.project}
    finally:
        watcher.stop()
        bed.remove_project(podman_url, cli.project)


def test_a_held_service_is_left_alone_until_it_is_released(
    cli: Cli, podman_url: str, project: ProjectName, monitor: StartMonitor
) -> None:
    """Noted by one process, seen by another."""
    write(cli, web={"command": STUBBORN})
    up(cli)
    watcher = monitor()
    assert cli("hold", "web").returncode == 0
    watcher.until(lambda: watcher.events("health.override", "web"), "the hold")
    began = time.time()
    os.kill(bed.process_of(podman_url, f"{project}_web_1"), signal.SIGKILL)
    time.sleep(QUIET_S)
    until_exited(podman_url, f"{project}_web_1")
    assert starts_of(podman_url, f"{project}_web_1", began) == 0
    assert cli.ps()["web"]["supervision"] == "held"
    refused = cli("retry", "web")
    assert (refused.returncode, "podkeeper release web" in refused.stderr) == (1, True)
    assert cli("release", "web").returncode == 0
    watcher.until(lambda: watcher.events("health.restarted", "web"), "it back")
    assert [e["override"] for e in watcher.events("health.override")] == ["held", "released"]


def test_of_three_supervisors_one_acts_and_the_next_takes_over_when_it_is_killed(
    cli: Cli, podman_url: str, project: ProjectName, monitor: StartMonitor
) -> None:
    """Each failure is mended exactly once, as Podman's own events tell."""
    write(cli, web={"command": STUBBORN})
    up(cli)
    all_three = [monitor() for _ in range(3)]
    assert [m.is_supervisor for m in all_three] == [True, False, False]
    first, *others = all_three
    began = time.time()
    os.kill(bed.process_of(podman_url, f"{project}_web_1"), signal.SIGKILL)
    first.until(lambda: first.events("incident.closed", "web"), "it back")
    time.sleep(QUIET_S)
    assert starts_of(podman_url, f"{project}_web_1", began) == 1
    for other in others:  # they say what the one that acts did
        for kind in ("incident.opened", "health.restarted", "incident.closed"):
            other.until_told(kind)
            assert [e["id"] for e in other.events(kind)] == [e["id"] for e in first.events(kind)]
    first.kill()
    others[0].until(lambda: any(m.is_supervisor for m in others), "somebody taking over")
    began = time.time()
    os.kill(bed.process_of(podman_url, f"{project}_web_1"), signal.SIGKILL)
    others[0].until(
        lambda: any(len(m.events("incident.closed", "web")) == 2 for m in others), "it back again"
    )
    time.sleep(QUIET_S)
    assert starts_of(podman_url, f"{project}_web_1", began) == 1
    assert sum(m.is_supervisor for m in others) == 1


@pytest.mark.rootful
@pytest.mark.parametrize("podman_url", [pytest.param("rootful", marks=pytest.mark.rootful)], indirect=True)
def test_podman_going_away_and_coming_back_restarts_nothing(
    tmp_path: Path, cli: Cli, project: ProjectName
) -> None:
    """Its API service is killed and started anew, ten times; a death afterwards is found all the same."""
    socket = tmp_path / "podman.sock"
    service = _serve(socket)
    cli.environ["CONTAINER_HOST"] = f"unix://{socket}"
    check = {"test": ["CMD", "true"], "interval": "300ms", "timeout": "30s", "retries": 1}
    write(cli, web={"command": STUBBORN, "healthcheck": check}, plain={"command": STUBBORN})
    up(cli)
    watcher = Monitor(cli)
    try:
        watcher.until(lambda: watcher.events("server.resynchronised"), "the first look")
        began = time.time()
        for times in range(1, AWAY_TIMES + 1):
            service.kill()
            service.wait()
            watcher.until_told("server.engine_disconnected", times)
            time.sleep(0.5)
            service = _serve(socket)
            watcher.until_told("server.engine_connected", times + 1)
        time.sleep(QUIET_S)
        url = f"unix://{socket}"
        for name in ("web", "plain"):
            assert starts_of(url, f"{project}_{name}_1", began) == 0
        assert not watcher.events("incident.opened")
        os.kill(bed.process_of(url, f"{project}_plain_1"), signal.SIGKILL)
        watcher.until(lambda: watcher.events("health.restarted", "plain"), "it still watching")
    finally:
        watcher.stop()
        bed.remove_project(f"unix://{socket}", project)
        service.kill()
        service.wait()
    watcher.require_nothing_broke()


def _serve(socket: Path) -> subprocess.Popen[bytes]:
    """A Podman service of the test's own."""
    socket.unlink(missing_ok=True)
    service = subprocess.Popen(
        ["podman", "system", "service", "--time=0", f"unix://{socket}"],
        env=bed.serving_environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while not bed.answers(socket):
        assert time.monotonic() < deadline, "the Podman service does not answer"
        time.sleep(0.05)
    return service


def test_installing_the_monitor_says_clearly_that_there_is_no_systemd(cli: Cli) -> None:
    """With a code and what to do instead, where there is none."""
    write(cli, web={"command": STUBBORN})
    for flag in ("--install", "--uninstall"):
        done = cli("monitor", flag)
        assert done.returncode == 1
        assert "[unsupported]" in done.stderr
        assert "Run `podkeeper monitor` in a terminal" in done.stderr
