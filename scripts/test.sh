# shellcheck shell=bash
# `./dev test`: every suite, one summary. A suite that fails does not keep the next from running, but fails
# the whole; so does a suite that skipped something or ran nothing.

SUITES=()
# Decided here: a suite's output goes through a pipe.
COLOUR=no
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then COLOUR=yes; fi

# run_tests [PYTEST ARGUMENT...]
run_tests() {
  set_up podman floor extension editor
  export PODKEEPER_TEST_USER=$TEST_USER
  PODKEEPER_TEST_BROWSER=$(browser)
  export PODKEEPER_TEST_BROWSER PODKEEPER_TEST_CODE_SERVER=$CODE_SERVER
  local select=()
  if ! is_root; then
    say "not root: the rootful half of the tests is left out; a root shell runs both halves"
    select=(-m 'not rootful')
  fi
  if [ $# -gt 0 ]; then exec python -m pytest ${select[@]+"${select[@]}"} "$@"; fi
  local started
  started=$(now_ms)
  suite unit pytest_with "$VENV" -n 2 tests/unit
  if floor_runs_here; then
    # An old release may well use what a newer one of its own dependencies deprecates.
    suite floor pytest_with "$FLOOR_VENV" -n 2 -W ignore::DeprecationWarning tests/unit
  else
    say "floor: the oldest releases that pyproject.toml allows do not install on $(python -V); Python 3.11 tests them"
  fi
  suite extension test_extension
  suite podman pytest_with "$VENV" -n 2 --dist loadgroup ${select[@]+"${select[@]}"} \
    tests/contract tests/podman tests/lsp
  suite e2e pytest_with "$VENV" ${select[@]+"${select[@]}"} tests/e2e
  summarise "$started"
}

# pytest_with FOLDER ARGUMENT...: a hang of five minutes shows where every thread is.
pytest_with() {
  local folder=$1
  shift
  limited "$folder/bin/python" -m pytest --color="$COLOUR" -o faulthandler_timeout=300 "$@"
}

test_extension() { in_extension run --silent test; }

# limited COMMAND...: what hangs for half an hour is ended.
limited() { timeout --foreground --kill-after=30 30m "$@"; }

# suite NAME COMMAND...: show and keep its output.
suite() {
  local name=$1 status=0 started
  shift
  started=$(now_ms)
  printf '\n== %s ==\n' "$name"
  "$@" </dev/null 2>&1 | tee "$LOGS/suite-$name.log" || status=$?
  SUITES+=("$name $status $(seconds "$started")")
}

# counted LOG WORD: the number before WORD in the closing line of pytest, or the one of node's test runner.
counted() {
  local closing
  closing=$(sed 's/\x1b\[[0-9;]*m//g' "$1" | grep -E '^=+ .* in [0-9.:s ()]+=+$' | tail -n 1)
  if [ -n "$closing" ]; then
    sed -nE "s/.*[ =]([0-9]+) $2.*/\1/p" <<<"$closing"
  else
    # node counts `pass 3`, `fail 0`, `skipped 0`, `todo 0`
    sed 's/\x1b\[[0-9;]*m//g' "$1" | sed -nE "s/^[^a-z0-9]*${2%ed} ([0-9]+)$/\1/p; s/^[^a-z0-9]*$2 ([0-9]+)$/\1/p" |
      tail -n 1
  fi
}

summarise() {
  local entry name status took log passed failed errors skipped all_passed=0 all_failed=0 bad=()
  printf '\n== summary ==\n'
  for entry in "${SUITES[@]}"; do
    read -r name status took <<<"$entry"
    log=$LOGS/suite-$name.log
    passed=$(counted "$log" passed)
    failed=$(counted "$log" failed)
    errors=$(counted "$log" 'errors?')
    skipped=$(counted "$log" skipped)
    failed=$((${failed:-0} + ${errors:-0}))
    all_passed=$((all_passed + ${passed:-0}))
    all_failed=$((all_failed + failed))
    printf '  %-10s %5d passed  %3d failed  %7s s\n' "$name" "${passed:-0}" "$failed" "$took"
    [ "$status" -eq 0 ] || bad+=("$name ended with exit code $status")
    [ "${skipped:-0}" -eq 0 ] || bad+=("$name skipped $skipped: a test that does not run shows nothing")
    [ "${passed:-0}" -gt 0 ] || bad+=("$name ran no test")
  done
  for entry in ${bad[@]+"${bad[@]}"}; do printf '  FAILED: %s\n' "$entry"; done
  printf '  in %s s\n\n%d passed, %d failed\n' "$(seconds "$1")" "$all_passed" "$all_failed"
  [ "${#bad[@]}" -eq 0 ]
}
