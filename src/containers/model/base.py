"""The base of every domain model and the NewTypes that name things."""

from typing import NewType

from pydantic import BaseModel, ConfigDict

ProjectName = NewType("ProjectName", str)
ServiceName = NewType("ServiceName", str)
ContainerId = NewType("ContainerId", str)
ImageId = NewType("ImageId", str)
TransactionId = NewType("TransactionId", str)
StepId = NewType("StepId", str)


class Model(BaseModel):
    """Frozen, closed, and documented by the docstring under each field."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        defer_build=True,  # a command builds only the models it uses: start-up time
    )
