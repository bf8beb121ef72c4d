"""What works differently on Podman: by engine, version and provider, each at its key."""

from pathlib import Path

import pytest
from tests.fakes.memory_files import MemoryFiles

from containers.compose.loading import LoadRequest, load_project
from containers.compose.podman_table import TABLE, Effect, Provider
from containers.compose.podman_view import may_have_losses, podman_view, treated_otherwise
from containers.compose.schema import ComposeFile
from containers.compose.schema_service import Service
from containers.model.diagnostics import Diagnostic, Severity
from containers.model.observed import EngineInfo
from containers.model.project import ResolvedProject

ROOTFUL = EngineInfo(version="4.3.1", rootless=False, socket="x", chosen_because="", cgroup_version="v1")
ROOTLESS_V1 = ROOTFUL.model_copy(
    update={
        "rootless": True,
        "first_unprivileged_port": 1024,
        "unenforced": ("cpu", "cpuset", "io", "memory", "pids"),
    }
)
ROOTLESS_V2 = ROOTLESS_V1.model_copy(
    update={"version": "5.4.2", "cgroup_version": "v2", "unenforced": ("cpuset", "io")}
)
ROOTFUL_5 = ROOTFUL.model_copy(update={"version": "5.4.2"})
SELINUX = ROOTFUL.model_copy(update={"selinux": True})


def resolved(keys: str, top: str = "") -> ResolvedProject:
    """A service with these keys, one a line, beside a whole image name."""
    text = f"services:\n  a:\n    image: localhost/x\n    {keys}\n{top}"
    request = LoadRequest(working_dir=Path("/w"), check_consistency=False)
    project = load_project(request, MemoryFiles({"/w/compose.yaml": text})).project
    assert project is not None
    return project


def view(
    keys: str, engine: EngineInfo = ROOTFUL, provider: Provider = Provider.PODMAN, top: str = ""
) -> list[Diagnostic]:
    """What is said of that service."""
    return list(podman_view(resolved(keys, top), engine, provider))


@pytest.mark.parametrize(
    ("keys", "engine", "said"),
    [
        ("mem_limit: 1g", ROOTLESS_V1, "services.a.mem_limit is ignored"),
        ("deploy: {resources: {limits: {memory: 1g}}}", ROOTLESS_V1, "limits.memory is ignored"),
        ("cpuset: '0'", ROOTLESS_V2, "services.a.cpuset is ignored"),
        ("ports: ['80:80']", ROOTLESS_V1, "may not publish port 80, which is below 1024"),
        ("ports: ['443-445:80']", ROOTLESS_V1, "may not publish port 443"),
        ("volumes: ['./a:/a']", SELINUX, "services.a.volumes.0 does not work: SELinux"),
        ("healthcheck: {test: x, start_interval: 1s}", ROOTFUL, "start_interval works differently"),
        ("deploy: {mode: global}", ROOTFUL, "services.a.deploy.mode is ignored"),
        ("deploy: {placement: {constraints: [a]}}", ROOTFUL, "deploy.placement is ignored"),
        ("logging: {driver: syslog}", ROOTFUL, "Podman has no log driver `syslog`"),
        ("logging: {driver: passthrough}", ROOTFUL_5, "Podman has no log driver `passthrough`"),
        ("logging: {options: {max-file: '3'}}", ROOTFUL, "logging.options.max-file is ignored"),
        ("security_opt: ['apparmor:docker-default']", ROOTFUL, "docker-default is Docker's"),
        ("mem_swappiness: 10", ROOTLESS_V2, "cgroups v2 have no swappiness"),
        ("userns_mode: keep-id", ROOTFUL, "this Podman is root's"),
        ("privileged: true", ROOTLESS_V1, "no more than what the user may do"),
        ("models: [m]", ROOTFUL, "services.a.models is ignored: Podman runs no models"),
    ],
)
def test_a_key_that_does_not_work_here_is_told(keys: str, engine: EngineInfo, said: str) -> None:
    """On the engines that it concerns, at the line that says it, with what to do."""
    top = "models: {m: {model: x}}\n" if "models" in keys else ""
    project = resolved(keys, top)
    if any(d.severity is Severity.WARNING for d in treated_otherwise(project, engine)):
        assert may_have_losses(project, engine, rootless=engine.rootless, selinux=engine.selinux)
    (found,) = [d for d in view(keys, engine, top=top) if said in d.message]
    assert found.location is not None
    assert found.location.range.start.line == 3
    assert found.service == "a"
    assert found.hint or found.severity is Severity.INFORMATION


@pytest.mark.parametrize(
    ("keys", "engine"),
    [
        ("mem_limit: 1g", ROOTFUL),
        ("mem_limit: 1g", ROOTLESS_V2),
        ("ports: ['80:80']", ROOTFUL),
        ("ports: ['8080:80', '80']", ROOTLESS_V1),
        ("volumes: ['./a:/a:z', 'v:/v']", SELINUX),
        ("volumes: ['./a:/a']", ROOTFUL),
        ("logging: {driver: json-file}", ROOTFUL),
        ("logging: {driver: local}", ROOTFUL),
        ("mem_swappiness: 10", ROOTFUL),
        ("userns_mode: keep-id", ROOTLESS_V1),
        ("userns_mode: keep-id", ROOTFUL_5),
        ("privileged: false", ROOTLESS_V1),
        ("ipc: shareable", ROOTFUL),
    ],
)
def test_a_key_that_works_here_is_left_alone(keys: str, engine: EngineInfo) -> None:
    """The same keys, where they do what they say."""
    assert view(keys, engine, top="volumes: {v: {}}\n") == []


def test_podman_compose_alone_does_less() -> None:
    """What Podkeeper adds is told only to those who ask about that program."""
    told = [d.message for d in view("ipc: shareable", provider=Provider.PODMAN_COMPOSE)]
    assert told == [
        "services.a.ipc is ignored: podman-compose leaves it out without a word; Podkeeper sees to it"
    ]


@pytest.mark.parametrize(
    ("image", "short"),
    [
        ("nginx", True),
        ("library/nginx:1", True),
        ("localhost/x", False),
        ("quay.io/x", False),
        ("h:5/x", False),
    ],
)
def test_short_image_names_are_information(image: str, short: bool) -> None:  # noqa: FBT001
    """They work on most machines, so they are no warning."""
    text = f"services: {{a: {{image: '{image}'}}}}\n"
    files = MemoryFiles({"/w/compose.yaml": text})
    project = load_project(LoadRequest(working_dir=Path("/w")), files).project
    assert project is not None
    assert [d.severity for d in podman_view(project, ROOTFUL)] == [Severity.INFORMATION] * short


def test_networks_are_looked_at_too() -> None:
    """Drivers that Podman does not have."""
    top = "networks: {default: {driver: overlay, attachable: true}}\n"
    assert [d.message for d in view("init: true", top=top)] == [
        "networks.default.driver does not work: Podman has no network driver `overlay`",
        "networks.default.attachable is ignored: it has an effect in a Swarm only",
    ]


def test_each_entry_is_about_a_key_of_the_specification() -> None:
    """No typing error hides in the table, and whoever reads it is told what to do or that nothing is lost."""
    for entry in TABLE:
        section, _, *below = entry.path
        assert section in ComposeFile.model_fields, entry
        assert section != "services" or below[0] in Service.model_fields, entry
        helps = entry.remedy or entry.effect is Effect.DIFFERENT
        assert helps or entry.provider is Provider.PODMAN_COMPOSE, entry


@pytest.mark.parametrize(
    ("keys", "engine", "may"),
    [
        ("command: x", ROOTFUL, False),
        ("volumes: ['./a:/a']", ROOTFUL, False),
        ("volumes: ['./a:/a']", SELINUX, True),
        ("volumes: ['./a:/a']", None, True),
        ("volumes: ['./a:/a:z']", None, False),
        ("mem_limit: 1g", ROOTFUL, False),
        ("mem_limit: 1g", ROOTLESS_V2, True),
        ("mem_limit: 1g", None, True),
        ("ports: ['8080:80']", ROOTLESS_V1, True),
        ("mem_swappiness: 10", ROOTFUL, True),
        ("healthcheck: {test: x, start_interval: 1s}", ROOTFUL, False),
        ("memswap_limit: 1g", ROOTFUL, False),
        ("userns_mode: keep-id", ROOTFUL, True),
        ("userns_mode: keep-id", ROOTFUL_5, False),
    ],
)
def test_only_where_a_key_may_be_lost_is_podman_asked_what_it_can_do(
    keys: str, engine: EngineInfo | None, *, may: bool
) -> None:
    """By what is known without asking: its version, and mostly whose it is and whether there is SELinux."""
    known = engine or ROOTFUL
    rootless, selinux = (engine.rootless, engine.selinux) if engine else (None, None)
    assert may_have_losses(resolved(keys), known, rootless=rootless, selinux=selinux) is may
    if engine is not None and not may:
        assert [d for d in view(keys, engine) if d.severity is Severity.WARNING] == []
