"""Chaos: random faults in a stack that three supervisors watch over.

Every few seconds something happens to a service: its process is killed, frozen or runs out of memory, its
container is removed or taken out of its network, or a person stops it. Whatever fails has to be noticed at
once and mended exactly once; what a person stopped has to stay so until the person starts it again.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from tests.podman import bed
from tests.podman.command_line import Cli
from tests.podman.monitors import Monitor

from containers.model.base import ProjectName

NOTICED_S = 0.3
"""From Podman's event, as it comes in, to the incident."""
INTERVAL_S, TIMEOUT_S = 2.0, 2.0
HUNG_S = 2 * INTERVAL_S + TIMEOUT_S
"""So much longer for one that hangs, of which Podman tells nothing: it is a check that fails."""
RECOVERED_S = 30.0
REST_S = 6.0
"""After its recovery a service is left in peace for so long."""
STAYS_DOWN_S = 6.0
MONITORS = 3
KINDS = ("kill", "stop", "remove", "freeze", "disconnect", "memory")
EATS = 64 << 20
"""Twice of what it may have."""
LOOP = (
    "trap '' TERM; while :; do sleep 0.2;"
    f" test -e /tmp/eat && rm /tmp/eat && exec dd if=/dev/zero of=/dev/null bs={EATS} count=1; done"
)
SERVE = "mkdir -p /www; echo ok > /www/index.html; exec httpd -f -p 80 -h /www"


@dataclass(slots=True)
class Fault:
    """One thing that was done, and what came of it."""

    kind: str
    service: str
    at: float
    undone_at: float | None = None
    """When a person started what had been stopped."""
    incident: dict[str, Any] | None = None
    closed: dict[str, Any] | None = None


@dataclass(slots=True)
class Chaos:
    """A stack under attack."""

    cli: Cli
    url: str
    services: int
    random: random.Random
    most_s: float = NOTICED_S
    """Within which a failure must be noticed."""
    only: Sequence[str] = ()
    """The kinds of faults; empty: all."""
    monitors: list[Monitor] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    has_limits: bool = False
    refused: int = 0
    """Deeds that Podman did not do."""
    began: float = 0.0

    def container(self, service: str) -> str:
        """Its name."""
        return f"{self.cli.project}_{service}_1"

    def podman(self, *arguments: str) -> str:
        """Run Podman as a person would."""
        return bed.podman(self.url, *arguments)

    def write(self) -> None:
        """Every other service has a check that asks it over its network."""
        rules = {"max_attempts": 100_000, "first_backoff": "100ms", "longest_backoff": "500ms"}
        common = {"image": bed.IMAGE, "stop_grace_period": "1s", "x-podkeeper": {"restart": rules}}
        services: dict[str, dict[str, Any]] = {}
        for number in range(self.services):
            if number % 2:
                ask = ["CMD", "wget", "-q", "-O", "-", f"http://s{number}:80/index.html"]
                check = {
                    "test": ask,
                    "interval": f"{INTERVAL_S:g}s",
                    "timeout": f"{TIMEOUT_S:g}s",
                    "retries": 1,
                }
                services[f"s{number}"] = {**common, "command": ["sh", "-c", SERVE], "healthcheck": check}
            else:
                limit = {"mem_limit": "32m"} if self.has_limits else {}
                services[f"s{number}"] = {**common, **limit, "command": ["sh", "-c", LOOP]}
        text = json.dumps({"name": self.cli.project, "services": services})
        (self.cli.folder / "compose.yaml").write_text(text)

    def up(self) -> None:
        """Everything runs, and is watched over."""
        self.has_limits = self._limits_hold()
        self.write()
        # a check's own time is short here: it is not what is tried
        done = self.cli("up", "-d", "--wait-timeout", "120", timeout_s=180)
        assert done.returncode == 0, done.stderr
        for _ in range(MONITORS):
            self.monitors.append(Monitor(self.cli))
        for monitor in self.monitors:
            monitor.until(lambda m=monitor: m.events("server.resynchronised"), "the first look", 30)  # type: ignore[misc]
        time.sleep(2 * INTERVAL_S)
        self._until_nothing_is_open()
        self.began = time.time()

    def _until_nothing_is_open(self) -> None:
        """A machine that is too busy makes services ill by itself: until that is mended, too."""
        deadline = time.monotonic() + RECOVERED_S
        while time.monotonic() < deadline:
            closed = {e["incident"] for e in self.told("incident.closed")}
            if closed >= {e["incident"] for e in self.told("incident.opened")}:
                break
            time.sleep(0.2)

    def _limits_hold(self) -> bool:
        """Whether a container that takes more memory than it may is killed here."""
        eat = f"exec dd if=/dev/zero of=/dev/null bs={EATS} count=1"
        name = f"{self.cli.project}_limits"
        with suppress(AssertionError):  # its exit code is not 0 where it was killed
            self.podman("run", "--name", name, "--memory", "32m", bed.IMAGE, "sh", "-c", eat)
        code = self.podman("inspect", "--format", "{{.State.ExitCode}}", name)
        self.podman("rm", "--force", name)
        return code == "137"

    # faults

    def strike(self) -> None:
        """One random fault, at a service that is well."""
        closed = {e["incident"] for e in self.told("incident.closed")}
        ill = {e["service"] for e in self.told("incident.opened") if e["incident"] not in closed}
        names = [f"s{number}" for number in range(self.services)]
        well = [name for name in names if name not in ill and self._is_rested(name)]
        if not well:
            return
        service = self.random.choice(well)
        has_check = int(service[1:]) % 2 == 1
        kinds = ["kill", "stop", "remove"]
        kinds += ["freeze", "disconnect"] if has_check else ["memory"] if self.has_limits else []
        kinds = [kind for kind in kinds if not self.only or kind in self.only]
        if not kinds:
            return
        kind = self.random.choice(kinds)
        deeds: dict[str, Callable[[str], object]] = {
            "kill": lambda name: os.kill(self._pid(name), signal.SIGKILL),
            "freeze": lambda name: os.kill(self._pid(name), signal.SIGSTOP),
            "stop": lambda name: self.podman("stop", "--time", "1", name),
            "remove": lambda name: self.podman("rm", "--force", "--time", "0", name),
            "memory": lambda name: self.podman("exec", name, "touch", "/tmp/eat"),  # noqa: S108
            "disconnect": lambda name: self.podman(
                "network", "disconnect", "--force", f"{self.cli.project}_default", name
            ),
        }
        fault = Fault(kind, service, time.time())
        self.faults.append(fault)
        try:
            deeds[kind](self.container(service))
        except (AssertionError, ProcessLookupError):
            self.faults.remove(fault)  # Podman refused, or it was just being restarted
            self.refused += 1

    def go_on(self) -> None:
        """Take up what was told, and start what a person stopped a while ago."""
        self._match()
        for fault in self.faults:
            is_due = fault.kind == "stop" and fault.undone_at is None
            if is_due and time.time() - fault.at > STAYS_DOWN_S:
                fault.undone_at = time.time()
                with suppress(AssertionError):  # shown as a service that did not come up
                    self.podman("start", self.container(fault.service))

    def _pid(self, name: str) -> int:
        return bed.process_of(self.url, name, patience_s=0.0)

    def _is_rested(self, service: str) -> bool:
        mine = [f for f in self.faults if f.service == service]
        if not mine:
            return True
        last = mine[-1]
        closed_at = float(last.closed["heard_at"]) if last.closed else None
        ended = last.undone_at if last.kind == "stop" else closed_at
        return ended is not None and time.time() - ended > REST_S

    # what came of it

    def told(self, kind: str) -> list[dict[str, Any]]:
        """What all the supervisors told of a kind, each thing once, when it was told first, in order."""
        told = sorted((e for m in self.monitors for e in m.events(kind)), key=lambda e: e["heard_at"])
        found: dict[str, dict[str, Any]] = {}
        for event in told:
            found.setdefault(event.get("incident") or event["id"], event)
        return list(found.values())

    def _match(self) -> None:
        opened, closed = (
            self.told("incident.opened"),
            {e["incident"]: e for e in self.told("incident.closed")},
        )
        for index, fault in enumerate(self.faults):
            later = [f.at for f in self.faults[index + 1 :] if f.service == fault.service]
            until = later[0] if later else float("inf")
            if fault.undone_at is not None:  # what comes after that is another matter
                until = min(until, fault.undone_at)
            if fault.incident is None:
                mine = (e for e in opened if e["service"] == fault.service)
                # a machine that is too busy may have made it ill just before
                fault.incident = next(
                    (
                        e
                        for e in mine
                        if e["heard_at"] < until
                        and closed.get(e["incident"], {"heard_at": fault.at})["heard_at"] >= fault.at
                    ),
                    None,
                )
            if fault.incident is not None and fault.closed is None:
                fault.closed = closed.get(fault.incident["incident"])

    def settle(self) -> None:
        """Wait until everything is well again, or should be."""
        deadline = time.monotonic() + RECOVERED_S
        while time.monotonic() < deadline:
            self.go_on()
            open_ones = [f for f in self.faults if (f.undone_at if f.kind == "stop" else f.closed) is None]
            if not open_ones:
                break
            time.sleep(0.2)
        time.sleep(2.0)
        self._until_nothing_is_open()
        self._match()

    def failures(self) -> list[str]:
        """What was not as it should be, a sentence each."""
        wrong = []
        for fault in self.faults:
            what = f"{fault.kind} of {fault.service} {fault.at - self.began:.1f} s after the beginning"
            if fault.kind == "stop":
                if fault.closed is not None and fault.closed["how"] == "restarted":
                    wrong.append(f"{what}: it was restarted")
                continue
            if fault.incident is None:
                wrong.append(f"{what}: not noticed")
            elif fault.closed is None:
                wrong.append(f"{what}: not recovered within {RECOVERED_S:g} s")
            elif fault.closed["how"] != "restarted":
                wrong.append(f"{what}: ended {fault.closed['how']}")
            noticed_s = self.noticed_s(fault)
            most_s = self.most_s + (HUNG_S if fault.kind in {"freeze", "disconnect"} else 0.0)
            if noticed_s is not None and noticed_s > most_s:
                wrong.append(f"{what}: noticed after {noticed_s:.2f} s, {most_s:g} s at most")
        ours = {f.incident["incident"] for f in self.faults if f.incident is not None}
        wrong += [
            f"{e['service']} {e['heard_at'] - self.began:.1f} s after: {e['reason']}, by no fault"
            for e in self.told("incident.opened")
            if e["incident"] not in ours and e["exit_code"] is not None
        ]
        if not self.faults:
            wrong.append("nothing was done: it proves nothing")
        return [*wrong, *self._too_many_starts()]

    def _too_many_starts(self) -> list[str]:
        """Podman's starts of each service, beside those that an incident needed and those by hand."""
        starts = {(e["container"], e["at"]): e for e in self.told("container.started")}
        wrong = [
            f"{f.kind} of {f.service}: it took {f.closed['restarts']} restarts"
            for f in self.faults
            if f.kind != "stop" and f.closed is not None and f.closed["restarts"] > 1
        ]
        for number in range(self.services):
            service = f"s{number}"
            by_hand = [f for f in self.faults if f.service == service and f.undone_at is not None]
            seen = [e["heard_at"] for e in starts.values() if e["service"] == service]
            seen = sorted(at for at in seen if at > self.began)
            closed = [e for e in self.told("incident.closed") if e["service"] == service]
            mended = sum(e["restarts"] for e in closed if e["heard_at"] > self.began)
            if len(seen) != mended + len(by_hand):
                at = ", ".join(f"{moment - self.began:.1f}" for moment in seen)
                wrong.append(f"{service}: {mended} restarts, {len(by_hand)} starts by hand, started at {at}")
            for fault in by_hand:
                early = [at for at in seen if fault.at + NOTICED_S < at < (fault.undone_at or 0.0)]
                wrong.extend(f"{service} was started although a person had stopped it" for _ in early)
        return wrong

    def _by_itself(self) -> int:
        """Incidents that no fault brought about: checks that a busy machine did not answer in time."""
        ours = {f.incident["incident"] for f in self.faults if f.incident is not None}
        return sum(e["incident"] not in ours for e in self.told("incident.opened"))

    def noticed_s(self, fault: Fault) -> float | None:
        """How long it took to notice: from Podman's event as it came in, else from the deed."""
        if fault.incident is None:
            return None
        heard_at: float = fault.incident["heard_at"]
        if fault.kind in {"freeze", "disconnect"}:
            return max(heard_at - fault.at, 0.0)
        # what tells of it: the death, or of one that ended in an orderly way its removal
        kinds = ("container.removed", "container.died") if fault.kind == "remove" else ("container.died",)
        heard = [
            float(e["heard_at"])
            for m in self.monitors
            for kind in kinds
            for e in m.events(kind, fault.service)
            if fault.at <= e["heard_at"] <= heard_at + 1
        ]
        before = [at for at in heard if at <= heard_at]
        return heard_at - max(before) if before else 0.0

    def report(self) -> list[str]:
        """Figures."""
        ended = time.time()
        lines = [
            f"{'fault':12} {'count':>5} {'noticed, s (mean, most)':>26} {'recovered, s (mean, most)':>27}"
        ]
        for kind in sorted({f.kind for f in self.faults}):
            mine = [f for f in self.faults if f.kind == kind]
            noticed = [s for f in mine if (s := self.noticed_s(f)) is not None]
            took = [f.closed["heard_at"] - f.at for f in mine if f.closed and kind != "stop"]
            lines.append(f"{kind:12} {len(mine):5} {_two(noticed):>26} {_two(took):>27}")
        closed = [e for e in self.told("incident.closed") if e["how"] != "by_hand"]
        down_s = sum(e["duration_s"] for e in closed)
        share = 1 - down_s / (self.services * (ended - self.began))
        mttr = f"{mean(e['duration_s'] for e in closed):.2f} s" if closed else "-"
        lines.append(f"availability {share:.3%}, mean time to recover {mttr}, {len(closed)} incidents")
        if by_itself := self._by_itself():
            lines.append(
                f"{by_itself} incidents were none of ours: this machine did not answer a check in time"
            )
        if self.refused:
            lines.append(f"{self.refused} faults were refused by Podman")
        if not self.has_limits:
            lines.append("no fault of memory: limits are not enforced on this machine")
        return lines

    def clear(self) -> None:
        """Leave nothing."""
        for monitor in self.monitors:
            monitor.stop()
        bed.remove_project(self.url, self.cli.project)
        for monitor in self.monitors:
            monitor.require_nothing_broke()


def _two(values: Sequence[float]) -> str:
    return f"{mean(values):.3f}, {max(values):.3f}" if values else "-"


def run(url: str, folder: Path, options: argparse.Namespace) -> list[str]:
    """Attack a stack for a while; what was wrong."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("COMPOSE_", "PODKEEPER_"))}
    environ |= {"CONTAINER_HOST": url, "PODKEEPER_STATE_DIR": str(folder / "state")}
    cli = Cli(folder, ProjectName(f"chaos{uuid.uuid4().hex[:8]}"), environ)
    dice = random.Random(options.seed)  # noqa: S311  (repeatable)
    chaos = Chaos(cli, url, options.services, dice, options.noticed, options.only)
    try:
        chaos.up()
        ends = time.monotonic() + options.minutes * 60
        strikes_at = time.monotonic()
        while time.monotonic() < ends:
            if time.monotonic() >= strikes_at:
                chaos.strike()
                strikes_at += options.every
            chaos.go_on()
            time.sleep(0.1)
        chaos.settle()
        failures = chaos.failures()
        for line in chaos.report():
            _say(line)
        if failures and options.keep is not None:
            told = sorted((e for m in chaos.monitors for e in m.told), key=lambda e: e["heard_at"])
            deeds = [{"deed": f.kind, "service": f.service, "heard_at": f.at} for f in chaos.faults]
            options.keep.write_text("\n".join(json.dumps(e) for e in [*told, *deeds]))
        return failures
    finally:
        chaos.clear()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and say what it came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--services", type=int, default=20)
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two faults")
    parser.add_argument("--noticed", type=float, default=NOTICED_S, help="seconds until a fault is noticed")
    parser.add_argument(
        "--only", action="append", default=[], choices=KINDS, help="a kind of fault, repeatable; else all"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a file for all that was told, where something is wrong")
    parser.add_argument("--runs", type=int, help="taken, and of no use: chaos goes by time")
    options = parser.parse_args(arguments)
    with bed.rootful_engine() as url, tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        Path(folder).chmod(0o755)
        failures = run(url, Path(folder), options)
    for failure in failures:
        _say(f"FAILED {failure}")
    _say(f"{len(failures)} failures")
    return int(bool(failures))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
