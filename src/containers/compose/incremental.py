"""Loading again: nothing where nothing changed, and else only the services that say something else."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from containers.compose.chunks import Chunk, Chunks, around, split
from containers.compose.loading import Loaded, Loader
from containers.compose.reporting import Report
from containers.compose.request import LoadRequest, LoadResult
from containers.compose.resolving import Kept
from containers.compose.sources import Sources
from containers.model.diagnostics import Diagnostic
from containers.ports.files import Files

_T = TypeVar("_T")
_Answer = tuple[bool, Any]
"""Whether it was an answer, and not an exception; and which."""


class Incremental:
    """Loads one project again and again.

    What it answers is what a load from scratch would answer, whatever was loaded before.
    """

    def __init__(self) -> None:
        self._last: _Last | None = None

    def load(self, request: LoadRequest, files: Files) -> LoadResult:
        """Load, building upon the load before where its files still say the same."""
        last = self._last
        if last is not None and _same_request(request, last.request):
            changed = last.recorded.changed(files)
            if not changed:
                return last.loaded.result
            reused = _reusable(last, changed, files)
            if reused is not None and (again := self._load(request, files, reused)) is not None:
                return again
        self._last = None
        result = self._load(request, files, _Reused({}, {}))
        assert result is not None  # noqa: S101  (only a reduced load can fail to tell)
        return result

    def _load(self, request: LoadRequest, files: Files, reused: "_Reused") -> LoadResult | None:
        recorded = Recorded(files)
        report = Report()
        sources = Sources(Reduced(recorded, reused.texts) if reused.kept else recorded)
        loaded = Loader(request, sources, report, reused.in_order).run()
        if reused.kept and (loaded.result.project is None or not _within(loaded, reused)):
            return None
        if loaded.result.project is not None:
            self._last = _Last(request, recorded, loaded, _remember(loaded, recorded, report))
        return loaded.result


class _Known(NamedTuple):
    """A service that nothing was said about, with everything that it was made of."""

    chunks: Mapping[Path, Chunk]
    kept: Kept


class _Last(NamedTuple):
    """The last load that came to a project."""

    request: LoadRequest
    recorded: "Recorded"
    loaded: Loaded
    known: Mapping[str, _Known]


class _Reused(NamedTuple):
    """What need not be read again."""

    apart: Mapping[Path, Chunks]
    """The files that services were taken out of."""
    kept: Mapping[str, Kept]

    @property
    def in_order(self) -> Mapping[str, Kept | None]:
        """All services in the order of the files, with those that are kept."""
        names = dict.fromkeys(name for chunks in self.apart.values() for name in chunks.services)
        return {name: self.kept.get(name) for name in names} if self.kept else {}

    @property
    def texts(self) -> Mapping[Path, str]:
        """Those files without the services that are kept."""
        return {
            path: chunks.without(name for name in chunks.services if name in self.kept)
            for path, chunks in self.apart.items()
        }


def _same_request(ours: LoadRequest, theirs: LoadRequest) -> bool:
    """What came from trees is the same where it says the same at the same place."""
    return _with_places(ours) == _with_places(theirs) and all(
        [(k, s.value) for k, s in getattr(a, "spots", {}).items()]
        == [(k, s.value) for k, s in getattr(b, "spots", {}).items()]
        for a, b in ((ours.limits, theirs.limits), (ours.secrets, theirs.secrets))
    )


def _with_places(request: LoadRequest) -> LoadRequest:
    places = {name: getattr(spot, "value", None) for name, spot in request.required_variables.items()}
    return request.model_copy(update={"required_variables": places})


def _reusable(last: _Last, changed: set[tuple[str, Path]], files: Files) -> _Reused | None:
    """The services that are where they were, if nothing but services of the main files changed."""
    main = last.loaded.files
    if not last.known or not all(call == "read_text" and path in main for call, path in changed):
        return None
    apart: dict[Path, Chunks] = {}
    for path in main:
        old = last.recorded.answers.get(("read_text", path), (False, ""))[1]
        try:
            new = files.read_text(path)
        except (OSError, ValueError):
            return None
        before, now = split(old), split(new)
        if before is None or now is None or around(before) != around(now):
            return None
        apart[path] = now
    kept = {
        name: known.kept
        for name, known in last.known.items()
        if all(apart[path].services.get(name) == known.chunks.get(path) for path in main)
    }
    return _Reused(apart, kept) if kept else None


def _within(loaded: Loaded, reused: _Reused) -> bool:
    """Whether each service that was read ends before the next one: no quote in it is left open."""
    for path, chunks in reused.apart.items():
        for name, chunk in chunks.services.items():
            spot = loaded.services.spots.get(name)
            if spot is not None and spot.origin.path == path and spot.value[2] > chunk.end:
                return False
    return True


def _remember(loaded: Loaded, recorded: "Recorded", report: Report) -> dict[str, _Known]:
    """The services that can be kept: those that nothing at all was said about."""
    apart = {path: split(recorded.answers["read_text", path][1]) for path in loaded.files}
    if any(chunks is None for chunks in apart.values()):
        return {}
    said = [d.location for d in report.diagnostics if d.location is not None]
    said += [spot.location() for spot in loaded.unset]
    elsewhere = any(place.path not in apart for place in said) or any(map(_is_placeless, report.diagnostics))
    known: dict[str, _Known] = {}
    for name, kept in loaded.built.items():
        chunks = {p: c.services[name] for p, c in apart.items() if c is not None and name in c.services}
        spoken_of = any(place.path in chunks and chunks[place.path].has(place) for place in said)
        if chunks and not spoken_of and (not elsewhere or not kept.files):
            known[name] = _Known(chunks, kept)
    return known


def _is_placeless(diagnostic: Diagnostic) -> bool:
    return diagnostic.location is None


class Recorded:
    """Files that remember what they answered."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.answers: dict[tuple[str, Path], _Answer] = {}

    def changed(self, files: Files) -> set[tuple[str, Path]]:
        """The questions that are answered differently now."""
        return {
            (call, path)
            for (call, path), answer in self.answers.items()
            if not _alike(_asked(getattr(files, call), path), answer)
        }

    def read_text(self, path: Path) -> str:
        """As the files below."""
        return self._ask("read_text", path, self._files.read_text)

    def is_file(self, path: Path) -> bool:
        """As the files below."""
        return self._ask("is_file", path, self._files.is_file)

    def is_dir(self, path: Path) -> bool:
        """As the files below."""
        return self._ask("is_dir", path, self._files.is_dir)

    def list_dir(self, path: Path) -> tuple[str, ...]:
        """As the files below."""
        return self._ask("list_dir", path, self._files.list_dir)

    def _ask(self, call: str, path: Path, ask: Callable[[Path], _T]) -> _T:
        is_answer, answer = self.answers[call, path] = _asked(ask, path)
        if not is_answer:
            raise answer
        return answer  # type: ignore[no-any-return]  # what `ask` has returned


def _asked(ask: Callable[[Path], Any], path: Path) -> _Answer:
    try:
        return True, ask(path)
    except (OSError, ValueError) as error:
        return False, error


def _alike(ours: _Answer, theirs: _Answer) -> bool:
    if ours[0] and theirs[0]:
        return bool(ours[1] == theirs[1])
    return ours[0] == theirs[0] and repr(ours[1]) == repr(theirs[1])


class Reduced:
    """Files of which some say less than they do."""

    def __init__(self, files: Files, texts: Mapping[Path, str]) -> None:
        self._files = files
        self._texts = texts
        self.is_file = files.is_file
        self.is_dir = files.is_dir
        self.list_dir = files.list_dir

    def read_text(self, path: Path) -> str:
        """The reduced text; the whole one is asked for all the same, so that it is remembered."""
        whole = self._files.read_text(path)
        return self._texts.get(path, whole)
