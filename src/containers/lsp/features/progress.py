"""A transaction's progress, as the editor shows it while a verb runs."""

from collections.abc import Callable

from containers.lsp.client import EditorClient
from containers.model.events import EventBase, StepFinished, StepStarted, TransactionStarted
from containers.model.project import ResolvedProject

_WORDS = {
    "pull_image": "pulling",
    "build_image": "building",
    "push_image": "pushing",
    "create_network": "creating",
    "create_volume": "creating",
    "create_container": "creating",
    "start_container": "starting",
    "replace_container": "replacing",
    "restart_container": "restarting",
    "stop_container": "stopping",
    "remove_container": "removing",
    "remove_network": "removing",
    "remove_volume": "removing",
    "gate": "waiting for",
}


def words(step_kind: str) -> str:
    """What is being done, such as `creating`; empty for what nobody waits for."""
    return _WORDS.get(step_kind, "")


class ProgressReporter:
    """Turns the bus's events into reports under one work-done token.

    Args:
        client: the editor.
        token: the work-done token.
        title: what is done.
        project: whose transactions are meant: of another folder's nothing is reported.
    """

    def __init__(
        self,
        client: EditorClient,
        token: str | int,
        title: str,
        project: Callable[[], ResolvedProject | None],
    ) -> None:
        self._client = client
        self._project = project
        self._token = token
        self._steps = 1
        self._done = 0
        client.progress_begin(token, title)

    def handle(self, event: EventBase) -> None:
        """Report one event, if it is of a transaction."""
        project = self._project()
        if project is None or event.project != project.name:
            return
        if isinstance(event, TransactionStarted):
            self._steps, self._done = max(event.steps, 1), 0
        elif isinstance(event, StepStarted) and words(event.step_kind):
            self._report(f"{words(event.step_kind)} {event.subject or event.service or ''}")
        elif isinstance(event, StepFinished) and event.step_kind not in {"gate", "keep_container"}:
            self._done += 1
            if event.message:
                self._report(event.message)

    def end(self, message: str) -> None:
        """Say how it ended."""
        self._client.progress_end(self._token, message)

    def _report(self, message: str) -> None:
        self._client.progress_report(self._token, message, min(100 * self._done // self._steps, 100))
