"""What the repository promises beside its code: commands, pinned requirements, environments that load."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from typer.main import get_group

from containers import __version__
from containers.adapters.local_files import LocalFiles
from containers.cli.main import app
from containers.compose.loading import LoadResult
from containers.environment_manager import EnvironmentManager, Selection
from containers.model.diagnostics import Severity

ROOT = Path(__file__).parents[2]
REGISTRY_HOSTS = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs\.|registry\.yarnpkg\.|deb\.debian\.org|archive\.ubuntu\."
)
DEV_COMMANDS = (
    *("setup", "demo", "test", "torture", "check", "e2e", "bench", "protocol", "lock", "podman5", "help"),
)
ENVIRONMENTS = sorted(path.parent.name for path in ROOT.glob("environments/*/environment.yaml"))


def tracked_files() -> list[Path]:
    """Every file that git keeps, or would keep."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def dev(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `./dev` the way a person does."""
    return subprocess.run([str(ROOT / "dev"), *arguments], capture_output=True, text=True, check=False)


def test_dev_lists_every_command_it_has() -> None:
    """`./dev help` names each command; a person needs to know no other."""
    shown = dev("help")
    assert shown.returncode == 0
    listed = re.findall(r"^  ([a-z0-9]+) ", shown.stdout, re.MULTILINE)
    assert sorted(listed) == sorted(DEV_COMMANDS)


def test_an_unknown_command_of_dev_is_refused_with_the_list() -> None:
    """A slip of the finger exits 2, changes nothing and shows what there is."""
    refused = dev("tset")
    assert refused.returncode == 2
    assert "there is no command tset" in refused.stderr
    assert "./dev COMMAND" in refused.stderr


@pytest.mark.parametrize("name", ["dev", ".ci/run"])
def test_entry_points_are_executable_and_strict(name: str) -> None:
    """They run from a clean clone, and stop at the first thing that goes wrong."""
    assert os.access(ROOT / name, os.X_OK)
    assert "set -euo pipefail" in (ROOT / name).read_text()


def test_no_tracked_file_names_a_package_registry() -> None:
    """Where packages come from is the machine's business: mirrors work, and lock files stay the same."""
    here = Path(__file__)
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked_files()
        if path != here and (match := REGISTRY_HOSTS.search(path.read_bytes().decode(errors="ignore")))
    ]
    assert found == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_the_commands_that_a_guide_names_exist(name: str) -> None:
    """What a reader copies from a code block runs: every `./dev` command and every verb of `podkeeper`."""
    verbs = set(get_group(app).commands)
    blocks = re.findall(r"^```\w*\n(.*?)^```", (ROOT / name).read_text(), re.MULTILINE | re.DOTALL)
    for line in "\n".join(blocks).splitlines():
        words = line.removeprefix("$ ").partition("#")[0].split()
        if words[:1] == ["./dev"]:
            assert words[1] in DEV_COMMANDS, line
        elif words[:1] == ["podkeeper"]:
            assert verbs & set(words[1:]), line


@pytest.mark.parametrize("part", ["", "vscode-extension/"])
def test_the_licence_is_the_one_that_the_metadata_names(part: str) -> None:
    """Whoever gets the code, or the extension alone, gets its terms with it."""
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"
    assert json.loads((ROOT / "vscode-extension/package.json").read_text())["license"] == "Apache-2.0"
    text = (ROOT / part / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


def test_both_parts_have_one_version_and_the_changelog_has_a_section_for_it() -> None:
    """A server and an extension of one release belong together, and a reader finds what is in it."""
    assert json.loads((ROOT / "vscode-extension/package.json").read_text())["version"] == __version__
    assert f"\n## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def pins(name: str) -> dict[str, str]:
    """The package versions of a requirements file; every one must carry a hash."""
    text = (ROOT / "requirements" / name).read_text()
    entries = re.split(r"\n(?=[A-Za-z0-9])", "\n" + re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    found = {}
    for entry in filter(None, (e.strip() for e in entries)):
        pinned = re.match(r"([A-Za-z0-9._-]+)==(\S+)", entry)
        assert pinned, f"{name}: {entry[:60]}"
        assert "--hash=sha256:" in entry, f"{name}: {pinned.group()} has no hash"
        found[pinned.group(1).lower()] = pinned.group(2)
    return found


def requirements() -> dict[str, str]:
    """Package to floor, of what the distribution needs to run."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return {name.lower(): floor for name, floor in (d.split(">=") for d in declared)}


@pytest.mark.parametrize("name", ["dev.txt", "floor.txt"])
def test_every_dependency_is_pinned_with_a_hash(name: str) -> None:
    """A dependency that is added without `./dev lock` is noticed here, not on somebody's machine."""
    assert requirements().keys() <= pins(name).keys()


def test_the_floor_is_what_pyproject_promises() -> None:
    """The lowest allowed release of each dependency is the one that the floor run installs."""
    floors, locked = requirements(), pins("floor.txt")
    differing = {n: (f, locked[n]) for n, f in floors.items() if not _same_release(f, locked[n])}
    assert differing == {}


def _same_release(floor: str, pinned: str) -> bool:
    """Whether `5.4` was resolved to 5.4, 5.4.0 or a first build of it."""
    return re.fullmatch(re.escape(floor) + r"(\.0)*(\.\d+)?", pinned) is not None


def test_there_are_a_demo_and_the_three_usual_environments() -> None:
    """The README, the design and the tasks of the editor name these."""
    assert {"demo", "development", "staging", "production"} <= set(ENVIRONMENTS)


def required_variables() -> dict[str, str]:
    """A value for each `${NAME:?...}`: what an environment insists on being told at deployment."""
    texts = (path.read_text() for path in ROOT.glob("environments/*/compose.yaml"))
    return {name: "1.0" for text in texts for name in re.findall(r"\$\{([A-Z0-9_]+):?\?", text)}


def load(name: str) -> LoadResult:
    """One of the repository's environments, as somebody resolves it who set what it requires."""
    manager = EnvironmentManager(
        selection=Selection(folder=ROOT), files=LocalFiles(), environ=required_variables()
    )
    return manager.load_project(name)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_of_the_repository_loads_without_an_error(name: str) -> None:
    """What we ship as examples is valid by our own rules."""
    loaded = load(name)
    assert [str(d) for d in loaded.diagnostics if d.severity is Severity.ERROR] == []
    assert loaded.project is not None
    assert loaded.project.services


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_of_the_repository_publishes_on_loopback_only(name: str) -> None:
    """Trying an example never opens a port to the network."""
    project = load(name).project
    assert project is not None
    published = {
        (service, port.host_ip) for service, config in project.services.items() for port in config.ports
    }
    assert {address for _, address in published} <= {"127.0.0.1", "::1"}
