"""The command line as tests call it: in a folder of its own, against one engine."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.podman import bed

from containers.model.base import ProjectName

LOOP = "trap exit TERM; while :; do sleep 0.05; done"


@dataclass
class Cli:
    """Runs `podkeeper` in a folder of its own against one engine."""

    folder: Path
    project: ProjectName
    environ: dict[str, str]

    def write(self, services: str, name: str = "compose.yaml") -> Path:
        """Write a compose file; `IMAGE` and `LOOP` stand for what they say."""
        file = self.folder / name
        text = services.replace("IMAGE", bed.IMAGE).replace("LOOP", json.dumps(["sh", "-c", LOOP]))
        file.write_text(f"name: {self.project}\n{text}")
        return file

    def __call__(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        return subprocess.run(
            [sys.executable, "-m", "containers", *arguments],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Run beside the test."""
        return subprocess.Popen(
            [sys.executable, "-m", "containers", *arguments],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until_locked(self, patience_s: float = 30.0) -> None:
        """Wait until somebody changes the stack."""
        holder = Path(self.environ["PODKEEPER_STATE_DIR"]) / "locks" / f"{self.project}.json"
        deadline = time.monotonic() + patience_s
        while not holder.exists():
            assert time.monotonic() < deadline, "nobody took the lock"
            time.sleep(0.02)

    def ps(self) -> dict[str, dict[str, object]]:
        """`ps --json`, by service."""
        done = self("ps", "--json")
        assert done.returncode == 0, done.stderr
        return {row["service"]: row for row in json.loads(done.stdout)}
