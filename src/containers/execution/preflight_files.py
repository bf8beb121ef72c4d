"""Preflight of what containers are given: images, bind mounts, secrets and configs, and space to be in."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from containers.model.base import ServiceName
from containers.model.errors import ErrorCode
from containers.model.observed import ObservedState
from containers.model.outcome import Problem
from containers.model.plan import BuildImage, Plan, PullImage
from containers.model.project import ResolvedProject, ResourceConfig
from containers.ports.machine import HostFacts

_STATE_BYTES = 16 << 20
"""For the journal and a few revisions."""
_IMAGE_BYTES = 256 << 20
"""Less holds no image and no container's own files worth having."""


def image_problems(
    project: ResolvedProject, plan: Plan, services: Sequence[ServiceName], observed: ObservedState
) -> Iterator[Problem]:
    """Every image that is not here and that nothing in the plan fetches or builds."""
    made = {step.image for step in plan.steps if isinstance(step, PullImage | BuildImage)}
    for name in services:
        image = project.services[name].image
        if image not in observed.images and image not in made:
            yield Problem(
                code=ErrorCode.IMAGE_NOT_FOUND,
                message=f"service {name}: {image} is not here, and the pull policy forbids fetching it",
                remedy=f"Fetch it with `podman pull {image}`, or allow another pull policy.",
                service=name,
            )


def bind_problems(
    project: ResolvedProject, services: Sequence[ServiceName], host: HostFacts, uid: int, *, has_selinux: bool
) -> Iterator[Problem]:
    """Every bind mount whose source is not there and may not be made, or that Podman's user can not read."""
    hint = " With SELinux, give the mount the option `z`." if has_selinux else ""
    for name in services:
        for index, volume in enumerate(project.document["services"][name].get("volumes") or ()):
            source = volume.get("source")
            if volume.get("type") != "bind" or not source:
                continue
            path = Path(str(source).replace("$$", "$"))
            if not host.exists(path):
                if (volume.get("bind") or {}).get("create_host_path", True):
                    continue
                reason = f"{path} is not there, and `create_host_path: false` forbids creating it"
                remedy = "Create it, or leave `create_host_path` out."
            elif not host.is_readable(path, uid):
                reason = f"{path} can not be read by the user that Podman runs as"
                remedy = f"Let that user read it and enter the folders above it.{hint}"
            else:
                continue
            location = project.location_of("services", name, "volumes", index)
            place = f"{location}: " if location else f"service {name}: "
            yield Problem(
                code=ErrorCode.PATH_UNREADABLE, message=f"{place}{reason}", remedy=remedy, service=name
            )


def secret_problems(
    project: ResolvedProject, host: HostFacts, environ: Mapping[str, str]
) -> Iterator[Problem]:
    """Every secret and config whose file or variable is not there.

    Those of all services, since podman-compose is given the whole project.
    """
    used = {("secret", key): project.secrets.get(key) for s in project.services.values() for key in s.secrets}
    used |= {
        ("config", key): project.configs.get(key) for s in project.services.values() for key in s.configs
    }
    for (kind, key), declared in used.items():
        reason = _missing(declared, host, environ) if declared is not None else ""
        if reason:
            yield Problem(
                code=ErrorCode.SECRET_MISSING,
                message=f"{kind} {key}: {reason}",
                remedy="Set the variable, or create the file, and try again.",
            )


def _missing(declared: ResourceConfig, host: HostFacts, environ: Mapping[str, str]) -> str:
    if declared.file is not None and not host.exists(Path(declared.file)):
        return f"there is no file {declared.file}"
    if declared.environment is not None and declared.environment not in environ:
        return f"the variable {declared.environment} is not set"
    return ""


def space_problems(host: HostFacts, state_dir: Path, store: Path | None) -> Iterator[Problem]:
    """Where there is too little space for our records, or for images and containers."""
    needs = [(state_dir, _STATE_BYTES, "Podkeeper's records")]
    if store is not None:
        needs.append((store, _IMAGE_BYTES, "images and containers"))
    for folder, least, what in needs:
        free = host.free_bytes(folder)
        if free is not None and free < least:
            yield Problem(
                code=ErrorCode.NO_SPACE,
                message=f"{free >> 20} MB are free at {folder}; {what} need {least >> 20} MB or more",
                remedy="Make space, for example with `podman system prune`.",
            )
