"""Keeps what the editor shows, and sends what changed of it."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from containers.compose_manager import ComposeManager
from containers.event_integration import EventIntegration
from containers.lsp.client import EditorClient
from containers.lsp.features.progress import words
from containers.lsp.projection import broken_view, engine_view, patch_between, project_view
from containers.lsp.protocol import VIEW_PATCH
from containers.model.base import ProjectName, ServiceName
from containers.model.events import EngineConnected, EventBase, StepFinished, StepStarted, TransactionFinished
from containers.model.view import ProjectView, ViewState


class Shown(NamedTuple):
    """A stack as the view needs it."""

    folder: Path
    manager: ComposeManager
    problem: Callable[[], str]
    """Why the stack's files can not be resolved; empty when they can."""
    impact: Callable[[], str]
    """What applying its files would do; empty when nothing."""


class ViewKeeper:
    """Owns the `ViewState`: one revision after the other, each sent as a patch."""

    def __init__(
        self,
        *,
        client: EditorClient,
        events: EventIntegration,
        stacks: Callable[[], Iterable[Shown]],
        failed_parts: Callable[[], Mapping[str, str]],
    ) -> None:
        self._client = client
        self._events = events
        self._stacks = stacks
        self._failed_parts = failed_parts
        self._busy: dict[tuple[ProjectName | None, ServiceName], str] = {}
        self._engine_text = ""
        self.state = ViewState()

    def snapshot(self) -> dict[str, Any]:
        """The whole state, for a reader that begins or missed a patch."""
        self.redraw()
        return self.state.model_dump(mode="json")

    def note(self, event: EventBase) -> None:
        """Remember what is being done to whom; called for each event, in order."""
        match event:
            case StepStarted(service=str() as service) if words(event.step_kind):
                self._busy[event.project, ServiceName(service)] = words(event.step_kind).removesuffix(" for")
            case StepFinished(service=str() as service):
                self._busy.pop((event.project, ServiceName(service)), None)
            case TransactionFinished():
                self._busy = {k: v for k, v in self._busy.items() if k[0] != event.project}
            case EngineConnected():
                self._engine_text = event.socket
            case _:
                return

    def redraw(self) -> None:
        """Project everything anew, and send what differs from what was sent last."""
        state = self._project()
        patch = patch_between(self.state, state)
        if patch is not None:
            self.state = state.model_copy(update={"revision": patch.revision})
            self._client.notify(VIEW_PATCH, patch)

    def _project(self) -> ViewState:
        reason = self._events.disconnected
        engine = engine_view(self._engine_text, reason, self._failed_parts())
        views = tuple(self._view(stack, reason) for stack in self._stacks())
        return ViewState(revision=self.state.revision, engine=engine, projects=views)

    def _view(self, stack: Shown, reason: str | None) -> ProjectView:
        manager = stack.manager
        problem = stack.problem()
        project = manager.project
        if project is None:
            return broken_view(stack.folder.name, str(stack.folder), manager.environment, problem)
        statuses = manager.statuses(project, self._events.world.of_project(project.name))
        busy = {service: word for (of, service), word in self._busy.items() if of == project.name}
        found = manager.drift.latest
        view = project_view(
            project,
            str(stack.folder),
            manager.environment,
            statuses,
            busy,
            engine_problem=reason or "",
            drift=found.open if found and found.project == project.name else (),
            note=manager.override.latest,
        )
        if not problem:
            return view.model_copy(update={"impact": stack.impact()})
        # What runs is shown as it was last understood; that the files are wrong now is said all the same.
        level = view.level if view.level == "error" else "warning"
        return view.model_copy(update={"problem": problem, "level": level})
