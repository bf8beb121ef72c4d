"""Containers as they were made: what inspecting each, its image and the engine say, put together."""

import signal
from collections.abc import Iterable

from containers.adapters.podman_calls import PodmanCalls, path_of, together
from containers.adapters.podman_description_records import (
    ContainerRecord,
    EngineRecord,
    ImageRecord,
    assignments,
    names_of,
)
from containers.model.base import ContainerId, ImageId
from containers.model.described import ContainerDescription, ImageDefaults


async def describe_containers(
    calls: PodmanCalls, containers: Iterable[ContainerId]
) -> dict[ContainerId, ContainerDescription]:
    """Describe containers; one that is gone meanwhile is left out.

    Raises:
        EngineError: the engine could not be asked.
    """
    wanted = tuple(containers)
    if not wanted:
        return {}
    async with together() as group:
        info = group.create_task(calls.json("info", doing="ask what containers have by default"))
        asked = [group.create_task(_inspect(calls, each)) for each in wanted]
    records = [record for task in asked if (record := task.result()) is not None]
    async with together() as group:
        images = {
            image: group.create_task(_image(calls, image))
            for image in dict.fromkeys(r.image for r in records)
        }
    engine = EngineRecord.model_validate(info.result())
    return {
        ContainerId(record.id): to_description(record, images[record.image].result(), engine)
        for record in records
    }


def to_description(
    record: ContainerRecord, image: ImageDefaults, engine: EngineRecord
) -> ContainerDescription:
    """The domain model."""
    config, host = record.config, record.host
    return ContainerDescription(
        id=ContainerId(record.id),
        name=record.name,
        image_id=ImageId(record.image),
        running=bool(record.state.get("Running")),
        image=image,
        engine=engine.to_defaults(),
        entrypoint=record.entrypoint,
        command=config.command,
        environment=assignments(config.env),
        working_dir=config.working_dir,
        user=config.user,
        hostname=config.hostname,
        labels=config.labels,
        annotations=config.annotations,
        mounts=record.described_mounts,
        tmpfs={target: tuple(options.split(",")) for target, options in host.tmpfs.items()},
        secrets=names_of(config.secrets),
        ports=tuple(host.published),
        networks=record.attachments,
        network_mode=host.network_mode,
        restart_policy=record.restart_policy,
        health_check=config.health.to_check(),
        privileged=host.privileged,
        read_only=host.read_only,
        capabilities=record.capabilities,
        security_options=frozenset(host.security_options),
        devices=frozenset((d.on_host, d.inside) for d in host.devices),
        dns=host.dns,
        dns_options=host.dns_options,
        dns_search=host.dns_search,
        extra_hosts=frozenset((name, ip) for name, _, ip in (h.partition(":") for h in host.extra_hosts)),
        groups=frozenset(host.groups),
        limits={**host.limits, "oom_kill_disable": int(bool((host.model_extra or {}).get("OomKillDisable")))},
        ulimits={u.name.lower().removeprefix("rlimit_"): (u.soft, u.hard) for u in host.ulimits},
        stop_signal=_signal(config.stop_signal),
        init=host.init,
        tty=config.tty,
        stdin_open=config.stdin_open,
        ipc_mode=host.ipc_mode,
        pid_mode=host.pid_mode,
        uts_mode=host.uts_mode,
        userns_mode=host.userns_mode,
        cgroup_mode=host.cgroup_mode,
        cgroup_parent=host.cgroup_parent,
        log_driver=host.log.driver,
        log_size=host.log.size,
        log_tag=host.log.tag,
        runtime=record.runtime,
        umask=config.umask,
        options=record.options,
        needs=tuple(ContainerId(each) for each in record.needs),
        pod=record.pod,
    )


async def _inspect(calls: PodmanCalls, container: ContainerId) -> ContainerRecord | None:
    path = path_of("containers", container, "json")
    payload = await calls.find(path, doing=f"inspect {container[:12]}")
    return None if payload is None else ContainerRecord.model_validate(payload)


async def _image(calls: PodmanCalls, image: str) -> ImageDefaults:
    path = path_of("images", image, "json")
    payload = await calls.find(path, doing=f"inspect the image {image[:12]}")
    return ImageDefaults() if payload is None else ImageRecord.model_validate(payload).to_defaults()


def _signal(found: int | str) -> int:
    """A signal's number; Podman 5.3 and later write its name."""
    if isinstance(found, int) or found.isdigit():
        return int(found)
    try:
        return signal.Signals[f"SIG{found.upper().removeprefix('SIG')}"].value
    except KeyError:
        return 0
