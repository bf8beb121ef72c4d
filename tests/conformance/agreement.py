"""One compose project, read by Podkeeper and by docker compose: do they come to the same?"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from containers.adapters.local_files import LocalFiles
from containers.compose.loading import LoadRequest, load_project
from containers.model.diagnostics import Severity

DOCKER_COMPOSE: Final = Path(sys.executable).with_name("docker-compose")
TIMEOUT_S: Final = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a program made of a project: its document, or why it refuses it."""

    document: Mapping[str, Any] | None
    complaint: str = ""


def ask_podkeeper(folder: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> Outcome:
    """Load the project in a folder; the arguments are those of docker compose."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("-p", dest="project_name")
    parser.add_argument("-f", dest="files", action="append", type=Path, default=[])
    parser.add_argument("--profile", dest="profiles", action="append", default=[])
    parser.add_argument("--env-file", dest="env_files", action="append", type=Path, default=[])
    parser.add_argument("--project-directory", type=Path)
    options = vars(parser.parse_args(arguments))
    result = load_project(LoadRequest(working_dir=folder, environment=environment, **options), LocalFiles())
    if result.project is not None:
        return Outcome(result.project.document)
    errors = (str(each) for each in result.diagnostics if each.severity is Severity.ERROR)
    return Outcome(None, "\n".join(errors))


def ask_docker_compose(folder: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> Outcome:
    """Run the program itself in the folder."""
    done = subprocess.run(
        [DOCKER_COMPOSE, *arguments, "config", "--format", "json"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    return Outcome(json.loads(done.stdout)) if done.returncode == 0 else Outcome(None, done.stderr.strip())


def process_environment(folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """What both programs get: nothing of the machine they run on."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/home/nobody",
        "PWD": str(folder),
        "DOCKER_CONFIG": "/nonexistent",
        **extra,
    }


def differences(wanted: Any, got: Any, where: str = "") -> Iterator[str]:
    """Every place in which two documents are not the same."""
    if isinstance(wanted, Mapping) and isinstance(got, Mapping):
        for key in sorted({*wanted, *got}):
            here = f"{where}.{key}" if where else key
            if key not in got:
                yield f"{here} is missing; it should be {wanted[key]!r}"
            elif key not in wanted:
                yield f"{here} is {got[key]!r}, and should not be there"
            else:
                yield from differences(wanted[key], got[key], here)
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for index, (one, other) in enumerate(zip(wanted, got, strict=True)):
            yield from differences(one, other, f"{where}[{index}]")
    elif wanted != got or isinstance(wanted, bool) is not isinstance(got, bool):
        yield f"{where} is {got!r}; it should be {wanted!r}"


def disagreement(theirs: Outcome, ours: Outcome) -> list[str]:
    """What the two do not agree on; empty where they do."""
    if theirs.document is None:
        return [] if ours.document is None else [f"accepted, but docker compose says: {theirs.complaint}"]
    if ours.document is None:
        return [f"refused: {ours.complaint}"]
    return list(differences(theirs.document, ours.document))
