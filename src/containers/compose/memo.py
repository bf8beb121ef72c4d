"""What was made of each service at the last load, so that one that says the same is not made again."""

import json
from typing import Any, NamedTuple

from containers.compose.building import build_service, escaped
from containers.compose.documents import SERVICE_RULES, Writer
from containers.compose.hashing import digest
from containers.compose.nodes import Map
from containers.model.base import ServiceName
from containers.model.project import ServiceConfig


class Built(NamedTuple):
    """One service at the end of the way."""

    document: dict[str, Any]
    """Canonical; each `$` is written twice."""
    config: ServiceConfig
    digest: str
    """The fingerprint of the document."""


class Memo:
    """The services of one project's last load. A service is known by all that its long form says."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[str, Built]] = {}

    def build(self, name: str, service: Map, project: str, writer: Writer) -> Built | None:
        """The service in canonical form; None where the writer's report says what cannot be written."""
        said = json.dumps(service, ensure_ascii=False, separators=(",", ":"), default=str)
        key = (project, name)
        known = self._known.get(key)
        if known is not None and known[0] == said:
            return known[1]
        before = writer.problems
        document = writer.plain(service, SERVICE_RULES, ("services", name))
        if writer.problems > before:
            return None
        config = build_service(ServiceName(name), document, project)
        written = escaped(document) if "$" in said else document
        built = Built(written, config, digest(written))
        self._known[key] = (said, built)
        return built
