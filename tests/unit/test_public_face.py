"""The five public classes keep their names, files and methods, and each method says what it does."""

import inspect
from importlib import import_module

import pytest

FACE = {
    "compose_manager.ComposeManager": (
        "async start_services",
        "async stop_services",
        "async restart_services",
        "async get_service_status",
        "async get_service_logs",
        "async validate_compose_files",
    ),
    "environment_manager.EnvironmentManager": (
        "load_environment_config",
        "validate_config",
        "get_compose_files",
        "resolve_environment_variables",
    ),
    "health_monitor.HealthMonitor": (
        "async start_monitoring",
        "async stop_monitoring",
        "async check_service_health",
        "async restart_unhealthy_services",
        "get_health_metrics",
    ),
    "vscode_integration.VSCodeIntegration": (
        "register_tasks",
        "async execute_task",
        "show_status_notification",
        "open_logs_panel",
    ),
    "event_integration.EventIntegration": (
        "async setup_event_subscriptions",
        "async handle_file_change_event",
        "async handle_container_event",
        "async emit_container_lifecycle_event",
    ),
}


@pytest.mark.parametrize("name", FACE)
def test_a_public_class_has_its_methods_and_their_docstrings(name: str) -> None:
    """Who builds on them relies on the names, on which are coroutines, and on what they say."""
    module, _, cls = name.partition(".")
    found = getattr(import_module(f"containers.{module}"), cls)
    assert inspect.getdoc(found)
    for method in FACE[name]:
        function = getattr(found, method.removeprefix("async "))
        assert inspect.iscoroutinefunction(function) is method.startswith("async "), method
        assert len(inspect.getdoc(function) or "") > 20, f"{method} says nothing"
