"""From podman-compose's calls to recipes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.fakes.projects import BUSYBOX, project

from containers.compose.recipes import assemble, missing, sort_calls
from containers.compose.rendering import render
from containers.model.base import ServiceName
from containers.model.project import ResolvedProject
from containers.ports.translation import ContainerRecipe, Translation

APP = ServiceName("app")


def translated(
    resolved: ResolvedProject, options: Sequence[str], *others: tuple[str, ...], said: Sequence[str] = ()
) -> Translation:
    """Assemble as if podman-compose had made `options` of the service `app`."""
    rendered = render(resolved, {}, (4, 3, 1))
    shown = json.loads(rendered.text)["services"]["app"]
    create = (
        *("create", "--name=demo_app_1", "--label", "io.podman.compose.service=app"),
        *options,
        shown["image"],
        *shown.get("command", ()),
    )
    return assemble(resolved, rendered, sort_calls([create, *others]), said)


def recipe(keys: Mapping[str, Any], *options: str) -> ContainerRecipe:
    """The recipe of one service with these keys and recorded options."""
    return translated(project(services={"app": keys}), options).containers[APP]


def values_of(recipe: ContainerRecipe, option: str) -> list[str]:
    """The values of every occurrence of an option."""
    return [recipe.options[i + 1] for i, found in enumerate(recipe.options) if found == option]


def test_image_command_and_options_are_told_apart() -> None:
    """The command may name the image again; the container's name is not part of a recipe."""
    made = recipe({"command": [BUSYBOX, "-f"]}, "-i")
    assert (made.image, made.command) == (BUSYBOX, (BUSYBOX, "-f"))
    assert "-i" in made.options
    assert not any(option.startswith("--name") for option in made.options)


def test_lists_unfold_behind_their_option() -> None:
    """One recorded variable stands for all, and keeps lines, quotes and equals signs."""
    keys = {"environment": {"A": "1", "B": 'two "words"\nand=more'}}
    assert values_of(recipe(keys, "-e", "podkeeper=@podkeepers-0@"), "-e") == [
        "A=1",
        'B=two "words"\nand=more',
    ]


def test_lists_unfold_inside_of_json() -> None:
    """Quotes in a value can not break out of it."""
    made = recipe({"entrypoint": ['say "hi"', "é"]}, "--entrypoint", '["@podkeepers-0@"]')
    assert json.loads(values_of(made, "--entrypoint")[0]) == ['say "hi"', "é"]
    assert "é" in values_of(made, "--entrypoint")[0]


def test_labels_tell_docker_compose_whose_the_container_is() -> None:
    """Real paths in place of the private folder's, dependencies, and no systemd unit that is not there."""
    resolved = project(
        services={
            "app": {
                "depends_on": {"db": {"condition": "service_healthy", "restart": True, "required": True}}
            },
            "db": {},
        }
    )
    recorded = (
        *("--label", "PODMAN_SYSTEMD_UNIT=podman-compose@demo.service"),
        *("--label", "com.docker.compose.project=demo"),
        *("--label", "com.docker.compose.project.working_dir=/private"),
        *("--label", "com.docker.compose.project.config_files=compose.json"),
    )
    labels = values_of(translated(resolved, recorded).containers[APP], "--label")
    assert dict(label.split("=", 1) for label in labels) == {
        "io.podman.compose.service": "app",
        "com.docker.compose.project": "demo",
        "com.docker.compose.project.working_dir": "/srv/demo",
        "com.docker.compose.project.config_files": "/srv/demo/compose.yaml",
        "com.docker.compose.config-hash": resolved.services[APP].config_hash,
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.version": "2",
        "com.docker.compose.depends_on": "db:service_healthy:true",
    }


def test_options_that_podman_compose_drops_are_added() -> None:
    """With the names of other services' containers."""
    assert values_of(recipe({"ipc": "service:app"}), "--ipc") == ["container:demo_app_1"]


def bind(source: str, mount: str) -> ContainerRecipe:
    """The recipe of a bind mount that podman-compose has written as `-v`."""
    volume = {"type": "bind", "source": source, "target": "/d"}
    return recipe({"volumes": [volume]}, "-v", f"@podkeeper-1@:{mount}")


def test_bind_mounts_have_their_real_source() -> None:
    """In the short form as long as that is clear."""
    assert values_of(bind("/srv/a", "/d:ro,z"), "-v") == ["/srv/a:/d:ro,z"]


def test_a_colon_in_a_path_needs_the_long_form() -> None:
    """Quoted as CSV, which is what Podman reads there."""
    made = bind('/srv/a:b,"c"', "/d:ro,Z,rslave,rbind")
    assert values_of(made, "--mount") == [
        'type=bind,"source=/srv/a:b,""c""",destination=/d,ro,relabel=private,bind-propagation=rslave'
    ]


def test_folders_that_docker_would_make_are_told() -> None:
    """Unless the file says that a missing one is an error."""
    assert bind("/srv/$a", "/d").host_folders == ("/srv/$a",)
    strict = {"type": "bind", "source": "/a", "target": "/d", "bind": {"create_host_path": False}}
    assert recipe({"volumes": [strict]}).host_folders == ()


def test_a_volume_that_is_not_filled_from_the_image_needs_the_short_form() -> None:
    """`nocopy` is no word of Podman's long form."""
    volumes = [
        {"type": "volume", "source": "a", "target": "/a", "volume": {"nocopy": True}},
        {"type": "volume", "source": "b", "target": "/b"},
    ]
    made = recipe(
        {"volumes": volumes},
        *("--mount", "type=volume,source=demo_a,destination=/a,ro"),
        *("--mount", "type=volume,source=demo_b,destination=/b"),
    )
    assert values_of(made, "-v") == ["demo_a:/a:nocopy,ro"]
    assert values_of(made, "--mount") == ["type=volume,source=demo_b,destination=/b"]


def test_anonymous_volumes_are_told_by_the_name_podman_compose_gives_them() -> None:
    """Those of the project are not among them."""
    resolved = project(
        services={
            "app": {
                "volumes": [
                    {"type": "volume", "target": "/a"},
                    {"type": "volume", "source": "b", "target": "/b"},
                ]
            }
        }
    )
    options = (
        *("--mount", "type=volume,source=demo_app_abc,destination=/a"),
        *("--mount", "type=volume,source=demo_b,destination=/b"),
        *("--mount", "type=bind,source=/x,destination=/x"),
    )
    create = ("volume", "create", "--label", "com.docker.compose.project=demo", "demo_app_abc")
    done = translated(resolved, options, create)
    assert done.containers[APP].volumes == ("demo_app_abc",)
    assert "com.docker.compose.project=demo" in done.volumes["demo_app_abc"]


def test_replicas_have_anonymous_volumes_each() -> None:
    """Podman names them, one for each container."""
    volumes = [
        {"type": "volume", "target": "/a"},
        {"type": "volume", "target": "/b", "read_only": True},
        {"type": "volume", "source": "c", "target": "/c"},
    ]
    made = recipe({"volumes": volumes, "deploy": {"replicas": 2}})
    assert values_of(made, "--mount") == ["type=volume,destination=/a", "type=volume,destination=/b,ro"]


def test_networks_and_volumes_carry_docker_composes_keys() -> None:
    """External ones are nobody's to create."""
    resolved = project(
        services={"app": {"networks": {"own": None, "foreign": None}}},
        networks={"foreign": {"external": True, "name": "foreign"}, "own": {"labels": {"a": "b"}}},
        volumes={"data": {}},
    )
    done = translated(
        resolved,
        (),
        ("network", "exists", "demo_own"),
        ("network", "create", "--label", "podkeeper=@podkeepers-0@", "--internal", "demo_own"),
        ("network", "create", "foreign"),
        ("volume", "create", "demo_data"),
        said=("podman-compose: something",),
    )
    assert done.networks == {
        "demo_own": (
            *("--label", "a=b", "--internal"),
            *("--label", "com.docker.compose.version=2", "--label", "com.docker.compose.network=own"),
        )
    }
    assert done.volumes == {
        "demo_data": ("--label", "com.docker.compose.version=2", "--label", "com.docker.compose.volume=data")
    }
    assert done.warnings == ("podman-compose: something",)


def test_services_that_were_passed_over_are_missed() -> None:
    """Apart from those that are no containers."""
    resolved = project(services={"app": {}, "db": {}, "cloud": {"provider": {"type": "aws"}}})
    recording = sort_calls([("create", "--label", "io.podman.compose.service=app", "x"), ("create", "x"), ()])
    assert missing(resolved, recording) == ("db",)
