"""Environments: the same stack in development, staging, production."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from containers.model.base import Model
from containers.model.hooks import EventHook
from containers.model.project import KeyPath
from containers.model.source import Location

Strictness: TypeAlias = Literal["off", "advise", "enforce"]


class EnvironmentConfig(Model):
    """One environment, resolved: which files with which variables make the stack."""

    name: str
    description: str = ""
    compose_files: tuple[Path, ...] = ()
    """Absolute, in merging order."""
    environment_variables: Mapping[str, str] = {}
    """For interpolation; the process environment wins over these, as it does over `.env`."""
    required_variables: tuple[str, ...] = ()
    """Variables that must have a value."""
    env_files: tuple[Path, ...] = ()
    """Absolute; read in order, later ones win."""
    profiles: tuple[str, ...] = ()
    project_name: str | None = None
    project_directory: Path | None = None
    secrets_config: Mapping[str, Any] = {}
    """Secret key to where its value comes from; never the value."""
    resource_limits: Mapping[str, Any] = {}
    """Limits for services that set none: `memory`, `cpus`, `pids`."""
    monitoring_config: Mapping[str, Any] = {}
    """What of the monitor's settings is different here."""
    policy_strictness: Strictness = "advise"
    """What findings do: nothing, be shown, or stop an apply."""
    access: Mapping[str, tuple[str, ...]] = {}
    """A verb to the users and groups that may use it; a verb that is missing is everyone's."""
    hooks: tuple[EventHook, ...] = ()
    """What is done when something happens; those of `podkeeper.yaml` among them."""
    connection: str | None = None
    """The Podman to use: a name of `podman system connection`, or a URL; None takes the one that is found."""
    source: Path | None = None
    """The `environment.yaml` it came from; None for what was found by convention."""
    locations: Mapping[KeyPath, Location] = {}
    """Where each of the file's keys was written, in it or in what it extends."""
