"""`extends`: a service that begins as a copy of another one, in the same file or in another."""

import os.path
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

from containers.compose.interpolation import InterpolationError, interpolate
from containers.compose.locating import absolute, is_remote_file
from containers.compose.merging import merge_services, settle
from containers.compose.nodes import Map, Origin, Spot, copied, kind_of, weight
from containers.compose.reading import Override, Reset
from containers.compose.reporting import Report
from containers.model.diagnostics import Severity
from containers.model.errors import ErrorCode
from containers.model.source import Location

ReadFile: TypeAlias = Callable[[Path, Origin, Spot | None], list[Map]]
"""Reads a compose file's documents; what is wrong with it is reported at the spot that names it."""

_DEPTH_LIMIT: Final = 50


class Extender:
    """Resolves the chains of one load; remembers the files it has read."""

    def __init__(self, read: ReadFile, report: Report) -> None:
        self._read = read
        self._report = report
        self._documents: dict[Path, Map | None] = {}

    def apply(self, document: Map, origin: Origin) -> None:
        """Resolve every service of a document, in place."""
        services = document.get("services")
        if isinstance(services, Override):
            services = services.value
        if not isinstance(services, Map):
            return
        for name in list(services):
            self._resolve(services, name, origin, [])

    def _resolve(self, services: Map, name: str, origin: Origin, chain: list[tuple[Path, str, Spot]]) -> Any:
        """The service with everything that it extends; written back, so that each is resolved once."""
        service = services[name]
        if not isinstance(service, Map) or isinstance(service.get("extends", Reset()), Reset):
            return service
        spot = service.spots.get("extends")
        if spot is None or not self._fresh(origin.path, name, spot, chain):
            self._report.broken.add(("services", name))
            service.drop("extends")
            return service
        target = self._target(name, service, spot)
        if target is None:
            self._report.broken.add(("services", name))
            service.drop("extends")
            return service
        reference, file, spot = target
        chain = [*chain, (origin.path, name, spot)]
        before = len(self._report.diagnostics)
        base = self._base(services, name, reference, file, origin, spot, chain)
        written_at = service.spots.get("extends")
        service.drop("extends")
        if any(found.severity is Severity.ERROR for found in self._report.diagnostics[before:]):
            self._report.broken.add(("services", name))
        if not isinstance(base, Map):
            # nothing to extend: docker compose leaves the reference in place
            kept = Map({"service": reference})
            if file is not None:
                kept["file"] = absolute(file, spot.origin.working_dir, spot.origin.environment)
            service.put("extends", kept, written_at)
            return service
        if self._report.values_left < 0 or not self._report.spend(weight(base), spot):
            return service
        merged = merge_services(settle(copied(base)), service, name, self._report)
        dict.__setitem__(services, name, merged)
        return merged

    def _fresh(self, path: Path, name: str, spot: Spot, chain: list[tuple[Path, str, Spot]]) -> bool:
        for index, (file, service, _) in enumerate(chain):
            if (file, service) == (path, name):
                edges: list[Location] = [edge.location() for *_, edge in chain[index:]]
                names = " -> ".join([*(entry[1] for entry in chain[index:]), name])
                self._report.error(
                    ErrorCode.DEPENDENCY_CYCLE,
                    f"services extend each other in a circle: {names}",
                    spot,
                    service=name,
                    hint="move what they share into a service that extends nothing",
                    related=edges,
                )
                return False
        if len(chain) > _DEPTH_LIMIT:
            message = f"services extend each other over more than {_DEPTH_LIMIT} levels"
            self._report.error(ErrorCode.TOO_COMPLEX, message, spot, service=name, hint="use fewer levels")
            return False
        return True

    def _target(self, name: str, service: Map, spot: Spot) -> tuple[str, str | None, Spot] | None:
        value = service["extends"]
        if isinstance(value, str):
            return self._filled(value, spot), None, spot
        if isinstance(value, Map) and isinstance(value.get("service"), str):
            file = value.get("file")
            spot = value.spots.get("service", spot)
            return (
                self._filled(value["service"], spot),
                self._filled(file, value.spots.get("file", spot)) if isinstance(file, str) else None,
                spot,
            )
        if isinstance(value, Map):
            message = f"services.{name}.extends does not say which service"
        else:
            message = f"services.{name}.extends must be a name or a mapping, not {kind_of(value)}"
        self._report.error(ErrorCode.INVALID_TYPE, message, spot, service=name, hint="set `service:`")
        return None

    def _filled(self, text: str, spot: Spot) -> str:
        try:
            return interpolate(text, spot.origin.environment, lambda _: None)
        except InterpolationError as error:
            self._report.error(ErrorCode.INTERPOLATION_FAILED, str(error), spot)
            return text

    def _base(
        self,
        services: Map,
        name: str,
        reference: str,
        file: str | None,
        origin: Origin,
        spot: Spot,
        chain: list[tuple[Path, str, Spot]],
    ) -> Any:
        where = "this file"
        if file is not None and is_remote_file(file):
            message = f"services.{name}.extends: `{file}` would have to be fetched first"
            hint = "Podkeeper does not do that: fetch it into the project, and extend the copy"
            self._report.error(ErrorCode.UNSUPPORTED, message, spot, service=name, hint=hint)
            return None
        if file is not None:
            path = Path(absolute(file, spot.origin.working_dir, spot.origin.environment))
            inherited = spot.origin
            folder = os.path.dirname(path)  # noqa: PTH120  (a string)
            origin = Origin(path, folder, inherited.environment, inherited.env_files)
            document = self._document(path, origin, spot)
            if document is None:
                return None
            found = document.get("services")
            if not isinstance(found, Map):
                self._missing(name, f"{path} has no services", spot)
                return None
            services, where = found, str(path)
        if reference not in services:
            self._missing(name, f"there is no service `{reference}` in {where}", spot)
            return None
        return self._resolve(services, reference, origin, chain)

    def _missing(self, name: str, why: str, spot: Spot) -> None:
        self._report.error(
            ErrorCode.UNDEFINED_REFERENCE, f"services.{name} cannot be extended: {why}", spot, service=name
        )

    def _document(self, path: Path, origin: Origin, spot: Spot) -> Map | None:
        if path not in self._documents:
            documents = self._read(path, origin, spot)
            self._documents[path] = documents[0] if documents else None
        return self._documents[path]
