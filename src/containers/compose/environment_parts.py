"""What an environment adds to the files: limits, where secrets come from, and which variables it needs."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from containers.compose.nodes import Map, Spot, copied
from containers.compose.reporting import Report
from containers.model.errors import ErrorCode
from containers.model.variables import Variable

_IN_DEPLOY: Final = {"mem_limit": "memory", "cpus": "cpus", "pids_limit": "pids"}
"""Keys of a service to those of its `deploy.resources.limits`, which mean the same."""


def add_limits(service: Map, limits: Map) -> None:
    """Give a service the environment's limits, each only where it sets none itself."""
    deploy = service.get("deploy")
    resources = deploy.get("resources") if isinstance(deploy, Map) else None
    own = (resources.get("limits") if isinstance(resources, Map) else None) or {}
    for key, value in limits.items():
        if service.get(key) is None and own.get(_IN_DEPLOY[key]) is None:
            service.put(key, value, limits.spots.get(key))


def place_secrets(tree: Map, secrets: Map) -> None:
    """Let secrets come from where the environment has them; those that the files do not name are left out."""
    declared = tree.get("secrets")
    if not isinstance(declared, Map):
        return
    for key, value in secrets.items():
        if key in declared:
            spot = secrets.spots.get(key)
            below = declared.spots.get(key)
            declared.put(key, copied(value), spot.laid_over(below) if spot is not None else None)


def check_required(
    required: Mapping[str, Any],
    find_used: Callable[[], Iterable[Variable]],
    variables: Mapping[str, str],
    report: Report,
) -> frozenset[str]:
    """Report every variable that has to be set and is not, all at once, with where each is used.

    Returns:
        Their names; nothing more need be said about them.
    """
    missing = {name: spot for name, spot in required.items() if not variables.get(name)}
    if not missing:
        return frozenset()
    used = {variable.name: variable for variable in find_used()}
    for name, spot in missing.items():
        places = used[name].uses if name in used else ()
        where = ", ".join(str(place) for place in places) or "no compose file"
        said = f" ({used[name].message})" if name in used and used[name].message else ""
        report.error(
            ErrorCode.VARIABLE_REQUIRED,
            f"the variable {name} must be set{said}; it is used in {where}",
            spot if isinstance(spot, Spot) else None,
            hint=f"set {name} in the process environment or in an env file",
            related=places,
        )
    return frozenset(missing)
