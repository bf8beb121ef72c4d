"""What compose files leave unsaid: the default network, implied dependencies, names, profiles."""

from collections.abc import Iterable

from containers.compose.nodes import Map, Seq, Spot


def enabled(service: Map, profiles: Iterable[str]) -> bool:
    """Whether the active profiles enable a service; one without profiles always is."""
    own = service.get("profiles")
    active = {"", *profiles}
    return not own or "*" in active or bool(active.intersection(own))


def add_dependencies(service: Map) -> None:
    """Add what sharing a namespace, volumes or a link implies."""
    for name, restart, spot in list(_implied(service)):
        dependencies = service.get("depends_on")
        if not isinstance(dependencies, Map):
            dependencies = Map()
            service.put("depends_on", dependencies, spot)
        if name not in dependencies:
            entry = Map({"condition": "service_started", "required": True})
            if restart:
                entry["restart"] = True
            dependencies.put(name, entry, spot)


def _implied(service: Map) -> Iterable[tuple[str, bool, Spot | None]]:
    links = service.get("links")
    if isinstance(links, Seq):
        for link, spot in links.pairs():
            service_name, *aliases = link.split(":")
            yield service_name if len(aliases) <= 1 else link, True, spot
    for key in ("network_mode", "ipc", "pid", "uts", "cgroup"):
        mode = service.get(key)
        if isinstance(mode, str) and mode.startswith("service:"):
            yield mode.removeprefix("service:"), True, service.spots.get(key)
    sources = service.get("volumes_from")
    if isinstance(sources, Seq):
        for source, spot in sources.pairs():
            if not source.startswith("container:"):
                yield source.partition(":")[0], False, spot


def add_default_network(project: Map, services: Map) -> None:
    """A service that names no network joins the project's default one."""
    for service in services.values():
        if not service.get("networks") and "network_mode" not in service and not service.get("provider"):
            service["networks"] = Map({"default": None})
    networks = project.get("networks")
    used = {
        name
        for service in services.values()
        if "network_mode" not in service
        for name in service.get("networks") or ()
    }
    if "default" in used and "default" not in (networks or {}):
        if not isinstance(networks, Map):
            networks = Map()
            project["networks"] = networks
        networks["default"] = Map()


def add_empty_parts(service: Map) -> None:
    """Add the parts that the canonical form always shows."""
    service.setdefault("command", None)
    service.setdefault("entrypoint", None)
    deploy = service.get("deploy")
    if isinstance(deploy, Map):
        deploy.setdefault("placement", Map())
        deploy.setdefault("resources", Map())
    for hook in service.get("pre_start") or ():
        hook.setdefault("command", None)
        hook.setdefault("entrypoint", None)
        if not hook.get("networks"):
            hook["networks"] = Map({"default": None})
        if service.get("image"):
            hook.setdefault("image", service["image"])
    for rule in (service.get("develop") or {}).get("watch") or ():
        rule.setdefault("exec", Map({"command": None}))


def used_resources(services: Map) -> dict[str, set[str]]:
    """The top-level resources that the services name, by section."""
    used: dict[str, set[str]] = {
        section: set() for section in ("networks", "volumes", "secrets", "configs", "models")
    }
    for service in services.values():
        used["networks"].update(service.get("networks") or ())
        used["models"].update(service.get("models") or ())
        for volume in service.get("volumes") or ():
            if not isinstance(volume, Map):
                continue  # its variables are left as they are written
            if volume.get("type") in {"volume", "cluster"} and volume.get("source"):
                used["volumes"].add(volume["source"])
        build = service.get("build") or {}
        for section in ("secrets", "configs"):
            for grant in [*(service.get(section) or ()), *(build.get(section) or ())]:
                used[section].add(grant.get("source"))
    return used


def drop_unused(project: Map, services: Map) -> None:
    """Leave out the resources that no enabled service names."""
    for section, names in used_resources(services).items():
        resources = project.get(section)
        if isinstance(resources, Map):
            for key in [key for key in resources if key not in names]:
                resources.drop(key)
            if not resources:
                project.drop(section)
