# shellcheck shell=bash
# What each command needs, and nothing more; a second run finds everything in place.

# set_up PURPOSE...: of python, floor, podman, podman5, extension, editor.
set_up() {
  local started needed="$*" early=no
  started=$(now_ms)
  identify_system
  mkdir -p "$LOGS"
  exec 9>"$ROOT/.cache/setup.lock"
  flock -w 900 9 || fail "another ./dev has been setting up for 15 minutes"
  # shellcheck disable=SC2046
  system_packages $(wants podman) $(wants podman5) python
  finish_stages
  require_python
  if wants editor >/dev/null; then system_packages editor; fi
  # With the packages and a Node.js in place the longest part, code-server's build, need not wait for pip.
  if [ "${#STAGES[@]}" -eq 0 ] && node_is_new; then
    early=yes
    node_stages
  fi
  python_stage
  if wants podman5 >/dev/null; then podman5_stage; fi
  if wants floor >/dev/null; then floor_stage; fi
  if wants podman >/dev/null; then podman_ready 9>&-; fi
  if [ $early = no ]; then
    finish_stages
    node_stages
  fi
  finish_stages
  if wants podman5 >/dev/null; then podman5_ready 9>&-; fi
  PATH=$VENV/bin:$PATH
  export PATH
  # Released by hand: a container's monitor that was started meanwhile may have inherited the lock.
  flock -u 9
  exec 9>&-
  say "set up in $(seconds "$started") s"
}

# node_stages: start what needs Node.js.
node_stages() {
  if wants extension >/dev/null || wants editor >/dev/null; then use_node; fi
  if wants extension >/dev/null; then extension_stage; fi
  if wants editor >/dev/null; then
    require_browser
    code_server_stage
  fi
}

# wants PURPOSE: prints it and succeeds if it is among those that `set_up` was called for.
wants() {
  # `needed` is set_up's.
  # shellcheck disable=SC2154
  case " $needed " in *" $1 "*) printf '%s' "$1" ;; *) return 1 ;; esac
}
