"""Each verb is where it is said to be, and is loaded alone."""

import subprocess
import sys

import pytest

from containers.cli.verbs import VERBS, load


@pytest.mark.parametrize("module", sorted(set(VERBS.values())))
def test_a_module_has_the_verbs_that_it_is_said_to_have(module: str) -> None:
    """In the order of the help, and no others."""
    assert list(load(module)) == [verb for verb, where in VERBS.items() if where == module]


ONE_VERB = """
import sys
from typer.main import get_command
from containers.cli.main import app
get_command(app).commands["ps"]
print(*sorted(name for name in sys.modules if name.startswith("containers.cli.")))
"""


def test_a_verb_is_loaded_alone() -> None:
    """A command waits for the modules of no other."""
    done = subprocess.run([sys.executable, "-c", ONE_VERB], capture_output=True, text=True, check=True)
    loaded = {name.removeprefix("containers.cli.") for name in done.stdout.split()}
    assert loaded & set(VERBS.values()) == {"listing"}
