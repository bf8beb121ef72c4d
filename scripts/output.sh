# shellcheck shell=bash
# What `./dev` says, the stages it runs at the same time, and the stamps that make it idempotent.

LOGS=$ROOT/.cache/logs
STAGES=()

say() { printf '%s\n' "$*"; }

# fail MESSAGE...: one line to a line, the first one is the error.
fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# What still runs when `./dev` ends early ends with it.
end_stages() {
  local pid
  for pid in ${STAGES[@]+"${STAGES[@]}"}; do kill "$pid" 2>/dev/null || true; done
}
trap end_stages EXIT

now_ms() { date +%s%3N; }

# seconds FROM_MS: since then, such as 1.4.
seconds() {
  local elapsed=$(($(now_ms) - $1))
  printf '%d.%d' $((elapsed / 1000)) $((elapsed % 1000 / 100))
}

# stage NAME COMMAND...: run it in the background, its output in a log; `finish_stages` waits for it.
# A stage that fails shows the end of its log.
stage() {
  local name=$1
  shift
  mkdir -p "$LOGS"
  (
    set +e
    started=$(now_ms)
    # A subshell of its own, since `set -e` means nothing inside a condition.
    (
      set -e
      "$@"
    ) </dev/null >"$LOGS/$name.log" 2>&1
    status=$?
    if [ $status -eq 0 ]; then
      say "  $name: done in $(seconds "$started") s"
    else
      {
        say "  $name: FAILED after $(seconds "$started") s; the end of $LOGS/$name.log:"
        tail -n 60 "$LOGS/$name.log" | sed 's/^/    /'
      } >&2
    fi
    exit $status
  ) &
  STAGES+=("$!")
}

# finish_stages: wait for all of them; fail if one failed.
finish_stages() {
  local pid failed=0
  for pid in ${STAGES[@]+"${STAGES[@]}"}; do
    wait "$pid" || failed=1
  done
  STAGES=()
  [ $failed -eq 0 ] || exit 1
}

# checksum FILE_OR_TEXT...: one key over contents and texts.
checksum() {
  local part
  for part in "$@"; do
    if [ -f "$part" ]; then cat "$part"; else printf '%s\0' "$part"; fi
  done | sha256sum | cut -d' ' -f1
}

# fresh STAMP KEY: whether the stamp file says KEY.
fresh() { [ -f "$1" ] && [ "$(<"$1")" = "$2" ]; }
