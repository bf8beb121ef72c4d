"""The canonical document in the words that podman-compose knows.

Only what podman-compose turns into options is written, so nothing is left to its moods: no profiles, no
dependencies, no builds, one container a service. Names are explicit, external networks and volumes look
like others (what it would do about them is thrown away), and values are placeholders.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from containers.compose.hiding import Hidden
from containers.compose.podman_options import lost
from containers.compose.rendering_resources import Material, granted, render_networks, render_volumes
from containers.model.project import ResolvedProject

_SAME = frozenset(
    """
    cap_add cap_drop container_name cpu_shares cpus cpuset device_cgroup_rules dns dns_opt dns_search expose
    group_add hostname init mem_limit mem_reservation pids_limit platform privileged read_only restart runtime
    security_opt shm_size stdin_open stop_signal sysctls tmpfs tty ulimits user userns_mode working_dir
    """.split()
)
"""Keys whose canonical form podman-compose understands as it is."""

_HOST_GATEWAY_SINCE = (4, 7)
_LOG_DRIVERS = {"local": "k8s-file"} | {n: n for n in ("k8s-file", "json-file", "journald", "none", "passthrough")}
_LOG_OPTIONS = frozenset({"max-size", "path", "tag", "label"})
_EVERYTHING = "podkeeper-everything"


class Rendered(NamedTuple):
    """A document for podman-compose."""

    text: str
    """JSON, which is YAML; the same text for the same structure, whatever the hidden values are."""
    hidden: Hidden
    warnings: tuple[str, ...]


class _Scene(NamedTuple):
    """What the parts of a service may need to know of the whole."""

    services: Mapping[str, Any]
    containers: Mapping[str, str]
    hidden: Hidden
    files: Mapping[Material, str]
    document: Mapping[str, Any]
    version: tuple[int, ...]
    warn: Callable[[str, str], None]
    """Key and reason, of the service at hand."""


def first_containers(project: ResolvedProject) -> dict[str, str]:
    """The name of every service's first container."""
    return {n: s.container_name or f"{project.name}_{n}_1" for n, s in project.services.items()}


def materials(project: ResolvedProject) -> tuple[Material, ...]:
    """The secrets and configs that must be files before a container can have them."""
    found: dict[Material, None] = {}
    for service in project.document.get("services", {}).values():
        for section in ("secrets", "configs"):
            for grant in service.get(section) or ():
                material = granted(project.document, section, grant)
                if material is not None:
                    found[material] = None
    return tuple(found)


def render(project: ResolvedProject, files: Mapping[Material, str], version: tuple[int, ...]) -> Rendered:
    """Write the document.

    Args:
        project: what to write.
        files: where each of `materials(project)` is on the host.
        version: the engine's, since some of the words depend on it.
    """
    hidden = Hidden()
    warnings: list[str] = []
    document = project.document
    services = document.get("services") or {}
    rendered: dict[str, Any] = {}
    for name, service in services.items():

        def warn(key: str, reason: str, name: str = name) -> None:
            warnings.append(f"service {name}: {key}: {reason}")

        for key, reason in lost(service):
            warn(key, reason)
        if service.get("provider"):
            continue
        scene = _Scene(services, first_containers(project), hidden, files, document, version, warn)
        rendered[name] = _render_service(project, name, service, scene)
    networks = render_networks(document, hidden, warnings)
    volumes = render_volumes(document, hidden, warnings)
    everything = _everything(networks, volumes)
    if everything:
        rendered[_EVERYTHING] = everything
    whole = {
        "name": document["name"],
        "services": rendered,
        "networks": networks,
        "volumes": volumes,
        "secrets": dict(_declared_secrets(document, files, hidden)),
    }
    text = json.dumps({key: part for key, part in whole.items() if part}, ensure_ascii=False, indent=1)
    return Rendered(text, hidden, tuple(warnings))


def _everything(networks: Mapping[str, Any], volumes: Mapping[str, Any]) -> dict[str, Any]:
    """A service that uses all networks and volumes, so that podman-compose creates the unused ones too."""
    if not networks and not volumes:
        return {}
    service: dict[str, Any] = {"image": "none"}
    service |= {"networks": {key: {} for key in networks}} if networks else {"network_mode": "none"}
    service["volumes"] = [
        {"type": "volume", "source": key, "target": f"/{number}"} for number, key in enumerate(volumes)
    ]
    return service


def _render_service(
    project: ResolvedProject, name: str, service: Mapping[str, Any], scene: _Scene
) -> dict[str, Any]:
    config = project.services[name]  # type: ignore[index]  # the document's keys are the services' names
    result: dict[str, Any] = {"image": scene.hidden.hide_literal(config.image)}
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
        *_volumes(service.get("volumes") or (), config.replicas, scene),
        *_config_mounts(service.get("configs") or (), scene),
    ]
    result["secrets"] = list(_secret_grants(service.get("secrets") or (), scene))
    resources = _resources(service)
    if resources:
        result["deploy"] = {"resources": resources}
    if any((network or {}).get("mac_address") for network in (service.get("networks") or {}).values()):
        result.pop("mac_address", None)  # podman-compose refuses both; the network's is the more special
    return {key: part for key, part in result.items() if part not in ([], {}) or key == "entrypoint"}


def _hidden_values(value: Mapping[str, Any], scene: _Scene) -> dict[str, str]:
    """A mapping with its values hidden; without those that docker compose leaves unset, too."""
    return {key: scene.hidden.hide(text) for key, text in value.items() if text is not None}


def _labels(value: Mapping[str, Any], scene: _Scene) -> dict[str, str]:
    return {key: scene.hidden.hide(text or "") for key, text in value.items()}


def _hidden_words(value: list[Any], scene: _Scene) -> list[str]:
    return [scene.hidden.hide(word) for word in value]


def _devices(value: list[Mapping[str, Any]], _scene: _Scene) -> list[str]:
    def short(device: Mapping[str, Any]) -> str:
        source = device["source"]
        if not source.startswith("/"):
            return str(source)  # a CDI name, such as `vendor.com/device=0`
        return f"{source}:{device.get('target') or source}:{device.get('permissions') or 'rwm'}"

    return [short(device) for device in value]


def _extra_hosts(value: list[str], scene: _Scene) -> list[str]:
    hosts = []
    for entry in value:
        host, _, address = entry.partition("=")
        if address == "host-gateway" and scene.version < _HOST_GATEWAY_SINCE:
            scene.warn("extra_hosts", f"{host}=host-gateway needs Podman 4.7; use host.containers.internal")
        else:
            hosts.append(f"{host}:{address.removeprefix('[').removesuffix(']')}")
    return hosts


def _healthcheck(value: Mapping[str, Any], scene: _Scene) -> dict[str, Any] | None:
    if value.get("disable") or (value.get("test") or [""])[0] == "NONE":
        return {"disable": True}
    test = value.get("test")
    if not test:
        return None
    kept = {key: value[key] for key in ("interval", "timeout", "retries", "start_period") if value.get(key)}
    if kept.get("interval") == "0s":
        del kept["interval"]
    return {"test": [test[0], *_hidden_words(test[1:], scene)], **kept}


def _links(value: list[str], scene: _Scene) -> list[str]:
    return [link for link in value if link.partition(":")[0] in scene.services]


def _logging(value: Mapping[str, Any], scene: _Scene) -> dict[str, Any] | None:
    driver = value.get("driver") or "k8s-file"
    if driver not in _LOG_DRIVERS:
        scene.warn("logging", f"Podman has no log driver {driver}; its own is taken")
        return None
    options = value.get("options") or {}
    for key in options.keys() - _LOG_OPTIONS:
        scene.warn(f"logging.options.{key}", "Podman has no such option")
    kept = {key: str(text) for key, text in options.items() if key in _LOG_OPTIONS}
    return {"driver": _LOG_DRIVERS[driver], "options": kept}


def _network_mode(value: str, _scene: _Scene) -> str:
    return "bridge" if value == "default" else value


def _networks(value: Mapping[str, Any], _scene: _Scene) -> dict[str, Any]:
    def connection(settings: Mapping[str, Any] | None) -> dict[str, Any]:
        renamed = {"interface_name": "x-podman.interface_name"}
        return {renamed.get(key, key): item for key, item in (settings or {}).items()}

    return {key: connection(settings) for key, settings in value.items()}


def _pid(value: str, scene: _Scene) -> str:
    kind, _, service = value.partition(":")
    return f"container:{scene.containers.get(service, service)}" if kind == "service" else value


def _ports(value: list[Mapping[str, Any]], _scene: _Scene) -> list[dict[str, Any]]:
    def port(entry: Mapping[str, Any]) -> dict[str, Any]:
        kept = {key: entry[key] for key in ("target", "published", "host_ip", "protocol") if entry.get(key)}
        if ":" in kept.get("host_ip", "") and not kept["host_ip"].startswith("["):
            kept["host_ip"] = f"[{kept['host_ip']}]"
        return kept

    return [port(entry) for entry in value]


_PARTS: Mapping[str, Callable[[Any, _Scene], Any]] = {
    "annotations": _hidden_values,
    "command": _hidden_words,
    "devices": _devices,
    "entrypoint": _hidden_words,
    "environment": _hidden_values,
    "extra_hosts": _extra_hosts,
    "healthcheck": _healthcheck,
    "labels": _labels,
    "links": _links,
    "logging": _logging,
    "mac_address": lambda value, _scene: value,
    "network_mode": _network_mode,
    "networks": _networks,
    "pid": _pid,
    "ports": _ports,
}
"""Keys that are said in other words."""


def _volumes(value: Any, replicas: int, scene: _Scene) -> Iterator[Any]:
    for volume in value:
        kind, target = volume["type"], volume["target"]
        match kind:
            case "bind":
                options = {k: v for k, v in (volume.get("bind") or {}).items() if k in {"propagation", "selinux"}}
                source = scene.hidden.hide_path(volume["source"].replace("$$", "$"))
                bind = {"type": kind, "source": source, "target": target, "bind": options}
                yield bind | ({"read_only": True} if volume.get("read_only") else {})
            case "volume" if not volume.get("source"):
                if replicas == 1:  # a name of its own keeps the data when the container is made anew
                    yield f"{target}:ro" if volume.get("read_only") else target
            case "tmpfs":
                yield _tmpfs(volume)
            case "volume" | "image":
                yield {k: v for k, v in volume.items() if k != "consistency"}
            case _:
                scene.warn(f"volumes {target}", f"Podman has no mounts of type {kind}")


def _tmpfs(volume: Mapping[str, Any]) -> dict[str, Any]:
    options = dict(volume.get("tmpfs") or {})
    if options.get("mode"):
        options["mode"] = f"{int(options['mode']):o}"  # JSON has it in decimal, mount wants octal
    return {"type": "tmpfs", "target": volume["target"], "tmpfs": options}


def _config_mounts(grants: Any, scene: _Scene) -> Iterator[dict[str, Any]]:
    for grant in grants:
        material = granted(scene.document, "configs", grant)
        if material is not None:
            source = scene.hidden.hide_path(scene.files[material])
            target = grant.get("target") or f"/{grant['source']}"
            yield {"type": "bind", "source": source, "target": target, "read_only": True}
            _warn_owner("configs", grant, material, scene)


def _secret_grants(grants: Any, scene: _Scene) -> Iterator[dict[str, Any]]:
    for grant in grants:
        target = grant.get("target") or grant["source"]
        material = granted(scene.document, "secrets", grant)
        if material is not None:
            place = target if target.startswith("/") else f"/run/secrets/{target}"
            yield {"source": material.name, "target": place}
            _warn_owner("secrets", grant, material, scene)
        else:
            declared = scene.document["secrets"][grant["source"]]
            given = {key: grant[key] for key in ("uid", "gid", "mode") if grant.get(key)}
            yield {"source": declared.get("name") or grant["source"], "target": target, **given}


def _warn_owner(section: str, grant: Mapping[str, Any], material: Material, scene: _Scene) -> None:
    ignored = [k for k in ("uid", "gid") if grant.get(k)]
    if material.origin == "file" and grant.get("mode"):
        ignored.append("mode")
    for key in ignored:
        scene.warn(f"{section}.{grant['source']}.{key}", "a mounted file keeps its owner and mode")


def _declared_secrets(
    document: Mapping[str, Any], files: Mapping[Material, str], hidden: Hidden
) -> Iterator[tuple[str, dict[str, Any]]]:
    for material, path in files.items():
        if material.section == "secrets":
            declared = document["secrets"][material.key]
            extra = {key: item for key, item in declared.items() if key.startswith("x-podman.")}
            yield material.name, {"file": hidden.hide_path(path), **extra}
    for key, secret in (document.get("secrets") or {}).items():
        if secret.get("external"):
            name = secret.get("name") or key
            yield name, {"external": True, "name": name}


def _resources(service: Mapping[str, Any]) -> dict[str, Any]:
    """`deploy.resources`, with the GPUs said in the one way podman-compose listens to."""
    resources = (service.get("deploy") or {}).get("resources") or {}
    limits = {k: v for k, v in (resources.get("limits") or {}).items() if k in {"cpus", "memory", "pids"}}
    reserved = resources.get("reservations") or {}
    kept = {"memory": reserved["memory"]} if reserved.get("memory") else {}
    wanted = [
        *(reserved.get("devices") or ()),
        *({**gpu, "capabilities": [*(gpu.get("capabilities") or ()), "gpu"]} for gpu in service.get("gpus") or ()),
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
