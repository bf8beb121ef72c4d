"""The table that reviewers draw: what matters of each service, in each environment."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from containers.compose.measures import size_words
from containers.compose.secrecy import masked
from containers.model.comparison import Matrix, MatrixRow
from containers.model.project import ResolvedProject, ServiceConfig

NONE: Final = "none"


def matrix(projects: Mapping[str, ResolvedProject]) -> Matrix:
    """The matrix of environments, given with what each resolves to."""
    services = sorted({str(name) for project in projects.values() for name in project.services})
    rows = [
        MatrixRow(
            service=service,
            aspect=aspect,
            values={
                environment: describe(config, project.document["services"][service])
                for environment, project in projects.items()
                for name, config in project.services.items()
                if name == service
            },
        )
        for service in services
        for aspect, describe in ASPECTS.items()
    ]
    return Matrix(environments=tuple(projects), rows=tuple(rows))


def _image(config: ServiceConfig, service: dict[str, Any]) -> str:
    if service.get("build") and not service.get("image"):
        return "built here"
    name, _, digest = config.image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    how = "by digest" if digest else f"tag {tag}" if tag else "not pinned"
    if not digest and tag == "latest":
        how = "not pinned (latest)"
    return f"{how}, built here" if service.get("build") else how


def _health(config: ServiceConfig, service: dict[str, Any]) -> str:
    check = config.health_check
    if check is None:
        return "disabled" if (service.get("healthcheck") or {}).get("disable") else NONE
    return f"every {check.interval_s:g} s, {check.retries} tries of {check.timeout_s:g} s"


def _limits(_config: ServiceConfig, service: dict[str, Any]) -> str:
    deploy = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    memory = service.get("mem_limit") or deploy.get("memory")
    cpus = service.get("cpus") or deploy.get("cpus")
    pids = service.get("pids_limit") or deploy.get("pids")
    parts = [
        size_words(memory) if memory else "",
        f"{float(cpus):g} CPU" if cpus else "",
        f"{pids} processes" if pids else "",
    ]
    return ", ".join(part for part in parts if part) or NONE


def _restart(config: ServiceConfig, _service: dict[str, Any]) -> str:
    policy = config.restart_policy
    return f"{policy.name}:{policy.max_retries}" if policy.max_retries else policy.name


def _logging(_config: ServiceConfig, service: dict[str, Any]) -> str:
    logging = service.get("logging") or {}
    options = ", ".join(f"{key}={masked(key, str(v))}" for key, v in (logging.get("options") or {}).items())
    return " ".join(part for part in (logging.get("driver", ""), options) if part) or "engine's default"


def _networks(config: ServiceConfig, _service: dict[str, Any]) -> str:
    return config.network_mode or ", ".join(sorted(config.networks)) or NONE


def _ports(config: ServiceConfig, _service: dict[str, Any]) -> str:
    shown = [
        f"{p.host_ip or 'all'}:{p.published or 'any'} -> {p.target}"
        + ("" if p.protocol == "tcp" else f"/{p.protocol}")
        for p in config.ports
    ]
    return ", ".join(shown) or NONE


def _read_only(_config: ServiceConfig, service: dict[str, Any]) -> str:
    return "yes" if service.get("read_only") else "no"


def _user(_config: ServiceConfig, service: dict[str, Any]) -> str:
    return service.get("user") or "image's"


def _capabilities(_config: ServiceConfig, service: dict[str, Any]) -> str:
    if service.get("privileged"):
        return "privileged"
    changes = [f"-{name}" for name in service.get("cap_drop") or ()]
    changes += [f"+{name}" for name in service.get("cap_add") or ()]
    options = " ".join(service.get("security_opt") or ())
    if "no-new-privileges" in options and "no-new-privileges:false" not in options:
        changes.append("no new privileges")
    return ", ".join(changes) or "engine's default"


def _secrets(config: ServiceConfig, _service: dict[str, Any]) -> str:
    return ", ".join(config.secrets) or NONE


ASPECTS: Final[Mapping[str, Callable[[ServiceConfig, dict[str, Any]], str]]] = {
    "image": _image,
    "health check": _health,
    "limits": _limits,
    "restart": _restart,
    "logging": _logging,
    "networks": _networks,
    "published ports": _ports,
    "read-only": _read_only,
    "user": _user,
    "capabilities": _capabilities,
    "secrets": _secrets,
}
"""What is compared, and how it is described."""
