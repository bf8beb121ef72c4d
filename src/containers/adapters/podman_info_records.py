"""Podman's answer to `GET info`, as it comes over the wire."""

from typing import Annotated

from pydantic import Field

from containers.adapters.podman_records import NotNull, NotNullList, Record


class IdMapRecord(Record):
    """One row of a user namespace's map."""

    container_id: int = 0
    host_id: int = 0


class IdMappingsRecord(Record):
    """`host.idMappings`."""

    uidmap: Annotated[tuple[IdMapRecord, ...], NotNullList] = ()


class SecurityRecord(Record):
    """`host.security`."""

    rootless: bool = False
    selinux_enabled: bool = Field(default=False, alias="selinuxEnabled")


class RuntimeRecord(Record):
    """`host.ociRuntime`."""

    name: str = ""


class HostRecord(Record):
    """`host` of `GET info`."""

    cgroup_manager: str = Field(default="", alias="cgroupManager")
    cgroup_version: str = Field(default="", alias="cgroupVersion")
    cgroup_controllers: Annotated[tuple[str, ...], NotNullList] = Field(default=(), alias="cgroupControllers")
    event_logger: str = Field(default="", alias="eventLogger")
    network_backend: str = Field(default="", alias="networkBackend")
    id_mappings: Annotated[IdMappingsRecord, NotNull] = Field(default=IdMappingsRecord(), alias="idMappings")
    oci_runtime: Annotated[RuntimeRecord, NotNull] = Field(default=RuntimeRecord(), alias="ociRuntime")
    security: Annotated[SecurityRecord, NotNull] = SecurityRecord()

    @property
    def owner_uid(self) -> int:
        """Who runs a rootless engine: the user that its root is mapped to."""
        return next((m.host_id for m in self.id_mappings.uidmap if m.container_id == 0), 0)


class VersionRecord(Record):
    """`version` of `GET info`."""

    version: str = Field(default="", alias="Version")


class InfoRecord(Record):
    """`GET info`."""

    host: HostRecord = HostRecord()
    version: VersionRecord = VersionRecord()
