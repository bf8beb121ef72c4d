"""Every error a person can meet: its code, its category, whether a retry helps, and the remedy."""

from collections.abc import Iterable
from enum import StrEnum


class ErrorCategory(StrEnum):
    """Which part of the world has to change for the error to go away."""

    CONFIGURATION = "configuration"
    RUNTIME = "runtime"
    HEALTH = "health"
    INTEGRATION = "integration"


class ErrorCode(StrEnum):
    """Stable codes; scripts and editors match on them, so they are never renamed."""

    # Configuration is what is written.
    FILE_NOT_FOUND = "file_not_found"
    FILE_UNREADABLE = "file_unreadable"
    INVALID_YAML = "invalid_yaml"
    INVALID_COMPOSE = "invalid_compose"
    UNKNOWN_KEY = "unknown_key"
    DUPLICATE_KEY = "duplicate_key"
    INVALID_TYPE = "invalid_type"
    INVALID_VALUE = "invalid_value"
    INTERPOLATION_FAILED = "interpolation_failed"
    VARIABLE_REQUIRED = "variable_required"
    VARIABLE_UNSET = "variable_unset"
    UNDEFINED_REFERENCE = "undefined_reference"
    DEPENDENCY_CYCLE = "dependency_cycle"
    CONFLICT = "conflict"
    TOO_COMPLEX = "too_complex"
    DEPRECATED = "deprecated"
    ENVIRONMENT_UNKNOWN = "environment_unknown"
    ENVIRONMENT_INVALID = "environment_invalid"
    SERVICE_UNKNOWN = "service_unknown"
    UNSUPPORTED_BY_PODMAN = "unsupported_by_podman"
    UNSUPPORTED = "unsupported"
    SECRET_MISSING = "secret_missing"  # noqa: S105  (a code, not a secret)
    PATH_UNREADABLE = "path_unreadable"
    PATH_ESCAPES = "path_escapes"
    SUBNET_IN_USE = "subnet_in_use"
    # Integration is the tools around us.
    PODMAN_NOT_INSTALLED = "podman_not_installed"
    DAEMON_UNREACHABLE = "daemon_unreachable"
    PERMISSION_DENIED = "permission_denied"
    PODMAN_TOO_OLD = "podman_too_old"
    COMPOSE_PROVIDER_MISSING = "compose_provider_missing"
    COMPOSE_PROVIDER_FAILED = "compose_provider_failed"
    LOCK_HELD = "lock_held"
    STATE_UNUSABLE = "state_unusable"
    STATE_DAMAGED = "state_damaged"
    REVISION_UNKNOWN = "revision_unknown"
    CONFIRMATION_NEEDED = "confirmation_needed"
    USAGE = "usage"
    INTERNAL = "internal"
    # Runtime is where the engine said no.
    ENGINE_ERROR = "engine_error"
    IMAGE_NOT_FOUND = "image_not_found"
    IMAGE_PULL_FAILED = "image_pull_failed"
    IMAGE_PUSH_FAILED = "image_push_failed"
    BUILD_FAILED = "build_failed"
    PORT_IN_USE = "port_in_use"
    NAME_IN_USE = "name_in_use"
    NOT_FOUND = "not_found"
    NO_SPACE = "no_space"
    START_FAILED = "start_failed"
    HOOK_FAILED = "hook_failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    # Health is where it runs, but not well.
    GATE_FAILED = "gate_failed"
    SERVICE_EXITED = "service_exited"
    ROLLBACK_FAILED = "rollback_failed"


_INTEGRATION = {
    ErrorCode.PODMAN_NOT_INSTALLED,
    ErrorCode.DAEMON_UNREACHABLE,
    ErrorCode.PERMISSION_DENIED,
    ErrorCode.PODMAN_TOO_OLD,
    ErrorCode.COMPOSE_PROVIDER_MISSING,
    ErrorCode.COMPOSE_PROVIDER_FAILED,
    ErrorCode.LOCK_HELD,
    ErrorCode.STATE_UNUSABLE,
    ErrorCode.STATE_DAMAGED,
    ErrorCode.REVISION_UNKNOWN,
    ErrorCode.CONFIRMATION_NEEDED,
    ErrorCode.USAGE,
    ErrorCode.INTERNAL,
}
_RUNTIME = {
    ErrorCode.ENGINE_ERROR,
    ErrorCode.IMAGE_NOT_FOUND,
    ErrorCode.IMAGE_PULL_FAILED,
    ErrorCode.IMAGE_PUSH_FAILED,
    ErrorCode.BUILD_FAILED,
    ErrorCode.PORT_IN_USE,
    ErrorCode.NAME_IN_USE,
    ErrorCode.NOT_FOUND,
    ErrorCode.NO_SPACE,
    ErrorCode.START_FAILED,
    ErrorCode.HOOK_FAILED,
    ErrorCode.TIMEOUT,
    ErrorCode.CANCELLED,
    ErrorCode.INTERRUPTED,
}
_HEALTH = {
    ErrorCode.GATE_FAILED,
    ErrorCode.SERVICE_EXITED,
    ErrorCode.ROLLBACK_FAILED,
}
_TRANSIENT = {ErrorCode.DAEMON_UNREACHABLE, ErrorCode.LOCK_HELD, ErrorCode.TIMEOUT}


def category_of(code: ErrorCode) -> ErrorCategory:
    """Which category a code belongs to; whatever is not listed elsewhere is configuration."""
    if code in _INTEGRATION:
        return ErrorCategory.INTEGRATION
    if code in _RUNTIME:
        return ErrorCategory.RUNTIME
    if code in _HEALTH:
        return ErrorCategory.HEALTH
    return ErrorCategory.CONFIGURATION


class PodkeeperError(Exception):
    """The one root of every error that a port or a manager raises.

    Attributes:
        code: stable, from `ErrorCode`.
        remedy: what the person can do about it; empty when there is nothing to add.
        service: the service it concerns, if one.
    """

    def __init__(
        self, code: ErrorCode, message: str, *, remedy: str = "", service: str | None = None
    ) -> None:
        """Keep the parts; `str()` gives the message alone."""
        super().__init__(message)
        self.code = code
        self.remedy = remedy
        self.service = service

    @property
    def category(self) -> ErrorCategory:
        """The category of the code."""
        return category_of(self.code)

    @property
    def is_transient(self) -> bool:
        """Whether trying the same again may help."""
        return self.code in _TRANSIENT


def unknown_service(name: str, known: Iterable[str]) -> PodkeeperError:
    """Somebody named a service that there is not; `known` are those to choose from."""
    return PodkeeperError(
        ErrorCode.SERVICE_UNKNOWN,
        f"no such service: {name}",
        remedy=f"choose from: {', '.join(known)}",
        service=name,
    )


class EngineError(PodkeeperError):
    """The container engine refused, failed, or could not be reached."""


class TranslationError(PodkeeperError):
    """podman-compose is missing or did not accept the canonical file."""


class EnvironmentConfigError(PodkeeperError):
    """An environment is unknown or its file is wrong."""


class StateError(PodkeeperError):
    """Our own records can not be read or written."""


class LockHeldError(PodkeeperError):
    """Another change of the same project is under way, in this process or another."""
