# shellcheck shell=bash
# `./dev torture`: the long suites that try to break the engine, on this machine's rootful Podman.

# torture [SUITE] [ARGUMENT...]: one suite, or all, each with a table; fails where one does.
torture() {
  local suites=(kills faults sequences startups chaos soak) suite status=0
  case ${1:-} in
    kills | faults | sequences | startups | chaos | soak)
      suites=("$1")
      shift
      ;;
    '' | -*) ;;
    *) fail "there is no suite $1" "./dev torture [kills|faults|sequences|startups|chaos|soak] [--runs N] [--seed N]" ;;
  esac
  set_up podman
  is_root || fail "the faults need mounts, and the kills a rootful Podman" "run it in a root shell"
  for suite in "${suites[@]}"; do
    printf '\n== %s ==\n' "$suite"
    PYTHONPATH="$ROOT/src:$ROOT" python -u -m "tests.torture.$suite" "$@" 2>&1 | tee "$LOGS/torture-$suite.log" ||
      status=1
  done
  return $status
}
