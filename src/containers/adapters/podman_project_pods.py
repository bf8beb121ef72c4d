"""The pod that podman-compose puts a project's containers into, taken away with the last of them."""

import logging
from collections.abc import Mapping

from containers.adapters.podman_calls import GONE, PodmanCalls, path_of
from containers.model.base import ContainerId, ProjectName
from containers.model.errors import EngineError

log = logging.getLogger(__name__)


class ProjectPods:
    """Which containers are in which project's pod, as last seen."""

    def __init__(self, calls: PodmanCalls) -> None:
        """Remove pods over `calls`."""
        self._calls = calls
        self._members: dict[str, set[ContainerId]] = {}

    def seen(self, project: ProjectName, pods: Mapping[ContainerId, str]) -> None:
        """Note the pods of a project's containers; only the one that podman-compose names counts."""
        pod = f"pod_{project}"
        self._members[pod] = {container for container, name in pods.items() if name == pod}

    async def left(self, container: ContainerId) -> None:
        """Remove the pod that `container` was the last one of; whoever else is in it keeps it."""
        for pod, members in self._members.items():
            if container not in members:
                continue
            members.discard(container)
            if not members:
                try:
                    path = path_of("pods", pod)
                    await self._calls.send("delete", path, doing=f"remove the pod {pod}", accept=(GONE,))
                except EngineError as error:
                    log.info("the pod %s stays: %s", pod, error)
