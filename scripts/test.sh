# shellcheck shell=bash
# `./dev test`: every suite, one summary. A suite that fails does not keep the next from running, but fails
# the whole; so does a suite that skipped something or ran nothing.

SUITES=()
# The rootful half once more: there Podman 5 is the rootful engine.
PODMAN5_TESTS=(-n 2 --dist loadgroup -m "rootful and not own_podman" tests/contract tests/podman tests/lsp)
# Decided here: a suite's output goes through a pipe.
COLOUR=no
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then COLOUR=yes; fi

# run_tests [PART] [PYTEST ARGUMENT...]: all of them, or one part, or what pytest makes of the arguments.
run_tests() {
  local arguments=("$@") needed=(podman podman5 floor extension editor) select=() within=''
  case ${1:-} in
    unit | conformance | fuzz) needed=(python) arguments=(-n 2 "tests/$1" "${@:2}") ;;
    contract | podman | lsp | torture) needed=(podman) arguments=(-n 2 --dist loadgroup "tests/$1" "${@:2}") ;;
    podman5)
      needed=(podman podman5) within=with_podman5
      arguments=("${PODMAN5_TESTS[@]}" "${@:2}")
      ;;
    e2e) needed=(podman extension editor) arguments=(tests/e2e "${@:2}") ;;
  esac
  set_up "${needed[@]}"
  name_test_bed
  if ! is_root; then
    say "not root: the rootful half of the tests is left out; a root shell runs both halves"
    select=(-m 'not rootful')
  fi
  [ -z "$within" ] || require_podman5
  if [ $# -gt 0 ]; then
    $within python -m pytest ${select[@]+"${select[@]}"} "${arguments[@]}"
    return
  fi
  run_suites
}

# name_test_bed: tells the tests what was set up for them.
name_test_bed() {
  export PODKEEPER_TEST_USER=$TEST_USER PODKEEPER_TEST_CODE_SERVER=$CODE_SERVER
  local found
  if found=$(browser); then export PODKEEPER_TEST_BROWSER=$found; fi
}

# run_suites: `select` is run_tests' choice between both halves and the rootless one.
run_suites() {
  local started
  started=$(now_ms)
  suite unit pytest_with "$VENV" -n 2 tests/unit tests/fuzz
  if floor_runs_here; then
    # An old release may well use what a newer one of its own dependencies deprecates.
    PYTHONPATH=$ROOT/src suite floor pytest_with "$FLOOR_VENV" -n 2 -W ignore::DeprecationWarning tests/unit tests/fuzz
  else
    say "floor: the oldest releases that pyproject.toml allows do not install on $(python -V); Python 3.11 tests them"
  fi
  suite conformance pytest_with "$VENV" -n 2 tests/conformance
  suite extension test_extension
  suite podman pytest_with "$VENV" -n 2 --dist loadgroup ${select[@]+"${select[@]}"} \
    tests/contract tests/podman tests/lsp tests/torture
  if podman5_belongs_here; then
    within=with_podman5 suite podman5 pytest_with "$VENV" "${PODMAN5_TESTS[@]}"
    tell_podman5_ends
  else
    say "podman5: root runs it on Debian, where the machine's own Podman is older"
  fi
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

# limited COMMAND...: what hangs for half an hour is ended. A suite may say `within` what it runs.
limited() { ${within-} timeout --foreground --kill-after=30 30m "$@"; }

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

# failures LOG: which, and in a few words why; what is kept of a run is often only its end.
failures() {
  sed 's/\x1b\[[0-9;]*m//g' "$1" | grep -E '^(FAILED|ERROR) [^ ]+::|^(not ok|✖) ' | head -n 20 |
    cut -c 1-1000 | sed 's/^/    /' || true
}

# summarise STARTED_MS: a table of the suites, what is wrong, and one closing line in pytest's form for all.
summarise() {
  local entry name status took log passed failed errors skipped wrong all_passed=0 all_failed=0 all_wrong=()
  printf '\n== summary ==\n'
  for entry in "${SUITES[@]}"; do
    read -r name status took <<<"$entry"
    log=$LOGS/suite-$name.log
    passed=$(counted "$log" passed)
    failed=$(counted "$log" failed)
    errors=$(counted "$log" 'errors?')
    skipped=$(counted "$log" skipped)
    failed=$((${failed:-0} + ${errors:-0}))
    # The floor's are the unit tests once more.
    [ "$name" = floor ] || all_passed=$((all_passed + ${passed:-0}))
    all_failed=$((all_failed + failed))
    printf '  %-11s %5d passed  %3d failed  %7s s\n' "$name" "${passed:-0}" "$failed" "$took"
    wrong=()
    [ "$status" -eq 0 ] || [ $failed -gt 0 ] || wrong+=("$name ended with exit code $status")
    [ "${skipped:-0}" -eq 0 ] || wrong+=("$name skipped $skipped: a test that does not run shows nothing")
    [ "${passed:-0}" -gt 0 ] || wrong+=("$name ran no test")
    if [ $failed -gt 0 ]; then
      printf '  FAILED: %s, %d tests\n' "$name" "$failed"
      failures "$log"
    fi
    all_wrong+=(${wrong[@]+"${wrong[@]}"})
  done
  for entry in ${all_wrong[@]+"${all_wrong[@]}"}; do printf '  ERROR: %s\n' "$entry"; done
  close $all_failed $all_passed ${#all_wrong[@]} "$(seconds "$1")"
  [ $((all_failed + ${#all_wrong[@]})) -eq 0 ]
}

# close FAILED PASSED ERRORS SECONDS: what reads test runs finds it where pytest would have it.
close() {
  local text rule='=================================='
  text="$2 passed"
  [ "$1" -eq 0 ] || text="$1 failed, $text"
  [ "$3" -eq 0 ] || text="$text, $3 errors"
  text="$text in $4s"
  rule=${rule:0:$((39 - ${#text} / 2))}
  printf '%s %s %s\n' "$rule" "$text" "$rule"
}
