"""Random compose projects that are right, in the many ways they can be written."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

Document: TypeAlias = dict[str, Any]
Some: TypeAlias = st.SearchStrategy[Any]

ODD: Final = (
    *("yes", "no", "on", "off", "y", "N", "true", "False", "null", "Null", "~", "", " ", "=", "<<", "-", "?"),
    *("0", "08", "0o17", "0777", "0x1F", "1_000", "1e3", ".5", "1.", "+1", "-0", ".inf", ".NaN", "12:30:45"),
    *(
        "2024-01-01",
        "2024-01-01T00:00:00Z",
        "- a",
        "a: b",
        "a:",
        "# c",
        "a #c",
        "'",
        '"',
        "'a'",
        '"a',
        "{",
        "}",
    ),
    *(
        "[a]",
        "&a",
        "*a",
        "!x",
        "!!int 3",
        "%A",
        "@a",
        "`a`",
        "|",
        ">",
        "a\nb",
        "a\n",
        "\na",
        " a",
        "a ",
        "a\tb",
    ),
    *(
        "\t",
        "\r",
        "a\r\nb",
        "\x85",
        "\u2028",
        "\ufeff",
        "é",
        "日本",
        "😀",
        "\x07",
        "\x7f",
        "\\",
        "\\n",
        "a\\",
    ),
    *(
        "$",
        "$$",
        "${A}",
        "$A",
        "${",
        "$$$",
        "5$",
        "---",
        "...",
        "a,b",
        "a=b",
        "=a",
        "a'b\"c",
        "%(x)s",
        "{{.ID}}",
    ),
)
"""Texts that YAML, a shell or an interpolation could take for something else."""

texts: Final[Some] = st.sampled_from(ODD) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
)
names: Final[Some] = st.from_regex(r"[a-z][a-z0-9_-]{0,6}", fullmatch=True)
"""Of services and resources."""
variables: Final[Some] = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)
labels: Final[Some] = st.from_regex(r"[a-z][a-z0-9./_-]{0,8}", fullmatch=True)
sizes: Final[Some] = st.sampled_from(["64m", "1g", "512k", "1.5GB", "1048576", "256 MiB"])
durations: Final[Some] = st.sampled_from(["90s", "1m30s", "1h", "500ms", "0s", "1.5s", "1d"])
paths: Final[Some] = st.sampled_from(["./data", "/srv/x", "../up", "~/home", "./a b", "./ü"])
targets: Final[Some] = st.sampled_from(["/a", "/b/c", "/d/", "/e//f", "/g/./h", "/ü x"])
ports_of_hosts: Final[Some] = st.integers(1024, 65000)
numbers: Final[Some] = st.integers(1, 65000)
booleans: Final[Some] = st.booleans() | st.sampled_from(["yes", "off", "TRUE", "n"])


def quoted(text: str) -> str:
    """A text as YAML that cannot be misread: all but plain ASCII is escaped."""
    escapes = {'"': '\\"', "\\": "\\\\"}
    return '"' + "".join(escapes.get(c) or (c if " " <= c <= "~" else f"\\U{ord(c):08x}") for c in text) + '"'


def as_yaml(value: Any) -> str:
    """A document whose texts mean themselves: YAML is told that they are texts, compose that `$` is `$`."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)}: {as_yaml(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(as_yaml(item) for item in value) + "]"
    if isinstance(value, str):
        return quoted(value.replace("$", "$$"))
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def some_of(parts: Mapping[str, Some], most: int) -> Some:
    """A mapping with a few of these keys."""
    chosen = st.lists(st.sampled_from(sorted(parts)), max_size=most, unique=True)
    return chosen.flatmap(lambda keys: st.fixed_dictionaries({key: parts[key] for key in keys}))


def assignments(keys: Some, values: Some) -> Some:
    """`{A: 1}` and `[A=1, B]`."""
    pairs = st.dictionaries(keys, values, max_size=4)
    written = pairs.map(lambda d: [k if v is None else f"{k}={v}" for k, v in d.items()])
    return pairs | written


def few(items: Some) -> Some:
    """A short list without repeats."""
    return st.lists(items, max_size=3, unique_by=repr)


scalars: Final[Some] = texts | st.integers(-(10**6), 10**20) | st.booleans() | st.floats(-1e9, 1e9)
short_ports: Final[Some] = st.one_of(
    numbers,
    numbers.map(str),
    st.builds("{}:{}".format, ports_of_hosts, numbers),
    st.builds("127.0.0.1:{}:{}/udp".format, ports_of_hosts, numbers),
    st.builds("[::1]:{}:{}".format, ports_of_hosts, numbers),
    st.builds(lambda h, c: f"{h}-{h + 2}:{c}-{c + 2}", ports_of_hosts, numbers),
    st.builds(lambda h, c: f"{h}-{h + 3}:{c}", ports_of_hosts, numbers),
)
long_ports: Final[Some] = st.fixed_dictionaries(
    {"target": numbers},
    optional={
        "published": ports_of_hosts | ports_of_hosts.map(str),
        "protocol": st.sampled_from(["tcp", "udp"]),
        "host_ip": st.just("127.0.0.1"),
        "mode": st.sampled_from(["host", "ingress"]),
        "name": texts,
    },
)
volume_lists: Final[Some] = st.lists(
    st.one_of(
        targets,
        st.builds("{}:{}".format, paths, targets),
        st.builds("{}:{}:ro,z".format, paths, targets),
        st.builds("data:{}".format, targets),
        st.builds(
            lambda source, target, bind: {"type": "bind", "source": source, "target": target, "bind": bind},
            paths,
            targets,
            some_of({"propagation": st.just("rslave"), "create_host_path": booleans}, 2),
        ),
        st.builds(lambda target: {"type": "tmpfs", "target": target, "tmpfs": {"size": "64m"}}, targets),
        st.builds(lambda target: {"type": "volume", "source": "data", "target": target}, targets),
    ),
    max_size=3,
    unique_by=lambda v: v["target"] if isinstance(v, dict) else v.split(":")[min(1, v.count(":"))],
)
PLAIN: Final[Mapping[str, Some]] = {
    "annotations": assignments(labels, texts),
    "cap_add": few(st.sampled_from(["NET_ADMIN", "SYS_TIME", "ALL"])),
    "cpus": st.sampled_from([0.5, 2, "1.5"]),
    "command": st.none() | few(texts) | st.sampled_from(["run --fast", "sh -c 'a b'", 'echo "a  b"', ""]),
    "dns": st.just("1.1.1.1") | few(st.sampled_from(["1.1.1.1", "8.8.8.8", "::1"])),
    "dns_search": few(labels),
    "entrypoint": st.none() | few(texts) | st.just("/bin/sh -c"),
    "environment": assignments(variables, texts | st.none())
    | st.dictionaries(variables, scalars | st.none(), max_size=4),
    "expose": few(numbers | numbers.map(str)),
    "extra_hosts": few(st.sampled_from(["a=1.1.1.1", "b=2.2.2.2", "c=[::1]"]))
    | st.just({"d": "4.4.4.4", "e": ["5.5.5.5", "6.6.6.6"]}),
    "group_add": few(labels | numbers),
    "hostname": labels,
    "init": booleans,
    "labels": assignments(labels, texts),
    "logging": st.fixed_dictionaries(
        {"driver": st.sampled_from(["journald", "k8s-file"])},
        optional={"options": st.dictionaries(st.sampled_from(["tag", "max-size"]), texts, max_size=2)},
    ),
    "mem_limit": sizes,
    "ports": few(short_ports | long_ports),
    "privileged": booleans,
    "pull_policy": st.sampled_from(["always", "missing", "never", "if_not_present"]),
    "read_only": booleans,
    "restart": st.sampled_from(["no", "always", "on-failure:3", "unless-stopped"]),
    "shm_size": sizes | st.integers(1, 10**9),
    "stop_grace_period": durations,
    "stop_signal": st.sampled_from(["SIGTERM", "SIGUSR1"]),
    "sysctls": assignments(labels, scalars),
    "tmpfs": st.just("/run/a:size=1m") | few(st.sampled_from(["/t", "/t/u", "/run:mode=755"])),
    "tty": booleans,
    "ulimits": st.sampled_from([{"nofile": 10}, {"nofile": {"soft": 1, "hard": 2}, "nproc": "3"}]),
    "user": texts,
    "working_dir": targets,
    "x-note": texts,
}
"""The keys of a service that mean the same wherever it stands."""
extensions: Final[Some] = st.recursive(
    scalars, lambda inner: few(inner) | st.dictionaries(labels, inner, max_size=2), max_leaves=4
)
JOINED: Final[Mapping[str, Some]] = {
    "build": st.just("./app")
    | st.fixed_dictionaries(
        {"context": paths},
        optional={
            "args": assignments(variables, texts),
            "dockerfile": st.just("d/Dockerfile"),
            "target": labels,
            "tags": few(labels),
            "labels": assignments(labels, texts),
        },
    ),
    "configs": st.sampled_from([["note"], [{"source": "page", "target": "/page", "mode": "0440"}]]),
    "deploy": some_of(
        {
            "replicas": st.integers(0, 4) | st.just("2"),
            "labels": assignments(labels, texts),
            "resources": st.just(
                {"limits": {"cpus": "0.5", "memory": "1g"}, "reservations": {"memory": "64m"}}
            ),
            "restart_policy": st.just({"condition": "on-failure", "delay": "5s", "max_attempts": 3}),
        },
        3,
    ),
    "devices": few(st.sampled_from(["/dev/fuse", "/dev/null:/dev/x:r"])),
    "healthcheck": st.fixed_dictionaries(
        {"test": texts.filter(bool) | texts.map(lambda text: ["CMD", "probe", text])},
        optional={
            "interval": durations,
            "timeout": durations,
            "retries": st.integers(0, 9),
            "start_period": durations,
        },
    )
    | st.just({"disable": True}),
    "networks": st.sampled_from(
        [["front"], {"front": {"aliases": ["a", "b"]}, "back": None}, {"shared": {}}]
    ),
    "profiles": few(names),
    "secrets": st.sampled_from([["token"], [{"source": "key", "target": "id", "mode": 0o400, "uid": "5"}]]),
    "volumes": volume_lists,
}
"""Those that name something else of the project."""
SAID_BY_DEPLOY: Final = frozenset({"cpus", "mem_limit"})
"""Older keys, which must not differ from what `deploy` says."""
CONDITIONS: Final = ("service_started", "service_healthy", "service_completed_successfully")
RESOURCES: Final[Mapping[str, Some]] = {
    "networks": st.fixed_dictionaries(
        {
            "front": st.none()
            | some_of(
                {
                    "driver": st.just("bridge"),
                    "internal": booleans,
                    "labels": assignments(labels, texts),
                    "driver_opts": st.dictionaries(labels, texts, max_size=2),
                    "ipam": st.just({"config": [{"subnet": "10.9.0.0/24", "gateway": "10.9.0.1"}]}),
                },
                3,
            ),
            "back": st.just({"name": "other"}),
            "shared": st.sampled_from([{"external": True}, {"external": True, "name": "elsewhere"}]),
        }
    ),
    "volumes": st.fixed_dictionaries(
        {
            "data": st.none()
            | some_of({"labels": assignments(labels, texts), "driver": st.just("local"), "name": labels}, 2)
        }
    ),
    "secrets": st.fixed_dictionaries(
        {
            "token": st.sampled_from([{"file": "./token"}, {"environment": "TOKEN"}, {"external": True}]),
            "key": st.just({"file": "/srv/key"}),
        }
    ),
    "configs": st.fixed_dictionaries(
        {
            "note": st.builds(lambda text: {"content": text}, texts.filter(bool)),
            "page": st.sampled_from([{"file": "./page"}, {"environment": "PAGE"}]),
        }
    ),
}


@st.composite
def services(draw: Any, earlier: tuple[str, ...]) -> Document:
    """One service, which may wait for earlier ones."""
    service: Document = {"image": draw(st.sampled_from(["x", "localhost/app:1", "reg:5000/a/b@sha256:12"]))}
    service |= draw(some_of(PLAIN, 6)) | draw(some_of(JOINED, 4))
    if "deploy" in service:
        service = {key: value for key, value in service.items() if key not in SAID_BY_DEPLOY}
    chosen = draw(few(st.sampled_from(earlier))) if earlier else []
    if chosen:
        condition = st.sampled_from(CONDITIONS)
        settings = st.fixed_dictionaries({"condition": condition}, optional={"restart": booleans})
        long = st.fixed_dictionaries(dict.fromkeys(chosen, settings))
        service["depends_on"] = draw(st.just(chosen) | long)
    return service


@st.composite
def projects(draw: Any) -> Document:
    """One document, in which whatever is named is there."""
    chosen = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    document: Document = {"services": {}}
    for index, name in enumerate(chosen):
        document["services"][name] = draw(services(tuple(chosen[:index])))
    document |= draw(st.fixed_dictionaries(dict(RESOURCES)))
    if draw(st.booleans()):
        document["x-top"] = draw(extensions)
    return document
