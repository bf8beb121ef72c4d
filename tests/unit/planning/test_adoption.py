"""What of a container that another program started differs from its service, and in which words."""

from typing import Any

import pytest
from tests.fakes import observed as seen_as
from tests.fakes.projects import project

from containers.compose.schema_service import Service
from containers.model.base import ContainerId, ImageId, ServiceName
from containers.model.described import (
    Attachment,
    ContainerDescription,
    DescribedMount,
    EngineDefaults,
    ImageDefaults,
)
from containers.model.observed import ObservedState
from containers.model.project import HealthCheck, PortMapping, ResolvedProject, RestartPolicy
from containers.planning.adoption import COMPARED, NOT_COMPARED, compare
from containers.planning.options import Recreate, UpOptions
from containers.planning.plan_text import plan_lines
from containers.planning.up import plan_up

USUAL = frozenset({"CHOWN", "KILL", "SETUID"})
SHORT = "app-1-id-000"
DOCKER = {"com.docker.compose.project": "demo", "com.docker.compose.service": "app"}


def description(**changes: Any) -> ContainerDescription:
    """How docker compose makes a container of a service that says nothing."""
    name = changes.get("name", "demo-app-1")
    plain: dict[str, Any] = {
        "id": ContainerId(SHORT),
        "name": "demo-app-1",
        "image_id": ImageId("sha256:1"),
        "running": True,
        "image": ImageDefaults(
            command=("serve",),
            environment={"PATH": "/bin", "DEBUG": "0"},
            labels={"maintainer": "someone"},
            platform="linux/amd64",
        ),
        "engine": EngineDefaults(log_driver="k8s-file", runtime="runc", capabilities=USUAL),
        "command": ("serve",),
        "environment": {"PATH": "/bin", "DEBUG": "0", "TERM": "xterm", "HOSTNAME": SHORT, "HOME": "/root"},
        "working_dir": "/",
        "hostname": SHORT,
        "labels": {"maintainer": "someone", **DOCKER},
        "networks": {"demo_default": Attachment(aliases=frozenset({name, "app", SHORT}))},
        "network_mode": "bridge",
        "capabilities": USUAL,
        "limits": {"pids_limit": 2048, "shm_size": 65_536_000},
        "ulimits": {"nofile": (1024, 2048)},
        "stop_signal": 15,
        "ipc_mode": "shareable",
        "pid_mode": "private",
        "uts_mode": "private",
        "log_driver": "k8s-file",
        "log_size": "0B",
        "runtime": "runc",
    }
    return ContainerDescription(**{**plain, **changes})


def fields(service: dict[str, Any], seen: ContainerDescription, **sections: Any) -> list[str]:
    """The fields that differ; what can not be compared has a question mark."""
    made = project("demo", {"app": service}, **sections)
    found = compare(made, made.services[ServiceName("app")], seen, {})
    return [f.field if f.known else f"{f.field}?" for f in found]


def test_every_key_of_a_service_is_compared_or_known_not_to_shape_its_container() -> None:
    """A key that the specification gains has to be put into one of the tables."""
    assert not COMPARED.keys() & NOT_COMPARED.keys()
    keys = {field.alias or name for name, field in Service.model_fields.items()}
    assert COMPARED.keys() | NOT_COMPARED.keys() == keys


def test_a_container_of_a_service_that_says_nothing_is_as_it_should_be() -> None:
    """What image, engine and the other program bring along is no difference."""
    assert fields({}, description()) == []


FOREIGN_LABELS = {"maintainer": "someone", **DOCKER}
LIMITS = {"pids_limit": 2048, "shm_size": 65_536_000}
CHECK = {"test": ["CMD", "true"], "interval": "5s", "timeout": "2s", "retries": 4, "start_period": "1s"}
CHECKED = HealthCheck(test=("CMD", "true"), interval_s=5, timeout_s=2, retries=4, start_period_s=1)
DATA = [{"type": "volume", "source": "data", "target": "/data"}]
CONF = [{"type": "bind", "source": "/srv/conf", "target": "/conf", "read_only": True}]
WEB = [{"target": 80, "published": "8080", "protocol": "tcp", "mode": "ingress"}]
DATA_SEEN = DescribedMount(type="volume", source="demo_data", target="/data")
CONF_SEEN = DescribedMount(type="bind", source="/srv/conf/", target="/conf", read_only=True)
WEB_SEEN = PortMapping(target=80, published="8080")

SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"environment": {"DEBUG": "1", "UNSET": None}}, {"environment": {"PATH": "/bin", "DEBUG": "1"}}),
    ({"environment": {"PRICE": "5$$"}}, {"environment": {"PATH": "/bin", "DEBUG": "0", "PRICE": "5$"}}),
    ({"command": ["sh", "-c", "echo $$PATH"]}, {"command": ("sh", "-c", "echo $PATH")}),
    ({"entrypoint": ["sh"]}, {"entrypoint": ("sh",), "command": ()}),
    ({"entrypoint": ["sh"], "command": ["-c"]}, {"entrypoint": (), "command": ("sh", "-c")}),
    ({"labels": {"a": "b"}}, {"labels": {**FOREIGN_LABELS, "a": "b", "PODMAN_SYSTEMD_UNIT": "x"}}),
    ({"annotations": {"a": "b"}}, {"annotations": {"a": "b", "io.podman.annotations.init": "FALSE"}}),
    ({"user": "1000:1000", "working_dir": "/app/"}, {"user": "1000:1000", "working_dir": "/app"}),
    ({"hostname": "web"}, {"hostname": "web"}),
    ({"container_name": "web"}, {"name": "web"}),
    ({}, {"name": "demo_app_1"}),
    ({"stop_signal": "SIGINT"}, {"stop_signal": 2}),
    ({"stop_signal": "SIGRTMIN+3"}, {"stop_signal": 37}),
    ({"restart": "unless-stopped"}, {"restart_policy": RestartPolicy(name="unless-stopped")}),
    ({"restart": "on-failure:3"}, {"restart_policy": RestartPolicy(name="on-failure", max_retries=3)}),
    ({"deploy": {"restart_policy": {}}}, {"restart_policy": RestartPolicy()}),
    ({"healthcheck": CHECK}, {"health_check": CHECKED}),
    ({"healthcheck": CHECK}, {"health_check": CHECKED.model_copy(update={"test": ("CMD-SHELL", "true")})}),
    ({"healthcheck": {"disable": True}}, {"health_check": None}),
    ({"volumes": [*DATA, *CONF]}, {"mounts": (CONF_SEEN, DATA_SEEN)}),
    (
        {"volumes": [{"type": "volume", "target": "/any"}]},
        {"mounts": (DescribedMount(type="volume", source="0af1", target="/any"),)},
    ),
    ({"tmpfs": ["/run:size=64m"]}, {"tmpfs": {"/run": ("size=65536k", "rw", "nosuid", "nodev")}}),
    (
        {"volumes": [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": "1024", "mode": 493}}]},
        {"tmpfs": {"/t": ("size=1024", "mode=755", "rw", "rprivate")}},
    ),
    ({"read_only": True}, {"read_only": True, "tmpfs": {"/tmp": ("rw",), "/run": ("rw",)}}),  # noqa: S108
    ({"ports": WEB}, {"ports": (WEB_SEEN,)}),
    ({"ports": WEB}, {"ports": (WEB_SEEN.model_copy(update={"host_ip": "0.0.0.0"}),)}),  # noqa: S104
    ({"ports": [{"target": 80}]}, {"ports": (PortMapping(target=80, published="40123"),)}),
    (
        {"ports": [{"target": 80, "published": "8000-8010"}]},
        {"ports": (PortMapping(target=80, published="8004"),)},
    ),
    (
        {"networks": {"back": {"aliases": ["www"], "ipv4_address": "10.0.0.5"}}},
        {"networks": {"demo_back": Attachment(aliases=frozenset({"app", "www"}), ipv4_address="10.0.0.5")}},
    ),
    ({"network_mode": "host"}, {"network_mode": "host", "networks": {}, "hostname": "machine"}),
    ({"network_mode": "none"}, {"network_mode": "none", "networks": {}}),
    (
        {"cap_add": ["NET_ADMIN"], "cap_drop": ["CAP_KILL"]},
        {"capabilities": {"CHOWN", "SETUID", "NET_ADMIN"}},
    ),
    ({"cap_drop": ["ALL"], "cap_add": ["CHOWN"]}, {"capabilities": {"CHOWN"}}),
    ({"cap_add": ["ALL"]}, {"capabilities": {*USUAL, "NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"}}),
    ({"privileged": True}, {"privileged": True, "capabilities": {*USUAL, "SYS_ADMIN"}}),
    ({"security_opt": ["no-new-privileges:true"]}, {"security_options": {"no-new-privileges"}}),
    ({"devices": [{"source": "/dev/null", "target": "/dev/x"}]}, {"devices": {("/dev/null", "/dev/x")}}),
    ({"dns": ["1.1.1.1"], "dns_search": ["a.b"]}, {"dns": ("1.1.1.1",), "dns_search": ("a.b",)}),
    ({"extra_hosts": ["x=10.0.0.1"]}, {"extra_hosts": {("x", "10.0.0.1")}}),
    ({"extra_hosts": ["me=host-gateway"]}, {"extra_hosts": {("me", "10.88.0.1")}}),
    ({"mem_limit": "134217728"}, {"limits": {**LIMITS, "mem_limit": 134217728, "memswap_limit": 268435456}}),
    ({"deploy": {"resources": {"limits": {"cpus": 0.5}}}}, {"limits": {**LIMITS, "cpus": 500_000_000}}),
    ({"pids_limit": 100}, {"limits": {**LIMITS, "pids_limit": 100}}),
    ({"ulimits": {"nofile": {"soft": 1, "hard": 2}}}, {"ulimits": {"nofile": (1, 2), "nproc": (9, 9)}}),
    ({"sysctls": {"a.b": "1"}}, {"options": {"--sysctl": ("a.b=1",)}}),
    ({"logging": {"driver": "json-file", "options": {"max-size": "10m"}}}, {"log_size": "10MB"}),
    ({"platform": "linux/amd64"}, {}),
    ({"stop_grace_period": "1m"}, {}),
    ({"init": True, "tty": True, "stdin_open": True}, {"init": True, "tty": True, "stdin_open": True}),
]


@pytest.mark.parametrize(("service", "changes"), SAME)
def test_what_is_said_in_another_way_is_the_same(service: dict[str, Any], changes: dict[str, Any]) -> None:
    """A container that the tools make of this service stays."""
    assert fields(service, description(**changes)) == []


DIFFERENT: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({"environment": {"DEBUG": "1"}}, {}, ["environment DEBUG"]),
    ({}, {"environment": {"PATH": "/bin", "DEBUG": "0", "OLD": "1"}}, ["environment OLD"]),
    ({}, {"environment": {"PATH": "/bin", "DEBUG": "1"}}, ["environment DEBUG"]),
    ({"command": ["other"]}, {}, ["command"]),
    ({}, {"command": ("other",)}, ["command"]),
    ({"entrypoint": ["sh"]}, {}, ["command", "entrypoint"]),
    ({"labels": {"a": "b"}}, {"labels": {**FOREIGN_LABELS, "old": "1"}}, ["labels a", "labels old"]),
    ({}, {"annotations": {"old": "1"}}, ["annotations old"]),
    ({"user": "1000"}, {}, ["user"]),
    ({"working_dir": "/app"}, {}, ["working_dir"]),
    ({"hostname": "web"}, {}, ["hostname"]),
    ({}, {"hostname": "web"}, ["hostname"]),
    ({"container_name": "web"}, {}, ["container_name"]),
    ({}, {"name": "web"}, ["container_name"]),
    ({"stop_signal": "SIGINT"}, {}, ["stop_signal"]),
    ({"restart": "always"}, {}, ["restart"]),
    ({"healthcheck": CHECK}, {}, ["healthcheck"]),
    ({}, {"health_check": CHECKED}, ["healthcheck"]),
    (
        {"healthcheck": {**CHECK, "interval": "9s"}},
        {"health_check": CHECKED},
        ["healthcheck interval"],
    ),
    ({"volumes": DATA}, {}, ["volumes /data"]),
    ({"volumes": DATA}, {"mounts": (CONF_SEEN, DATA_SEEN)}, ["volumes /conf"]),
    ({"volumes": CONF}, {"mounts": (CONF_SEEN.model_copy(update={"read_only": False}),)}, ["volumes /conf"]),
    ({"volumes": [{"type": "image", "source": "x", "target": "/i"}]}, {}, ["volumes /i?"]),
    ({"tmpfs": ["/run"]}, {}, ["tmpfs /run"]),
    ({"ports": WEB}, {}, ["ports 8080:80"]),
    ({}, {"ports": (WEB_SEEN,)}, ["ports 8080:80"]),
    ({"networks": {"default": {}, "back": {}}}, {}, ["networks back"]),
    ({"networks": {"default": {"aliases": ["www"]}}}, {}, ["networks default aliases"]),
    ({"networks": {"default": {"ipv4_address": "10.0.0.5"}}}, {}, ["networks default ipv4_address"]),
    (
        {"networks": {"default": {"ipv4_address": "10.0.0.5"}}},
        {"running": False},
        ["networks default ipv4_address?"],
    ),
    ({"network_mode": "host"}, {}, ["network_mode"]),
    ({"cap_add": ["NET_ADMIN"]}, {}, ["cap_add"]),
    ({}, {"capabilities": {*USUAL, "NET_ADMIN"}}, ["cap_add"]),
    ({"cap_drop": ["KILL"]}, {}, ["cap_drop"]),
    ({"privileged": True}, {}, ["privileged"]),
    ({"security_opt": ["seccomp=unconfined"]}, {}, ["security_opt"]),
    ({"devices": [{"source": "/dev/null"}]}, {}, ["devices /dev/null"]),
    ({"dns": ["1.1.1.1"]}, {}, ["dns"]),
    ({}, {"extra_hosts": {("x", "10.0.0.1")}}, ["extra_hosts"]),
    ({"mem_limit": "1000"}, {}, ["mem_limit"]),
    ({"cpus": 0.5}, {}, ["cpus"]),
    ({"pids_limit": 5}, {}, ["pids_limit"]),
    ({}, {"limits": {**LIMITS, "oom_score_adj": 5}}, ["oom_score_adj"]),
    ({"shm_size": "1024"}, {}, ["shm_size"]),
    ({"ulimits": {"core": 0}}, {}, ["ulimits core"]),
    ({"sysctls": {"a.b": "1"}}, {"options": {}}, ["sysctls"]),
    ({"sysctls": {"a.b": "1"}}, {}, ["sysctls?"]),
    ({}, {"options": {"--sysctl": ("a.b=1",)}}, ["sysctls"]),
    ({"gpus": [{"count": -1}]}, {}, ["gpus?"]),
    ({"logging": {"driver": "journald"}}, {}, ["logging driver"]),
    ({"ipc": "host"}, {}, ["ipc"]),
    ({"pid": "host"}, {}, ["pid"]),
    ({"uts": "host"}, {}, ["uts"]),
    ({"runtime": "crun"}, {}, ["runtime"]),
    ({"platform": "linux/arm64"}, {}, ["platform"]),
    ({"init": True}, {}, ["init"]),
]


@pytest.mark.parametrize(("service", "changes", "expected"), DIFFERENT)
def test_what_differs_is_named_by_its_field(
    service: dict[str, Any], changes: dict[str, Any], expected: list[str]
) -> None:
    """What the service says and the container has not, and the other way round."""
    assert fields(service, description(**changes)) == expected


def test_files_of_secrets_and_configs_are_found_by_their_place() -> None:
    """What has no file can not be seen in a container."""
    service = {
        "secrets": [{"source": "key", "target": "/run/secrets/key"}, {"source": "token"}],
        "configs": [{"source": "app", "target": "/etc/app.conf"}],
    }
    sections = {
        "secrets": {"key": {"file": "/srv/key"}, "token": {"environment": "TOKEN"}},
        "configs": {"app": {"file": "/srv/app.conf"}},
    }
    key = DescribedMount(type="bind", source="/srv/key", target="/run/secrets/key", read_only=True)
    conf = DescribedMount(type="bind", source="/srv/app.conf", target="/etc/app.conf", read_only=True)
    both = description(mounts=(key, conf))
    assert fields(service, both, **sections) == ["secrets token?"]
    assert fields(service, description(mounts=(key,)), **sections) == ["configs app", "secrets token?"]


def test_a_shared_namespace_is_that_of_the_services_own_container() -> None:
    """By its id, whatever its name is."""
    made = project("demo", {"app": {"network_mode": "service:db"}, "db": {}})
    seen = description(network_mode="container:abc", networks={})
    app = made.services[ServiceName("app")]
    assert compare(made, app, seen, {ServiceName("db"): [ContainerId("abc")]}) == ()
    assert [f.field for f in compare(made, app, seen, {ServiceName("db"): [ContainerId("x")]})] == [
        "network_mode"
    ]


def adopted(made: ResolvedProject, **foreign: ContainerDescription) -> ObservedState:
    """An engine on which docker compose has started every service of a project."""
    state = seen_as.applied(made)
    containers = tuple(
        c.model_copy(
            update={
                "name": f"demo-{c.service}-1",
                "labels": {**DOCKER, "com.docker.compose.service": c.service},
            }
        )
        for c in state.containers
    )
    described = {c.id: foreign.get(c.service) or _described(c.id, c.name, c.service) for c in containers}
    return state.model_copy(update={"containers": containers, "foreign": described})


def _described(identity: ContainerId, name: str, service: str, **changes: Any) -> ContainerDescription:
    aliases = frozenset({service, name, identity[:12]})
    return description(
        id=identity,
        name=name,
        hostname=identity[:12],
        networks={"demo_default": Attachment(aliases=aliases)},
        **changes,
    )


def test_an_unchanged_stack_of_another_program_is_left_alone() -> None:
    """The plan says who started it, and changes nothing."""
    made = project("demo", {"app": {}, "db": {}})
    plan = plan_up(made, adopted(made))
    assert plan.is_empty
    kept = "= keep demo-db-1: unchanged; started by docker compose"
    assert kept in plan_lines(plan, with_kept=True)


def test_only_the_service_that_differs_is_recreated_and_the_plan_says_why() -> None:
    """The reason names the field, and never a value."""
    made = project("demo", {"app": {"environment": {"TOKEN": "s3cret"}}, "db": {}})
    lines = plan_lines(plan_up(made, adopted(made)))
    assert lines == (
        "~ recreate demo_app_1: it was started by docker compose, and `environment TOKEN` differs",
    )


def test_a_container_that_podman_binds_to_a_recreated_one_is_recreated_with_it() -> None:
    """Podman removes no container that podman-compose made another one require."""
    made = project(
        "demo",
        {
            "db": {"user": "5"},
            "app": {"depends_on": {"db": {"condition": "service_started", "required": True}}},
        },
    )
    bound = _described(ContainerId("app-1-id"), "demo-app-1", "app", needs=(ContainerId("db-1-id"),))
    lines = plan_lines(plan_up(made, adopted(made, app=bound)))
    assert lines[0].endswith("and `user` differs")
    assert lines[1] == "~ recreate demo_app_1: Podman can not take db away from it, which is recreated"


def test_another_programs_container_is_recreated_when_that_is_asked_for() -> None:
    """Adoption does not stand in the way of `--force-recreate`."""
    made = project("demo", {"app": {}})
    plan = plan_up(made, adopted(made), UpOptions(recreate=Recreate.ALWAYS))
    assert [s.kind for s in plan.changes] == ["create_container", "replace_container"]


def test_an_image_that_podman_compose_built_under_its_own_name_is_not_built_again() -> None:
    """It names images with an underscore; what runs is kept, and building waits for a change."""
    made = project("demo", {"app": {"build": {"context": "/srv/demo"}, "image": "demo-app"}})
    state = adopted(made)
    mine = state.containers[0].model_copy(update={"image": "localhost/demo_app:latest"})
    state = state.model_copy(update={"containers": (mine,), "images": {}})
    assert plan_up(made, state).is_empty
    assert not plan_up(made, state, UpOptions(build=True)).is_empty


def test_a_container_of_a_single_run_is_neither_taken_for_a_replica_nor_removed() -> None:
    """`docker compose run` labels its containers as those of the service, and says what they are."""
    made = project("demo", {"app": {}})
    state = adopted(made)
    mine = state.containers[0]
    labels = {**mine.labels, "com.docker.compose.oneoff": "True"}
    single = mine.model_copy(update={"id": ContainerId("x"), "name": "demo-app-run-1f", "labels": labels})
    state = state.model_copy(update={"containers": (single, mine)})
    assert plan_up(made, state).is_empty


def test_how_foreign_containers_were_made_is_never_written_down() -> None:
    """Their environments may hold secrets: neither the journal nor a log gets them."""
    made = project("demo", {"app": {}})
    secret = _described(ContainerId("app-1-id"), "demo-app-1", "app", environment={"TOKEN": "s3cret"})
    state = adopted(made, app=secret)
    assert "s3cret" not in state.model_dump_json()
    assert "s3cret" not in repr(state)
    assert "s3cret" not in repr(secret)
