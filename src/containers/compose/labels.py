"""Labels that come from files."""

from pathlib import Path

from containers.compose.environment import read_variables
from containers.compose.nodes import Map, Seq
from containers.compose.reporting import Report
from containers.compose.sources import Sources


def add_label_files(service: Map, sources: Sources, report: Report) -> None:
    """Fold a service's label files in below its own labels; later files win over earlier ones."""
    files = service.get("label_file")
    if not isinstance(files, Seq):
        return
    result = Map()
    for path, spot in files.pairs():
        lookup = spot.origin.environment if spot is not None else {}
        for key, value in (read_variables(Path(path), sources, report, lookup, place=spot) or {}).items():
            result.put(key, value, spot)
    own = service.get("labels")
    if isinstance(own, Map):
        for key, value in own.items():
            result.put(key, value, own.spots.get(key))
    service["labels"] = result
