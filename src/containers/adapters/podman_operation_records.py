"""Podman's answers about processes, use of resources and images, as they come over the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from containers.adapters.podman_errors import from_text
from containers.model.base import ContainerId, ImageId
from containers.model.operations import ImageFacts, ProcessTable, UsageSample

_NotNull = BeforeValidator(lambda value: {} if value is None else value)
_NotNullList = BeforeValidator(lambda value: [] if value is None else value)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, defer_build=True)


class TopRecord(_Record):
    """`GET containers/{id}/top`."""

    titles: Annotated[tuple[str, ...], _NotNullList] = Field(default=(), alias="Titles")
    processes: Annotated[tuple[tuple[str, ...], ...], _NotNullList] = Field(default=(), alias="Processes")

    def to_table(self) -> ProcessTable:
        """The domain model."""
        return ProcessTable(titles=self.titles, rows=self.processes)


class UsageRecord(_Record):
    """An entry of `GET containers/stats`."""

    container: str = Field(alias="ContainerID")
    name: str = Field(default="", alias="Name")
    cpu_ns: int = Field(default=0, alias="CPUNano")
    at_ns: int = Field(default=0, alias="SystemNano")
    memory: int = Field(default=0, alias="MemUsage")
    memory_limit: int = Field(default=0, alias="MemLimit")
    network_in: int = Field(default=0, alias="NetInput")
    network_out: int = Field(default=0, alias="NetOutput")
    block_in: int = Field(default=0, alias="BlockInput")
    block_out: int = Field(default=0, alias="BlockOutput")
    processes: int = Field(default=0, alias="PIDs")

    def to_sample(self) -> UsageSample:
        """The domain model."""
        return UsageSample(
            container=ContainerId(self.container),
            name=self.name,
            cpu_ns=self.cpu_ns,
            at_ns=self.at_ns,
            memory_bytes=self.memory,
            memory_limit_bytes=self.memory_limit,
            network_in_bytes=self.network_in,
            network_out_bytes=self.network_out,
            block_in_bytes=self.block_in,
            block_out_bytes=self.block_out,
            processes=self.processes,
        )


class UsageReport(_Record):
    """`GET containers/stats`: Podman answers 200 and puts an error inside."""

    error: object = Field(default=None, alias="Error")
    stats: Annotated[tuple[UsageRecord, ...], _NotNullList] = Field(default=(), alias="Stats")

    def to_samples(self, doing: str) -> tuple[UsageSample, ...]:
        """The domain models.

        Raises:
            EngineError: the report names an error.
        """
        if self.error is not None:
            # Podman 4 loses the words of its error; what it tells of so is a container that is gone
            raise from_text(str(self.error or "no such container"), doing)
        return tuple(record.to_sample() for record in self.stats)


class ImageConfigRecord(_Record):
    """`Config` of an image."""

    volumes: Annotated[dict[str, object], _NotNull] = Field(default={}, alias="Volumes")


class ImageRecord(_Record):
    """`GET images/{name}/json`."""

    id: str = Field(alias="Id")
    tags: Annotated[tuple[str, ...], _NotNullList] = Field(default=(), alias="RepoTags")
    architecture: str = Field(default="", alias="Architecture")
    system: str = Field(default="", alias="Os")
    size: int = Field(default=0, alias="Size")
    created: datetime | None = Field(default=None, alias="Created")
    config: Annotated[ImageConfigRecord, _NotNull] = Field(default=ImageConfigRecord(), alias="Config")

    def to_facts(self) -> ImageFacts:
        """The domain model."""
        return ImageFacts(
            id=ImageId(self.id),
            tags=self.tags,
            platform=f"{self.system}/{self.architecture}",
            size_bytes=self.size,
            created_at=self.created,
            volumes=tuple(self.config.volumes),
        )
