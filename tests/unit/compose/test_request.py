"""What a caller that needs a project is told where there is none."""

from typing import Any

import pytest
from tests.fakes.memory_files import HERE

from containers.model.errors import ErrorCode, PodkeeperError


def test_the_first_error_is_told_and_where_all_are_shown(load: Any) -> None:
    """With its place; a single one is not counted."""
    with pytest.raises(PodkeeperError) as refused:
        load("services: {web: {image: 1, ports: x}}").require()
    assert refused.value.code is ErrorCode.INVALID_TYPE
    assert str(refused.value).startswith(f"{HERE}/compose.yaml:1:")
    assert refused.value.remedy.endswith("`podkeeper validate` shows all 2 errors")
    with pytest.raises(PodkeeperError) as refused:
        load("services: {web: {image: 1}}").require()
    assert "validate" not in refused.value.remedy
