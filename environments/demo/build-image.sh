#!/usr/bin/env bash
# Build localhost/podkeeper/demo:1 offline, from this folder and the host's static busybox.
# An image that was built from the very same files is left as it is. Takes --force to build anyway.
# Runs as any user; the image lands in that user's storage.
set -euo pipefail

image=${PODKEEPER_DEMO_IMAGE:-localhost/podkeeper/demo:1}
podman=${PODMAN:-podman}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
label=io.podkeeper.demo.checksum

fail() {
  printf 'build-image: %s\n' "$*" >&2
  exit 1
}

# A dynamically linked busybox would not find its libraries in an image that has nothing else. `ldd`
# fails on a static program, and lists libraries for one that is not.
static_busybox() {
  local candidate
  for candidate in "${BUSYBOX:-}" /bin/busybox /usr/bin/busybox.static /usr/lib/busybox/busybox-static; do
    [[ -n $candidate && -x $candidate ]] || continue
    if ! LC_ALL=C ldd "$candidate" 2>/dev/null | grep -q -e '=>' -e 'ld-'; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  fail "no static busybox found; install the package busybox-static (or name one with BUSYBOX=/path)"
}

checksum() {
  (
    cd "$here"
    sha256sum <"$busybox"
    find Containerfile build-image.sh image -type f -print0 | sort -z | xargs -0 sha256sum
  ) | sha256sum | cut -d' ' -f1
}

# Everything the image holds, in the three folders that the Containerfile copies.
fill_context() {
  local context=$1 applet
  mkdir -p "$context"/busybox/{bin,dev,etc,proc,sys,root,run} "$context"/writable/{tmp,var/lib/demo}
  install -m 0755 "$busybox" "$context/busybox/bin/busybox"
  while read -r applet; do
    [[ $applet == busybox ]] || ln -s busybox "$context/busybox/bin/$applet"
  done < <("$busybox" --list)
  printf 'root:x:0:0:root:/root:/bin/sh\ndemo:x:1000:1000:demo:/tmp:/bin/sh\n' >"$context/busybox/etc/passwd"
  printf 'root:x:0:\ndemo:x:1000:\n' >"$context/busybox/etc/group"
  chmod 1777 "$context/writable/tmp"
  cp -R "$here/image" "$context/image"
  find "$context/image" -type d -exec chmod 0755 {} +
  find "$context/image" -type f -exec chmod 0644 {} +
  find "$context/image" -type f \( -path '*/bin/*' -o -path '*/cgi-bin/*' \) -exec chmod 0755 {} +
  cp "$here/Containerfile" "$context/Containerfile"
}

# Where `podman build` is not allowed (no user namespaces, a sealed sandbox), the same tree is imported
# as one layer: importing only unpacks a tar file.
import_tree() {
  local context=$1 tree=$1/tree
  mkdir "$tree"
  cp -Rp "$context"/busybox/. "$context"/image/. "$context"/writable/. "$tree"
  tar -C "$tree" --owner=0 --group=0 --numeric-owner --exclude=./var/lib/demo -cf "$context/tree.tar" .
  tar -C "$tree" --owner=1000 --group=1000 --numeric-owner -rf "$context/tree.tar" ./var/lib/demo
  "$podman" import --quiet --change 'ENV PATH=/usr/local/bin:/bin' --change 'USER 1000:1000' \
    --change 'STOPSIGNAL SIGTERM' --change 'CMD ["sh"]' --change "LABEL $label=$sum" \
    "$context/tree.tar" "$image" >/dev/null
}

busybox=$(static_busybox)
sum=$(checksum)
if [[ ${1:-} != --force ]] &&
  [[ $("$podman" image inspect --format "{{index .Labels \"$label\"}}" "$image" 2>/dev/null) == "$sum" ]]; then
  printf '%s is up to date\n' "$image"
  exit 0
fi

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
fill_context "$context"
if ! "$podman" build --quiet --pull=never --isolation=chroot --layers=false --label "$label=$sum" \
  --tag "$image" "$context" >"$context/build.log" 2>&1; then
  printf 'build-image: podman build failed, importing the same files instead; it said:\n' >&2
  sed 's/^/  /' "$context/build.log" >&2
  import_tree "$context"
fi
printf '%s built from %s\n' "$image" "$busybox"
