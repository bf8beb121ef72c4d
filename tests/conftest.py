"""For all tests: models with their field descriptions, as completion and the protocol's export see them."""

import os

os.environ.setdefault("PODKEEPER_DESCRIBE_MODELS", "1")
