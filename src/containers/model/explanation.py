"""Why a value of a project is what it is."""

from typing import Any

from containers.model.base import Model
from containers.model.project import KeyPath
from containers.model.source import Location
from containers.model.variables import VariableOrigin


class Layer(Model):
    """One place that set a value."""

    location: Location
    written: str
    """The value as it stands in the file, on one line."""
    variables: tuple[VariableOrigin, ...] = ()
    """The variables that it names, in order."""


class Entry(Model):
    """One value below the one that was asked for."""

    path: str
    value: Any
    location: Location | None = None
    """None when it was filled in by default."""


class Explanation(Model):
    """Everything that had a part in one value of the canonical document."""

    path: str
    key_path: KeyPath
    value: Any
    """As containers get it: one `$` is one dollar."""
    layers: tuple[Layer, ...] = ()
    """The place that counts first, then what it replaced; empty when it was filled in by default."""
    entries: tuple[Entry, ...] = ()
    """For a mapping or list: what is in it, down to the single values."""
