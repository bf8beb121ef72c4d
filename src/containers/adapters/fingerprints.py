"""The port `Fingerprints`: what contents are, without keeping them."""

import asyncio
import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from containers.adapters.private_files import PRIVATE, make_private_folder, state_errors
from containers.compose.rendering_resources import Material, granted
from containers.model.base import ServiceName
from containers.model.project import ResolvedProject

_KEY_BYTES = 32
_DIGITS = 16
_LARGEST_BYTES = 16 << 20
"""What is larger is told apart by its size and time: it is no configuration that somebody edits."""


class KeyedFingerprints:
    """Fingerprints made with a key of this machine, so that a label tells nobody what a secret may be.

    Args:
        state_dir: ours alone; the key is kept in it.
        environ: the values of secrets and configs that come from the environment.
    """

    def __init__(self, state_dir: Path, environ: Mapping[str, str]) -> None:
        self._path = state_dir / "fingerprint.key"
        self._environ = environ
        self._key: bytes | None = None

    async def inputs(self, project: ResolvedProject) -> dict[ServiceName, dict[str, str]]:
        """For each service that is given secrets or configs, the fingerprint of each content.

        What can not be read has none: whoever needs it says so.

        Raises:
            StateError: the key can not be read, or made.
        """
        with state_errors():
            return await asyncio.to_thread(self._inputs, project)

    async def files(self, paths: Iterable[Path]) -> dict[str, str]:
        """The fingerprint of each file that can be read."""
        wanted = tuple(dict.fromkeys(paths))
        return await asyncio.to_thread(
            lambda: {str(path): found for path in wanted if (found := _of_file(path)) is not None}
        )

    def _inputs(self, project: ResolvedProject) -> dict[ServiceName, dict[str, str]]:
        found: dict[ServiceName, dict[str, str]] = {}
        for name in project.services:
            for kind, material in _materials(project, name):
                content = self._content(material)
                if content is not None:
                    found.setdefault(name, {})[f"{kind} {material.key}"] = self._keyed(content)
        return found

    def _content(self, material: Material) -> bytes | None:
        match material.origin:
            case "content":
                return material.value.encode(errors="surrogateescape")
            case "environment":
                value = self._environ.get(material.value)
                return None if value is None else value.encode(errors="surrogateescape")
            case "file":
                digest = _of_file(Path(material.value))
                return None if digest is None else digest.encode()

    def _keyed(self, content: bytes) -> str:
        key = self._the_key()
        name = hashlib.sha256(key).hexdigest()[:4]
        return f"{name}:{hmac.new(key, content, hashlib.sha256).hexdigest()[:_DIGITS]}"

    def _the_key(self) -> bytes:
        """This machine's key; of several processes that make it at once, all get the one of the first."""
        if self._key is None:
            make_private_folder(self._path.parent)
            if not self._path.exists():
                self._make_key()
            key = self._path.read_bytes()
            if len(key) != _KEY_BYTES:  # damaged: what was made with it says nothing any more
                self._path.unlink(missing_ok=True)
                self._make_key()
                key = self._path.read_bytes()
            self._key = key
        return self._key

    def _make_key(self) -> None:
        """Write a key, whole, unless there is one by then."""
        descriptor, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
                file.flush()
                os.fchmod(descriptor, PRIVATE)
                os.fsync(descriptor)
            with contextlib.suppress(FileExistsError):
                os.link(name, self._path)
        finally:
            Path(name).unlink(missing_ok=True)


def _materials(project: ResolvedProject, name: ServiceName) -> Iterator[tuple[str, Material]]:
    service = (project.document.get("services") or {}).get(name) or {}
    for section in ("secrets", "configs"):
        for grant in service.get(section) or ():
            material = granted(project.document, section, grant)
            if material is not None:
                yield section.removesuffix("s"), material


def _of_file(path: Path) -> str | None:
    """A regular file's SHA-256; None for what is none, or can not be read."""
    try:
        if not path.is_file():
            return None
        status = path.stat()
        if status.st_size > _LARGEST_BYTES:
            return f"{status.st_size} {status.st_mtime_ns}"
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
