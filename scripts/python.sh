# shellcheck shell=bash
# The virtual environments, from pinned requirements with hashes.

VENV=$ROOT/.venv
FLOOR_VENV=$ROOT/.venv-floor
UV=uv==0.13.8

# find_python: sets PYTHON to the real path of a Python that can make virtual environments, PYTHON_IS to what
# it is; fails where there is none. Asked once: a version manager's shim takes a tenth of a second.
find_python() {
  [ -z "${PYTHON:-}" ] || return 0
  local name found
  for name in python3 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3; do
    found=$("$name" -c 'import ensurepip, venv, sys
assert sys.version_info >= (3, 11)
print(getattr(sys, "_base_executable", sys.executable), sys.version.replace("\n", ""), sep="\n")' 2>/dev/null) || continue
    PYTHON=$(head -n 1 <<<"$found")
    PYTHON_IS=$found
    return 0
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
  "$PYTHON" -m venv --clear "$venv"
  pip_install "$venv" --require-hashes -r "$requirements"
  printf '%s\n' "$key" >"$venv/.stamp"
}

# make_dev_venv REQUIREMENTS_KEY PROJECT_KEY
make_dev_venv() {
  fresh "$VENV/.stamp" "$1" || make_venv "$VENV" "$ROOT/requirements/dev.txt" "$1"
  pip_install "$VENV" --no-deps --no-build-isolation -e "$ROOT"
  # pip compiles what it installs, but not what is used where it is: that costs each start a quarter of a second
  # where Python is told not to write what it has compiled
  PYTHONDONTWRITEBYTECODE='' "$VENV/bin/python" -m compileall -q "$ROOT/src"
  printf '%s\n' "$2" >"$VENV/.stamp-project"
}

# python_stage: start what `.venv` lacks.
python_stage() {
  local requirements project
  requirements=$(checksum "$ROOT/requirements/dev.txt" "$PYTHON_IS" "$ROOT")
  project=$(checksum "$requirements" "$(entry_points)")
  if ! fresh "$VENV/.stamp" "$requirements" || ! fresh "$VENV/.stamp-project" "$project"; then
    stage python make_dev_venv "$requirements" "$project"
  fi
}

# entry_points: what of pyproject.toml is fixed at installation; the rest of it is read where it is.
entry_points() { sed -n '/^\[project\]/,/^\[dependency-groups\]/p' "$ROOT/pyproject.toml"; }

# The oldest releases that pyproject.toml allows have no wheels for Pythons that came after them.
floor_runs_here() { "$PYTHON" -c 'import sys; sys.exit(sys.version_info >= (3, 14))'; }

floor_stage() {
  local key
  floor_runs_here || return 0
  key=$(checksum "$ROOT/requirements/floor.txt" "$PYTHON_IS" "$ROOT")
  fresh "$FLOOR_VENV/.stamp" "$key" || stage floor make_venv "$FLOOR_VENV" "$ROOT/requirements/floor.txt" "$key"
}

# lock [--upgrade]: resolve requirements/*.txt and the npm locks anew.
lock() {
  local tool=$ROOT/.cache/lock
  find_python || fail "no Python 3.11 or newer with venv was found"
  fresh "$tool/.stamp" "$UV" || {
    "$PYTHON" -m venv --clear "$tool"
    pip_install "$tool" -q "$UV"
    printf '%s\n' "$UV" >"$tool/.stamp"
  }
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
