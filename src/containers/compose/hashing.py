"""Fingerprints of services and resources: equal as long as their containers would be the same."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

NOT_THE_CONTAINER: Final = frozenset(
    {
        "attach",
        "build",
        "depends_on",
        "develop",
        "profiles",
        "provider",
        "pull_policy",
        "scale",
        "x-podkeeper",
    }
)
"""Keys of a service that may change without a container having to be made anew."""

_FIELD_DIGITS: Final = 12


def digest(value: Any) -> str:
    """The SHA-256, in hexadecimal, of a value as JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def shaping(service: dict[str, Any]) -> dict[str, Any]:
    """What of a canonical service shapes its container."""
    result = {
        key: value for key, value in service.items() if key not in NOT_THE_CONTAINER and value is not None
    }
    deploy = result.pop("deploy", None)
    if isinstance(deploy, dict):
        kept = {
            key: value for key, value in deploy.items() if key in {"resources", "restart_policy"} and value
        }
        if kept:
            result["deploy"] = kept
    return result


def service_hashes(service: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The service's fingerprint, and a short one of each of its fields."""
    fields = {key: digest(value) for key, value in shaping(service).items()}
    return digest(fields), {key: value[:_FIELD_DIGITS] for key, value in fields.items()}


def resource_hash(resource: dict[str, Any]) -> str:
    """The fingerprint of a network, volume, secret or config."""
    return digest(resource)


def project_hash(services: Mapping[str, str], rest: dict[str, Any]) -> str:
    """The fingerprint of a whole project, from those of its services and everything else of its document."""
    return digest([sorted(services.items()), rest])
