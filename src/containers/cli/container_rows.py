"""Containers, volumes and what is used, as rows with docker compose's fields."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from containers.cli.words import ago, binary_size, decimal_size, shortened, status_words
from containers.model.base import ContainerId
from containers.model.health import HealthState
from containers.model.observed import ContainerState, ObservedContainer, ObservedVolume
from containers.model.operations import Usage, UsageSample
from containers.model.project import ServiceConfig
from containers.model.supervision import Standing
from containers.service_operations import ListedRow

PS_HEADINGS = ("NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS")
VOLUME_HEADINGS = {"Name": "VOLUME NAME"}
STATS_HEADINGS = {
    "ID": "CONTAINER ID",
    "CPUPerc": "CPU %",
    "MemUsage": "MEM USAGE / LIMIT",
    "MemPerc": "MEM %",
    "NetIO": "NET I/O",
    "BlockIO": "BLOCK I/O",
}
_COMMAND_CHARACTERS = 20
_MOUNT_CHARACTERS = 15
_SHORT_ID = 12
_NOT_KNOWN = "N/A"
_LIVE = frozenset({ContainerState.RUNNING, ContainerState.PAUSED, ContainerState.RESTARTING})


def identifier(container: ContainerId, *, full: bool) -> str:
    """An identifier as people see it."""
    return str(container) if full else str(container)[:_SHORT_ID]


def ps_row(row: ListedRow, now: datetime, *, full: bool) -> dict[str, Any]:
    """What `ps --format json` prints of a container."""
    container, detail = row.container, row.detail
    mounts = detail.mounts if full else [shortened(m, _MOUNT_CHARACTERS) for m in detail.mounts]
    return {
        "Command": _command(row, full=full),
        "CreatedAt": container.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S %z %Z"),
        "Engine": "",
        "ExitCode": container.exit_code or 0,
        "Health": "" if container.health is HealthState.NONE else str(container.health),
        "ID": identifier(container.id, full=full),
        "Image": container.image,
        "Labels": _labels(container.labels),
        "LocalVolumes": str(detail.volumes),
        "Mounts": ",".join(mounts),
        "Name": container.name,
        "Names": container.name,
        "Networks": ",".join(detail.networks),
        "Ports": ", ".join(str(p) for p in container.ports),
        "Project": container.project,
        "Publishers": [
            {
                "URL": p.host_ip or "0.0.0.0",  # noqa: S104  (it is printed)
                "TargetPort": p.container_port,
                "PublishedPort": p.host_port,
                "Protocol": p.protocol,
            }
            for p in container.ports
        ],
        "RunningFor": ago(container.created_at, now),
        "Service": container.service,
        "Size": "0B",
        "State": str(container.state),
        "Status": status_words(container, detail, now),
    }


def ps_cells(
    row: ListedRow, now: datetime, standing: Standing | None = None, *, full: bool
) -> tuple[str, ...]:
    """A line of `ps`; what is out of the ordinary stands behind the status."""
    container = row.container
    words = status_words(container, row.detail, now)
    return (
        container.name,
        container.image,
        _command(row, full=full),
        container.service,
        ago(container.created_at, now),
        f"{words}, {standing}" if standing else words,
        ", ".join(str(p) for p in container.ports),
    )


def absent_cells(service: ServiceConfig) -> tuple[str, ...]:
    """A line of `ps` for a service without a container."""
    return ("-", service.image, "", service.name, "", "not created", "")


def state_counts(states: Sequence[ContainerState], *, everything: bool) -> str:
    """`exited(1), running(2)`; without `everything` only of what lives."""
    counts = Counter(str(s) for s in states if everything or s in _LIVE)
    return ", ".join(f"{state}({count})" for state, count in sorted(counts.items()))


def volume_row(volume: ObservedVolume) -> dict[str, Any]:
    """What `volumes --format json` prints of a volume."""
    return {
        "Availability": _NOT_KNOWN,
        "Driver": volume.driver,
        "Group": _NOT_KNOWN,
        "Labels": _labels(volume.labels),
        "Links": _NOT_KNOWN,
        "Mountpoint": volume.mount_point,
        "Name": volume.name,
        "Scope": volume.scope,
        "Size": _NOT_KNOWN,
        "Status": _NOT_KNOWN,
    }


def stats_row(container: ObservedContainer, usage: Usage | None, *, full: bool) -> dict[str, Any]:
    """What `stats --format json` prints of a container; one that does not run uses nothing."""
    nothing = UsageSample(container=container.id, name=container.name, cpu_ns=0, at_ns=0)
    used = usage or Usage(sample=nothing, cpu_percent=0.0)
    sample = used.sample
    return {
        "BlockIO": _pair(decimal_size, sample.block_in_bytes, sample.block_out_bytes),
        "CPUPerc": f"{used.cpu_percent:.2f}%",
        "Container": str(container.id),
        "ID": identifier(container.id, full=full),
        "MemPerc": f"{used.memory_percent:.2f}%",
        "MemUsage": _pair(binary_size, sample.memory_bytes, sample.memory_limit_bytes),
        "Name": container.name,
        "NetIO": _pair(decimal_size, sample.network_in_bytes, sample.network_out_bytes),
        "PIDs": str(sample.processes),
    }


def _pair(size: Callable[[float], str], first: int, second: int) -> str:
    return f"{size(first)} / {size(second)}"


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _command(row: ListedRow, *, full: bool) -> str:
    text = " ".join(row.detail.command)
    return json.dumps(text if full else shortened(text, _COMMAND_CHARACTERS), ensure_ascii=False)
