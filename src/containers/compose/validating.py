"""Whether a project fits together: every name that is used is defined, and nothing waits for itself."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from typing import Any, Final

from containers.compose.nodes import Map, Spot
from containers.compose.own_checks import Say, check_own_keys, check_watch_rules
from containers.compose.reporting import Report
from containers.model.errors import ErrorCode
from containers.model.source import Location

_SUGGESTABLE: Final = 200
"""Among so many names one is looked for that is like the one written; each comparison takes its time."""

_RESTART_POLICIES: Final = ("no", "always", "on-failure", "unless-stopped")


def check_consistency(project: Map, active: Map, services: Map, report: Report) -> None:
    """Check the enabled services against each other and the project's resources."""
    for name, service in active.items():
        spot = active.spots.get(name)
        check = _ServiceCheck(name, service, spot, project, active, services, report)
        check.run()
    for name, service in services.items():
        _check_limits(name, service, report)
    _check_secrets(project, report)
    _check_cycles(active, report)
    _check_container_names(active, report)
    _check_published_ports(active, report)


class _ServiceCheck:
    """The checks of one service."""

    def __init__(
        self,
        name: str,
        service: Map,
        spot: Spot | None,
        project: Map,
        active: Map,
        services: Map,
        report: Report,
    ) -> None:
        self._name = name
        self._service = service
        self._spot = spot
        self._project = project
        self._active = active
        self._services = services
        self._report = report
        self._error: Say = partial(self._say, report.error)
        self._warning: Say = partial(self._say, report.warning)

    def run(self) -> None:
        service = self._service
        if not any(service.get(key) for key in ("image", "build", "provider")):
            self._error(
                ErrorCode.INVALID_COMPOSE,
                "has neither `image` nor `build`",
                self._spot,
                "say which image to run",
                on_key=True,
            )
        self._exclusive()
        self._mounts()
        self._dependencies()
        self._references("networks", "network", _keys(service.get("networks")))
        self._references("models", "model", _keys(service.get("models")))
        self._references("volumes", "volume", self._named_volumes())
        for section, noun in (("secrets", "secret"), ("configs", "config")):
            self._references(section, noun, _sources(service.get(section)))
        build = service.get("build") or {}
        self._references("secrets", "build secret", _sources(build.get("secrets")))
        self._platforms(build)
        self._contexts(build)
        self._restart_policy()
        check_watch_rules(service, self._error, self._warning)
        check_own_keys(service, self._error, self._warning)

    def _say(
        self,
        add: Callable[..., None],
        code: ErrorCode,
        problem: str,
        spot: Spot | None,
        hint: str | None = None,
        *,
        on_key: bool = False,
    ) -> None:
        message = f"services.{self._name} {problem}"
        add(code, message, spot or self._spot, on_key=on_key, hint=hint, service=self._name)

    def _exclusive(self) -> None:
        service, spots = self._service, self._service.spots
        if service.get("network_mode") and service.get("networks"):
            self._error(
                ErrorCode.CONFLICT,
                "has both `network_mode` and `networks`",
                spots.get("network_mode"),
                "remove one of the two",
                on_key=True,
            )
        build = service.get("build") or Map()
        if build.get("dockerfile") and build.get("dockerfile_inline"):
            self._error(
                ErrorCode.CONFLICT,
                "has both `dockerfile` and `dockerfile_inline`",
                build.spots.get("dockerfile_inline"),
                "remove one of the two",
                on_key=True,
            )
        self._not_negative(service, "scale", "scale")
        self._not_negative(service.get("deploy") or Map(), "replicas", "deploy.replicas")
        replicas = service.get("scale") or (service.get("deploy") or {}).get("replicas") or 1
        if service.get("container_name") and isinstance(replicas, int) and replicas > 1:
            self._error(
                ErrorCode.CONFLICT,
                f"has a `container_name`, so it cannot run {replicas} times",
                spots.get("container_name"),
                "remove `container_name`",
                on_key=True,
            )

    def _not_negative(self, holder: Any, key: str, shown: str) -> None:
        value = holder.get(key)
        if isinstance(value, int) and value < 0:
            place = holder.spots.get(key)
            self._error(ErrorCode.INVALID_VALUE, f"has {value} as `{shown}`; the least is 0", place)

    def _mounts(self) -> None:
        """Nothing is mounted where a tmpfs is already; two volumes in one place are one."""
        taken: dict[str, str] = {}
        for key in ("tmpfs", "volumes"):
            mounts = self._service.get(key)
            for index, (mount, spot) in enumerate(mounts.pairs() if mounts else ()):
                target = mount.partition(":")[0] if isinstance(mount, str) else mount.get("target")
                if target in taken:
                    self._error(
                        ErrorCode.CONFLICT,
                        f"mounts `{target}` twice: as {taken[target]} and as {key}[{index}]",
                        spot,
                        "remove one of the two",
                    )
                taken.setdefault(target, f"{key}[{index}]")

    def _dependencies(self) -> None:
        dependencies = self._service.get("depends_on")
        if not isinstance(dependencies, Map):
            return
        for other, entry in list(dependencies.items()):
            if other in self._active or (other in self._services and not entry.get("required", True)):
                continue
            spot = dependencies.spots.get(other)
            hint: str | None
            if other in self._services:
                problem = f"depends on `{other}`, which no active profile enables"
                hint = f"activate a profile of `{other}`, or write `required: false`"
            else:
                problem = f"depends on `{other}`, which is no service"
                hint = self._suggestion(other, self._services)
            self._error(ErrorCode.UNDEFINED_REFERENCE, problem, spot, hint, on_key=True)

    def _references(self, section: str, noun: str, names: Iterable[tuple[str, Spot | None]]) -> None:
        declared = self._project.get(section)
        defined = declared if isinstance(declared, Map) else Map()
        for name, spot in names:
            if name not in defined:
                self._error(
                    ErrorCode.UNDEFINED_REFERENCE,
                    f"uses the {noun} `{name}`, which is not defined",
                    spot,
                    self._suggestion(name, defined) or f"define it under the top-level `{section}:`",
                    on_key=True,
                )

    def _suggestion(self, name: str, words: Iterable[str]) -> str | None:
        from difflib import get_close_matches  # noqa: PLC0415  (only needed once something is wrong)

        known = list(words)
        if self._report.is_full or len(known) > _SUGGESTABLE:
            return None
        near = get_close_matches(name, known, n=1)
        return f"did you mean `{near[0]}`?" if near else None

    def _named_volumes(self) -> Iterable[tuple[str, Spot | None]]:
        volumes = self._service.get("volumes")
        for volume, spot in volumes.pairs() if volumes else ():
            if volume.get("type") == "volume" and volume.get("source"):
                yield volume["source"], volume.spots.get("source", spot)

    def _platforms(self, build: Any) -> None:
        platform, platforms = self._service.get("platform"), build.get("platforms")
        if platform and platforms and platform not in platforms:
            self._error(
                ErrorCode.CONFLICT,
                f"has the platform `{platform}`, which is not among those it is built for",
                self._service.spots.get("platform"),
                "add it to `build.platforms`",
            )

    def _restart_policy(self) -> None:
        """The schema takes any word; Podman refuses those that are none of the specification, and late."""
        written = self._service.get("restart") or "no"
        policy, colon, retries = written.partition(":")
        takes_retries = policy == "on-failure" and retries.isdecimal()
        if policy not in _RESTART_POLICIES or (colon and not takes_retries):
            self._error(
                ErrorCode.INVALID_VALUE,
                f"has `{written}` as `restart`",
                self._service.spots.get("restart"),
                self._suggestion(policy, _RESTART_POLICIES if not colon else ())
                or f"it must be one of {', '.join(_RESTART_POLICIES)}, or on-failure:3",
            )

    def _contexts(self, build: Any) -> None:
        contexts = build.get("additional_contexts")
        for key, context in (contexts or {}).items():
            other = (context or "").removeprefix("service:")
            if other != (context or "") and other not in self._services:
                problem = f"builds with the service `{other}`, which is not defined"
                self._error(ErrorCode.UNDEFINED_REFERENCE, problem, contexts.spots.get(key))


def _keys(value: Any) -> Iterable[tuple[str, Spot | None]]:
    return [(key, value.spots.get(key)) for key in value] if isinstance(value, Map) else []


def _sources(grants: Any) -> Iterable[tuple[str, Spot | None]]:
    for grant, spot in grants.pairs() if grants else ():
        yield grant.get("source") or "", grant.spots.get("source", spot)


def _check_cycles(services: Map, report: Report) -> None:
    """Report each circle of dependencies once, with every edge that makes it."""
    finished: set[str] = set()
    for start in services:
        if start in finished:
            continue
        trail = {start: None}  # a dict, for its order
        pending = [iter(services[start].get("depends_on") or ())]
        while trail:
            other: str | None = next(pending[-1], None)
            if other is None:
                finished.add(trail.popitem()[0])
                pending.pop()
            elif other in trail:
                if report.is_full:
                    return
                names = list(trail)
                _report_cycle([*names[names.index(other) :], other], services, report)
            elif other in services and other not in finished:
                trail[other] = None
                pending.append(iter(services[other].get("depends_on") or ()))


def _report_cycle(names: list[str], services: Map, report: Report) -> None:
    edges: list[Location] = []
    for name, other in pairwise(names):
        spot = services[name]["depends_on"].spots.get(other)
        if spot is not None:
            edges.append(spot.key_location())
    report.error(
        ErrorCode.DEPENDENCY_CYCLE,
        f"services depend on each other in a circle: {' -> '.join(names)}",
        edges[0] if edges else services.spots.get(names[0]),
        service=names[0],
        hint="remove one of these dependencies",
        related=edges,
    )


def _check_limits(name: str, service: Map, report: Report) -> None:
    """`scale` and `deploy.replicas` are one thing, and so are the old and the new limits."""
    deploy = service.get("deploy")
    deploy = deploy if isinstance(deploy, Map) else Map()
    resources = deploy.get("resources") or {}
    limits = resources.get("limits") or {}
    reservations = resources.get("reservations") or {}
    pairs = (
        ("scale", deploy, "replicas", "deploy.replicas"),
        ("mem_limit", limits, "memory", "deploy.resources.limits.memory"),
        ("cpus", limits, "cpus", "deploy.resources.limits.cpus"),
        ("pids_limit", limits, "pids", "deploy.resources.limits.pids"),
        ("mem_reservation", reservations, "memory", "deploy.resources.reservations.memory"),
    )
    for old, holder, new, path in pairs:
        first, second = service.get(old), holder.get(new)
        if first is None or second is None or str(first) == str(second):
            continue
        report.error(
            ErrorCode.CONFLICT,
            f"services.{name} sets both `{old}` and `{path}`, to different values",
            service.spots.get(old),
            on_key=True,
            service=name,
            hint=f"remove `{old}`",
        )


def _check_secrets(project: Map, report: Report) -> None:
    for name, secret in (project.get("secrets") or {}).items():
        if not any(secret.get(key) for key in ("file", "environment", "external")):
            report.error(
                ErrorCode.INVALID_COMPOSE,
                f"secrets.{name} says nowhere where its content comes from",
                project["secrets"].spots.get(name),
                on_key=True,
                hint="set `file` or `environment`, or `external: true`",
            )


def _check_container_names(services: Map, report: Report) -> None:
    seen: dict[str, Spot | None] = {}
    for name, service in services.items():
        wanted = service.get("container_name")
        if not wanted:
            continue
        spot = service.spots.get("container_name")
        if wanted in seen:
            first = seen[wanted]
            report.error(
                ErrorCode.CONFLICT,
                f"services.{name} has the container name `{wanted}`, which another service has already",
                spot,
                service=name,
                hint="give each its own name, or none",
                related=[first.location()] if first is not None else [],
            )
        seen.setdefault(wanted, spot)


def _check_published_ports(services: Map, report: Report) -> None:
    """Two services cannot publish one port; compose finds out only when the second one starts."""
    seen: dict[tuple[str, str, str], tuple[str, Spot | None]] = {}
    for name, service in services.items():
        ports = service.get("ports")
        for port, spot in ports.pairs() if ports else ():
            published = str(port.get("published") or "")
            if not published.isdecimal():
                continue
            address = port.get("host_ip") or "0.0.0.0"  # noqa: S104  (what an empty address means)
            key = (address, published, port.get("protocol", "tcp"))
            other = seen.setdefault(key, (name, spot))
            if other[0] != name:
                first = other[1]
                report.warning(
                    ErrorCode.CONFLICT,
                    f"services.{name} publishes port {published}/{key[2]}, and so does services.{other[0]}",
                    spot,
                    service=name,
                    hint="publish one of them on another port",
                    related=[first.location()] if first is not None else [],
                )
