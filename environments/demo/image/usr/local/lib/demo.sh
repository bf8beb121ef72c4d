# shellcheck shell=sh
# What the demo's programs share; sourced, never run.

log() { printf '%s %-9s %s\n' "$(date -u +%H:%M:%S)" "${SERVICE:-demo}" "$*"; }

# Run a program in the background and end with it, or end it on TERM: the first process of a
# container gets no default signal handling, so without a trap a stop would take the full ten seconds.
supervise() {
  "$@" &
  child=$!
  trap 'log "stopping"; kill "$child" 2>/dev/null; wait "$child"; log "stopped"; exit 0' TERM INT
  wait "$child"
}

# Serve the folder /srv/<service> over HTTP on port 8080.
serve() {
  log "listening on port 8080"
  supervise httpd -f -p 8080 -h "/srv/$SERVICE" -c /etc/httpd.conf
}

# Sleep so that TERM ends it at once; a plain `sleep` would hold the trap back.
nap() {
  sleep "$1" &
  wait $!
}

# `timeout`, not `wget -T`: that option crashes Debian's static busybox 1.35.
get() { timeout 2 wget -q -O - "$1" 2>/dev/null; }
post() { timeout 2 wget -q -O - --post-data "$2" "$1" 2>/dev/null; }

# For what runs once: before 5.1, Podman's name server refuses or loses what is asked just as any
# container, of whatever stack, joins a network.
patiently() {
  "$@" || { nap 0.5; "$@"; } || { nap 1; "$@"; }
}

# The answers of the CGI programs.
answer() { printf 'Status: %s\r\nContent-Type: %s\r\nCache-Control: no-store\r\n\r\n' "$1" "$2"; }
text() { answer "$1" text/plain; shift; printf '%s\n' "$*"; }
json() { answer "$1" application/json; shift; printf '%s\n' "$*"; }

# One parameter of the query string; only letters, digits, dash and underscore pass.
parameter() {
  printf '%s' "${QUERY_STRING:-}" | tr '&' '\n' | sed -n "s/^$1=//p" | head -n1 | tr -cd 'A-Za-z0-9_-'
}
body() { head -c "${CONTENT_LENGTH:-0}"; }
