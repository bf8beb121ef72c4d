"""How an engine describes what others made: the fake as Podman does, rootful and rootless."""

from tests.contract.subjects import CHECK, HEALTHY, RUNS, Subject

from containers.model.base import ContainerId
from containers.model.project import PortMapping


async def test_a_container_is_described_as_it_was_made(subject: Subject) -> None:
    """What was asked for at its creation is told, whether it runs or not."""
    network, volume = f"{subject.project}_back", f"{subject.project}_data"
    await subject.engine.create_network(network, subject.project_label)
    await subject.engine.create_volume(volume, subject.project_label)
    container = await subject.create(
        "web",
        RUNS,
        *("--env", "SUM=a=b", "--restart", "on-failure:3", "--hostname", "webby"),
        *("--volume", f"{volume}:/data:ro", "--publish", "127.0.0.1:47113:80"),
        *("--network", f"{network}:alias=www"),
    )
    seen = (await subject.engine.describe_containers([container]))[container]
    assert (seen.name, seen.running, seen.hostname) == (subject.name("web"), False, "webby")
    assert seen.environment["SUM"] == "a=b"
    assert (seen.restart_policy.name, seen.restart_policy.max_retries) == ("on-failure", 3)
    assert [(m.type, m.source, m.target, m.read_only) for m in seen.mounts] == [
        ("volume", volume, "/data", True)
    ]
    assert seen.ports == (PortMapping(target=80, published="47113", host_ip="127.0.0.1"),)
    assert "www" in seen.networks[network].aliases
    assert (seen.entrypoint, seen.command[:2], len(seen.command)) == ((), ("sh", "-c"), 3)
    assert seen.labels["com.docker.compose.service"] == "web"
    assert seen.health_check is None
    assert "a=b" not in repr(seen)


async def test_a_check_is_described(subject: Subject) -> None:
    """Its command and how many failures count."""
    container = await subject.create("web", HEALTHY)
    check = (await subject.engine.describe_containers([container]))[container].health_check
    assert check is not None
    assert (check.test, check.retries) == (("CMD-SHELL", " ".join(CHECK)), 2)


async def test_a_container_that_is_gone_is_left_out(subject: Subject) -> None:
    """Whoever asks about many gets those that are there."""
    container = await subject.create()
    nobody = ContainerId("0" * 64)
    assert set(await subject.engine.describe_containers([container, nobody])) == {container}
    assert await subject.engine.describe_containers([]) == {}
