"""`docs/events.md` is what the models say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from containers.model import events_page
from containers.model.events import EventBase

PAGE = Path(__file__).parents[2] / "docs" / "events.md"


def test_the_page_is_as_the_models_are() -> None:
    """Or `./dev protocol` has to be run."""
    done = subprocess.run(
        [sys.executable, "-m", "containers.model.events_page", str(PAGE), "--check"],
        env={**os.environ, "PODKEEPER_DESCRIBE_MODELS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_stale_page_is_noticed_and_written_anew(tmp_path: Path) -> None:
    """What stands around the generated part stays."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{events_page.BEGIN}\nold\n{events_page.END}\nafter\n")
    assert events_page.main([str(page), "--check"]) == 1
    assert events_page.main([str(page)]) == 0
    assert events_page.main([str(page), "--check"]) == 0
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("\nafter\n")


def test_a_page_without_marks_is_refused() -> None:
    """Rather than overwritten."""
    with pytest.raises(ValueError, match="two marks"):
        events_page.renewed("words")


@pytest.mark.parametrize("model", events_page.models(), ids=lambda m: m.__name__)
def test_every_event_says_what_each_of_its_fields_means(model: type[EventBase]) -> None:
    """Readers match on these."""
    assert model.__doc__
    unsaid = [name for name, field in model.model_fields.items() if not events_page.meaning(name, field)]
    assert set(unsaid) <= {"kind"}


@pytest.mark.parametrize("model", events_page.models(), ids=lambda m: m.__name__)
def test_every_example_is_an_event_that_can_be_read_back(model: type[EventBase]) -> None:
    """And it is of the kind that it stands under."""
    example = events_page.example(model)
    assert model.model_validate_json(example.model_dump_json()) == example
    assert json.loads(example.model_dump_json())["kind"] == events_page.kinds_of(model)[0]
