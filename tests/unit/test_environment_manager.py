"""Environments: by convention, by file, and what is wrong with them."""

from pathlib import Path

import pytest
from tests.fakes.memory_files import MemoryFiles

from containers.environment_manager import EnvironmentManager, Selection
from containers.model.base import ServiceName
from containers.model.diagnostics import Severity
from containers.model.errors import EnvironmentConfigError, ErrorCode
from containers.model.project import ResolvedProject
from containers.settings import MonitorSettings

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
        ("compose_file: [x]\n", ":1:1: the top level has no key `compose_file`"),
        ("compose_files: [a.yaml]\nvariables:\n  - A\n", ":3:3: variables must be a mapping, not a list"),
        ("compose_files: [a.yaml\n", "environment.yaml:2:1: "),
        ("compose_files: []\n", ":1:16: the environment x names no compose files"),
        (
            "compose_files: [a.yaml]\nresource_limits: {memory: lots}\n",
            ":2:27: resource_limits.memory: `lots`",
        ),
        ("compose_files: [a.yaml]\nresource_limits: {cpus: 0}\n", ":2:25: resource_limits.cpus: `0` is not"),
        (
            "compose_files: [a.yaml]\nmonitoring_config: {poll: 5}\n",
            "monitoring_config.poll must be a string",
        ),
        (
            "compose_files: [a.yaml]\nmonitoring_config: {poll: 5q}\n",
            ":2:27: monitoring_config.poll: `5q` is not",
        ),
        ("compose_files: [a.yaml]\nsecrets_config: {key: {}}\n", ":2:18: secrets_config.key says nothing"),
        (
            "compose_files: [a.yaml]\npolicy_strictness: hard\n",
            ":2:20: policy_strictness does not accept `hard`",
        ),
        ("compose_files: [a.yaml]\nextends: y\n", ":2:10: there is no environment `y` to extend"),
        (
            "compose_files: [a.yaml]\nextends: x\n",
            ":2:10: environments extend each other in a circle: x -> x",
        ),
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


def test_where_hooks_are_wrong_there_is_no_project_and_the_rest_is_said_all_the_same() -> None:
    """The hooks come first: they are why nothing is applied."""
    wrong = {"compose.yaml": "services: {web: {imag: x}}\n", "podkeeper.yaml": "hoks: {}\n"}
    loaded = manager(wrong).load_project()
    assert loaded.project is None
    places = [d.location.path.name for d in loaded.diagnostics if d.location is not None]
    assert places == ["podkeeper.yaml", "compose.yaml"]
    assert loaded.files == (FOLDER / "podkeeper.yaml", FOLDER / "compose.yaml")
    right = manager({**wrong, "compose.yaml": BASE}).load_project()
    assert (right.project, right.document) == (None, {})


def test_an_environment_is_known_without_its_hooks_but_not_without_its_file() -> None:
    """What it is made of does not depend on what happens when something happens."""
    one = manager({**STAGED, "podkeeper.yaml": "hoks: {}\n"})
    config = one.config_without_hooks("staging")
    assert config is not None
    assert config.compose_files[0] == FOLDER / "compose.yaml"
    assert manager({"environments/x/environment.yaml": "no: 1\n"}).config_without_hooks("x") is None
    assert one.config_without_hooks("nowhere") is None


def test_what_is_checked_as_written_misses_nothing_that_others_could_add() -> None:
    """Variables, an image, a service to depend on; what is wrong in itself is said."""
    text = "services: {web: {ports: ['${PORT:?}:80'], depends_on: [db]}, db: {imag: x}}\n"
    one = manager({"compose.yaml": text})
    result = one.validate_config(one.load_environment_config(), as_written=True)
    assert [d.code for d in result.diagnostics] == [ErrorCode.UNKNOWN_KEY]


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


def resolved(one: EnvironmentManager, env: str = "development") -> ResolvedProject:
    """The project of an environment whose files are right."""
    result = one.load_project(env)
    assert result.project is not None, [str(d) for d in result.diagnostics]
    return result.project


EXTENDED = {
    "compose.yaml": "services: {web: {image: 'x:${TAG}', secrets: [key]}}\nsecrets: {key: {file: local}}\n",
    "environments/base/environment.yaml": (
        "compose_files: [../../compose.yaml]\nvariables: {TAG: 1, LEVEL: info}\nprofiles: [web]\n"
        "secrets_config: {key: {file: ./key}}\nresource_limits: {memory: 256m, pids: 100}\n"
    ),
    "environments/live/environment.yaml": (
        "extends: base\ncompose_files: [live.yaml]\nvariables: {TAG: 2}\n"
        "secrets_config: {key: {environment: THE_KEY}}\nresource_limits: {memory: 1g, cpus: 0.5}\n"
        "monitoring_config: {poll: 1m, max_attempts: 2, enabled: false}\nconnection: far\n"
        "access: {up: [ops]}\npolicy_strictness: enforce\n"
    ),
    "environments/live/live.yaml": "services: {web: {restart: always}, job: {image: y, mem_limit: 64m}}\n",
}


def test_an_environment_that_extends_another_adds_to_it() -> None:
    """Mappings merge, lists append, the rest is replaced; paths stay those of the file they stand in."""
    live = manager(EXTENDED, {"THE_KEY": "k"}).load_environment_config("live")
    assert live.compose_files == (FOLDER / "compose.yaml", FOLDER / "environments/live/live.yaml")
    assert live.environment_variables == {"TAG": "2", "LEVEL": "info"}
    assert live.profiles == ("web",)
    assert (live.connection, live.policy_strictness, live.access) == ("far", "enforce", {"up": ("ops",)})


def test_limits_are_for_services_that_set_none() -> None:
    """Each limit on its own: a service with its own memory still gets the processors."""
    services = resolved(manager(EXTENDED, {"THE_KEY": "k"}), "live").document["services"]
    web, job = services["web"], services["job"]
    assert (web["mem_limit"], web["cpus"], web["pids_limit"]) == (str(1024**3), 0.5, 100)
    assert (job["mem_limit"], job["cpus"]) == (str(64 * 1024**2), 0.5)


def test_an_environment_says_where_secrets_come_from() -> None:
    """In place of what the compose files say; a file is relative to the environment's own."""
    base = resolved(manager(EXTENDED), "base").secrets["key"]
    live = resolved(manager(EXTENDED, {"THE_KEY": "k"}), "live").secrets["key"]
    assert (base.file, base.environment) == (str(FOLDER / "environments/base/key"), None)
    assert (live.file, live.environment) == (None, "THE_KEY")


def test_the_monitor_is_set_by_the_environment() -> None:
    """What it leaves out stays as it was."""
    settings = manager(EXTENDED).monitor_settings("live", MonitorSettings())
    assert (settings.enabled, settings.poll_s, settings.max_attempts) == (False, 60.0, 2)
    assert settings.window_s == MonitorSettings().window_s


def test_the_same_stack_in_two_environments_has_two_names() -> None:
    """`development` keeps the name that docker compose would take; a name that is set is left alone."""
    both = manager(EXTENDED, {"THE_KEY": "k"})
    assert resolved(both).name == "w"
    assert resolved(both, "base").name == "w-base"
    assert (
        resolved(manager(EXTENDED, {"THE_KEY": "k", "COMPOSE_PROJECT_NAME": "mine"}), "live").name == "mine"
    )
    assert resolved(manager(EXTENDED, {"THE_KEY": "k"}, project_name="own"), "live").name == "own"


CONVENTION = {
    "compose.yaml": "services: {web: {image: 'x:${TAG:-0}'}}\n",
    "compose.override.yaml": "services: {web: {environment: {FROM: override}}}\n",
    "compose.prod.yaml": "services: {web: {restart: always}}\n",
    "docker-compose-staging.yml": "services: {web: {labels: {at: staging}}}\n",
    ".env": "TAG=1\n",
    ".env.production": "TAG=9\n",
}


def test_overlays_by_their_usual_names_are_environments() -> None:
    """`compose.prod.yaml` is production: without the override, with the variables of `.env.production`."""
    one = manager(CONVENTION)
    assert one.list_environments() == ("development", "staging", "production")
    assert [p.name for p in one.get_compose_files("production")] == ["compose.yaml", "compose.prod.yaml"]
    production = resolved(one, "production")
    web = production.services[ServiceName("web")]
    assert (production.name, web.image, web.restart_policy.name) == ("w-production", "x:9", "always")
    assert "FROM" not in web.environment
    assert resolved(one).services[ServiceName("web")].environment["FROM"] == "override"


def test_development_is_what_docker_compose_takes_and_its_own_overlay() -> None:
    """`COMPOSE_FILE` and `-f` say which files there are, whatever else lies beside them."""
    texts = {**CONVENTION, "compose.dev.yaml": "services: {web: {environment: {FROM: dev}}}\n"}
    assert resolved(manager(texts)).services[ServiceName("web")].environment["FROM"] == "dev"
    named = resolved(manager(texts, {"COMPOSE_FILE": "compose.yaml"}))
    assert "FROM" not in named.services[ServiceName("web")].environment


def test_all_missing_variables_are_told_at_once_with_where_they_are_used() -> None:
    """Those that the environment requires, and those that a file does; an empty value is a missing one."""
    texts = {
        "compose.yaml": (
            "services:\n  web:\n    image: x:$TAG\n"
            "    command: ['$TAG', '${KEY:?no key}', '${KEY:?no key}']\n"
        ),
        "environments/live/environment.yaml": (
            "compose_files: [../../compose.yaml]\nrequired_variables: [TAG, OTHER]\nvariables: {OTHER: ''}\n"
        ),
    }
    errors = [d for d in manager(texts).load_project("live").diagnostics if d.severity is Severity.ERROR]
    assert [d.code for d in errors] == [ErrorCode.VARIABLE_REQUIRED] * 3
    assert "TAG must be set; it is used in /w/compose.yaml:3:12, /w/compose.yaml:4:15" in errors[0].message
    assert str(errors[0].location).endswith("environment.yaml:2:22")
    assert "OTHER must be set; it is used in no compose file" in errors[1].message
    assert "services.web.command.1: the required variable KEY is missing a value: no key" in errors[2].message
    assert [str(place) for place in errors[2].related] == ["/w/compose.yaml:4:41"]


def test_variables_are_listed_with_what_the_files_say_about_them() -> None:
    """Required, default and alternative, over all files; also where required ones are missing."""
    texts = {
        "compose.yaml": "services: {web: {image: '${A:?say}${B-b}${C:+c}$${D}$E', command: '${F:-$G}'}}\n"
    }
    found = {v.name: (v.required, v.default, v.alternative) for v in manager(texts).find_variables()}
    assert found == {
        "A": (True, "", ""),
        "B": (False, "b", ""),
        "C": (False, "", "c"),
        "E": (False, "", ""),
        "F": (False, "$G", ""),
        "G": (False, "", ""),
    }


def test_an_environment_that_says_the_same_is_not_loaded_again() -> None:
    """Nor where it requires variables and limits services, whose places are read anew each time."""
    texts = {
        **EXTENDED,
        "environments/base/environment.yaml": (
            EXTENDED["environments/base/environment.yaml"] + "required_variables: [TAG]\n"
        ),
    }
    one = manager(texts, {"THE_KEY": "k"})
    assert resolved(one, "live") is resolved(one, "live")
