"""Environments: the same stack in development, staging, production."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from containers.model.base import Model


class EnvironmentConfig(Model):
    """One environment, resolved: which files with which variables make the stack."""

    name: str
    compose_files: tuple[Path, ...] = ()
    """Absolute, in merging order."""
    environment_variables: Mapping[str, str] = {}
    """For interpolation; the process environment wins over these, as it does over `.env`."""
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
    source: Path | None = None
    """The `environment.yaml` it came from; None for what was found by convention."""
