"""The typed project over a canonical document."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from typing_extensions import override

from containers.compose.hashing import project_hash, resource_hash, service_hashes
from containers.compose.measures import NANOSECONDS, duration_ns
from containers.compose.nodes import Spot
from containers.compose.own_keys import own_keys
from containers.compose.schema_extension import OWN_KEY
from containers.model.base import ProjectName, ServiceName
from containers.model.project import (
    BuildConfig,
    Dependency,
    DependencyCondition,
    HealthCheck,
    Hook,
    KeyPath,
    Mount,
    PortMapping,
    ResolvedProject,
    ResourceConfig,
    RestartPolicy,
    ServiceConfig,
    WatchRule,
)
from containers.model.source import Location


class Locations(Mapping[KeyPath, Location]):
    """Locations that are made when somebody asks; a stack has thousands, a diagnostic needs one."""

    __slots__ = ("_make", "_spots")

    def __init__(self, make: Callable[[], Mapping[KeyPath, Spot]]) -> None:
        self._make = make
        self._spots: Mapping[KeyPath, Spot] | None = None

    @property
    def spots(self) -> Mapping[KeyPath, Spot]:
        """The spots, with what each replaced."""
        if self._spots is None:
            self._spots = self._make()
        return self._spots

    @override
    def __getitem__(self, path: KeyPath) -> Location:
        """The location of the value at `path`."""
        return self.spots[path].location()

    @override
    def __iter__(self) -> Iterator[KeyPath]:
        """Every path that was written."""
        return iter(self.spots)

    @override
    def __len__(self) -> int:
        """How many paths were written."""
        return len(self.spots)

    @override
    def __contains__(self, path: object) -> bool:
        """Whether the path was written."""
        return path in self.spots


def build_project(
    rest: dict[str, Any],
    services: Mapping[str, tuple[dict[str, Any], ServiceConfig, str]],
    locations: Locations,
    *,
    files: tuple[Path, ...],
    sources: tuple[Path, ...],
    working_dir: Path,
    disabled: Iterable[str],
    profiles: tuple[str, ...],
) -> ResolvedProject:
    """Build the project; the document is canonical, so nothing is checked again.

    The project's document writes `$` twice; the typed parts hold what containers get.

    Args:
        rest: the canonical document without its services, each `$` written once.
        services: in their order, by name the canonical service, its `$` written twice, what it means, and
            its fingerprint.
        locations: where everything was written.
        files: as in the project, and so are the others.
        sources: every file that took part.
        working_dir: where relative paths began.
        disabled: the services that no profile enables.
        profiles: the active ones.
    """
    written = escaped(rest)
    documents = {key: service[0] for key, service in services.items()}

    def resources(section: str) -> dict[str, ResourceConfig]:
        return {key: _resource(key, value) for key, value in (rest.get(section) or {}).items()}

    return ResolvedProject.model_construct(
        name=ProjectName(rest["name"]),
        working_dir=working_dir,
        files=files,
        sources=sources,
        services={ServiceName(key): services[key][1] for key in documents},
        disabled_services=tuple(ServiceName(key) for key in disabled),
        profiles=profiles,
        document=dict(sorted({**written, "services": documents}.items())),
        locations=locations,
        config_hash=project_hash({key: services[key][2] for key in services}, written),
        networks=resources("networks"),
        volumes=resources("volumes"),
        secrets=resources("secrets"),
        configs=resources("configs"),
    )


def escaped(value: Any) -> Any:
    """A value in which every `$` is doubled, so that reading it again gives the same."""
    if isinstance(value, str):
        return value.replace("$", "$$") if "$" in value else value
    if isinstance(value, dict):
        return {escaped(key): escaped(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [escaped(item) for item in value]
    return value


def build_service(name: ServiceName, value: dict[str, Any], project: str) -> ServiceConfig:
    """What a canonical service, each `$` written once, means."""
    config_hash, field_hashes = service_hashes(value)
    deploy = value.get("deploy") or {}
    replicas = deploy.get("replicas")
    mode = value.get("network_mode")
    return ServiceConfig.model_construct(
        name=name,
        image=value.get("image") or f"{project}-{name}",
        ports=tuple(_port(port) for port in value.get("ports") or ()),
        environment=value.get("environment") or {},
        volumes=_mounts(value),
        depends_on={
            ServiceName(key): _dependency(entry) for key, entry in (value.get("depends_on") or {}).items()
        },
        health_check=_health_check(value.get("healthcheck")),
        restart_policy=_restart_policy(value.get("restart"), deploy.get("restart_policy")),
        build=_build(value["build"]) if value.get("build") else None,
        pull_policy=value.get("pull_policy") or "missing",
        container_name=value.get("container_name"),
        replicas=next((count for count in (value.get("scale"), replicas) if count is not None), 1),
        networks=() if mode else tuple(value.get("networks") or ()),
        network_mode=mode,
        secrets=tuple(grant["source"] for grant in value.get("secrets") or ()),
        configs=tuple(grant["source"] for grant in value.get("configs") or ()),
        stop_grace_period_s=_seconds(value.get("stop_grace_period")),
        stop_signal=value.get("stop_signal"),
        post_start=_hooks(value.get("post_start")),
        pre_stop=_hooks(value.get("pre_stop")),
        profiles=tuple(value.get("profiles") or ()),
        labels=value.get("labels") or {},
        watch=_watch_rules((value.get("develop") or {}).get("watch")),
        own=own_keys(value.get(OWN_KEY) or {}),
        config_hash=config_hash,
        field_hashes=field_hashes,
    )


def _port(port: dict[str, Any]) -> PortMapping:
    return PortMapping.model_construct(
        target=port.get("target", 0),
        published=str(port.get("published", "")),
        host_ip=port.get("host_ip", ""),
        protocol=port.get("protocol", "tcp"),
    )


def _mounts(service: dict[str, Any]) -> tuple[Mount, ...]:
    mounts = [
        Mount.model_construct(
            type=volume["type"],
            source=volume.get("source", ""),
            target=volume["target"],
            read_only=bool(volume.get("read_only")),
        )
        for volume in service.get("volumes") or ()
    ]
    for entry in service.get("tmpfs") or ():
        target, _, options = entry.partition(":")
        read_only = "ro" in options.split(",")
        mounts.append(Mount.model_construct(type="tmpfs", source="", target=target, read_only=read_only))
    return tuple(mounts)


def _dependency(value: dict[str, Any]) -> Dependency:
    return Dependency.model_construct(
        condition=DependencyCondition(value["condition"]),
        required=value.get("required", True),
        restart=value.get("restart", False),
    )


def _health_check(value: dict[str, Any] | None) -> HealthCheck | None:
    """A check that is disabled, or leaves the test to the image, is none that we know."""
    test = (value or {}).get("test")
    if value is None or value.get("disable") or not test or test[0] == "NONE":
        return None
    retries = value.get("retries")
    return HealthCheck.model_construct(
        test=tuple(test),
        interval_s=_seconds(value.get("interval")) or 30.0,
        timeout_s=_seconds(value.get("timeout")) or 30.0,
        retries=int(retries) if retries else 3,
        start_period_s=_seconds(value.get("start_period")) or 0.0,
        start_interval_s=_seconds(value.get("start_interval")),
    )


def _hooks(value: list[dict[str, Any]] | None) -> tuple[Hook, ...]:
    return tuple(
        Hook.model_construct(
            command=tuple(hook.get("command") or ()),
            user=str(hook.get("user") or ""),
            privileged=bool(hook.get("privileged")),
            working_dir=hook.get("working_dir") or "",
            environment={
                name: text for name, text in (hook.get("environment") or {}).items() if text is not None
            },
        )
        for hook in value or ()
        if hook.get("command")
    )


def _watch_rules(value: list[dict[str, Any]] | None) -> tuple[WatchRule, ...]:
    return tuple(
        WatchRule.model_construct(
            path=rule["path"],
            action=rule["action"],
            target=rule.get("target") or "",
            ignore=tuple(rule.get("ignore") or ()),
            include=tuple(rule.get("include") or ()),
            exec=next(iter(_hooks([rule.get("exec") or {}])), None),
            initial_sync=bool(rule.get("initial_sync")),
        )
        for rule in value or ()
    )


def _restart_policy(text: str | None, deploy: dict[str, Any] | None) -> RestartPolicy:
    if not text and deploy:
        names = {"none": "no", "on-failure": "on-failure", "any": "always"}
        name = names.get(deploy.get("condition", "any"), "always")
        attempts = deploy.get("max_attempts") if name == "on-failure" else None
        return RestartPolicy.model_construct(name=name, max_retries=attempts)
    name, _, retries = (text or "no").partition(":")
    return RestartPolicy.model_construct(name=name, max_retries=int(retries) if retries.isdecimal() else None)


def _build(value: dict[str, Any]) -> BuildConfig:
    return BuildConfig.model_construct(
        context=value["context"],
        dockerfile=value.get("dockerfile", "Dockerfile"),
        dockerfile_inline=value.get("dockerfile_inline"),
        args=value.get("args") or {},
        target=value.get("target"),
        labels=value.get("labels") or {},
        network=value.get("network"),
        no_cache=bool(value.get("no_cache")),
        pull=bool(value.get("pull")),
        additional_contexts=value.get("additional_contexts") or {},
        tags=tuple(value.get("tags") or ()),
        platforms=tuple(value.get("platforms") or ()),
        shm_size=value.get("shm_size"),
    )


def _resource(key: str, value: dict[str, Any]) -> ResourceConfig:
    return ResourceConfig.model_construct(
        key=key,
        name=value.get("name", key),
        external=bool(value.get("external")),
        file=value.get("file"),
        environment=value.get("environment"),
        content=value.get("content"),
        config_hash=resource_hash(value),
    )


def _seconds(text: str | None) -> float | None:
    return None if text is None else duration_ns(text) / NANOSECONDS
