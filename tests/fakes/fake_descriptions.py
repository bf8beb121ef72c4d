"""How the fake engine describes a container: from the options that it was created with."""

from tests.fakes.fake_container import FakeContainer

from containers.model.described import Attachment, ContainerDescription, DescribedMount, EngineDefaults
from containers.model.project import HealthCheck, PortMapping, RestartPolicy


def describe(container: FakeContainer) -> ContainerDescription:
    """The options that stacks of tests use; everything else is as where it is not given."""
    env = (value.partition("=")[::2] for value in container.options("--env"))
    name, _, retries = container.option("--restart", "no").partition(":")
    short = str(container.id)[:12]
    test = container.option("--health-cmd", "")
    return ContainerDescription(
        id=container.id,
        name=container.name,
        image_id=container.image_id,
        running=container.runs,
        engine=EngineDefaults(log_driver="k8s-file", runtime="runc"),
        command=container.recipe.command,
        environment={"PATH": "/bin", "container": "podman", "HOSTNAME": short, **dict(env)},
        working_dir=container.option("--workdir", "/"),
        user=container.option("--user", ""),
        hostname=container.option("--hostname", short),
        labels=container.labels,
        mounts=tuple(_mount(value) for value in container.options("--volume")),
        ports=tuple(
            PortMapping(
                target=port.container_port,
                published=str(port.host_port),
                host_ip=port.host_ip,
                protocol=port.protocol,
            )
            for port in container.ports
        ),
        networks={network: Attachment(aliases=_aliases(container)) for network in container.networks},
        network_mode="bridge",
        restart_policy=RestartPolicy(name=name, max_retries=int(retries) if retries else None),
        health_check=HealthCheck(test=("CMD-SHELL", test), retries=container.retries) if test else None,
        stop_signal=15,
        log_driver="k8s-file",
        runtime="runc",
        ipc_mode="shareable",
        pid_mode="private",
        uts_mode="private",
    )


def _mount(text: str) -> DescribedMount:
    source, target, *mode = text.split(":")
    kind = "bind" if source.startswith("/") else "volume"
    return DescribedMount(type=kind, source=source, target=target, read_only="ro" in mode)


def _aliases(container: FakeContainer) -> frozenset[str]:
    given = (part for value in container.options("--network") for part in value.partition(":")[2].split(","))
    named = (part.removeprefix("alias=") for part in given if part.startswith("alias="))
    return frozenset({str(container.id)[:12], *named})
