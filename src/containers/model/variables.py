"""The variables that compose files name."""

from containers.model.base import Model
from containers.model.source import Location


class Variable(Model):
    """One variable, over every place that names it."""

    name: str
    required: bool = False
    """Whether some place refuses to go on without it (`${NAME:?}`, `${NAME?}`)."""
    default: str = ""
    """What is taken where it is not set (`${NAME:-default}`); empty when nothing is said."""
    alternative: str = ""
    """What is taken where it is set (`${NAME:+alternative}`); empty when nothing is said."""
    message: str = ""
    """What a required variable's place says about it (`${NAME:?message}`)."""
    uses: tuple[Location, ...] = ()
    """Every place that names it, in reading order."""


class VariableOrigin(Model):
    """Where one value of a variable came from."""

    name: str
    value: str | None
    """None when nobody has set it."""
    source: str
    """For people: `the process environment`, a file with its line, or what is taken instead."""
    location: Location | None = None
    """The place in a file that set it."""
