# shellcheck shell=bash
# What Podman needs on this machine: settings where it would get them wrong, what a boot loses, and an
# ordinary user for the rootless half of the tests.

TEST_USER=podkeeper-test
PROOF_IMAGE=localhost/podkeeper/proof:latest
# Podman 5 warns about cgroups version 1 at every call.
export PODMAN_IGNORE_CGROUPSV1_WARNING=1

podman_ready() {
  podman_settings
  if is_root; then
    boot_bits
    make_test_user
  else
    check_ordinary_user
  fi
  prove_podman
}

settings_file() {
  if is_root; then
    printf '/etc/containers/containers.conf.d/50-podkeeper.conf'
  else
    printf '%s/containers/containers.conf.d/50-podkeeper.conf' "${XDG_CONFIG_HOME:-$HOME/.config}"
  fi
}

other_settings() {
  local own file
  own=$(settings_file)
  for file in /usr/share/containers/containers.conf /etc/containers/containers.conf \
    /etc/containers/containers.conf.d/*.conf "${XDG_CONFIG_HOME:-$HOME/.config}"/containers/containers.conf \
    "${XDG_CONFIG_HOME:-$HOME/.config}"/containers/containers.conf.d/*.conf; do
    if [ -f "$file" ] && [ "$file" != "$own" ]; then printf '%s\n' "$file"; fi
  done
}

# already_set KEY: somebody else decided about this key; it stays as it is.
already_set() {
  local files
  mapfile -t files < <(other_settings)
  [ "${#files[@]}" -gt 0 ] && grep -Eqs "^[[:space:]]*$1[[:space:]]*=" "${files[@]}"
}

# CAP_SYS_RESOURCE (24) lets a hard limit be raised.
may_raise_limits() {
  local effective
  effective=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
  [ $(((0x$effective >> 24) & 1)) = 1 ]
}

limit() {
  local value
  value=$(ulimit "$1")
  if [ "$value" = unlimited ] || [ "$value" -gt "$2" ]; then value=$2; fi
  printf '%s:%s' "$value" "$value"
}

# wanted_settings: the drop-in for this machine; nothing where Podman is right by itself.
wanted_settings() {
  local cgroups events runtime version containers='' engine=''
  # The very first call of Podman 4 warns about CNI and settles on netavark.
  podman info >/dev/null 2>&1 || true
  read -r cgroups events runtime version < <(podman info \
    --format '{{.Host.CgroupManager}} {{.Host.EventLogger}} {{.Host.OCIRuntime.Name}} {{.Host.CgroupsVersion}}')
  # As root Podman asks for higher limits than it has, and every start fails with "setting rlimit type 7".
  if is_root && ! may_raise_limits && ! already_set default_ulimits; then
    containers+=$'\n'"default_ulimits = [\"nofile=$(limit -Hn 1048576)\", \"nproc=$(limit -Hu 32768)\"]"
  fi
  # crun refuses a tree of both cgroup versions; runc takes it.
  if [ "$version" = v1 ] && [ "$runtime" = crun ] && ! already_set runtime; then
    engine+=$'\n''runtime = "runc"'
  fi
  if ! [ -d /run/systemd/system ]; then
    if [ "$cgroups" = systemd ] && ! already_set cgroup_manager; then
      engine+=$'\n''cgroup_manager = "cgroupfs"'
    fi
    if [ "$events" != file ] && ! already_set events_logger; then engine+=$'\n''events_logger = "file"'; fi
  fi
  [ -z "$containers" ] || printf '[containers]%s\n' "$containers"
  [ -z "$engine" ] || printf '[engine]%s\n' "$engine"
}

# podman_settings: written when the facts it rests on have changed, so Podman is asked without it.
podman_settings() {
  local file facts text
  file=$(settings_file)
  local others
  mapfile -t others < <(other_settings)
  facts="# for $(checksum "$(podman --version)" "$(stat -f -c %T /sys/fs/cgroup)" "$(ulimit -Hn)" "$(ulimit -Hu)" \
    "$(grep CapEff /proc/self/status)" "$(ls -d /run/systemd/system 2>&1)" ${others[@]+"${others[@]}"})"
  [ -f "$file" ] && grep -qxF "$facts" "$file" && return 0
  if [ -f "$file" ]; then rm "$file"; fi
  text=$(wanted_settings)
  [ -n "$text" ] || return 0
  mkdir -p "${file%/*}"
  printf '# Written by ./dev setup of Podkeeper. Safe to remove: it is made again when needed.\n%s\n%s\n' \
    "$facts" "$text" >"$file"
  say "Podman's settings for this machine were missing; wrote $file:"
  sed -n '/^[^#]/s/^/  /p' "$file"
}

# boot_bits: what a boot without systemd leaves out.
boot_bits() {
  if ! [ -e /dev/net/tun ]; then
    mkdir -p /dev/net
    mknod -m 0666 /dev/net/tun c 10 200 || say "note: /dev/net/tun can not be made; rootless networks need it"
  fi
  # Rootless networking and storage open these as the user.
  local device
  for device in /dev/net/tun /dev/fuse; do
    if [ -e "$device" ] && [ "$(stat -c %a "$device")" != 666 ]; then chmod 0666 "$device"; fi
  done
  if [ "$(cat /proc/sys/net/ipv4/ip_forward)" != 1 ]; then
    printf 1 >/proc/sys/net/ipv4/ip_forward || say "note: bridges do not forward: /proc/sys/net/ipv4/ip_forward is 0"
  fi
  # With nobody at /dev/log Podman's clean-up process of a debug run ends early, and `podman run` waits 20 s.
  if ! somebody_listens /dev/log; then
    rm -f /dev/log
    setsid busybox syslogd -n -O /dev/null -S </dev/null >/dev/null 2>&1 &
    disown
    say "started a syslog listener at /dev/log"
  fi
  if ! [ -e /etc/containers/policy.json ]; then
    mkdir -p /etc/containers
    printf '{"default":[{"type":"insecureAcceptAnything"}]}\n' >/etc/containers/policy.json
    say "wrote /etc/containers/policy.json, which Podman can not do without"
  fi
}

somebody_listens() {
  [ -S "$1" ] && "$PYTHON" -c \
    'import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).connect(sys.argv[1])' "$1" 2>/dev/null
}

# make_test_user: an ordinary user with sub-ids, a run-time folder and overlay storage.
make_test_user() {
  local home uid
  if ! id "$TEST_USER" >/dev/null 2>&1; then
    useradd --create-home --shell /bin/bash "$TEST_USER"
    say "made the user $TEST_USER for the rootless half of the tests"
  fi
  uid=$(id -u "$TEST_USER")
  home=$(getent passwd "$TEST_USER" | cut -d: -f6)
  if ! grep -q "^$TEST_USER:" /etc/subuid || ! grep -q "^$TEST_USER:" /etc/subgid; then
    local first
    first=$(cat /etc/subuid /etc/subgid | awk -F: 'BEGIN {n = 100000} $2 + $3 > n {n = $2 + $3} END {print n}')
    usermod --add-subuids "$first-$((first + 65535))" --add-subgids "$first-$((first + 65535))" "$TEST_USER"
  fi
  # Image builders lose the file capabilities of these two.
  local helper
  for helper in /usr/bin/newuidmap /usr/bin/newgidmap; do
    if ! [ -u "$helper" ] && [ -z "$(getcap "$helper" 2>/dev/null)" ]; then chmod u+s "$helper"; fi
  done
  forget_lost_session "$uid"
  if ! [ -d "/run/user/$uid" ]; then
    install -d -m 0755 /run/user
    install -d -m 0700 -o "$TEST_USER" -g "$TEST_USER" "/run/user/$uid"
  fi
  # Left to itself Podman may settle on vfs, a full copy of the image for every container.
  if ! [ -e "$home/.config/containers/storage.conf" ] && ! [ -e "$home/.local/share/containers/storage/libpod" ]; then
    install -d -o "$TEST_USER" -g "$TEST_USER" "$home/.config" "$home/.config/containers"
    printf '[storage]\ndriver = "overlay"\n' >"$home/.config/containers/storage.conf"
    chown "$TEST_USER:" "$home/.config/containers/storage.conf"
  fi
}

# forget_lost_session UID: with every process of the user gone nothing in the run-time folder is true any more.
# systemd-logind empties it then; without it Podman finds its own pause process missing and refuses every call.
forget_lost_session() {
  [ -d "/run/user/$1" ] && ! [ -d /run/systemd/system ] || return 0
  [ -z "$(find /proc -maxdepth 1 -user "$1" -name '[0-9]*' -print -quit 2>/dev/null)" ] || return 0
  rm -rf "/run/user/$1"
}

# as_test_user COMMAND...: with the environment of that user, which no login made.
as_test_user() {
  local uid home
  uid=$(id -u "$TEST_USER")
  home=$(getent passwd "$TEST_USER" | cut -d: -f6)
  (cd / && exec setpriv --reuid="$TEST_USER" --regid="$TEST_USER" --init-groups env -i HOME="$home" \
    USER="$TEST_USER" LANG=C.UTF-8 XDG_RUNTIME_DIR="/run/user/$uid" PODMAN_IGNORE_CGROUPSV1_WARNING=1 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@")
}

check_ordinary_user() {
  local user
  user=$(id -un)
  grep -q "^$user:" /etc/subuid 2>/dev/null || fail "$user has no sub-ids, so rootless Podman can not run. Run:" \
    "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $user && podman system migrate"
}

# prove_podman: a container runs, for this user and the test user. Shown once; the image is kept as the proof.
prove_podman() {
  prove_for "$(id -un)" podman
  if is_root; then prove_for "$TEST_USER" as_test_user podman; fi
}

# prove_for USER PODMAN...
prove_for() {
  local user=$1 folder
  shift
  ! "$@" image exists "$PROOF_IMAGE" 2>/dev/null || return 0
  folder=$(dirname "$(readlink -f "$(command -v busybox)")")
  printf 'FROM scratch\nCOPY --from=host busybox /bin/busybox\n' |
    "$@" build -q --pull=never --build-context "host=$folder" -t "$PROOF_IMAGE" - >/dev/null
  if ! "$@" run --rm --pull=never "$PROOF_IMAGE" /bin/busybox true; then
    "$@" rmi -f "$PROOF_IMAGE" >/dev/null
    fail "Podman can not run a container as $user on this machine; what it says is above"
  fi
  say "Podman runs containers as $user"
}
