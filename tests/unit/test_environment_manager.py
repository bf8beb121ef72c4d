"""Environments: by convention, by file, and what is wrong with them."""

from pathlib import Path

import pytest
from tests.fakes.memory_files import MemoryFiles

from containers.environment_manager import EnvironmentManager, Selection
from containers.model.errors import EnvironmentConfigError, ErrorCode

FOLDER = Path("/w")
BASE = "services: {web: {image: 'shop:${TAG}', environment: {MODE: '${MODE:-dev}'}}}\n"


def manager(
    texts: dict[str, str], environ: dict[str, str] | None = None, **selection: object
) -> EnvironmentManager:
    """A manager over files in memory."""
    return EnvironmentManager(
        selection=Selection.model_validate({"folder": FOLDER, **selection}),
        files=MemoryFiles({str(FOLDER / path): text for path, text in texts.items()}),
        environ=environ or {},
    )


def test_a_folder_with_only_a_compose_file_is_development() -> None:
    """No configuration is needed."""
    one = manager({"compose.yaml": BASE, "compose.override.yaml": "services: {}", ".env": "TAG=1.2\n"})
    assert one.list_environments() == ("development",)
    assert one.get_compose_files() == [FOLDER / "compose.yaml", FOLDER / "compose.override.yaml"]
    assert one.resolve_environment_variables()["TAG"] == "1.2"
    project = one.load_project().project
    assert project is not None
    assert project.services["web"].image == "shop:1.2"  # type: ignore[index]


STAGED = {
    "compose.yaml": BASE,
    "environments/staging/compose.yaml": "services: {web: {restart: always}}\n",
    "environments/staging/staging.env": "TAG=2.0\nMODE=file\n",
    "environments/staging/environment.yaml": (
        "compose_files: [../../compose.yaml, compose.yaml]\n"
        "env_files: [staging.env]\n"
        "variables: {MODE: staging, DEBUG: false, SIZE: 3}\n"
        "project_name: shop-staging\n"
    ),
}


def test_an_environment_adds_overlays_and_variables() -> None:
    """Paths are relative to its file; its variables win over its env files."""
    staging = manager(STAGED)
    assert staging.list_environments() == ("development", "staging")
    config = staging.load_environment_config("staging")
    assert config.compose_files == (FOLDER / "compose.yaml", FOLDER / "environments/staging/compose.yaml")
    assert config.environment_variables == {"MODE": "staging", "DEBUG": "false", "SIZE": "3"}
    project = staging.load_project("staging").project
    assert project is not None
    web = project.services["web"]  # type: ignore[index]
    assert (project.name, web.image, web.environment["MODE"]) == ("shop-staging", "shop:2.0", "staging")
    assert web.restart_policy.name == "always"


def test_the_process_environment_wins() -> None:
    """Over variables and env files, as it does with docker compose."""
    variables = manager(STAGED, {"MODE": "mine"}).resolve_environment_variables("staging")
    assert (variables["MODE"], variables["TAG"]) == ("mine", "2.0")


def test_files_that_are_named_win_over_the_environments() -> None:
    """`-f` is the last word."""
    named = manager({**STAGED, "other.yaml": BASE}, files=(FOLDER / "other.yaml",))
    assert named.get_compose_files("staging") == [FOLDER / "other.yaml"]


def test_an_unknown_environment_is_told_with_the_known_ones() -> None:
    """An error from the manager, a diagnostic from loading."""
    with pytest.raises(EnvironmentConfigError) as unknown:
        manager(STAGED).load_environment_config("prod")
    assert unknown.value.code is ErrorCode.ENVIRONMENT_UNKNOWN
    assert "development, staging" in unknown.value.remedy
    loaded = manager(STAGED).load_project("prod")
    assert loaded.project is None
    assert [d.code for d in loaded.diagnostics] == [ErrorCode.ENVIRONMENT_UNKNOWN]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("compose_file: [x]\n", ":1:1: compose_file"),
        ("compose_files: [a.yaml]\nvariables:\n  - A\n", ":2:1: variables"),
        ("compose_files: [a.yaml\n", ": not valid YAML"),
        ("compose_files: []\n", ":1:1: compose_files"),
    ],
)
def test_a_wrong_environment_file_is_told_with_its_place(text: str, where: str) -> None:
    """File, line and column, and the key."""
    broken = manager({"environments/x/environment.yaml": text})
    with pytest.raises(EnvironmentConfigError) as wrong:
        broken.load_environment_config("x")
    assert wrong.value.code is ErrorCode.ENVIRONMENT_INVALID
    assert where in str(wrong.value)
    (diagnostic,) = broken.load_project("x").diagnostics
    assert diagnostic.location is not None
    assert diagnostic.location.path == FOLDER / "environments/x/environment.yaml"


def test_validation_names_everything_that_is_wrong() -> None:
    """All diagnostics of the environment's files, and which files were read."""
    one = manager({"compose.yaml": "services: {web: {imag: x}, db: {image: y, prots: []}}\n"})
    result = one.validate_config(one.load_environment_config())
    assert not result.ok
    assert {d.code for d in result.diagnostics if d.code is ErrorCode.UNKNOWN_KEY} == {ErrorCode.UNKNOWN_KEY}
    assert result.files == ("/w/compose.yaml",)


def test_an_empty_folder_is_told_what_to_create() -> None:
    """The first thing a new person sees."""
    (diagnostic,) = manager({}).load_project().diagnostics
    assert diagnostic.code is ErrorCode.FILE_NOT_FOUND
    assert "compose.yaml" in f"{diagnostic.message} {diagnostic.hint}"
