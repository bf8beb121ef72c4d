"""For all tests: models with their field descriptions, and nothing that breaks unseen."""

import logging
import os
from collections.abc import Iterator

import pytest

# as completion and the protocol's export see them
os.environ.setdefault("PODKEEPER_DESCRIBE_MODELS", "1")


@pytest.fixture(autouse=True)
def nothing_breaks_unseen(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The bus survives a handler that breaks, and logs it; a test that sees no more than that must fail."""
    yield
    broken = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.name == "containers.bus" and record.levelno >= logging.ERROR
    ]
    assert not broken, broken
