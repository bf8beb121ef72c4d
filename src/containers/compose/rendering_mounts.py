"""A service's mounts in the words that podman-compose knows: volumes, configs and secrets."""

from collections.abc import Iterator, Mapping
from typing import Any

from containers.compose.hiding import Hidden, unescaped
from containers.compose.rendering_resources import Material, granted
from containers.compose.rendering_scene import Scene
from containers.model.errors import ErrorCode, TranslationError

_SUBPATH_SINCE = {"image": (5, 1), "volume": (5, 4)}


def render_mounts(value: Any, replicas: int, scene: Scene) -> Iterator[Any]:
    """Write a service's `volumes`.

    Raises:
        TranslationError: a target that nothing can be mounted on.
    """
    for volume in value:
        kind, target = volume["type"], volume["target"]
        if not target.startswith("/") or ":" in target:
            raise TranslationError(
                ErrorCode.UNSUPPORTED_BY_PODMAN,
                f"service {scene.service}: nothing can be mounted on {target}",
                remedy="Give the mount an absolute path, without a colon, as its target.",
                service=scene.service,
            )
        _require_subpath(volume, scene)
        match kind:
            case "bind":
                yield _bind(volume, scene)
            case "volume" if not volume.get("source"):
                if replicas == 1:  # a name of its own keeps the data when the container is made anew
                    yield _short("", volume)
            case "volume" if not (volume.get("volume") or {}).get("subpath"):
                yield _short(f"{volume['source']}:", volume)
            case "tmpfs":
                yield _tmpfs(volume)
            case "volume" | "image":
                yield _whole_or_part(volume)
            case _:
                scene.warn(f"volumes {target}", f"Podman has no mounts of type {kind}")


def _require_subpath(volume: Mapping[str, Any], scene: Scene) -> None:
    """Refuse part of a volume or image where Podman can mount wholes only.

    Raises:
        TranslationError: it can not; the whole in its place would show files that nobody asked for.
    """
    kind = volume["type"]
    since = _SUBPATH_SINCE.get(kind)
    if since and (volume.get(kind) or {}).get("subpath") and scene.version < since:
        needed = ".".join(str(part) for part in since)
        raise TranslationError(
            ErrorCode.UNSUPPORTED_BY_PODMAN,
            f"service {scene.service}: volumes {volume['target']}: {kind}.subpath needs Podman {needed}",
            remedy=f"Mount the whole {kind}, or update Podman.",
            service=scene.service,
        )


def _whole_or_part(volume: Mapping[str, Any]) -> dict[str, Any]:
    mount = {k: v for k, v in volume.items() if k != "consistency"}
    part = (volume.get("image") or {}).get("subpath")
    if part:  # Podman 5.4 takes an absolute path in an image, and either in a volume
        mount["image"] = {**volume["image"], "subpath": f"/{part.lstrip('/')}"}
    return mount


def _bind(volume: Mapping[str, Any], scene: Scene) -> str | dict[str, Any]:
    source = scene.hidden.hide_path(unescaped(volume["source"]))
    options = {k: v for k, v in (volume.get("bind") or {}).items() if k in {"propagation", "selinux"}}
    if not options:
        return _short(f"{source}:", volume)
    bind = {"type": "bind", "source": source, "target": volume["target"], "bind": options}
    return bind | ({"read_only": True} if volume.get("read_only") else {})


def _short(source: str, volume: Mapping[str, Any]) -> str:
    return f"{source}{volume['target']}{':ro' if volume.get('read_only') else ''}"


def _tmpfs(volume: Mapping[str, Any]) -> dict[str, Any]:
    options = dict(volume.get("tmpfs") or {})
    if options.get("mode"):
        options["mode"] = f"{int(options['mode']):o}"  # JSON has it in decimal, mount wants octal
    return {"type": "tmpfs", "target": volume["target"], "tmpfs": options}


def render_configs(grants: Any, scene: Scene) -> Iterator[str]:
    """Write a service's `configs`: files that are mounted read-only.

    Raises:
        TranslationError: an external config.
    """
    for grant in grants:
        material = granted(scene.document, "configs", grant)
        if material is None:
            raise TranslationError(
                ErrorCode.UNSUPPORTED_BY_PODMAN,
                f"service {scene.service}: config {grant['source']} is external, and Podman keeps no configs",
                remedy="Give the config a `file`, or its `content`.",
                service=scene.service,
            )
        source = scene.hidden.hide_path(scene.files[material])
        yield f"{source}:{grant.get('target') or '/' + grant['source']}:ro"
        _warn_owner("configs", grant, material, scene)


def render_secrets(grants: Any, scene: Scene) -> Iterator[dict[str, Any]]:
    """Write a service's `secrets`: files that are mounted, or secrets that Podman keeps."""
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


def _warn_owner(section: str, grant: Mapping[str, Any], material: Material, scene: Scene) -> None:
    ignored = [k for k in ("uid", "gid") if grant.get(k)]
    if material.origin == "file" and grant.get("mode"):
        ignored.append("mode")
    for key in ignored:
        scene.warn(f"{section}.{grant['source']}.{key}", "a mounted file keeps its owner and mode")


def declare_secrets(
    document: Mapping[str, Any], files: Mapping[Material, str], hidden: Hidden
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Write the top-level secrets that services are granted, by the names `render_secrets` uses."""
    for material, path in files.items():
        if material.section == "secrets":
            declared = document["secrets"][material.key]
            extra = {key: item for key, item in declared.items() if key.startswith("x-podman.")}
            yield material.name, {"file": hidden.hide_path(path), **extra}
    for key, secret in (document.get("secrets") or {}).items():
        if secret.get("external"):
            name = secret.get("name") or key
            yield name, {"external": True, "name": name}
