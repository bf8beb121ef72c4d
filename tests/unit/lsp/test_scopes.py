"""Which projects a file is checked with, and what is said of it where an environment can not be read."""

from pathlib import Path

from tests.fakes.memory_files import MemoryFiles

from containers.environment_manager import EnvironmentManager, Selection
from containers.lsp.features.checking import Scope
from containers.lsp.features.scopes import Scopes

FOLDER = Path("/w")
WRONG = "services: {web: {image: x, prots: []}}\n"
BASE = "services: {web: {ports: ['${PORT:?}:80'], depends_on: [db]}}\n"
OVERLAY = "services: {web: {image: x}, db: {image: x}}\n"


class Workspace:
    """A folder in memory, and the scopes of its files."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.files = MemoryFiles({str(FOLDER / path): text for path, text in texts.items()})
        environments = self.environments(FOLDER)
        self.scopes = Scopes(
            folders=lambda: {FOLDER: environments},
            alone=self.environments,
            is_file=self.files.is_file,
            engine_info=lambda: None,
        )

    def environments(self, folder: Path, files: tuple[Path, ...] = ()) -> EnvironmentManager:
        """Of a folder, or of named files alone."""
        selection = Selection(folder=folder, files=files)
        return EnvironmentManager(selection=selection, files=self.files, environ={})

    def write(self, path: str, text: str | None) -> None:
        """Write a file, or delete it."""
        self.files.write(FOLDER / path, text)

    def of(self, path: str) -> dict[str, Scope]:
        """The scopes of a file, by key."""
        return {scope.key: scope for scope in self.scopes.of(FOLDER / path)}

    def said(self, path: str) -> set[tuple[str, str]]:
        """What checking a file comes to: where, and which kind of problem."""
        results = [scope.validate() for scope in self.scopes.of(FOLDER / path)]
        return {
            (str(d.location.path.relative_to(FOLDER)) if d.location else "", str(d.code))
            for result in results
            for d in result.diagnostics
        }


def test_wrong_hooks_are_no_reason_not_to_check_the_compose_file() -> None:
    """Symptom: with a broken `podkeeper.yaml` there was a traceback in the log, and nothing in the panel."""
    both = {("podkeeper.yaml", "unknown_key"), ("compose.yaml", "unknown_key")}
    workspace = Workspace({"compose.yaml": WRONG, "podkeeper.yaml": "hoks: {}\n"})
    assert workspace.said("compose.yaml") == workspace.said("podkeeper.yaml") == both


def test_an_override_is_checked_with_its_base_although_hooks_are_wrong() -> None:
    """It is no stack of its own: it has no image."""
    texts = {"compose.yaml": OVERLAY, "compose.override.yaml": "services: {web: {restart: always}}\n"}
    workspace = Workspace({**texts, "podkeeper.yaml": "hooks: {a: {on: nothing, notify: x}}\n"})
    assert workspace.said("compose.override.yaml") == {("podkeeper.yaml", "invalid_value")}


def test_where_an_environment_can_not_be_read_a_compose_file_is_checked_as_it_stands() -> None:
    """What the environment lays over it and sets for it is not known, so nothing is missed."""
    broken = {"environments/development/environment.yaml": "compose_file: [x]\n"}
    at_its_place = ("environments/development/environment.yaml", "unknown_key")
    assert Workspace({"compose.yaml": BASE, **broken}).said("compose.yaml") == {at_its_place}
    wrong = Workspace({"compose.yaml": WRONG, **broken})
    assert wrong.said("compose.yaml") == {at_its_place, ("compose.yaml", "unknown_key")}


def test_an_overlay_of_an_environment_that_can_not_be_read_is_no_stack_of_its_own() -> None:
    """In the environment's own folder no environment is broken; in the one above it is."""
    file = "environments/staging/environment.yaml"
    overlay = "environments/staging/compose.yaml"
    texts = {overlay: "services: {web: {restart: always}}\n", file: "compose_file: [x]\n"}
    workspace = Workspace({"compose.yaml": OVERLAY, **texts})
    assert workspace.said(overlay) == {(file, "unknown_key")}


def test_while_an_environment_is_written_its_files_stay_checked_as_they_were() -> None:
    """Every second keystroke in `environment.yaml` breaks it."""
    file = "environments/development/environment.yaml"
    right = "compose_files: [../../compose.yaml, ../../more.yaml]\nvariables: {PORT: '80'}\n"
    workspace = Workspace({"compose.yaml": BASE, "more.yaml": OVERLAY, file: right})
    assert workspace.said(file) == set()
    workspace.write(file, f"{right}profile: [x]\n")
    workspace.write("more.yaml", WRONG)
    found = workspace.said(file)
    assert (file, "unknown_key") in found
    assert ("more.yaml", "unknown_key") in found
    assert workspace.said("compose.yaml") == found  # and not once more alone


def test_an_environment_is_gone_with_its_file() -> None:
    """Whether that is its own or the overlay that made it."""
    file = "environments/staging/environment.yaml"
    workspace = Workspace({"compose.yaml": OVERLAY, file: "compose_files: [../../compose.yaml]\n"})
    scopes = workspace.of("compose.yaml")
    assert all(scope.is_there() for scope in scopes.values())
    workspace.write(file, None)
    assert {key: scope.is_there() for key, scope in scopes.items()} == {
        "/w:development": True,
        "/w:staging": False,
    }
    workspace.write("compose.prod.yaml", WRONG)
    overlaid = workspace.of("compose.prod.yaml")["/w:production"]
    workspace.write("compose.prod.yaml", None)
    assert not overlaid.is_there()
    assert workspace.of("compose.prod.yaml") == {}  # what is not there does not stand alone either


def test_what_the_checks_read_is_remembered_for_each_folder() -> None:
    """So that it is watched."""
    workspace = Workspace({"compose.yaml": "include: [part.yaml]\n", "part.yaml": OVERLAY})
    assert workspace.said("compose.yaml") == set()
    assert workspace.scopes.read_of(FOLDER) == {FOLDER / "compose.yaml", FOLDER / "part.yaml"}
    assert list(workspace.of("part.yaml")) == ["/w:development"]
