"""Whose history something is."""

from dataclasses import dataclass

from containers.model.base import ProjectName


@dataclass(frozen=True, slots=True)
class Place:
    """A project on one of the engines: whose history it is."""

    project: ProjectName
    store: str
