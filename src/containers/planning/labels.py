"""The labels that say what a container was made from."""

import json
from collections.abc import Mapping

from containers.model.base import TransactionId
from containers.model.observed import ObservedContainer
from containers.model.project import ServiceConfig

CONFIG_HASH = "io.podkeeper.config-hash"
FIELDS = "io.podkeeper.fields"
TRANSACTION = "io.podkeeper.transaction"


def of_service(service: ServiceConfig, transaction: TransactionId) -> Mapping[str, str]:
    """What a new container of `service` is labelled with."""
    return {
        CONFIG_HASH: service.config_hash,
        FIELDS: json.dumps(dict(service.field_hashes), separators=(",", ":"), sort_keys=True),
        TRANSACTION: transaction,
    }


def changed_fields(container: ObservedContainer, service: ServiceConfig) -> tuple[str, ...]:
    """Which top-level keys of the service differ from those the container was made from, sorted."""
    try:
        before = json.loads(container.labels.get(FIELDS, "{}"))
    except ValueError:
        before = {}
    if not isinstance(before, dict):
        before = {}
    now = service.field_hashes
    return tuple(sorted(k for k in {*before, *now} if before.get(k) != now.get(k)))
