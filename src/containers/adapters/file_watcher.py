"""Watching files with watchdog: inotify where that sees everything, else polling.

What watchdog leaves to its users is done here: a single file is watched by its folder, since editors replace
files; a root that vanishes is taken up again when it is back; a new folder is reported as a whole, since what
was made in it before it was watched is in no event; and folders that do not fit into inotify's limits, which
watchdog passes over in silence, are noticed.
"""

import asyncio
import errno
import logging
import os
import warnings
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override
from watchdog import events

from containers.adapters.file_systems import silent_file_system
from containers.model.files import WatchRoot
from containers.ports.machine import Clock

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

log = logging.getLogger(__name__)

POLL_S = 1.0
"""Between two polls; each lists everything that is watched."""
_LIMITS = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_QUEUE_FILE = Path("/proc/sys/fs/inotify/max_queued_events")
_QUEUE = 16_384
"""How many events the kernel keeps for us, if it does not say; what comes on top is lost."""
_CALM_S = 0.2
"""A burst has ended when nothing more came for so long."""
_EVENTS: list[type[events.FileSystemEvent]] = [
    *(events.FileCreatedEvent, events.FileModifiedEvent, events.FileMovedEvent, events.FileDeletedEvent),
    *(events.DirCreatedEvent, events.DirMovedEvent, events.DirDeletedEvent),
    events.FileClosedEvent,  # what is written through memory is in no other
    getattr(events, "FileAttribEvent", events.FileModifiedEvent),  # from watchdog 7 on
]
"""What counts. Readers are not even asked after: they would fill the kernel's queue."""


class WatchdogFileWatcher:
    """The port `FileWatcher`."""

    def __init__(
        self,
        clock: Clock,
        make_observer: "Callable[[], BaseObserver] | None" = None,
        silent: Callable[[Path], str | None] = silent_file_system,
        poll_s: float = POLL_S,
    ) -> None:
        """Args beside the obvious.

        make_observer: makes what is used where nothing has to be polled; None: what suits the platform.
        silent: names the file system of a path where that has to be polled.
        poll_s: between two polls.
        """
        self._clock = clock
        self._make_observer = make_observer or _native_observer
        self._silent = silent
        self._poll_s = poll_s

    async def changes(
        self, roots: Iterable[WatchRoot], degraded: Callable[[str], None]
    ) -> AsyncGenerator[tuple[Path, ...], None]:
        """Paths that changed, soon after they did; the first, empty answer says that watching has begun."""
        loop = asyncio.get_running_loop()
        inbox = _Inbox(loop)
        watch = _Watch(tuple(roots), inbox, degraded, self._make_observer, self._silent, self._poll_s)
        try:
            await asyncio.to_thread(watch.begin)
            yield ()
            while True:
                try:
                    async with asyncio.timeout(_CALM_S if watch.in_burst else None):
                        raw = await inbox.take()
                except TimeoutError:  # the burst has ended
                    yield await asyncio.to_thread(watch.renew)
                    continue
                watch.note_pause(self._clock.monotonic())
                paths = watch.relevant(raw)
                if watch.needs_attention:
                    paths += await asyncio.to_thread(watch.attend)
                if paths:
                    yield tuple(dict.fromkeys(paths))
        finally:
            await asyncio.to_thread(watch.end)


class _Inbox:
    """From watchdog's threads to the loop; one wake-up for all that came meanwhile."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._paths: dict[Path, bool] = {}
        self._filled = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._paths

    def put(self, path: Path, *, is_new_folder: bool) -> None:
        """Take one path in, from any thread."""
        with suppress(RuntimeError):  # the loop has ended: nobody is there any more to be told
            self._loop.call_soon_threadsafe(self._note, path, is_new_folder)

    def _note(self, path: Path, is_new_folder: bool) -> None:  # noqa: FBT001  (`call_soon_threadsafe`)
        self._paths[path] = is_new_folder or self._paths.get(path, False)
        self._filled.set()

    async def take(self) -> dict[Path, bool]:
        """All that waits, as soon as something does; True for a folder that was made or moved."""
        await self._filled.wait()
        self._filled.clear()
        paths, self._paths = self._paths, {}
        return paths


class _Handler(events.FileSystemEventHandler):
    def __init__(self, inbox: _Inbox) -> None:
        self._inbox = inbox
        self.count = 0
        """Of all events so far."""

    @override
    def on_any_event(self, event: events.FileSystemEvent) -> None:
        self.count += 1
        is_new = event.is_directory and event.event_type in {"created", "moved"}
        for path in (event.src_path, event.dest_path):
            if path:
                self._inbox.put(Path(os.fsdecode(path)), is_new_folder=is_new)


class _Watch:
    """What is watched, by whom."""

    def __init__(
        self,
        roots: tuple[WatchRoot, ...],
        inbox: _Inbox,
        degraded: Callable[[str], None],
        make_observer: "Callable[[], BaseObserver]",
        silent: Callable[[Path], str | None],
        poll_s: float,
    ) -> None:
        self._roots = roots
        self._paths = frozenset(root.path for root in roots)
        self._deep = frozenset(root.path for root in roots if root.is_recursive)
        self._above: dict[Path, list[Path]] = {}
        """Each folder that a root is in, however deep."""
        for root in roots:
            for parent in root.path.parents:
                self._above.setdefault(parent, []).append(root.path)
        self._handler = _Handler(inbox)
        self._loop = inbox._loop  # noqa: SLF001  (the two are one)
        self._degraded = degraded
        self._make_observer = make_observer
        self._silent = silent
        self._poll_s = poll_s
        self._native: BaseObserver | None = None
        self._polling: BaseObserver | None = None
        self._folders: dict[Path, bool] = {}
        self._told: set[str] = set()
        self._counted = self._counted_before = 0
        self._told_at = 0.0
        self._queue = _queue_length()
        self._has_new_folder = False
        self._is_limited = False

    # in a thread

    def begin(self) -> None:
        """Watch everything that is there."""
        for folder, is_recursive in self._wanted().items():
            self._schedule(folder, is_recursive=is_recursive)
        if any(self._folders.values()):
            self._check_limits()

    def attend(self) -> tuple[Path, ...]:
        """Take up roots that are back, and see whether new folders fit in; what has to be looked at."""
        self._has_new_folder = False
        found: list[Path] = []
        wanted = self._wanted()
        for folder in [f for f in self._folders if f not in wanted or not _is_folder(f)]:
            self._unschedule(folder)
        for folder, is_recursive in wanted.items():
            if folder not in self._folders or not self._is_alive(folder):
                self._unschedule(folder)
                self._schedule(folder, is_recursive=is_recursive)
                found += [r.path for r in self._roots if r.path == folder or folder in r.path.parents]
        if self._native is not None:
            self._check_limits()
        return tuple(found)

    def renew(self) -> tuple[Path, ...]:
        """Watch everything anew, also folders that were made while events were lost; all roots."""
        self._counted_before = self._handler.count
        for folder, is_recursive in tuple(self._folders.items()):
            if is_recursive:
                self._unschedule(folder)
        _ = self.attend()
        return tuple(root.path for root in self._roots)

    def end(self) -> None:
        """Stop."""
        for observer in (self._native, self._polling):
            if observer is not None:
                observer.stop()
                observer.join(5)

    # on the loop

    @property
    def needs_attention(self) -> bool:
        """Whether a root came or went, or a folder is new."""
        return self._has_new_folder

    @property
    def in_burst(self) -> bool:
        """Whether so much happened without a pause that some of it may be lost."""
        return self._handler.count - self._counted_before > self._queue / 2

    def note_pause(self, now: float) -> None:
        """Something happened; after a pause it begins to be counted anew."""
        if now - self._told_at > _CALM_S:
            self._counted_before = self._counted
        self._counted = self._handler.count
        self._told_at = now

    def relevant(self, raw: dict[Path, bool]) -> tuple[Path, ...]:
        """Of paths that changed, those that are asked for."""
        found: list[Path] = []
        for path, is_new_folder in raw.items():
            if path in self._paths:
                self._has_new_folder |= path in self._deep
                found.append(path)
            elif path in self._above:
                self._has_new_folder = True
                found += self._above[path]
            elif self._deep and not self._deep.isdisjoint(path.parents):
                self._has_new_folder |= is_new_folder
                found.append(path)
        return tuple(found)

    # how

    def _wanted(self) -> dict[Path, bool]:
        """The folders to watch, and whether with all that is below; none within another."""
        wanted: dict[Path, bool] = {}
        for root in self._roots:
            if root.is_recursive and _is_folder(root.path):
                wanted[root.path] = True
            parent = root.path.parent
            while not _is_folder(parent) and parent != parent.parent:
                parent = parent.parent
            wanted.setdefault(parent, False)
        deep = [folder for folder, is_recursive in wanted.items() if is_recursive]
        return {
            folder: is_recursive
            for folder, is_recursive in wanted.items()
            if not any(above in folder.parents for above in deep)
        }

    def _schedule(self, folder: Path, *, is_recursive: bool) -> None:
        if (kind := self._silent(folder)) is not None:
            self._tell(f"{folder} is on {kind}, which does not tell of all changes: it is polled")
            self._poll(folder, is_recursive=is_recursive)
            return
        if self._is_limited:
            self._poll(folder, is_recursive=is_recursive)
            return
        try:
            if self._native is None:
                self._native = self._make_observer()
                self._native.start()
            self._native.schedule(self._handler, str(folder), recursive=is_recursive, event_filter=_EVENTS)
            self._folders[folder] = is_recursive
        except OSError as error:
            if error.errno in _LIMITS:
                self._fall_back(error)
            else:
                self._tell(f"{folder} is polled: {error.strerror or error}")
            self._poll(folder, is_recursive=is_recursive)

    def _poll(self, folder: Path, *, is_recursive: bool) -> None:
        from watchdog.observers.polling import PollingObserver  # noqa: PLC0415  (rarely needed)

        try:
            if self._polling is None:
                self._polling = PollingObserver(timeout=self._poll_s)
                self._polling.start()
            self._polling.schedule(self._handler, str(folder), recursive=is_recursive, event_filter=_EVENTS)
            self._folders[folder] = is_recursive
        except OSError as error:
            self._tell(f"{folder} can not be watched: {error.strerror}")

    def _fall_back(self, error: OSError) -> None:
        """Have everything polled that inotify was to watch."""
        self._tell(
            f"inotify's limits do not allow more ({error.strerror or error}): files are polled every "
            f"{self._poll_s:g} s; raise fs.inotify.max_user_watches or max_user_instances"
        )
        self._is_limited = True
        native, self._native = self._native, None
        folders, self._folders = self._folders, {}
        for folder, is_recursive in folders.items():
            self._poll(folder, is_recursive=is_recursive)
        if native is not None:
            native.stop()

    def _check_limits(self) -> None:
        """Whether another folder could be watched; if not, some were passed over."""
        if self._native is None:
            return
        try:
            probe = self._make_observer()
        except OSError:
            return  # no further instance is needed
        probe.start()
        try:
            probe.schedule(events.FileSystemEventHandler(), str(next(iter(self._folders))), recursive=False)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                self._fall_back(error)
        finally:
            probe.stop()
            probe.join(5)

    def _observers(self) -> "tuple[BaseObserver, ...]":
        return tuple(o for o in (self._native, self._polling) if o is not None)

    def _is_alive(self, folder: Path) -> bool:
        """Whether a folder's watch lives: it ends with the folder, also where that is there again."""
        return any(
            emitter.watch.path == str(folder) and emitter.is_alive()
            for observer in self._observers()
            for emitter in observer.emitters
        )

    def _unschedule(self, folder: Path) -> None:
        self._folders.pop(folder, None)
        for observer in self._observers():
            for emitter in tuple(observer.emitters):
                if emitter.watch.path == str(folder):
                    with suppress(KeyError, OSError):
                        observer.unschedule(emitter.watch)

    def _tell(self, reason: str) -> None:
        """Once each."""
        if reason not in self._told:
            self._told.add(reason)
            log.warning("%s", reason)
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._degraded, reason)


def _is_folder(path: Path) -> bool:
    """Whether a folder is there; what lies in one that may not be searched is not."""
    return os.path.isdir(path)  # noqa: PTH112  (Path's may raise)


def _queue_length() -> int:
    try:
        return int(_QUEUE_FILE.read_text())
    except (OSError, ValueError):
        return _QUEUE


def _native_observer() -> "BaseObserver":
    from watchdog.observers import Observer  # noqa: PLC0415  (start-up time)

    # it says so where folders are made within each other faster than it follows, and is right all the same
    warnings.filterwarnings("ignore", message="Callback with id", category=RuntimeWarning)
    return Observer()
