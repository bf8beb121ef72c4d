# shellcheck shell=bash
# `./dev check`: everything that can be said without running the tests. All at once, each with its time.

check() {
  set_up python extension
  cd "$ROOT"
  local started
  started=$(now_ms)
  stage "ruff check" ruff check --quiet .
  stage "ruff format" ruff format --check --quiet .
  stage mypy mypy --no-error-summary
  stage import-linter lint-imports --no-cache
  stage shellcheck check_shell
  stage protocol check_protocol
  stage extension-check check_extension
  finish_stages
  say "checked in $(seconds "$started") s"
}

check_shell() {
  local scripts
  mapfile -t scripts < <(git ls-files --cached --others --exclude-standard -- '*.sh' dev .ci/run)
  shellcheck --external-sources "${scripts[@]}"
}

check_extension() { (cd "$EXTENSION" && npm_quiet run --silent check); }

check_protocol() {
  local generated
  generated=$(mktemp)
  python "$ROOT/scripts/protocol_typescript.py" >"$generated"
  diff -u "$EXTENSION/src/protocol.ts" "$generated" || fail "protocol.ts is stale: run ./dev protocol"
  rm "$generated"
}

write_protocol() {
  local generated
  generated=$(python "$ROOT/scripts/protocol_typescript.py")
  printf '%s\n' "$generated" >"$EXTENSION/src/protocol.ts"
  say "wrote $EXTENSION/src/protocol.ts"
}
