"""Which compose files a folder stands for when none are named."""

from pathlib import Path
from typing import Final

from containers.ports.files import Files

FILE_NAMES: Final = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDE_NAMES: Final = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)


def discover_files(folder: Path, files: Files) -> tuple[Path, ...]:
    """The compose file of the folder, or of the nearest folder above it that has one, and its override."""
    for candidate in (folder, *folder.parents):
        names = set(files.list_dir(candidate))
        found = [name for name in FILE_NAMES if name in names]
        if found:
            overrides = [name for name in OVERRIDE_NAMES if name in names]
            return tuple(candidate / name for name in (found[0], *overrides[:1]))
    return ()


def also_present(folder: Path, chosen: Path, files: Files) -> tuple[Path, ...]:
    """Other compose files that lie beside the one that was chosen, and are not read."""
    names = set(files.list_dir(folder))
    return tuple(folder / name for name in FILE_NAMES if name in names and name != chosen.name)
