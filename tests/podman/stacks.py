"""Real projects through the real command line: up as they should be, and down to nothing.

`python -m tests.podman.stacks FOLDER` takes a folder of compose projects: `cases.json`, a list of objects
with `id`, `files`, `env`, `profiles`, `env_files` and `oracle`, and `cases/<id>/` with the files of each.
Every valid one is made runnable here (`stack_variants`), brought up by `podkeeper up`, inspected, and taken
down by `podkeeper down -v`. It prints a line a case and a summary; the exit code is 1 where one failed.
"""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.podman import bed
from tests.podman.stack_checks import lost_keys, state_complaints
from tests.podman.stack_services import SkippedError, Variant
from tests.podman.stack_variants import make_variant

from containers.adapters.local_files import LocalFiles
from containers.compose.loading import LoadRequest, load_project

_TIMEOUT_S = 120.0
_ANSWER_S = 5.0


@dataclass
class Result:
    """What became of one case."""

    case: str
    verdict: str
    """`up`, `refused`, `failed`, `skipped` or `same`."""
    reason: str = ""
    seconds: float = 0.0
    containers: int = 0
    changes: Counter[str] = field(default_factory=Counter)


class Runner:
    """Runs cases against one engine."""

    def __init__(self, url: str, root: Path, work: Path) -> None:
        """Cases are below `root`; `work` is for copies and state."""
        self.url = url
        self.root = root
        self.work = work
        self.seen: dict[str, str] = {}
        self.lock = threading.Lock()
        self.subnets = threading.Lock()
        """Projects that choose their own subnet may choose the same."""

    def run(self, case: Mapping[str, Any]) -> Result:
        """Run one case to its end; nothing of it is left."""
        name = f"pk{uuid.uuid4().hex[:10]}"
        folder = self.work / name / case["id"]
        shutil.copytree(self.root / "cases" / case["id"], folder, symlinks=True)
        began = time.monotonic()
        try:
            variant = self._variant(case, folder, name)
            with self._alone(variant), self._externals(variant):
                result = self._try(case, variant, folder, name)
            result.changes = variant.changes
        except SkippedError as reason:
            verdict = "same" if str(reason).startswith("the same as") else "skipped"
            result = Result(case["id"], verdict, str(reason))
        finally:
            bed.remove_project(self.url, name)
            shutil.rmtree(self.work / name, ignore_errors=True)
        result.seconds = time.monotonic() - began
        return result

    def _variant(self, case: Mapping[str, Any], folder: Path, name: str) -> Variant:
        environment = {"HOME": str(folder), "PATH": os.defpath, "PWD": str(folder), **case["env"]}
        loaded = load_project(
            LoadRequest(
                working_dir=folder,
                files=tuple(folder / f for f in case["files"]),
                profiles=tuple(case["profiles"]),
                env_files=tuple(folder / f for f in case["env_files"]),
                environment=environment,
                project_name="proj",
            ),
            LocalFiles(),
        )
        if loaded.project is None:
            raise SkippedError(f"it can not be loaded: {loaded.diagnostics[0].message}")
        variant = make_variant(loaded.project.document, folder, name)
        text = variant.fingerprint.replace(name, "")
        with self.lock:
            first = self.seen.setdefault(text, case["id"])
        if first != case["id"]:
            raise SkippedError(f"the same as {first}")
        (folder / "podkeeper-run.json").write_text(json.dumps(variant.document))
        return variant

    @contextmanager
    def _alone(self, variant: Variant) -> Iterator[None]:
        chosen = any(
            (n or {}).get("ipam", {}).get("config") for n in (variant.document.get("networks") or {}).values()
        )
        if not chosen:
            yield
            return
        with self.subnets:
            yield

    @contextmanager
    def _externals(self, variant: Variant) -> Iterator[None]:
        """What the project expects to be there."""
        for kind, name in variant.external:
            extra = ("-",) if kind == "secret" else ()
            bed.podman(self.url, kind, "create", name, *extra, stdin=b"s3cret" if extra else None)
        try:
            yield
        finally:
            for kind, name in variant.external:
                with suppress(AssertionError):
                    bed.podman(self.url, kind, "rm", name)

    def _try(self, case: Mapping[str, Any], variant: Variant, folder: Path, name: str) -> Result:
        up = self._podkeeper(case, variant, folder, name, "up", "-d")
        problems = list(self._after_up(up, variant, name)) if up.returncode == 0 else [_last_words(up.stderr)]
        if up.returncode != 0 and "[unsupported_by_podman]" in up.stderr:
            return Result(case["id"], "refused", problems[0])
        down = self._podkeeper(case, variant, folder, name, "down", "-v", "-y", "-t", "1")
        if down.returncode != 0:
            problems.append(f"down: {_last_words(down.stderr)}")
        problems.extend(f"left behind: {item}" for item in self._left(variant, name))
        count = sum(variant.replicas.values())
        return Result(case["id"], "failed" if problems else "up", "; ".join(problems), containers=count)

    def _podkeeper(
        self, case: Mapping[str, Any], variant: Variant, folder: Path, name: str, *verb: str
    ) -> subprocess.CompletedProcess[str]:
        profiles = [part for p in case["profiles"] for part in ("--profile", p)]
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            "CONTAINER_HOST": self.url,
            "PODKEEPER_STATE_DIR": str(self.work / name / "state"),
            **variant.environ,
        }
        return subprocess.run(
            [sys.executable, "-m", "containers", "-p", name, "-f", "podkeeper-run.json", *profiles, *verb],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )

    def _after_up(self, up: subprocess.CompletedProcess[str], variant: Variant, name: str) -> Iterator[str]:
        label = f"label=com.docker.compose.project={name}"
        ids = bed.podman(self.url, "ps", "-aq", "--filter", label).split()
        inspected = json.loads(bed.podman(self.url, "inspect", *ids)) if ids else []
        networks = {
            key: (network or {}).get("name", f"{name}_{key}")
            for key, network in (variant.document.get("networks") or {}).items()
        }
        for key, service in variant.document["services"].items():
            mine = [c for c in inspected if c["Config"]["Labels"]["com.docker.compose.service"] == key]
            if len(mine) != variant.replicas[key]:
                yield f"{key}: {len(mine)} containers, not {variant.replicas[key]}"
            check = service.get("healthcheck") or {}
            checked = bool(check.get("test")) and check["test"][0] != "NONE" and not check.get("disable")
            for container in mine:
                for complaint in state_complaints(container, variant.fates[key], checked=checked):
                    yield f"{key}: {complaint}"
                for lost in lost_keys(container, service, networks):
                    if f"service {key}: {lost}" not in up.stderr:
                        yield f"{key}: {lost} is lost without a word"
        for service_name, port in variant.answering:
            if not _answers(port):
                yield f"{service_name}: nothing answers on {port}"

    def _left(self, variant: Variant, name: str) -> Iterator[str]:
        label = f"label=com.docker.compose.project={name}"
        external = {n for _, n in variant.external}
        yield from bed.podman(self.url, "ps", "-a", "--filter", label, "--format", "{{.Names}}").split()
        for kind in ("network", "volume"):
            listed = bed.podman(self.url, kind, "ls", "--format", "{{.Name}}").split()
            yield from (f"{kind} {n}" for n in listed if n.startswith(name) and n not in external)
            yield from bed.podman(self.url, kind, "ls", "--quiet", "--filter", label).split()


def _answers(port: int) -> bool:
    deadline = time.monotonic() + _ANSWER_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            client.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
            if client.recv(4) == b"HTTP":
                return True
        time.sleep(0.05)
    return False


def _last_words(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    start = next((i for i, line in enumerate(lines) if line.startswith("error")), max(len(lines) - 3, 0))
    return " | ".join(lines[start : start + 3])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases and print what became of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--match", default="", help="only cases whose id this regular expression finds")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(arguments)
    cases = [
        case
        for case in json.loads((options.folder / "cases.json").read_text())
        if case["oracle"] == "valid" and re.search(options.match, case["id"])
    ]
    began = time.monotonic()
    results = []
    with bed.rootful_engine() as url, tempfile.TemporaryDirectory(prefix="stacks-") as work:
        runner = Runner(url, options.folder, Path(work).resolve())
        with ThreadPoolExecutor(options.jobs) as pool:
            for result in pool.map(runner.run, cases):
                results.append(result)
                if result.verdict not in {"skipped", "same"}:
                    _say(f"{result.verdict:8} {result.seconds:5.1f} s  {result.case}  {result.reason}")
    _summarise(results, time.monotonic() - began)
    return int(any(r.verdict == "failed" for r in results))


def _summarise(results: Sequence[Result], seconds: float) -> None:
    verdicts = Counter(r.verdict for r in results)
    run = [r for r in results if r.verdict in {"up", "refused", "failed"}]
    _say(f"\n{len(results)} cases, {len(run)} run in {seconds:.0f} s")
    _say(f"  {sum(r.containers for r in run):4} containers")
    for verdict in ("up", "refused", "failed", "skipped", "same"):
        _say(f"  {verdict:8} {verdicts[verdict]:4}")
    _say("skipped because of")
    for reason, count in Counter(r.reason for r in results if r.verdict == "skipped").most_common():
        _say(f"  {count:4}  {reason}")
    _say("replaced in the cases that ran")
    for what, count in sum((r.changes for r in run), Counter[str]()).most_common():
        _say(f"  {count:4}  {what}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
