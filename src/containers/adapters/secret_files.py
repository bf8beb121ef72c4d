"""Secrets and configs that containers get as files of the host."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from containers.adapters.private_files import make_private_folder, write_private
from containers.compose.rendering_resources import Material
from containers.model.errors import ErrorCode, TranslationError

_KEPT = 5
"""Versions of one secret: a container that is rolled back to finds the value it was made with."""


class SecretFiles:
    """Writes values to files that containers mount, so that no value is ever an argument.

    The folder of all files lets only its owner in. The files themselves can be read by anybody in it,
    unless the service asks for another mode: in a container the process seldom is the files' owner.

    Args:
        folder: persistent; containers mount from it for as long as they exist.
        environ: the values of secrets and configs that come from the environment.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ

    def place(self, project: str, materials: Sequence[Material]) -> dict[Material, str]:
        """Say where each is on the host, writing those that are no files yet.

        Raises:
            TranslationError: a variable is not set or a file is not there (`secret_missing`).
        """
        return {material: self._place(project, material) for material in materials}

    def _place(self, project: str, material: Material) -> str:
        if material.origin == "file":
            if not os.path.exists(material.value):  # noqa: PTH110  (`Path.exists` raises where we may not look)
                raise _missing(material, f"there is no file {material.value}")
            return material.value
        if material.origin == "content":
            value = material.value
        elif material.value in self._environ:
            value = self._environ[material.value]
        else:
            raise _missing(material, f"the variable {material.value} is not set")
        return str(self._version(project, material, value.encode(errors="surrogateescape")))

    def _version(self, project: str, material: Material, content: bytes) -> Path:
        """The file with this content; every value gets a file of its own, since containers hold the path."""
        folder = self._folder / quote(project, safe="") / material.section / quote(material.name, safe="")
        for part in (*reversed(folder.parents[:3]), folder):
            make_private_folder(part)
        versions = sorted(
            (path for path in folder.iterdir() if path.name.isdecimal()), key=lambda p: int(p.name)
        )
        for path in versions:
            if path.read_bytes() == content:
                return path
        path = folder / str(int(versions[-1].name) + 1 if versions else 1)
        write_private(path, content, mode=material.mode)
        for old in versions[: -_KEPT + 1]:
            old.unlink(missing_ok=True)
        return path


def _missing(material: Material, reason: str) -> TranslationError:
    kind = material.section.removesuffix("s")
    return TranslationError(
        ErrorCode.SECRET_MISSING,
        f"{kind} {material.key}: {reason}",
        remedy="Set the variable, or create the file, and try again.",
    )
