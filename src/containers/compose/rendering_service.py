"""One service in the words that podman-compose knows."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from containers.compose.podman_options import TRANSLATED, Context
from containers.compose.publishing import chosen_from, short_port
from containers.compose.rendering_mounts import render_configs, render_mounts, render_secrets
from containers.compose.rendering_scene import Scene
from containers.model.errors import ErrorCode, TranslationError
from containers.model.project import ServiceConfig

_HOST_GATEWAY_SINCE = (4, 7)
_LOG_DRIVERS = {"local": "k8s-file"} | {n: n for n in ("k8s-file", "json-file", "journald", "none")}
_USUAL_RUNTIMES = frozenset({"crun", "io.containerd.runc.v2", "runc"})
_LOG_OPTIONS = frozenset({"max-size", "path", "tag", "label"})


def render_service(service: Mapping[str, Any], config: ServiceConfig, scene: Scene) -> dict[str, Any]:
    """Write one canonical service."""
    result: dict[str, Any] = {"image": scene.hidden.hide(config.image)}
    for key, value in service.items():
        if value is None or key == "image":
            continue
        if key in _SAME or (key.startswith("x-podman.") and key != "x-podman.rootfs"):
            result[key] = value
        elif key in _PARTS:
            part = _PARTS[key](value, scene)
            if part is not None:
                result[key] = part
    result["volumes"] = [
        *render_mounts(service.get("volumes") or (), config.replicas, scene),
        *render_configs(service.get("configs") or (), scene),
    ]
    result["secrets"] = list(render_secrets(service.get("secrets") or (), scene))
    resources = _resources(service)
    if resources:
        result["deploy"] = {"resources": resources}
    networks = service.get("networks") or {}
    if any((network or {}).get("mac_address") for network in networks.values()):
        # podman-compose refuses both; the service's is for the first network, as in Docker.
        address = result.pop("mac_address", None)
        first = min(networks, key=lambda key: (-((networks[key] or {}).get("priority") or 0), key))
        if address:
            result["networks"][first] = {"mac_address": address, **result["networks"][first]}
    return {key: part for key, part in result.items() if part not in ([], {}) or key == "entrypoint"}


def _environment(value: Mapping[str, Any], scene: Scene) -> list[str]:
    """All variables as one; without those that docker compose leaves unset, too."""
    return _as_one((f"{key}={text}" for key, text in value.items() if text is not None), scene)


def _mapping(value: Mapping[str, Any], scene: Scene) -> list[str]:
    return _as_one((f"{key}={'' if text is None else text}" for key, text in value.items()), scene)


def _as_one(assignments: Iterable[str], scene: Scene) -> list[str]:
    values = tuple(assignments)
    return [f"podkeeper={scene.hidden.hide_list(values)}"] if values else []


def _words(value: list[Any], scene: Scene) -> list[str]:
    return [scene.hidden.hide_list(value)] if value else []


def _devices(value: list[Mapping[str, Any]], _scene: Scene) -> list[str]:
    def short(device: Mapping[str, Any]) -> str:
        source = device["source"]
        if not source.startswith("/"):
            return str(source)  # a CDI name, such as `vendor.com/device=0`
        return f"{source}:{device.get('target') or source}:{device.get('permissions') or 'rwm'}"

    return [short(device) for device in value]


def _extra_hosts(value: list[str], scene: Scene) -> list[str]:
    hosts = []
    for entry in value:
        host, _, address = entry.partition("=")
        if address == "host-gateway" and scene.version < _HOST_GATEWAY_SINCE:
            scene.warn("extra_hosts", f"{host}=host-gateway needs Podman 4.7; use host.containers.internal")
        else:
            hosts.append(f"{host}:{address.removeprefix('[').removesuffix(']')}")
    return hosts


def _healthcheck(value: Mapping[str, Any], scene: Scene) -> dict[str, Any] | None:
    if value.get("disable") or (value.get("test") or [""])[0] == "NONE":
        return {"disable": True}
    test = value.get("test")
    if not test:
        return None
    kept = {key: value[key] for key in ("interval", "timeout", "retries", "start_period") if value.get(key)}
    if kept.get("interval") == "0s":
        del kept["interval"]
    return {"test": [test[0], *_words(test[1:], scene)], **kept}


def _links(value: list[str], scene: Scene) -> list[str]:
    return [link for link in value if link.partition(":")[0] in scene.services]


def _logging(value: Mapping[str, Any], scene: Scene) -> dict[str, Any] | None:
    driver = value.get("driver") or "k8s-file"
    if driver not in _LOG_DRIVERS:
        scene.warn("logging", f"Podman has no log driver {driver}; its own is taken")
        return None
    options = value.get("options") or {}
    for key in sorted(options.keys() - _LOG_OPTIONS):
        scene.warn(f"logging.options.{key}", "Podman has no such option")
    kept = {key: str(text) for key, text in options.items() if key in _LOG_OPTIONS}
    return {"driver": _LOG_DRIVERS[driver], "options": kept}


def _network_mode(value: str, _scene: Scene) -> str:
    return "bridge" if value == "default" else value


def _networks(value: Mapping[str, Any], _scene: Scene) -> list[str] | dict[str, Any]:
    if not any(value.values()):
        return list(value)

    def connection(settings: Mapping[str, Any] | None) -> dict[str, Any]:
        renamed = {"interface_name": "x-podman.interface_name"}
        return {renamed.get(key, key): item for key, item in (settings or {}).items()}

    return {key: connection(settings) for key, settings in value.items()}


def _pid(value: str, scene: Scene) -> str:
    return Context(scene.containers).namespace(value)


def _ports(value: list[Mapping[str, Any]], scene: Scene) -> list[str]:
    """The ports that every replica publishes alike; `numbered_ports` has the others."""
    return [short_port(port) for port in value if not chosen_from(port, scene.service)]


def _runtime(value: str, scene: Scene) -> None:
    """Podman's service runs all containers with one runtime; Docker's own names mean just that.

    Raises:
        TranslationError: another one, without which the service would be less isolated, or lack a device.
    """
    if value not in _USUAL_RUNTIMES:
        raise TranslationError(
            ErrorCode.UNSUPPORTED_BY_PODMAN,
            f"service {scene.service}: runtime: Podman takes no runtime for one container, such as {value}",
            remedy="Take `runtime` out; for a GPU, reserve it in `deploy.resources.reservations.devices`.",
            service=scene.service,
        )


def _tmpfs(value: list[str], scene: Scene) -> list[str]:
    """With the owner as Podman says it: the container's user, or root."""
    user = str(scene.services[scene.service].get("user") or "0").partition(":")[0]

    def podmans(entry: str) -> str:
        target, _, text = entry.partition(":")
        options = text.split(",") if text else []
        owner = [option for option in options if option.startswith(("uid=", "gid="))]
        kept = [option for option in options if option not in owner]
        if f"uid={user}" in owner and user != "0":
            kept.append("U")
        elif any(not option.endswith("=0") for option in owner):
            scene.warn(
                "tmpfs", f"{target}: {', '.join(owner)}: Podman gives it to root or to the service's user"
            )
        return f"{target}:{','.join(kept)}" if kept else target

    return [podmans(entry) for entry in value]


def _ulimits(value: Mapping[str, Any], _scene: Scene) -> dict[str, str]:
    """Limits as `soft:hard`; the canonical form leaves out a zero, which is a limit like any other."""

    def short(limit: Any) -> str:
        if isinstance(limit, Mapping):
            return f"{limit.get('soft', 0)}:{limit.get('hard', 0)}"
        return f"{limit}:{limit}"

    return {name: short(limit) for name, limit in value.items()}


_PARTS: Mapping[str, Callable[[Any, Scene], Any]] = {
    "annotations": _mapping,
    "command": _words,
    "devices": _devices,
    "entrypoint": _words,
    "environment": _environment,
    "extra_hosts": _extra_hosts,
    "healthcheck": _healthcheck,
    "labels": _mapping,
    "links": _links,
    "logging": _logging,
    "network_mode": _network_mode,
    "networks": _networks,
    "pid": _pid,
    "ports": _ports,
    "runtime": _runtime,
    "tmpfs": _tmpfs,
    "ulimits": _ulimits,
}
"""Keys that are said in other words."""

_SAME = TRANSLATED - _PARTS.keys() - {"image", "secrets", "volumes"}
"""Keys whose canonical form podman-compose understands as it is."""


def _resources(service: Mapping[str, Any]) -> dict[str, Any]:
    """`deploy.resources`, with the GPUs said in the one way podman-compose listens to."""
    resources = (service.get("deploy") or {}).get("resources") or {}
    limits = {k: v for k, v in (resources.get("limits") or {}).items() if k in {"cpus", "memory", "pids"}}
    reserved = resources.get("reservations") or {}
    kept = {"memory": reserved["memory"]} if reserved.get("memory") else {}
    wanted = [
        *(reserved.get("devices") or ()),
        *(
            {**gpu, "capabilities": [*(gpu.get("capabilities") or ()), "gpu"]}
            for gpu in service.get("gpus") or ()
        ),
    ]
    devices = []
    for device in wanted:
        if device.get("driver", "nvidia") == "nvidia" and "gpu" in (device.get("capabilities") or ()):
            count = {"device_ids": device["device_ids"]} if device.get("device_ids") else {}
            if not count and device.get("count", -1) >= 0:
                count = {"count": device["count"]}
            devices.append({"driver": "nvidia", "capabilities": ["gpu"], **count})
    if devices:
        kept["devices"] = devices
    return {key: part for key, part in (("limits", limits), ("reservations", kept)) if part}
