"""The labels that say what a container, network or volume was made from."""

import json
from collections.abc import Mapping

from containers.model.base import TransactionId
from containers.model.observed import FIELDS_LABEL, TRANSACTION_LABEL, ObservedContainer
from containers.model.project import ResolvedProject, ServiceConfig

CONFIG_HASH = "io.podkeeper.config-hash"
FIELDS = FIELDS_LABEL
INPUTS = "io.podkeeper.inputs"

Inputs = Mapping[str, str]
"""The fingerprint of each content that a service is given, such as `config app.conf`."""


def of_service(
    service: ServiceConfig, transaction: TransactionId, inputs: Inputs | None = None
) -> Mapping[str, str]:
    """What a new container of `service` is labelled with."""
    return {
        CONFIG_HASH: service.config_hash,
        FIELDS: _json(service.field_hashes),
        TRANSACTION_LABEL: transaction,
        **({INPUTS: _json(inputs)} if inputs else {}),
    }


def of_resources(project: ResolvedProject) -> Mapping[str, Mapping[str, str]]:
    """What new networks and volumes are labelled with, by their names on the engine."""
    declared = (*project.networks.values(), *project.volumes.values())
    return {r.name: {CONFIG_HASH: r.config_hash} for r in declared if not r.external}


def changed_fields(container: ObservedContainer, service: ServiceConfig) -> tuple[str, ...]:
    """Which top-level keys of the service differ from those the container was made from, sorted."""
    before = _mapping(container, FIELDS)
    now = service.field_hashes
    return tuple(sorted(k for k in {*before, *now} if before.get(k) != now.get(k)))


def inputs_of(container: ObservedContainer) -> Inputs | None:
    """The fingerprints of the contents that the container was given; None where that was not noted."""
    return _mapping(container, INPUTS) if INPUTS in container.labels else None


def changed_inputs(container: ObservedContainer, inputs: Inputs) -> tuple[str, ...]:
    """Which contents differ from those the container was given, sorted.

    A fingerprint begins with the name of the key it was made with; those of another key say nothing.
    """
    before = _mapping(container, INPUTS)
    return tuple(
        sorted(
            name
            for name, now in inputs.items()
            if (then := before.get(name)) is not None
            and then.partition(":")[0] == now.partition(":")[0]
            and then != now
        )
    )


def _mapping(container: ObservedContainer, label: str) -> dict[str, str]:
    try:
        found = json.loads(container.labels.get(label, "{}"))
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _json(values: Mapping[str, str]) -> str:
    return json.dumps(dict(values), separators=(",", ":"), sort_keys=True)
