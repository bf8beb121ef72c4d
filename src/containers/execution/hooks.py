"""Commands that a service wants run when its container has started, and before it is stopped."""

import logging
from collections.abc import Sequence

from containers.execution.context import Context
from containers.model.base import ContainerId, ServiceName
from containers.model.errors import EngineError, ErrorCode
from containers.model.project import Hook

log = logging.getLogger(__name__)

_TIMEOUT_S = 300.0
"""Nothing says how long a hook may take; something that takes longer does not end."""


async def after_start(context: Context, service: ServiceName, container: ContainerId) -> None:
    """Run a service's `post_start` hooks, one after the other.

    Raises:
        EngineError: `hook_failed`: one ended with another code than 0, or not in time.
    """
    config = context.project.services.get(service) if context.project else None
    try:
        await _run(context, service, container, config.post_start if config else (), "post_start")
    except EngineError as error:
        if error.code is not ErrorCode.SERVICE_EXITED:
            raise
        detail = await context.engine.inspect_container(container)
        raise EngineError(
            ErrorCode.SERVICE_EXITED,
            f"{service} exited with code {detail.exit_code} before its `post_start` had run",
            remedy=f"Correct what makes {service} end; without `post_start` its log is shown.",
            service=service,
        ) from error


async def before_stop(context: Context, service: ServiceName, container: ContainerId) -> None:
    """Run a service's `pre_stop` hooks; one that fails is told, and keeps nothing from being stopped."""
    config = context.project.services.get(service) if context.project else None
    try:
        await _run(context, service, container, config.pre_stop if config else (), "pre_stop")
    except EngineError as error:
        if error.code is ErrorCode.SERVICE_EXITED:
            return  # it does not run, so there is nothing to stop
        log.warning("pre_stop of %s", service, exc_info=error)
        context.warn(error)


async def _run(
    context: Context, service: ServiceName, container: ContainerId, hooks: Sequence[Hook], moment: str
) -> None:
    for hook in hooks:
        result = await context.engine.execute(container, hook.command, _TIMEOUT_S, hook)
        if result.exit_code != 0:
            output = f": {result.output.strip()}" if result.output.strip() else ""
            raise EngineError(
                ErrorCode.HOOK_FAILED,
                f"{moment} of {service}: {hook.command[0]} failed with code {result.exit_code}{output}",
                remedy=f"Try it with `podkeeper exec {service}`, or correct `{moment}`.",
                service=service,
            )
