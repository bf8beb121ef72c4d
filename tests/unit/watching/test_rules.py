"""What rules make of changed files: where they go, what stays out, and what follows."""

from pathlib import Path
from typing import Any

import pytest
from tests.fakes.projects import SOMEWHERE, project

from containers.model.base import ContainerId, ServiceName
from containers.model.errors import ErrorCode, PodkeeperError
from containers.model.files import FileEntry
from containers.watching.known import Difference
from containers.watching.ledger import Ledger
from containers.watching.meaning import Role, parts_of, services_to_reload, touched
from containers.watching.rules import SyncRule, rules_of
from containers.watching.work import Work, work_of

API = ServiceName("api")
SRC = Path("/srv/demo/src")


def rule(**written: Any) -> SyncRule:
    """One rule of one service."""
    ignored = written.pop("dockerignore", ())
    volumes = written.pop("volumes", [])
    full = {"path": str(SRC), "action": "sync", "target": "/app", **written}
    api = {"develop": {"watch": [full]}, "volumes": volumes}
    service = project(services={"api": api}).services[API]
    return rules_of([service], {API: (SOMEWHERE, ignored)})[0]


def link(path: str, target: str) -> FileEntry:
    """A link that is there."""
    return FileEntry(Path(path), "link", target)


def test_a_path_goes_to_its_place_below_the_target() -> None:
    """And a rule about one file has its target for that file."""
    assert rule().target_of(SRC / "a" / "b.py") == "/app/a/b.py"
    assert rule(path=str(SRC / "one.py"), target="/app/main.py").target_of(SRC / "one.py") == "/app/main.py"


@pytest.mark.parametrize(
    ("mounts", "is_mounted"),
    [
        (["/srv/demo/src:/app"], True),
        (["/srv/demo/src:/app/:ro"], True),
        (["/srv:/", "/srv/demo/src:/app"], True),
        (["/srv/demo:/", "/srv/demo/src:/elsewhere"], False),
        (["/srv/demo/src:/source"], False),
        (["/srv/demo/src:/app/part"], False),
        (["/srv/demo/other:/app"], False),
        (["data:/app"], False),
        ([], False),
    ],
)
def test_what_is_mounted_at_its_target_is_not_copied_onto_itself(
    mounts: list[str],
    is_mounted: bool,  # noqa: FBT001
) -> None:
    """Each copy would be a change of what is watched."""
    volumes = [
        {"type": "bind" if source.startswith("/") else "volume", "source": source, "target": target}
        for source, target in (mount.split(":")[:2] for mount in mounts)
    ]
    synced = rule(volumes=volumes)
    assert synced.is_mounted is is_mounted
    assert synced.copies is not is_mounted


def test_what_is_mounted_below_its_target_is_not_copied_onto_itself_either() -> None:
    """The rest of the folder is."""
    mount = {"type": "bind", "source": f"{SRC}/shared", "target": "/app/shared"}
    synced = rule(volumes=[mount])
    paths = [SRC / "a.py", SRC / "shared" / "b.py", SRC / "shared"]
    found = Difference(tuple(FileEntry(path, "file") for path in paths), ())
    assert work_of([synced], found, (), 0.0).changed == ((synced, SRC / "a.py"),)


def test_a_command_that_follows_runs_for_what_is_mounted_as_well() -> None:
    """In all that run, not only in those that something was copied to."""
    mount = {"type": "bind", "source": f"{SRC}/shared", "target": "/app/shared"}
    synced = rule(action="sync+exec", exec={"command": ["again"]}, volumes=[mount])
    hook = synced.rule.exec
    assert hook is not None
    plain, mounted = FileEntry(SRC / "a.py", "file"), FileEntry(SRC / "shared" / "b.py", "file")

    def meaning(*entries: FileEntry) -> Work:
        return work_of([synced], Difference(entries, ()), (), 0.0).work[API]

    assert meaning(plain) == Work(sync=True, hooks=(hook,))
    assert meaning(mounted) == Work(mounted_hooks=(hook,))
    assert meaning(plain, mounted) == Work(sync=True, hooks=(hook,), mounted_hooks=(hook,))
    assert meaning(mounted).joined(meaning(mounted)).mounted_hooks == (hook,)
    assert meaning(mounted).action == "exec"


def test_what_comes_to_be_mounted_is_not_copied_any_more() -> None:
    """Symptom: a container made anew with the mount got the files once more, onto themselves."""
    mount = {"type": "bind", "source": f"{SRC}/shared", "target": "/app/shared"}
    ledger, before, now = Ledger(), rule(), rule(volumes=[mount])
    ledger.note((before, path) for path in (SRC / "a.py", SRC / "shared" / "b.py"))
    ledger.revise([now])
    (lacking,) = ledger.lacking(ContainerId("made anew"), API).paths
    assert lacking == (before, SRC / "a.py")
    ledger.revise([])
    assert ledger.lacking(ContainerId("made anew"), API).paths == (lacking,)


def test_rules_ignore_include_and_the_build_contexts_ignore_file_all_count() -> None:
    """Each relative to its own folder."""
    strict = rule(ignore=["skip"], include=["**/*.py", "keep"], dockerignore=["src/secret.py"])
    names = ["a.py", "d/b.py", "skip/c.py", "secret.py", "notes.md", "keep/x"]
    assert [n for n in names if strict.counts(SRC / n)] == ["a.py", "d/b.py", "keep/x"]
    assert not strict.counts(SRC.parent / "a.py")


@pytest.mark.parametrize("target", ["/app/../../etc", "..", "/..", "app/../x"])
def test_a_target_that_climbs_is_refused(target: str) -> None:
    """Whatever it would come to."""
    with pytest.raises(PodkeeperError) as refusal:
        rule(target=target)
    assert refusal.value.code is ErrorCode.PATH_ESCAPES


@pytest.mark.parametrize("to", ["/etc/passwd", "../compose.yaml", "d/../../x", "/srv/demo", "/srv/demo/srcs"])
def test_a_link_that_leads_out_is_refused(to: str) -> None:
    """It is neither followed nor copied."""
    with pytest.raises(PodkeeperError) as refusal:
        rule().copy_of(link("/srv/demo/src/l", to))
    assert refusal.value.code is ErrorCode.PATH_ESCAPES


@pytest.mark.parametrize(
    ("to", "copied_as"), [("a.py", "a.py"), ("../a.py", "../a.py"), ("/srv/demo/src/x/a.py", "../x/a.py")]
)
def test_a_link_that_stays_inside_is_copied_as_a_link(to: str, copied_as: str) -> None:
    """One with an absolute path of this machine becomes a relative one."""
    copy = rule().copy_of(link("/srv/demo/src/d/l", to))
    assert copy is not None
    assert (copy.kind, copy.link, copy.target) == ("link", copied_as, "/app/d/l")


def test_what_is_neither_file_nor_folder_nor_link_is_left_out() -> None:
    """A socket has no content."""
    assert rule().copy_of(FileEntry(SRC / "s", "other")) is None


def test_a_change_becomes_work_for_each_service_with_a_rule_about_it() -> None:
    """Several rules of one service are joined."""
    stack = project(
        services={
            "api": {
                "develop": {
                    "watch": [
                        {"path": str(SRC), "action": "sync+restart", "target": "/app"},
                        {
                            "path": str(SRC / "hook"),
                            "action": "sync+exec",
                            "target": "/h",
                            "exec": {"command": ["x"]},
                        },
                    ]
                }
            },
            "web": {"develop": {"watch": [{"path": str(SRC), "action": "rebuild"}]}},
            "db": {"x-podkeeper": {"reload": {"signal": "HUP"}}},
        }
    )
    rules = rules_of(stack.services.values(), {})
    difference = Difference((FileEntry(SRC / "hook" / "a", "file"),), (SRC / "gone",))
    batch = work_of(rules, difference, [ServiceName("db")], 5.0)
    assert {str(name): work.action for name, work in batch.work.items()} == {
        "api": "sync+restart+exec",
        "web": "rebuild",
        "db": "reload",
    }
    assert [(r.rule.target, p.name) for r, p in batch.changed] == [
        ("/app", "a"),
        ("/app", "gone"),
        ("/h", "a"),
    ]


def test_a_container_lacks_what_changed_since_it_was_last_delivered_to() -> None:
    """A new container lacks everything, one that was away what changed meanwhile."""
    ledger, sync = Ledger(), rule()
    old, new = ContainerId("old"), ContainerId("new")
    ledger.note([(sync, SRC / "a"), (sync, SRC / "b")])
    ledger.delivered(old, ledger.lacking(old, API))
    assert ledger.lacking(old, API).paths == ()
    ledger.note([(sync, SRC / "a")])
    assert [p.name for _, p in ledger.lacking(old, API).paths] == ["a"]
    assert [p.name for _, p in ledger.lacking(new, API).paths] == ["b", "a"]
    assert ledger.lacking(new, ServiceName("web")).paths == ()
    ledger.forget_containers({new})
    assert [p.name for _, p in ledger.lacking(old, API).paths] == ["b", "a"]


def test_a_rule_that_is_read_again_is_the_same_one() -> None:
    """So nothing is delivered twice because the compose file was saved."""
    assert rule() == rule()
    assert hash(rule()) == hash(rule())
    assert rule() != rule(target="/other")


def test_mounted_configuration_is_told_from_data() -> None:
    """What a service writes to must not make it reload for ever."""
    stack = project(
        services={
            "web": {
                "volumes": [
                    {"type": "bind", "source": "/c/nginx.conf", "target": "/etc/nginx.conf"},
                    {"type": "bind", "source": "/c/conf.d", "target": "/etc/nginx/conf.d"},
                    {"type": "bind", "source": "/c/site", "target": "/site", "read_only": True},
                    {"type": "bind", "source": "/c/data", "target": "/var/lib/data"},
                ],
                "configs": [{"source": "app"}],
                "x-podkeeper": {"reload": {"signal": "HUP"}},
            },
            "db": {"build": {"context": "/c/db"}},
        },
        configs={"app": {"file": "/c/app.toml"}},
    )
    parts = parts_of(stack)
    assert {str(p.path) for p in parts if p.role is Role.BIND} == {"/c/nginx.conf", "/c/conf.d", "/c/site"}
    names = ("conf.d/a.conf", "data/x", "db/Dockerfile", ".nginx.conf.swp")
    hit = touched(parts, [Path("/c", name) for name in names])
    assert {(p.role, p.services) for p in hit} == {(Role.CONTAINERFILE, ("db",)), (Role.BIND, ("web",))}
    assert services_to_reload(hit, stack.services.values()) == ("web",)
    assert services_to_reload(touched(parts, [Path("/c/app.toml")]), stack.services.values()) == ("web",)
