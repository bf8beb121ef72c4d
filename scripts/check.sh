# shellcheck shell=bash
# `./dev check`: everything that can be said without running the tests. All at once, each with its time.

check() {
  set_up python extension
  local started
  started=$(now_ms)
  stage ruff-check ruff check --quiet .
  stage ruff-format ruff format --check --quiet .
  stage mypy mypy --no-error-summary
  stage import-linter lint-imports --no-cache
  stage shellcheck check_shell
  stage extension check_extension
  stage events-page check_events_page
  finish_stages
  say "checked in $(seconds "$started") s"
}

# events_page ARGUMENT...: what docs/events.md has from the models.
events_page() { PODKEEPER_DESCRIBE_MODELS=1 python -m containers.model.events_page "$@"; }

check_events_page() { events_page "$ROOT/docs/events.md" --check; }

check_shell() {
  local scripts
  mapfile -t scripts < <(git ls-files --cached --others --exclude-standard -- '*.sh' dev .ci/run)
  shellcheck --external-sources "${scripts[@]}"
}

# Types, lint, format, tests, and whether protocol.ts is what the Python models say.
check_extension() { in_extension run --silent check; }

write_protocol() {
  in_extension run --silent protocol
  events_page "$ROOT/docs/events.md"
  say "wrote $EXTENSION/src/protocol.ts, $EXTENSION/schemas and $ROOT/docs/events.md"
}
