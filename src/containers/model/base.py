"""The base of every domain model and the NewTypes that name things."""

import os
from typing import NewType

from pydantic import BaseModel, ConfigDict

ProjectName = NewType("ProjectName", str)
ServiceName = NewType("ServiceName", str)
ContainerId = NewType("ContainerId", str)
ImageId = NewType("ImageId", str)
TransactionId = NewType("TransactionId", str)
StepId = NewType("StepId", str)

DESCRIBED = bool(os.environ.get("PODKEEPER_DESCRIBE_MODELS"))
"""Whether the docstrings under fields are read into schemas. That parses every model's source, a tenth of a
second at each start, so only who needs descriptions (the protocol's export, completion) asks for them."""


class Model(BaseModel):
    """Frozen, closed, and documented by the docstring under each field."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=DESCRIBED,
        defer_build=True,  # a command builds only the models it uses: start-up time
    )
