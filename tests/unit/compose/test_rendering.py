"""The canonical document in podman-compose's words, with nothing private in it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.fakes.projects import BUSYBOX, project

from containers.compose.rendering import Rendered, materials, render
from containers.compose.rendering_resources import Material
from containers.model.errors import ErrorCode, TranslationError
from containers.model.project import ResolvedProject

PODMAN_4 = (4, 3, 1)


def rendered(resolved: ResolvedProject, version: tuple[int, ...] = PODMAN_4) -> Rendered:
    """Render with every secret and config at a path that names it."""
    files = {m: m.value if m.origin == "file" else f"/state/{m.name}" for m in materials(resolved)}
    return render(resolved, files, version)


def document(resolved: ResolvedProject, version: tuple[int, ...] = PODMAN_4) -> dict[str, Any]:
    """The rendered document, parsed."""
    parsed: dict[str, Any] = json.loads(rendered(resolved, version).text)
    return parsed


def service(keys: Mapping[str, Any], version: tuple[int, ...] = PODMAN_4) -> dict[str, Any]:
    """One service with these keys, rendered."""
    found: dict[str, Any] = document(project(services={"app": keys}), version)["services"]["app"]
    return found


def warnings(keys: Mapping[str, Any]) -> tuple[str, ...]:
    """What is said about one service with these keys."""
    return rendered(project(services={"app": keys})).warnings


def revealed(keys: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """What is behind the placeholders of one key."""
    done = rendered(project(services={"app": keys}))
    return done.hidden.reveal_list(json.loads(done.text)["services"]["app"][key])


def test_values_never_reach_the_document() -> None:
    """Environment, commands, checks, labels, annotations and paths are placeholders."""
    keys = {
        "environment": {"PASSWORD": "s3cret"},
        "command": ["serve", "--token", "s3cret"],
        "entrypoint": ["s3cret"],
        "healthcheck": {"test": ["CMD-SHELL", "curl -u me:s3cret localhost"]},
        "labels": {"a": "s3cret"},
        "annotations": {"a": "s3cret"},
        "volumes": [{"type": "bind", "source": "/home/s3cret", "target": "/d"}],
    }
    assert "s3cret" not in rendered(project(services={"app": keys}, configs={})).text


def test_values_do_not_change_the_document() -> None:
    """So the recording of a structure serves every value."""
    texts = {
        rendered(project(services={"app": {"environment": {"A": value}, "command": [value]}})).text
        for value in ("1", "2")
    }
    assert len(texts) == 1


def test_dollars_mean_themselves_behind_placeholders() -> None:
    """The canonical document writes `$` twice, and no value has more of them in the end."""
    assert revealed({"environment": {"A": "${B}"}}, "environment") == ("A=${B}",)
    assert revealed({"command": ["echo", "$HOME"]}, "command") == ("echo", "$HOME")


def test_unset_variables_are_left_out() -> None:
    """They are unset in the container too."""
    assert revealed({"environment": {"A": None, "B": ""}}, "environment") == ("B=",)
    assert "environment" not in service({"environment": {"A": None}})


def test_what_the_plan_does_is_left_out() -> None:
    """podman-compose must neither wait, build, pull, scale nor choose."""
    keys = {
        "build": {"context": "/src"},
        "depends_on": {"app": {"condition": "service_healthy", "required": True}},
        "profiles": ["debug"],
        "pull_policy": "always",
        "deploy": {"replicas": 3, "mode": "replicated"},
        "scale": 3,
        "ipc": "host",
    }
    assert set(service(keys)) == {"image", "networks"}


def test_the_image_is_a_placeholder_that_stands_alone() -> None:
    """It is found again in the arguments, whatever else looks like an image there."""
    done = rendered(project(services={"app": {"command": [BUSYBOX]}}))
    image = json.loads(done.text)["services"]["app"]["image"]
    assert image.startswith("@")
    assert done.hidden.reveal(image) == BUSYBOX


def test_networks_and_volumes_have_their_engine_names() -> None:
    """External ones look like others: what would be done to them is thrown away later."""
    resolved = project(
        services={"app": {"volumes": [{"type": "volume", "source": "data", "target": "/d"}]}},
        networks={"default": {"name": "shared", "external": True}},
        volumes={
            "data": {"labels": {"a": None}, "driver_opts": {"type": "tmpfs"}},
            "kept": {"name": "elsewhere", "external": True, "labels": {}},
        },
    )
    done = document(resolved)
    assert done["networks"] == {"default": {"name": "shared"}}
    assert done["volumes"]["data"]["name"] == "demo_data"
    assert done["volumes"]["kept"] == {"name": "elsewhere"}
    assert done["volumes"]["data"]["driver_opts"] == {"type": "tmpfs"}
    assert done["services"]["app"]["volumes"] == ["data:/d"]


def test_networks_and_volumes_that_nobody_uses_are_used_once() -> None:
    """podman-compose creates only what a service uses; docker compose creates all."""
    resolved = project(
        services={"app": {"network_mode": "none"}}, networks={"lonely": {}}, volumes={"empty": {}}
    )
    extra = document(resolved)["services"]["podkeeper-unused"]
    assert (extra["networks"], extra["volumes"]) == (["lonely"], ["empty:/0"])
    without_networks = document(project(services={"app": {"network_mode": "none"}}, volumes={"empty": {}}))
    assert without_networks["services"]["podkeeper-unused"]["network_mode"] == "none"


def test_a_project_without_services_is_empty() -> None:
    """There is nothing to ask podman-compose."""
    resolved = project(services={"app": {"network_mode": "none"}})
    assert not rendered(resolved).is_empty
    assert rendered(resolved.model_copy(update={"document": {"name": "demo"}, "services": {}})).is_empty


def test_network_settings_keep_to_what_podman_has() -> None:
    """Docker's own driver options are translated or told, never handed to a driver that refuses them."""
    network = {
        "driver": "bridge",
        "internal": True,
        "enable_ipv4": False,
        "labels": {"a": "b"},
        "driver_opts": {
            "com.docker.network.driver.mtu": "1400",
            "com.docker.network.bridge.name": "br9",
            "isolate": "true",
        },
        "ipam": {
            "driver": "host-local",
            "options": {"a": "b"},
            "config": [{"subnet": "10.9.0.0/24", "gateway": "10.9.0.1", "aux_addresses": {"h": "10.9.0.9"}}],
        },
    }
    done = rendered(project(networks={"default": network}))
    shown = json.loads(done.text)["networks"]["default"]
    assert shown["driver_opts"] == {"mtu": "1400", "isolate": "true"}
    assert shown["ipam"] == {
        "driver": "host-local",
        "config": [{"subnet": "10.9.0.0/24", "gateway": "10.9.0.1"}],
    }
    assert [warning.split(":")[1].strip() for warning in done.warnings] == [
        "driver_opts.com.docker.network.bridge.name",
        "ipam.options",
        "ipam.config.aux_addresses",
        "enable_ipv4",
    ]


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ({"target": 80}, "80"),
        ({"target": 80, "published": "8080"}, "8080:80"),
        ({"target": 53, "published": "53", "protocol": "udp"}, "53:53/udp"),
        ({"target": 80, "published": "8080", "host_ip": "127.0.0.1", "mode": "ingress"}, "127.0.0.1:8080:80"),
        ({"target": 80, "host_ip": "127.0.0.1"}, "127.0.0.1::80"),
        ({"target": 80, "published": "80", "host_ip": "::1"}, "[::1]:80:80"),
        ({"target": 80, "published": "80", "host_ip": "[::1]"}, "[::1]:80:80"),
    ],
)
def test_ports_are_short(port: dict[str, Any], expected: str) -> None:
    """With IPv6 addresses in brackets, as Podman wants them."""
    assert service({"ports": [port]})["ports"] == [expected]


def test_a_temporary_file_system_belongs_to_the_containers_user() -> None:
    """Podman takes no numbers for its owner."""
    assert service({"tmpfs": ["/a:uid=5,gid=6,mode=700", "/b", "/c:size=1m"], "user": "5:6"})["tmpfs"] == [
        "/a:mode=700,U",
        "/b",
        "/c:size=1m",
    ]
    assert service({"tmpfs": ["/a:uid=0,gid=0"]})["tmpfs"] == ["/a"]
    assert warnings({"tmpfs": ["/a:uid=5"]})[0].startswith("service app: tmpfs: /a: uid=5: ")


def test_a_runtime_of_its_own_is_refused() -> None:
    """The remote command line has no option for it; what everybody has needs none."""
    assert "runtime" not in service({"runtime": "runc"})
    with pytest.raises(TranslationError, match=r"service app: runtime: .* such as kata") as caught:
        service({"runtime": "kata"})
    assert caught.value.code is ErrorCode.UNSUPPORTED_BY_PODMAN


def test_a_limit_of_zero_is_a_limit() -> None:
    """The canonical form may leave a zero out; podman-compose would refuse what is left."""
    limits = {"core": {}, "nproc": 5, "nofile": {"soft": 1, "hard": 2}, "cpu": {"hard": 3}}
    expected = {"core": "0:0", "nproc": "5:5", "nofile": "1:2", "cpu": "0:3"}
    assert service({"ulimits": limits})["ulimits"] == expected


def test_devices_are_short() -> None:
    """CDI names have no second half."""
    devices = [
        {"source": "/dev/fuse", "target": "/dev/other", "permissions": "r"},
        {"source": "/dev/null"},
        {"source": "nvidia.com/gpu=all", "target": "nvidia.com/gpu=all", "permissions": "rwm"},
    ]
    assert service({"devices": devices})["devices"] == [
        "/dev/fuse:/dev/other:r",
        "/dev/null:/dev/null:rwm",
        "nvidia.com/gpu=all",
    ]


def test_hosts_have_a_colon_and_the_gateway_where_podman_knows_it() -> None:
    """Podman learnt `host-gateway` in 4.7; before, the service starts without that name, with a warning."""
    hosts = {"extra_hosts": ["db=10.0.0.1", "six=[::1]", "host.docker.internal=host-gateway"]}
    assert service(hosts)["extra_hosts"] == ["db:10.0.0.1", "six:::1"]
    assert service(hosts, (5, 4))["extra_hosts"][2] == "host.docker.internal:host-gateway"
    assert "host.containers.internal" in warnings(hosts)[0]


def test_checks_keep_to_what_podman_takes() -> None:
    """No `start_interval`, which Podkeeper sees to, and no zero, which Podman refuses."""
    check = {
        "test": ["CMD", "probe", "now"],
        "interval": "0s",
        "timeout": "3s",
        "retries": 0,
        "start_period": "1m0s",
        "start_interval": "1s",
    }
    shown = service({"healthcheck": check})["healthcheck"]
    assert {key: value for key, value in shown.items() if key != "test"} == {
        "timeout": "3s",
        "start_period": "1m0s",
    }
    assert len(shown["test"]) == 2
    assert service({"healthcheck": {"test": ["NONE"]}})["healthcheck"] == {"disable": True}
    assert service({"healthcheck": {"disable": True}})["healthcheck"] == {"disable": True}
    assert "healthcheck" not in service({"healthcheck": {"interval": "3s"}})


def test_logging_keeps_to_podmans_drivers_and_options() -> None:
    """A driver that Podman lacks would keep the container from being created."""
    known = {"logging": {"driver": "local", "options": {"max-size": "10m", "max-file": "3"}}}
    assert service(known)["logging"] == {"driver": "k8s-file", "options": {"max-size": "10m"}}
    assert "max-file" in warnings(known)[0]
    assert "logging" not in service({"logging": {"driver": "syslog"}})
    assert "syslog" in warnings({"logging": {"driver": "syslog"}})[0]


def test_connections_are_a_list_until_they_say_something() -> None:
    """The interface's name has another key in podman-compose."""
    assert service({"networks": {"a": None, "b": {}}})["networks"] == ["a", "b"]
    shown = service({"networks": {"a": None, "b": {"interface_name": "eth7", "aliases": ["x"]}}})
    assert shown["networks"] == {"a": {}, "b": {"x-podman.interface_name": "eth7", "aliases": ["x"]}}


def test_one_mac_address_is_enough() -> None:
    """podman-compose refuses one on the service beside one on a network."""
    both = {"mac_address": "02:42:ac:11:65:43", "networks": {"a": {"mac_address": "02:42:ac:11:65:44"}}}
    assert "mac_address" not in service(both)
    assert service({"mac_address": "02:42:ac:11:65:43"})["mac_address"] == "02:42:ac:11:65:43"


def test_the_services_mac_address_is_for_its_first_network() -> None:
    """By priority, then by name; where another network has one of its own too."""
    networks: dict[str, Any] = {"a": None, "b": {"mac_address": "02:42:ac:11:65:44"}, "c": {"priority": 1}}
    shown = service({"mac_address": "02:42:ac:11:65:43", "networks": networks})["networks"]
    assert [shown[key].get("mac_address") for key in "abc"] == [
        None,
        "02:42:ac:11:65:44",
        "02:42:ac:11:65:43",
    ]


def test_modes_name_containers_and_networks_that_podman_has() -> None:
    """`service:x` is a container, `default` is the bridge, links lead to services that are there."""
    resolved = project(
        services={
            "app": {"pid": "service:db", "network_mode": "default", "links": ["db:d", "gone"]},
            "db": {"container_name": "the-db"},
        }
    )
    shown = document(resolved)["services"]["app"]
    assert (shown["pid"], shown["network_mode"], shown["links"]) == ("container:the-db", "bridge", ["db:d"])
    assert service({"pid": "host"})["pid"] == "host"


def test_gpus_are_reserved_the_one_way_that_counts() -> None:
    """`gpus` and reservations alike; all of them is no number; other drivers are not Podman's."""
    reserved = {
        "reservations": {"memory": "1024", "devices": [{"capabilities": ["gpu"], "device_ids": ["0"]}]}
    }
    keys = {"gpus": [{"count": -1}, {"count": 2, "driver": "amd"}], "deploy": {"resources": reserved}}
    shown = service(keys)["deploy"]["resources"]["reservations"]
    nvidia = {"driver": "nvidia", "capabilities": ["gpu"]}
    assert shown == {"memory": "1024", "devices": [{**nvidia, "device_ids": ["0"]}, nvidia]}
    assert service({"gpus": [{"count": 2}]})["deploy"]["resources"]["reservations"]["devices"] == [
        {**nvidia, "count": 2}
    ]


def test_limits_are_kept() -> None:
    """Also those that only Swarm's section has."""
    limits = {"cpus": 0.5, "memory": "1024", "pids": 3}
    assert service({"deploy": {"resources": {"limits": limits}}})["deploy"] == {
        "resources": {"limits": limits}
    }


def test_mounts_are_short_where_nothing_more_is_said() -> None:
    """Propagation, labels and subpaths need the long form; a mode is octal for mount."""
    volumes = [
        {"type": "bind", "source": "/a", "target": "/a", "read_only": True, "bind": {}},
        {"type": "bind", "source": "/b", "target": "/b", "read_only": True, "bind": {"selinux": "z"}},
        {"type": "volume", "target": "/c", "volume": {}},
        {"type": "volume", "source": "v", "target": "/d", "read_only": True},
        {"type": "volume", "source": "v", "target": "/e", "volume": {"subpath": "s"}},
        {"type": "tmpfs", "target": "/f", "tmpfs": {"size": "1024", "mode": 1023}},
        {"type": "image", "source": "img", "target": "/g"},
        {"type": "tmpfs", "target": "/h"},
        {"type": "image", "source": "img", "target": "/i", "image": {"subpath": "s"}},
    ]
    shown = service({"volumes": volumes}, (5, 4))["volumes"]
    assert shown[0].startswith("./@")
    assert shown[0].endswith(":/a:ro")
    assert shown[1]["bind"] == {"selinux": "z"}
    assert shown[1]["read_only"] is True
    assert shown[2:4] == ["/c", "v:/d:ro"]
    assert shown[4]["volume"] == {"subpath": "s"}
    assert shown[5]["tmpfs"] == {"size": "1024", "mode": "1777"}
    assert shown[6]["source"] == "img"
    assert shown[7] == {"type": "tmpfs", "target": "/h", "tmpfs": {}}
    assert shown[8]["image"] == {"subpath": "/s"}


@pytest.mark.parametrize(("kind", "since"), [("volume", (5, 4)), ("image", (5, 1))])
def test_a_part_of_a_volume_is_refused_where_podman_mounts_wholes(kind: str, since: tuple[int, ...]) -> None:
    """The whole in its place would show files that nobody asked for."""
    keys = {"volumes": [{"type": kind, "source": "v", "target": "/e", kind: {"subpath": "s"}}]}
    service(keys, since)
    with pytest.raises(TranslationError, match=rf"{kind}\.subpath needs Podman 5\.") as caught:
        service(keys)
    assert caught.value.code is ErrorCode.UNSUPPORTED_BY_PODMAN


def test_replicas_do_not_share_an_anonymous_volume() -> None:
    """podman-compose would give them one volume with one name."""
    keys = {"volumes": [{"type": "volume", "target": "/c"}], "deploy": {"replicas": 2}}
    assert "volumes" not in service(keys)


def test_foreign_mounts_are_told_and_impossible_ones_refused() -> None:
    """A pipe of Windows has no meaning here; a target must be a path."""
    assert "npipe" in warnings({"volumes": [{"type": "npipe", "source": "p", "target": "/p"}]})[0]
    with pytest.raises(TranslationError, match="service app: nothing can be mounted on c:d") as caught:
        service({"volumes": [{"type": "bind", "source": "/a", "target": "c:d"}]})
    assert (caught.value.code, caught.value.service) == (ErrorCode.UNSUPPORTED_BY_PODMAN, "app")


def test_providers_make_no_container() -> None:
    """They are told, and podman-compose does not hear of them."""
    done = rendered(project(services={"app": {}, "cloud": {"provider": {"type": "aws"}}}))
    assert set(json.loads(done.text)["services"]) == {"app"}
    assert any("cloud" in warning for warning in done.warnings)


def test_podmans_own_extensions_pass() -> None:
    """Others do not; a root file system instead of an image is no service of compose."""
    keys = {"x-podman.no_hosts": True, "x-podman.rootfs": "/r", "x-mine": 1}
    assert service(keys).keys() & keys.keys() == {"x-podman.no_hosts"}


def test_secrets_are_files_that_are_mounted() -> None:
    """From a file as from a variable; the value is in neither the document nor an argument."""
    resolved = project(
        services={
            "app": {
                "secrets": [
                    {"source": "token", "target": "/run/secrets/token"},
                    {"source": "key", "target": "id", "mode": "0400"},
                    {"source": "cert", "mode": "0440", "uid": "5"},
                ]
            }
        },
        secrets={
            "token": {"environment": "TOKEN"},
            "key": {"environment": "KEY"},
            "cert": {"file": "/certs/c.pem", "x-podman.relabel": "z"},
        },
    )
    assert materials(resolved) == (
        Material("secrets", "token", "environment", "TOKEN", 0o444),
        Material("secrets", "key", "environment", "KEY", 0o400),
        Material("secrets", "cert", "file", "/certs/c.pem", 0o444),
    )
    done = rendered(resolved)
    shown = json.loads(done.text)
    granted = shown["services"]["app"]["secrets"]
    assert [entry["target"] for entry in granted] == [
        "/run/secrets/token",
        "/run/secrets/id",
        "/run/secrets/cert",
    ]
    files = [done.hidden.reveal(shown["secrets"][entry["source"]]["file"]) for entry in granted]
    assert files[2] == ".//certs/c.pem"
    assert shown["secrets"][granted[2]["source"]]["x-podman.relabel"] == "z"
    assert [warning.split(":")[1].strip() for warning in done.warnings] == [
        "secrets.cert.uid",
        "secrets.cert.mode",
    ]


def test_external_secrets_are_podmans_under_their_real_name() -> None:
    """podman-compose refuses a name that differs from the key."""
    resolved = project(
        services={"app": {"secrets": [{"source": "s", "target": "/run/secrets/s", "mode": "0400"}]}},
        secrets={"s": {"external": True, "name": "real"}},
    )
    shown = document(resolved)
    assert shown["secrets"] == {"real": {"external": True, "name": "real"}}
    assert shown["services"]["app"]["secrets"] == [
        {"source": "real", "target": "/run/secrets/s", "mode": "0400"}
    ]


def test_configs_are_mounted_read_only() -> None:
    """Inline content too, unescaped, at the root where no target is said."""
    resolved = project(
        services={"app": {"configs": [{"source": "c"}, {"source": "f", "target": "/etc/f"}]}},
        configs={"c": {"content": "cost: 5$"}, "f": {"file": "/etc/host"}},
    )
    assert materials(resolved)[0] == Material("configs", "c", "content", "cost: 5$", 0o444)
    mounts = document(resolved)["services"]["app"]["volumes"]
    assert [mount.partition(":")[2] for mount in mounts] == ["/c:ro", "/etc/f:ro"]


def test_external_configs_are_refused() -> None:
    """Podman keeps none, and a service without its configuration is worse than none."""
    resolved = project(
        services={"app": {"configs": [{"source": "c"}]}}, configs={"c": {"external": True, "name": "c"}}
    )
    with pytest.raises(TranslationError, match="config c") as caught:
        rendered(resolved)
    assert caught.value.code is ErrorCode.UNSUPPORTED_BY_PODMAN
