"""From every way a service can be written to the one long form; paths become absolute on the way."""

from collections.abc import Callable
from typing import Any, Final

from containers.compose.commands import split_command
from containers.compose.locating import absolute, is_remote_context
from containers.compose.nodes import Map, Origin, Seq, Spot, Template
from containers.compose.reporting import Report
from containers.compose.scalars import written
from containers.compose.short_forms import ShortFormError, is_address, parse_device, parse_ports, parse_volume
from containers.model.errors import ErrorCode


class ServiceForm:
    """Brings one service into its long form, in place; the service has passed the schema."""

    def __init__(self, name: str, service: Map, origin: Origin, report: Report) -> None:
        self._name = name
        self._service = service
        self._origin = origin
        self._report = report

    def settle(self) -> None:
        """Settle every key that has more than one form."""
        service = self._service
        self._settle_assignments(service, ("environment", "labels", "annotations", "sysctls"))
        for key in ("dns", "dns_search", "tmpfs", "label_file"):
            if isinstance(service.get(key), str):
                service[key] = self._single(key)
        if isinstance(service.get("dns"), Seq) and "" in service["dns"]:
            service["dns"] = self._without_blanks(service["dns"])
        self._settle_commands(service)
        for key, form in _FORMS.items():
            if service.get(key) is not None:
                service[key] = form(self, service[key])
        if "pid" in service and service["pid"] is None:
            self._bad("pid has no value", service.spots.get("pid"), "remove the key")
        for key in ("post_start", "pre_stop", "pre_start"):
            for hook in service.get(key) or ():
                self._hook(hook)

    def _settle_assignments(self, holder: Map, keys: tuple[str, ...]) -> None:
        for key in keys:
            if holder.get(key) is not None:
                holder[key] = self._assignments(holder[key], key)

    def _settle_commands(self, holder: Map) -> None:
        for key in ("command", "entrypoint"):
            if isinstance(holder.get(key), str) and not isinstance(holder[key], Template):
                holder[key] = self._split(holder[key], holder.spots.get(key), key)

    def _without_blanks(self, items: Seq) -> Seq:
        """What is left of a list once variables that nobody has set are gone."""
        result = Seq()
        for item, spot in items.pairs():
            if item:
                result.add(item, spot)
        return result

    def _single(self, key: str) -> Seq:
        result = Seq()
        result.add(self._service[key], self._service.spots.get(key))
        return result

    def _bad(self, message: str, spot: Spot | None, hint: str | None = None) -> None:
        self._report.error(
            ErrorCode.INVALID_VALUE, f"services.{self._name}.{message}", spot, service=self._name, hint=hint
        )

    def _absolute(self, path: str, spot: Spot | None) -> str:
        origin = spot.origin if spot is not None else self._origin
        return absolute(path, origin.working_dir, origin.environment)

    def _assignments(self, value: Any, key: str) -> Map:
        """`[A=1, B]` and `{A: 1, B: }` as a mapping of strings; what has no value is None."""
        blank = None if key in {"environment", "args", "additional_contexts"} else ""
        result = Map()
        if isinstance(value, Map):
            for name, entry in value.items():
                result.put(name, blank if entry is None else written(entry), value.spots.get(name))
        elif isinstance(value, Seq):
            for item, spot in value.pairs():
                name, equals, entry = written(item).partition("=")
                if key == "environment" and name != name.rstrip():
                    self._bad(f"environment: the variable name `{name}` ends in a space", spot)
                below = result.spots.get(name)
                over = spot.laid_over(below) if spot is not None else None
                result.put(name, entry if equals else blank, over)
        return result

    def _split(self, text: str, spot: Spot | None, key: str) -> Seq:
        try:
            words = split_command(text)
        except ValueError as error:
            self._bad(f"{key}: {error}", spot, "close the quote, or write the command as a list")
            words = []
        result = Seq()
        for word in words:
            result.add(word, spot)
        return result

    def _hook(self, hook: Any) -> None:
        if not isinstance(hook, Map):
            return
        self._settle_commands(hook)
        self._settle_assignments(hook, ("environment",))

    def build(self, value: Any) -> Map:
        """`build: .` and the long form, with absolute contexts."""
        spot = self._service.spots.get("build")
        if isinstance(value, str):
            build = Map()
            build.put("context", value, spot)
        else:
            build = value
        context = build.get("context")
        if not context:
            build["context"] = self._absolute(".", None)
        elif not is_remote_context(context):
            build["context"] = self._absolute(context, build.spots.get("context", spot))
        self._settle_assignments(build, ("args", "labels", "additional_contexts"))
        for key, form in (
            ("additional_contexts", self._contexts),
            ("extra_hosts", self.extra_hosts),
            ("secrets", self.grants),
            ("ssh", self._ssh),
            ("ulimits", self.ulimits),
        ):
            if build.get(key) is not None:
                build[key] = form(build[key])
        if isinstance(build.get("no_cache_filter"), str):
            build["no_cache_filter"] = Seq([build["no_cache_filter"]])
        if not build.get("dockerfile") and not build.get("dockerfile_inline"):
            build["dockerfile"] = "Dockerfile"
        return build

    def _contexts(self, value: Any) -> Any:
        for name, place in value.items():
            spot = value.spots.get(name)
            if place is None:
                self._bad(f"build.additional_contexts.{name} has no value", spot)
            elif place and not is_remote_context(place):
                value[name] = self._absolute(place, spot)
        return value

    def _ssh(self, value: Any) -> Seq:
        items = self._assignments(value, "args")
        for item, spot in value.pairs() if isinstance(value, Seq) else ():
            if item != "default" and "=" not in item:
                self._bad(f"build.ssh: the key `{item}` has no path", spot, "write `name=path`")
        result = Seq()
        for name, path in sorted(items.items()):
            spot = items.spots.get(name)
            result.add(name if not path else f"{name}: {self._absolute(path, spot)}", spot)
        return result

    def blkio_config(self, value: Any) -> Any:
        """Limits of devices, under the names that compose prints, with nothing left out."""
        for key, amount in _DEVICE_LIMITS.items():
            entries = value.get(key)
            for index, entry in enumerate(entries or ()):
                limit = Map()
                for name, blank in (("path", ""), (amount, 0)):
                    limit.put(name.capitalize(), entry.get(name, blank), entry.spots.get(name))
                entries[index] = limit
        return value

    def ulimits(self, value: Any) -> Any:
        """A limit of 0 is shown as an empty one."""
        for name in [name for name, limit in value.items() if limit == 0]:
            dict.__setitem__(value, name, Map())
        return value

    def depends_on(self, value: Any) -> Map:
        """A list of names, or names with conditions."""
        result = Map()
        if isinstance(value, Seq):
            for name, spot in value.pairs():
                result.put(name, Map({"condition": "service_started", "required": True}), spot)
            return result
        for entry in value.values():
            entry.setdefault("condition", "service_started")
            entry.setdefault("required", True)
        return value  # type: ignore[no-any-return]  # it is a mapping: the schema has seen it

    def env_file(self, value: Any) -> Seq:
        """One path, several, or paths with settings."""
        result = Seq()
        items = value.pairs() if isinstance(value, Seq) else [(value, self._service.spots.get("env_file"))]
        for item, spot in items:
            entry = item if isinstance(item, Map) else Map({"path": item})
            entry["path"] = self._absolute(entry["path"], entry.spots.get("path", spot))
            entry.setdefault("required", True)
            result.add(entry, spot)
        return result

    def label_file(self, value: Any) -> Seq:
        """Paths."""
        for index, (path, spot) in enumerate(list(value.pairs())):
            value[index] = self._absolute(path, spot)
        return value  # type: ignore[no-any-return]  # a list by now

    def networks(self, value: Any) -> Any:
        """A list of names, or names with settings."""
        if not isinstance(value, Seq):
            return value
        result = Map()
        for name, spot in value.pairs():
            result.put(name, None, spot)
        return result

    def ports(self, value: Any) -> Seq:
        """One-line forms, where a range becomes several ports, and the long form."""
        result = Seq()
        for item, spot in value.pairs():
            if isinstance(item, Map):
                self._port(item, spot)
                item.setdefault("protocol", "tcp")
                item.setdefault("mode", "ingress")
                if item.get("published") is not None:
                    item["published"] = written(item["published"])
                result.add(item, spot)
                continue
            if isinstance(item, Template):
                result.add(item, spot)
                continue
            if isinstance(item, float):
                self._bad(f"ports: {item} is no whole number", spot)
                continue
            try:
                ports = parse_ports(written(item))
                if not self._report.spend(len(ports) - 1, spot):
                    break
                for port in ports:
                    result.add(Map(port), spot)
            except ShortFormError as error:
                self._bad(f"ports: {error}", spot, 'such as "8080:80" or "127.0.0.1:8080:80/udp"')
        return result

    def _port(self, port: Map, spot: Spot | None) -> None:
        if not port.get("target"):
            self._bad("ports: a port has no `target`", spot, "say which port of the container it is")
        host_ip = port.get("host_ip")
        if host_ip is not None and not isinstance(host_ip, Template) and not is_address(host_ip):
            self._bad(
                f"ports: `{host_ip}` is no IP address", port.spots.get("host_ip", spot), "such as 127.0.0.1"
            )

    def volumes(self, value: Any) -> Seq:
        """One-line forms and the long form, with absolute sources of bind mounts."""
        result = Seq()
        for item, spot in value.pairs():
            if isinstance(item, Map):
                volume = item
            elif isinstance(item, Template):
                result.add(item, spot)
                continue
            else:
                try:
                    volume = Map(parse_volume(item))
                except ShortFormError as error:
                    self._bad(f"volumes: {error}", spot, "such as `./data:/var/lib/data:ro`")
                    continue
            self._volume(volume, spot)
            result.add(volume, spot)
        return result

    def _volume(self, volume: Map, spot: Spot | None) -> None:
        if not volume.get("target"):
            self._bad("volumes: a volume has no `target`", spot, "say where in the container it is mounted")
            return
        volume["target"] = _clean(volume["target"])
        if volume.get("type") == "bind" and volume.get("source"):
            volume["source"] = self._absolute(volume["source"], volume.spots.get("source", spot))
        bind = volume.get("bind")
        if isinstance(bind, dict) and bind.get("create_host_path") is not False:
            bind.pop("create_host_path", None)
        inner = volume.get("volume")
        if isinstance(inner, Map) and inner.get("labels") is not None:
            inner["labels"] = self._assignments(inner["labels"], "labels")

    def devices(self, value: Any) -> Seq:
        """One-line forms and the long form."""
        result = Seq()
        for item, spot in value.pairs():
            if isinstance(item, Template):
                result.add(item, spot)
                continue
            try:
                device = item if isinstance(item, Map) else Map(parse_device(item))
            except ShortFormError as error:
                self._bad(f"devices: {error}", spot, "such as `/dev/ttyUSB0:/dev/ttyUSB0:rwm`")
                continue
            if "target" not in device:
                self._bad("devices: a device has no `target`", spot, "say which path it has in the container")
            result.add(device, spot)
        return result

    def gpus(self, value: Any) -> Seq:
        """`all`, or a list of requests."""
        if isinstance(value, str):
            result = Seq()
            result.add(Map({"count": -1}), self._service.spots.get("gpus"))
            return result
        for request in value:
            self._device_request(request, "gpus")
        return value  # type: ignore[no-any-return]  # a list: the schema has seen it

    def _device_request(self, request: Map, where: str) -> None:
        count = request.get("count")
        if count is not None and request.get("device_ids") is not None:
            self._bad(
                f"{where}: `count` and `device_ids` exclude each other",
                request.spots.get("count"),
                "remove one of the two",
            )
        if count == "all" or (count is None and request.get("device_ids") is None):
            request["count"] = -1
        elif isinstance(count, str) and not isinstance(count, Template):
            try:
                request["count"] = int(count)
            except ValueError:
                self._bad(
                    f"{where}: the count `{count}` is neither a number nor `all`", request.spots.get("count")
                )
        if request.get("options") is not None:
            request["options"] = self._assignments(request["options"], "options")

    def deploy(self, value: Any) -> Any:
        """Labels and device requests."""
        self._settle_assignments(value, ("labels",))
        reservations = (value.get("resources") or {}).get("reservations") or {}
        for request in reservations.get("devices") or ():
            self._device_request(request, "deploy.resources.reservations.devices")
        return value

    def extra_hosts(self, value: Any) -> Seq:
        """`host:ip`, `host=ip` and a mapping, as `host=ip`."""
        pairs: list[tuple[str, str, Spot | None]] = []
        if isinstance(value, Map):
            for host, address in value.items():
                addresses = address if isinstance(address, Seq) else [address]
                pairs += [(host, written(each), value.spots.get(host)) for each in addresses]
        else:
            for item, spot in value.pairs():
                host, equals, addresses = item.partition("=")
                if not equals:
                    host, equals, addresses = item.partition(":")
                if not (host and equals) and not isinstance(item, Template):
                    what = "address" if host else "host"
                    self._bad(f"extra_hosts: `{item}` names no {what}", spot, "such as `name=10.0.0.1`")
                pairs += [(host, address, spot) for address in addresses.split(",")]
        result = Seq()
        for host, address, spot in sorted(pairs, key=lambda pair: pair[:2]):
            inner = address[1:-1] if address.startswith("[") and address.endswith("]") else address
            result.add(f"{host}={inner}", spot)
        return result

    def grants(self, value: Any) -> Seq:
        """Secrets and configs: names, or the long form."""
        result = Seq()
        for item, spot in value.pairs():
            entry = item if isinstance(item, Map) else Map({"source": item})
            result.add(entry, spot)
        return result

    def secrets(self, value: Any) -> Seq:
        """Secrets, mounted below /run/secrets."""
        result = self.grants(value)
        for entry in result:
            if not entry.get("target"):
                entry["target"] = f"/run/secrets/{entry.get('source', '')}"
        return result

    def models(self, value: Any) -> Any:
        """A list of names, or names with settings."""
        return self.networks(value)

    def healthcheck(self, value: Any) -> Any:
        """A one-line test runs in a shell."""
        test = value.get("test")
        if isinstance(test, str) and not isinstance(test, Template):
            spot = value.spots.get("test")
            result = Seq()
            for word in ("CMD-SHELL", test):
                result.add(word, spot)
            value["test"] = result
        elif isinstance(test, Seq) and test and test[0] not in {"CMD", "CMD-SHELL", "NONE"}:
            self._bad(
                f"healthcheck.test begins with `{test[0]}`",
                test.spots[0],
                "begin with CMD, CMD-SHELL or NONE, or write the command as one text",
            )
        return value

    def develop(self, value: Any) -> Any:
        """Absolute paths to watch, lists of patterns."""
        for rule in value.get("watch") or ():
            rule["path"] = self._absolute(rule["path"], rule.spots.get("path"))
            if "x-initialSync" in rule:
                rule.setdefault("initial_sync", rule["x-initialSync"])
            for key in ("ignore", "include"):
                if isinstance(rule.get(key), str):
                    rule[key] = Seq([rule[key]])
            self._hook(rule.get("exec"))
        return value

    def pull_policy(self, value: Any) -> Any:
        """`if_not_present` is an older word for `missing`."""
        return "missing" if value == "if_not_present" else value

    def triggers(self, value: Any) -> Any:
        """Of a job: a time alone, or with its settings."""
        for index, (item, spot) in enumerate(list((value.get("schedule") or Seq()).pairs())):
            if not isinstance(item, Map):
                schedule = Map()
                schedule.put("cron", item, spot)
                value["schedule"][index] = schedule
        return value

    def provider(self, value: Any) -> Any:
        """Every option is a list of strings."""
        options = value.get("options")
        if isinstance(options, Map):
            for name, entry in options.items():
                items = entry if isinstance(entry, Seq) else [entry]
                options[name] = Seq(written(item) for item in items)
            for name in [name for name, items in options.items() if not items]:
                options.drop(name)
            if not options:
                value.drop("options")
        return value


def _clean(path: str) -> str:
    """A path of the container without `.`, `..` and doubled slashes."""
    import posixpath  # noqa: PLC0415  (one use)

    return posixpath.normpath(path.replace("//", "/"))


_DEVICE_LIMITS: Final = {
    "weight_device": "weight",
    "device_read_bps": "rate",
    "device_read_iops": "rate",
    "device_write_bps": "rate",
    "device_write_iops": "rate",
}
_FORMS: Final[dict[str, Callable[[ServiceForm, Any], Any]]] = {
    "blkio_config": ServiceForm.blkio_config,
    "build": ServiceForm.build,
    "configs": ServiceForm.grants,
    "depends_on": ServiceForm.depends_on,
    "deploy": ServiceForm.deploy,
    "develop": ServiceForm.develop,
    "devices": ServiceForm.devices,
    "env_file": ServiceForm.env_file,
    "extra_hosts": ServiceForm.extra_hosts,
    "gpus": ServiceForm.gpus,
    "healthcheck": ServiceForm.healthcheck,
    "label_file": ServiceForm.label_file,
    "models": ServiceForm.models,
    "networks": ServiceForm.networks,
    "ports": ServiceForm.ports,
    "provider": ServiceForm.provider,
    "pull_policy": ServiceForm.pull_policy,
    "secrets": ServiceForm.secrets,
    "ulimits": ServiceForm.ulimits,
    "triggers": ServiceForm.triggers,
    "volumes": ServiceForm.volumes,
}
