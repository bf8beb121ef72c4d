"""From the calls podman-compose made to recipes: one a service, with our labels and what it left out."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from containers.compose.hiding import Hidden, unescaped
from containers.compose.podman_options import Context, added_options
from containers.compose.publishing import numbered_ports
from containers.compose.rendering import Rendered, first_containers
from containers.model.base import ServiceName
from containers.model.project import ResolvedProject, ResourceConfig
from containers.ports.translation import ContainerRecipe, Translation

Call = tuple[str, ...]

_COMPOSE = "com.docker.compose"
_SERVICE = "io.podman.compose.service="
_REPLACED_LABELS = ("PODMAN_SYSTEMD_UNIT=", f"{_COMPOSE}.project.")
"""Where the private folder shows, and a systemd unit that is not there."""
_LABELS_SINCE = "2"
"""What we say to be in docker compose's own version label: whoever reads it wants to know the scheme."""

_JSON_OPTIONS = frozenset({"--entrypoint", "--health-cmd"})
_BIND_OPTIONS = {"z": "relabel=shared", "Z": "relabel=private", "ro": "ro", "rw": "", "rbind": ""}


class Recording(NamedTuple):
    """The calls, by what they create. Values are still placeholders."""

    containers: Mapping[str, Call]
    """Service to what followed `create`."""
    networks: Mapping[str, Call]
    """Engine name to the options of `network create`."""
    volumes: Mapping[str, Call]


def sort_calls(calls: Sequence[Call]) -> Recording:
    """Sort what the recorder wrote down; calls that create nothing are of no interest."""
    containers: dict[str, Call] = {}
    created: dict[str, dict[str, Call]] = {"network": {}, "volume": {}}
    for call in calls:
        match call:
            case ("create", *rest):
                service = next((a.removeprefix(_SERVICE) for a in rest if a.startswith(_SERVICE)), None)
                if service is not None:
                    containers[service] = tuple(rest)
            case ("network" | "volume" as kind, "create", *options, name):
                created[kind][name] = tuple(options)
            case _:
                pass
    return Recording(containers, created["network"], created["volume"])


def missing(project: ResolvedProject, recording: Recording) -> tuple[ServiceName, ...]:
    """The services that podman-compose passed over."""
    services = project.document.get("services") or {}
    return tuple(
        name
        for name in project.services
        if name not in recording.containers and not services.get(name, {}).get("provider")
    )


def assemble(
    project: ResolvedProject, rendered: Rendered, recording: Recording, said: Sequence[str]
) -> Translation:
    """Make the translation.

    Args:
        project: what was translated.
        rendered: what podman-compose was given.
        recording: what it did with it; every service is there.
        said: its own warnings.
    """
    context = Context(first_containers(project))
    return Translation(
        containers={
            name: _recipe(project, name, recording.containers[name], rendered.hidden, context)
            for name in project.services
            if name in recording.containers
        },
        networks=dict(_resources(project.networks, recording.networks, rendered.hidden, "network")),
        volumes=dict(_resources(project.volumes, recording.volumes, rendered.hidden, "volume")),
        warnings=(*rendered.warnings, *said),
    )


def _resources(
    declared: Mapping[str, ResourceConfig], recorded: Mapping[str, Call], hidden: Hidden, kind: str
) -> Iterator[tuple[str, Call]]:
    by_name = {resource.name: resource for resource in declared.values()}
    for name, options in recorded.items():
        resource = by_name.get(name)
        if resource is not None and resource.external:
            continue
        labels = [f"{_COMPOSE}.version={_LABELS_SINCE}"]
        if resource is not None:
            labels.append(f"{_COMPOSE}.{kind}={resource.key}")
        yield name, (*_revealed(options, {}, hidden), *_label_options(labels))


def _label_options(labels: Iterable[str]) -> Iterator[str]:
    for label in labels:
        yield from ("--label", label)


def _recipe(
    project: ResolvedProject, name: ServiceName, call: Call, hidden: Hidden, context: Context
) -> ContainerRecipe:
    service = project.document["services"][name]
    config = project.services[name]
    end = next(index for index, argument in enumerate(call) if is_image(argument, config.image, hidden))
    options = [*_revealed(call[:end], service, hidden), *added_options(service, context)]
    if config.replicas != 1:
        options.extend(_unnamed_volumes(service))
    options.extend(_label_options(_labels(project, name, service)))
    declared = {volume.name for volume in project.volumes.values()}
    return ContainerRecipe(
        service=name,
        options=tuple(options),
        image=config.image,
        command=hidden.reveal_list(call[end + 1 :]),
        numbered_options=numbered_ports(service, name, config.replicas),
        volumes=tuple(volume for volume in _mounted_volumes(call[:end]) if volume not in declared),
        host_folders=tuple(_host_folders(service)),
    )


def is_image(argument: str, image: str, hidden: Hidden) -> bool:
    """Whether an argument is the image: a placeholder that stands alone, as no option and no value does."""
    return argument != image and hidden.reveal(argument) == image


def _revealed(call: Call, service: Mapping[str, Any], hidden: Hidden) -> Iterator[str]:
    uncopied = {v["target"] for v in service.get("volumes") or () if (v.get("volume") or {}).get("nocopy")}
    arguments = iter(call)
    for argument in arguments:
        if argument.startswith("--name="):
            continue
        if argument in {"-e", "--annotation", "--label"}:
            for value in hidden.reveal_list([next(arguments)]):
                if argument != "--label" or not value.startswith(_REPLACED_LABELS):
                    yield from (argument, value)
        elif argument in _JSON_OPTIONS:
            words = hidden.reveal_list(json.loads(next(arguments)))
            yield from (argument, json.dumps(words, ensure_ascii=False))
        elif argument in {"-v", "--volume"}:
            yield from _bind(next(arguments), hidden)
        elif argument == "--mount":
            yield from _mount(next(arguments), uncopied)
        else:
            yield hidden.reveal(argument)


def _bind(volume: str, hidden: Hidden) -> Iterator[str]:
    """A bind mount; in the long form where the path on the host has a colon in it."""
    placeholder, _, rest = volume.partition(":")
    source = hidden.reveal(placeholder)
    if ":" not in source:
        yield from ("-v", f"{source}:{rest}")
        return
    target, _, options = rest.partition(":")
    fields = ["type=bind", f"source={source}", f"destination={target}"]
    for option in filter(None, options.split(",")):
        field = _BIND_OPTIONS.get(option, f"bind-propagation={option}")
        fields.extend(filter(None, (field,)))
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    yield from ("--mount", line.getvalue())


def _mount(mount: str, uncopied: set[str]) -> Iterator[str]:
    """A mount; in the short form where nothing is to be copied from the image: the long one has no word."""
    fields = _fields(mount)
    if fields.get("type") == "volume" and fields.get("destination") in uncopied:
        read_only = ",ro" if "ro" in fields else ""
        yield from ("-v", f"{fields['source']}:{fields['destination']}:nocopy{read_only}")
    else:
        yield from ("--mount", mount)


def _fields(mount: str) -> dict[str, str]:
    return {name: value for name, _, value in (field.partition("=") for field in mount.split(","))}


def _mounted_volumes(call: Call) -> Iterator[str]:
    for option, mount in pairwise(call):
        if option == "--mount":
            fields = _fields(mount)
            if fields.get("type") == "volume":
                yield fields["source"]


def _unnamed_volumes(service: Mapping[str, Any]) -> Iterator[str]:
    """Volumes without a name for replicas, which must not share one."""
    for volume in service.get("volumes") or ():
        if volume["type"] == "volume" and not volume.get("source"):
            read_only = ",ro" if volume.get("read_only") else ""
            yield from ("--mount", f"type=volume,destination={volume['target']}{read_only}")


def _host_folders(service: Mapping[str, Any]) -> Iterator[str]:
    for volume in service.get("volumes") or ():
        if volume["type"] == "bind" and (volume.get("bind") or {}).get("create_host_path", True):
            yield unescaped(volume["source"])


def _labels(project: ResolvedProject, name: ServiceName, service: Mapping[str, Any]) -> Iterator[str]:
    """What docker compose looks for when it lists, stops and removes a stack that it has no file of."""
    yield f"{_COMPOSE}.project.working_dir={project.working_dir}"
    yield f"{_COMPOSE}.project.config_files={','.join(str(path) for path in project.files)}"
    yield f"{_COMPOSE}.config-hash={project.services[name].config_hash}"
    yield f"{_COMPOSE}.oneoff=False"
    yield f"{_COMPOSE}.version={_LABELS_SINCE}"
    depends_on = ",".join(
        f"{key}:{entry['condition']}:{str(entry.get('restart', False)).lower()}"
        for key, entry in (service.get("depends_on") or {}).items()
    )
    yield f"{_COMPOSE}.depends_on={depends_on}"
