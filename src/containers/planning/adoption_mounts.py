"""What is mounted into a container: volumes, folders in memory, secrets and configs."""

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from containers.model.described import DescribedMount
from containers.model.project import ResourceConfig
from containers.planning.adoption_subject import Finding, Findings, Subject, plain, size_of

_USUAL_TMPFS_OPTIONS = frozenset({"rw", "rprivate", "nosuid", "nodev", "tmpcopyup", "noexec"})
_OF_READ_ONLY = frozenset({"/dev/shm", "/run", "/tmp", "/var/tmp"})  # noqa: S108
"""What Podman keeps in memory where the root is read-only."""


class _Wanted(NamedTuple):
    """One mount as it should be."""

    type: str
    source: str
    read_only: bool
    words: str


def volumes(value: Any, subject: Subject) -> Findings:
    """Every folder by its place; of anonymous volumes only that there is one."""
    wanted = dict(_inherited(subject))
    for mount in value or ():
        target = _place(mount["target"])
        words = f"volumes {target}"
        match mount["type"]:
            case "volume":
                wanted[target] = _volume(mount, subject, words)
            case "bind":
                wanted[target] = _bind(mount.get("source", ""), words, read_only=bool(mount.get("read_only")))
            case "tmpfs":
                continue
            case _:
                yield Finding(words, known=False)
                continue
        if (mount.get("volume") or {}).get("subpath"):
            yield Finding(words, known=False)
    seen = {_place(mount.target): mount for mount in subject.seen.mounts}
    elsewhere = {place for place, _ in _granted(subject)}
    for target, mount in wanted.items():
        if not _is(seen.get(target), mount, subject):
            yield Finding(mount.words)
    for target, found in seen.items():
        if target not in wanted and target not in elsewhere and not _is_of_image(found, subject):
            yield Finding(f"volumes {target}")


def _volume(mount: Mapping[str, Any], subject: Subject, words: str) -> _Wanted:
    key = mount.get("source", "")
    resource = subject.project.volumes.get(key)
    return _Wanted("volume", resource.name if resource else key, bool(mount.get("read_only")), words)


def _bind(source: str, words: str, *, read_only: bool) -> _Wanted:
    return _Wanted("bind", _place(source), read_only, words)


def _place(path: str) -> str:
    return posixpath.normpath(path.replace("//", "/"))


def _is(found: DescribedMount | None, wanted: _Wanted, subject: Subject) -> bool:
    if found is None or found.type != wanted.type or found.read_only != wanted.read_only:
        return False
    if wanted.type == "bind":
        return _place(found.source) == wanted.source
    if wanted.source:
        return found.source == wanted.source
    return found.source not in {volume.name for volume in subject.project.volumes.values()}


def _is_of_image(found: DescribedMount, subject: Subject) -> bool:
    """Whether an image's own volume is there, which nobody has to write."""
    places = {_place(each) for each in subject.seen.image.volumes}
    return found.type == "volume" and _place(found.target) in places


def _inherited(subject: Subject) -> Iterator[tuple[str, _Wanted]]:
    """What `volumes_from` brings along from other services."""
    for entry in subject.document.get("volumes_from") or ():
        name, _, mode = entry.partition(":")
        other = plain(subject.project.document.get("services", {}).get(name) or {})
        for mount in other.get("volumes") or ():
            if mount["type"] not in {"bind", "volume"}:
                continue
            target = _place(mount["target"])
            words = f"volumes_from {name}"
            if mount["type"] == "volume":
                found = _volume(mount, subject, words)
            else:
                found = _bind(mount.get("source", ""), words, read_only=bool(mount.get("read_only")))
            yield target, found._replace(read_only=found.read_only or mode == "ro")


def volumes_from(value: Any, subject: Subject) -> Findings:
    """Those of services are compared with the volumes; what another container mounts nobody knows."""
    for entry in value or ():
        kind, _, _ = entry.partition(":")
        if kind == "container" or kind not in subject.project.document.get("services", {}):
            yield Finding("volumes_from", known=False)


def tmpfs(value: Any, subject: Subject) -> Findings:
    """With their options; also those that are written as volumes."""
    wanted: dict[str, frozenset[str]] = {}
    for entry in value or ():
        target, _, text = entry.partition(":")
        wanted[_place(target)] = _options(text.split(","))
    for mount in subject.document.get("volumes") or ():
        if mount["type"] == "tmpfs":
            settings = mount.get("tmpfs") or {}
            words = [f"size={settings['size']}"] if settings.get("size") else []
            words += [f"mode={int(settings['mode']):o}"] if settings.get("mode") else []
            words += ["ro"] if mount.get("read_only") else []
            wanted[_place(mount["target"])] = _options(words)
    seen = {_place(target): _options(words) for target, words in subject.seen.tmpfs.items()}
    usual = _OF_READ_ONLY if subject.seen.read_only else frozenset[str]()
    for target in sorted({*wanted, *seen}):
        if wanted.get(target) != seen.get(target) and (target in wanted or target not in usual):
            yield Finding(f"tmpfs {target}")


def _options(words: Any) -> frozenset[str]:
    """Without those that Podman adds, and with one way of writing a size or mode."""
    result = set()
    for word in words:
        name, _, text = word.partition("=")
        if not name or word in _USUAL_TMPFS_OPTIONS:
            continue
        if name == "size" and size_of(text) >= 0:
            result.add(f"size={size_of(text)}")
        else:
            result.add(f"mode={text.lstrip('0')}" if name == "mode" else word)
    return frozenset(result)


def secrets(value: Any, subject: Subject) -> Findings:
    """Files by their place; what the engine keeps by its name."""
    for grant in value or ():
        name = grant["source"]
        resource = subject.project.secrets.get(name)
        words = f"secrets {name}"
        if resource is None or resource.environment is not None:
            yield Finding(words, known=False)
        elif resource.file is None:
            if resource.name not in subject.seen.secrets:
                yield Finding(words)
        elif not _is_mounted(grant_place(grant, "/run/secrets"), resource, subject):
            yield Finding(words)
    wanted = {
        subject.project.secrets[g["source"]].name
        for g in value or ()
        if g["source"] in subject.project.secrets
    }
    for name in sorted(subject.seen.secrets - wanted):
        yield Finding(f"secrets {name}")


def configs(value: Any, subject: Subject) -> Findings:
    """Files by their place; what is written in place is copied into a container, where nobody sees it."""
    for grant in value or ():
        name = grant["source"]
        resource = subject.project.configs.get(name)
        words = f"configs {name}"
        if resource is None or resource.file is None:
            yield Finding(words, known=False)
        elif not _is_mounted(grant_place(grant, ""), resource, subject):
            yield Finding(words)


def grant_place(grant: Mapping[str, Any], folder: str) -> str:
    """Where a secret or config is mounted."""
    target = grant.get("target") or grant["source"]
    return _place(target if target.startswith("/") else f"{folder}/{target}")


def _granted(subject: Subject) -> Iterator[tuple[str, ResourceConfig]]:
    """Where secrets and configs that are files are mounted."""
    for key, folder, known in (
        ("secrets", "/run/secrets", subject.project.secrets),
        ("configs", "", subject.project.configs),
    ):
        for grant in subject.document.get(key) or ():
            resource = known.get(grant["source"])
            if resource is not None and resource.file is not None:
                yield grant_place(grant, folder), resource


def _is_mounted(target: str, resource: ResourceConfig, subject: Subject) -> bool:
    return any(
        _place(mount.target) == target and mount.type == "bind" and _place(mount.source) == resource.file
        for mount in subject.seen.mounts
    )
