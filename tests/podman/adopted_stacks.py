"""Real projects started by another program: does Podkeeper say that nothing has to change?

`python -m tests.podman.adopted_stacks FOLDER --program docker-compose` takes a folder of compose projects as
`stacks` does. Every valid case that the other program can start is started by it and planned by Podkeeper; it
prints what Podkeeper would recreate and why, and a summary.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

from tests.podman import bed
from tests.podman.stack_services import SkippedError, Variant
from tests.podman.stacks import Runner

_TIMEOUT_S = 30.0
_CAUSE = re.compile(r"it was started by [a-z -]+, and (.*)$")


class Adopter(Runner):
    """Starts cases with another program."""

    program = "docker-compose"

    def adopt(self, case: Mapping[str, Any]) -> tuple[str, str, str]:
        """The case, what became of it (`kept`, `changed`, `not started`, `skipped`), and why."""
        name = f"pk{uuid.uuid4().hex[:10]}"
        folder = self.work / name / case["id"]
        copytree(self.root / "cases" / case["id"], folder, symlinks=True)
        try:
            variant = self._variant(case, folder, name)
            with self._alone(variant), self._externals(variant):
                return case["id"], *self._plan(case, variant, folder, name)
        except SkippedError as reason:
            return case["id"], "skipped", str(reason)
        except subprocess.TimeoutExpired:
            return case["id"], "not started", "it took too long"
        finally:
            if self.program == "podman-compose":
                subprocess.run(
                    ["podman", "pod", "rm", "--force", "--ignore", f"pod_{name}"],
                    capture_output=True,
                    check=False,
                )
            bed.remove_project(self.url, name)
            rmtree(self.work / name, ignore_errors=True)

    def _plan(self, case: Mapping[str, Any], variant: Variant, folder: Path, name: str) -> tuple[str, str]:
        started = self._start(case, variant, folder, name)
        if started:
            return "not started", started
        planned = self._podkeeper(case, variant, folder, name, "plan", "--json")
        if planned.returncode not in {0, 2}:
            return "failed", planned.stderr.strip()[-300:]
        changes = [
            f"{step['name']}: {step['cause']}"
            for step in json.loads(planned.stdout)["steps"]
            if step["kind"] == "replace_container"
        ]
        return ("changed", "; ".join(changes)) if changes else ("kept", "")

    def _start(self, case: Mapping[str, Any], variant: Variant, folder: Path, name: str) -> str:
        program = Path(sys.executable).with_name(self.program)
        profiles = [part for p in case["profiles"] for part in ("--profile", p)]
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "DOCKER_HOST": self.url,
            "CONTAINER_HOST": self.url,
            **variant.environ,
        }
        done = subprocess.run(
            [program, "-p", name, "-f", "podkeeper-run.json", *profiles, "up", "-d", "--no-build"],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        label = f"label=com.docker.compose.project={name}"
        there = set(
            bed.podman(
                self.url,
                "ps",
                "-a",
                "--filter",
                label,
                "--format",
                '{{index .Labels "com.docker.compose.service"}}',
            ).split()
        )
        missing = variant.document["services"].keys() - there
        return f"{', '.join(sorted(missing))}: {done.stderr.strip()[-200:]}" if missing else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases and print what became of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--program", choices=("docker-compose", "podman-compose"), default="docker-compose")
    parser.add_argument("--match", default="", help="only cases whose id this regular expression finds")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(arguments)
    cases = [
        case
        for case in json.loads((options.folder / "cases.json").read_text())
        if case["oracle"] == "valid" and re.search(options.match, case["id"])
    ]
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    began = time.monotonic()
    with bed.rootful_engine() as url, tempfile.TemporaryDirectory(prefix="adopted-") as work:
        adopter = Adopter(url, options.folder, Path(work).resolve())
        adopter.program = options.program
        with ThreadPoolExecutor(options.jobs) as pool:
            for case, verdict, reason in pool.map(adopter.adopt, cases):
                counts[verdict] += 1
                if verdict != "skipped":
                    _say(f"{verdict:12} {case}  {reason}")
                for change in reason.split("; ") if verdict == "changed" else ():
                    found = _CAUSE.search(change)
                    reasons[found[1] if found else change] += 1
    _say("", *(f"{count:4} {reason}" for reason, count in reasons.most_common(60)))
    _say(f"{dict(counts)} in {time.monotonic() - began:.0f} s")
    return 0


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
