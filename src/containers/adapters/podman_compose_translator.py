"""Projects as `podman create` arguments: podman-compose is our compiler, never our engine."""

import asyncio
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from containers.adapters.podman_compose_program import PodmanComposeProgram, Provider, Recorded
from containers.adapters.private_files import state_errors
from containers.adapters.secret_files import SecretFiles
from containers.adapters.translation_cache import TranslationCache
from containers.compose.parting import parts_of
from containers.compose.recipes import assemble, missing, sort_calls
from containers.compose.rendering import Rendered, materials, render
from containers.execution.together import together
from containers.model.errors import ErrorCode, TranslationError
from containers.model.observed import EngineVersion
from containers.model.project import ResolvedProject
from containers.ports.translation import Translation

_RECORDING_FORMAT = "1"


class PodmanComposeTranslator:
    """Translates by letting podman-compose create the project against a recorder.

    A project that was translated before is not given to podman-compose again, in this process or a later
    one: the document it gets holds placeholders instead of values, so it is the same for the same structure.

    Args:
        program: the command line that starts podman-compose; None looks beside our interpreter, then on PATH.
        cache_dir: ours alone; recordings, and the private folders podman-compose runs in.
        secrets_dir: persistent; containers mount secrets and configs from it.
        environ: the values of secrets and configs that come from the environment.
        timeout_s: for one run of podman-compose.
    """

    def __init__(
        self,
        program: tuple[str, ...] | None,
        cache_dir: Path,
        *,
        secrets_dir: Path,
        environ: Mapping[str, str],
        timeout_s: float = 60.0,
    ) -> None:
        self._program = PodmanComposeProgram(program, cache_dir, timeout_s)
        self._cache = TranslationCache(cache_dir / "recordings")
        self._secrets = SecretFiles(secrets_dir, environ)

    async def provider(self) -> Provider:
        """Which podman-compose is used, for whoever looks after the installation.

        Raises:
            TranslationError: there is none, or one that is too old or too new.
        """
        return await self._program.provider()

    async def describe(self) -> str:
        """Which podman-compose is used: version and path.

        Raises:
            TranslationError: as `provider`.
        """
        provider = await self.provider()
        return f"{provider.version} ({provider.path})"

    async def translate(self, project: ResolvedProject, engine: EngineVersion) -> Translation:
        """Translate; secrets and configs that are not files yet are written to `secrets_dir`.

        Raises:
            TranslationError: `compose_provider_missing`, `compose_provider_failed` or `secret_missing`.
            StateError: the state folder has no room, or may not be written to.
        """
        with state_errors():
            rendered = await asyncio.to_thread(self._render, project, engine)
            recorded = await self._record(project, rendered, engine.version)
        recording = sort_calls(recorded.calls)
        lost = missing(project, recording)
        if lost:
            raise TranslationError(
                ErrorCode.COMPOSE_PROVIDER_FAILED,
                f"podman-compose made no container for {', '.join(lost)}",
                remedy="Run `podkeeper doctor`, which tells which podman-compose is used.",
                service=lost[0],
            )
        return assemble(project, rendered, recording, recorded.warnings)

    def _render(self, project: ResolvedProject, engine: EngineVersion) -> Rendered:
        files = self._secrets.place(project.name, materials(project))
        return render(project, files, engine.version_tuple)

    async def _record(self, project: ResolvedProject, rendered: Rendered, engine_version: str) -> Recorded:
        if rendered.is_empty:
            return Recorded((), ())
        provider = await self._program.provider()
        parts = (
            _RECORDING_FORMAT,
            provider.path,
            provider.version,
            engine_version,
            project.name,
            rendered.text,
        )
        key = hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
        recorded = await asyncio.to_thread(self._cache.get, key)
        if recorded is None:
            documents = parts_of(rendered.text, os.cpu_count() or 1)
            record = self._program.record
            recorded = _merged(await together(record(project.name, d, engine_version) for d in documents))
            await asyncio.to_thread(self._cache.put, key, recorded)
        return recorded


def _merged(parts: Sequence[Recorded]) -> Recorded:
    """What was recorded of the parts of one document: what each of them did is done once."""
    calls = dict.fromkeys(call for part in parts for call in part.calls)
    return Recorded(tuple(calls), tuple(dict.fromkeys(line for part in parts for line in part.warnings)))
