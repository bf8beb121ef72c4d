"""The table of what is different on Podman, by engine, version and provider.

Sources: `podman-create(1)` and the release notes of the versions named, and trials on Podman 4.3 and 5.4,
rootful and rootless; podman-compose 1.x by running it on a host that only records what it is asked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

from containers.model.observed import EngineInfo, EngineVersion


class Effect(StrEnum):
    """What happens to a key; the words complete a sentence that begins with it."""

    IGNORED = "is ignored"
    BROKEN = "does not work"
    DIFFERENT = "works differently"


class Provider(StrEnum):
    """Who turns the file into containers."""

    PODMAN = "podman"
    """Podkeeper, on Podman itself."""
    PODMAN_COMPOSE = "podman-compose"
    """podman-compose alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One key, on some engines."""

    path: tuple[str, ...]
    """Keys of the canonical document; `*` stands for any key and any item."""
    effect: Effect
    because: str
    """May name `{value}`, and `{port}` for the first that ordinary users may publish."""
    remedy: str = ""
    matters: Callable[[Any, EngineInfo], bool] | None = None
    """Whether this value is concerned; None where every value is."""
    provider: Provider | None = None
    """None where it does not depend on who creates the containers."""
    since: tuple[int, int] = (0, 0)
    """The first Podman that does so."""
    before: tuple[int, int] = (1000, 0)
    """The first Podman that does so no longer."""
    rootless: bool | None = None
    cgroups: Literal["v1", "v2"] | None = None
    selinux: bool | None = None

    def applies(self, engine: EngineInfo, provider: Provider) -> bool:
        """Whether the entry is about this engine and provider."""
        return (
            self.provider in {None, provider}
            and self._is_about(engine, rootless=engine.rootless, selinux=engine.selinux)
            and self.cgroups in {None, engine.cgroup_version}
        )

    def may_apply(self, version: EngineVersion, *, rootless: bool | None, selinux: bool | None) -> bool:
        """Whether the entry may be about an engine of which no more is known, with Podkeeper as provider."""
        return self.provider in {None, Provider.PODMAN} and self._is_about(
            version, rootless=rootless, selinux=selinux
        )

    def _is_about(self, version: EngineVersion, *, rootless: bool | None, selinux: bool | None) -> bool:
        return (
            self.since <= version.version_tuple[:2] < self.before
            and (rootless is None or self.rootless in {None, rootless})
            and (selinux is None or self.selinux in {None, selinux})
        )


def _service(key: str, effect: Effect, because: str, **options: Any) -> Entry:
    return Entry(path=("services", "*", *key.split(".")), effect=effect, because=because, **options)


def _below(value: Any, engine: EngineInfo) -> bool:
    first = str(value).partition("-")[0]
    return first.isdigit() and 0 < int(first) < engine.first_unprivileged_port


def _is_short_name(value: Any, _engine: EngineInfo) -> bool:
    host, slash, _ = str(value).partition("/")
    return not slash or not ("." in host or ":" in host or host == "localhost")


def _is_unlabelled_bind(value: Any, _engine: EngineInfo) -> bool:
    bind = value.get("bind") or {}
    return value.get("type") == "bind" and not bind.get("selinux")


def _is_on(value: Any, _engine: EngineInfo) -> bool:
    return bool(value)


def _is_off(value: Any, _engine: EngineInfo) -> bool:
    return not value


def _keeps_id(value: Any, _engine: EngineInfo) -> bool:
    return str(value).startswith("keep-id")


def _one_of(*words: str) -> Callable[[Any, EngineInfo], bool]:
    return lambda value, _engine: value in words


def _none_of(*words: str) -> Callable[[Any, EngineInfo], bool]:
    return lambda value, _engine: value not in words


def _not_enforced(controller: str) -> Callable[[Any, EngineInfo], bool]:
    return lambda _value, engine: controller in engine.unenforced


_LIMITS: Final = {
    "cpu": ("cpus", "cpu_period", "cpu_quota", "cpu_shares", "deploy.resources.limits.cpus"),
    "cpuset": ("cpuset",),
    "io": ("blkio_config",),
    "memory": (
        "deploy.resources.limits.memory",
        "deploy.resources.reservations.memory",
        "mem_limit",
        "mem_reservation",
        "mem_swappiness",
        "memswap_limit",
        "oom_kill_disable",
    ),
    "pids": ("pids_limit", "deploy.resources.limits.pids"),
}
"""Keys by the cgroup controller that enforces them."""

_DROPPED_BY_PODMAN_COMPOSE: Final = (
    "blkio_config",
    "cgroup_parent",
    "configs",
    "deploy.restart_policy",
    "gpus",
    "healthcheck.start_interval",
    "ipc",
    "label_file",
    "mem_swappiness",
    "memswap_limit",
    "oom_score_adj",
    "storage_opt",
    "uts",
    "volumes_from",
)
_LOG_DRIVERS: Final = ("journald", "json-file", "k8s-file", "none")
"""Podman's client refuses `passthrough` where a service makes the container, on 4.3 and 5.4."""

TABLE: Final[tuple[Entry, ...]] = (
    *(
        _service(
            key,
            Effect.IGNORED,
            "this user may not set limits: rootless Podman needs cgroups v2 and a delegated controller",
            remedy="run rootful, or boot with cgroups v2 and delegate the controllers to users",
            matters=_not_enforced(controller),
            rootless=True,
        )
        for controller, keys in _LIMITS.items()
        for key in keys
    ),
    _service(
        "ports.*.published",
        Effect.BROKEN,
        "an ordinary user may not publish port {value}, which is below {port}",
        remedy="publish a higher port, or lower the sysctl net.ipv4.ip_unprivileged_port_start",
        matters=_below,
        rootless=True,
    ),
    _service(
        "device_cgroup_rules",
        Effect.IGNORED,
        "an ordinary user may not change what devices a cgroup may use",
        remedy="run rootful, or name the devices under `devices`",
        rootless=True,
    ),
    _service(
        "userns_mode",
        Effect.BROKEN,
        "`{value}` maps the user who calls Podman, and this Podman is root's",
        remedy="remove it, or run rootless",
        matters=_keeps_id,
        rootless=False,
        before=(4, 5),
    ),
    _service(
        "privileged",
        Effect.DIFFERENT,
        "in rootless Podman it gives no more than what the user may do",
        matters=_is_on,
        rootless=True,
    ),
    _service(
        "image",
        Effect.DIFFERENT,
        "`{value}` names no registry; Podman looks it up in registries.conf, and may refuse to choose",
        remedy="write the whole name, such as docker.io/library/nginx",
        matters=_is_short_name,
    ),
    _service(
        "volumes.*",
        Effect.BROKEN,
        "SELinux keeps the container from a folder that has no label for it",
        remedy="end the mount with `:z` where containers share it, or with `:Z`",
        matters=_is_unlabelled_bind,
        selinux=True,
    ),
    _service(
        "healthcheck.start_interval",
        Effect.DIFFERENT,
        "Podman has none; it counts while Podkeeper waits for the service",
        provider=Provider.PODMAN,
    ),
    _service(
        "deploy.mode",
        Effect.IGNORED,
        "there is one host, so every service runs as often as `replicas` says",
        remedy="remove it",
        matters=_one_of("global", "global-job", "replicated-job"),
    ),
    _service(
        "logging.driver",
        Effect.BROKEN,
        "Podman has no log driver `{value}`",
        remedy="take journald or k8s-file",
        matters=_none_of(*_LOG_DRIVERS, "local"),
    ),
    _service(
        "logging.driver",
        Effect.BROKEN,
        "Podman has no log driver `{value}`; Podkeeper takes k8s-file in its place",
        remedy="take journald or k8s-file",
        matters=_one_of("local"),
        provider=Provider.PODMAN_COMPOSE,
    ),
    _service(
        "logging.options.max-file",
        Effect.IGNORED,
        "Podman keeps one file, and starts it anew at `max-size`",
        remedy="remove it",
    ),
    _service(
        "security_opt.*",
        Effect.BROKEN,
        "the AppArmor profile docker-default is Docker's",
        remedy="remove it; Podman has a profile of its own",
        matters=_one_of("apparmor:docker-default", "apparmor=docker-default"),
    ),
    _service(
        "mem_swappiness",
        Effect.BROKEN,
        "cgroups v2 have no swappiness",
        remedy="remove it",
        cgroups="v2",
    ),
    *(
        _service(
            key, Effect.BROKEN, "cgroups v2 have no real-time scheduling", remedy="remove it", cgroups="v2"
        )
        for key in ("cpu_rt_period", "cpu_rt_runtime")
    ),
    _service(
        "oom_kill_disable", Effect.IGNORED, "cgroups v2 have no such switch", remedy="remove it", cgroups="v2"
    ),
    _service(
        "volumes.*.volume.subpath",
        Effect.BROKEN,
        "Podman mounts a part of a volume from version 5.4 on",
        remedy="mount the whole volume",
        before=(5, 4),
    ),
    _service(
        "volumes.*.image.subpath",
        Effect.BROKEN,
        "Podman mounts a part of an image from version 5.1 on",
        remedy="mount the whole image",
        before=(5, 1),
    ),
    Entry(
        path=("jobs", "*"),
        effect=Effect.IGNORED,
        because="Podkeeper brings up services; it starts no jobs",
        remedy="start it with `podman run`, or make it a service with a profile",
    ),
    Entry(
        path=("networks", "*", "driver"),
        effect=Effect.BROKEN,
        because="Podman has no network driver `{value}`",
        remedy="take bridge, macvlan or ipvlan",
        matters=_none_of("bridge", "macvlan", "ipvlan", "default", "host", "none"),
    ),
    Entry(
        path=("networks", "*", "enable_ipv4"),
        effect=Effect.IGNORED,
        because="Podman's networks always have IPv4",
        remedy="remove it",
        matters=_is_off,
    ),
    Entry(
        path=("networks", "*", "attachable"),
        effect=Effect.IGNORED,
        because="it has an effect in a Swarm only",
        remedy="remove it",
    ),
    *(
        _service(
            key,
            Effect.IGNORED,
            "podman-compose leaves it out without a word; Podkeeper sees to it",
            provider=Provider.PODMAN_COMPOSE,
        )
        for key in _DROPPED_BY_PODMAN_COMPOSE
    ),
    _service(
        "depends_on.*.condition",
        Effect.IGNORED,
        "podman-compose waits for health from Podman 4.6 on; Podkeeper does on every version",
        matters=_one_of("service_healthy"),
        provider=Provider.PODMAN_COMPOSE,
        before=(4, 6),
    ),
    Entry(
        path=("secrets", "*", "environment"),
        effect=Effect.BROKEN,
        because="podman-compose refuses a secret from a variable; Podkeeper takes it",
        provider=Provider.PODMAN_COMPOSE,
    ),
)
"""Every entry; `podkeeper validate` says those that the file uses on the engine it found."""
