# shellcheck shell=bash
# The virtual environments, from pinned requirements with hashes.

VENV=$ROOT/.venv
FLOOR_VENV=$ROOT/.venv-floor
UV=uv==0.13.8

# python_at_least_311 PROGRAM
python_at_least_311() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# python_with_venv: the path of a Python that can make virtual environments.
python_with_venv() {
  local name
  for name in python3 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3; do
    if python_at_least_311 "$name" && "$name" -c 'import ensurepip, venv' >/dev/null 2>&1; then
      command -v "$name"
      return 0
    fi
  done
  return 1
}

# pip_install VENV ARGUMENT...: quiet about other things than the installation.
pip_install() {
  local venv=$1
  shift
  PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PYTHONDONTWRITEBYTECODE='' "$venv/bin/python" -m pip install "$@"
}

# make_venv VENV REQUIREMENTS KEY: anew, so that nothing of an older requirement stays.
make_venv() {
  local venv=$1 requirements=$2 key=$3
  "$(python_with_venv)" -m venv --clear "$venv"
  pip_install "$venv" --require-hashes -r "$requirements"
  [ "$venv" = "$FLOOR_VENV" ] || pip_install "$venv" --no-deps --no-build-isolation -e "$ROOT"
  printf '%s\n' "$key" >"$venv/.stamp"
}

# python_stage: start what `.venv` lacks.
python_stage() {
  local key
  key=$(checksum "$ROOT/requirements/dev.txt" "$(entry_points)" "$("$(python_with_venv)" -VV)" "$ROOT")
  fresh "$VENV/.stamp" "$key" || stage python make_venv "$VENV" "$ROOT/requirements/dev.txt" "$key"
}

# entry_points: what of pyproject.toml is fixed at installation; the rest of it is read where it is.
entry_points() { sed -n '/^\[project\]/,/^\[dependency-groups\]/p' "$ROOT/pyproject.toml"; }

# The oldest releases that pyproject.toml allows have no wheels for Pythons that came after them.
floor_runs_here() { "$(python_with_venv)" -c 'import sys; sys.exit(sys.version_info >= (3, 14))'; }

floor_stage() {
  local key
  floor_runs_here || return 0
  key=$(checksum "$ROOT/requirements/floor.txt" "$("$(python_with_venv)" -VV)" "$ROOT")
  fresh "$FLOOR_VENV/.stamp" "$key" || stage floor make_venv "$FLOOR_VENV" "$ROOT/requirements/floor.txt" "$key"
}

# lock [--upgrade]: resolve requirements/*.txt and the npm locks anew.
lock() {
  local python tool=$ROOT/.cache/lock
  python=$(python_with_venv) || fail "no Python 3.11 or newer with venv was found"
  fresh "$tool/.stamp" "$UV" || {
    "$python" -m venv --clear "$tool"
    pip_install "$tool" -q "$UV"
    printf '%s\n' "$UV" >"$tool/.stamp"
  }
  cd "$ROOT"
  compile "$@" pyproject.toml --group dev -o requirements/dev.txt
  compile "$@" pyproject.toml --group unit --resolution lowest-direct -o requirements/floor.txt
  compile "$@" requirements/node.in -o requirements/node.txt
  use_node
  local folder
  for folder in code-server code-server-node; do
    (cd "requirements/$folder" && npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved)
  done
}

# Universal: one file for every supported Python and machine. No annotations and no index, so that two
# people with different mirrors make the same file.
compile() {
  "$ROOT/.cache/lock/bin/uv" pip compile -q --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-annotate --custom-compile-command './dev lock' "$@"
}
