"""What the parts of a service may need to know of the whole, to be rendered."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from containers.compose.hiding import Hidden
from containers.compose.rendering_resources import Material


class Scene(NamedTuple):
    """What the parts of a service may need to know of the whole."""

    service: str
    services: Mapping[str, Any]
    containers: Mapping[str, str]
    hidden: Hidden
    files: Mapping[Material, str]
    document: Mapping[str, Any]
    version: tuple[int, ...]
    warn: Callable[[str, str], None]
    """Key and reason, of the service at hand."""
