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
  finish_stages
  say "checked in $(seconds "$started") s"
}

check_shell() {
  local scripts
  mapfile -t scripts < <(git ls-files --cached --others --exclude-standard -- '*.sh' dev .ci/run)
  shellcheck --external-sources "${scripts[@]}"
}

# Types, lint, format, tests, and whether protocol.ts is what the Python models say.
check_extension() { in_extension run --silent check; }

write_protocol() {
  in_extension run --silent protocol
  say "wrote $EXTENSION/src/protocol.ts and $EXTENSION/schemas/environment.schema.json"
}
