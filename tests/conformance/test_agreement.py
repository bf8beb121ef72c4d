"""Podkeeper and docker compose come to the same verdict and the same document, to the letter."""

import shutil
from pathlib import Path

import pytest
from tests.conformance.agreement import (
    DOCKER_COMPOSE,
    ask_docker_compose,
    ask_podkeeper,
    disagreement,
    process_environment,
)
from tests.conformance.case_files import Case, all_cases


@pytest.mark.parametrize("case", tuple(all_cases()), ids=lambda case: case.id)
def test_podkeeper_and_docker_compose_agree(case: Case, tmp_path: Path) -> None:
    """The same verdict, and for what is right the same document."""
    folder = tmp_path / "stack"
    folder.mkdir()
    case.write(folder)
    environment = process_environment(folder, case.environment)
    theirs = ask_docker_compose(folder, case.arguments, environment)
    ours = ask_podkeeper(folder, case.arguments, environment)
    assert disagreement(theirs, ours) == []


def test_the_oracle_is_installed() -> None:
    """The development dependency brings the program itself."""
    assert shutil.which(DOCKER_COMPOSE)
