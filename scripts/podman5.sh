# shellcheck shell=bash
# Podman 5 beside Debian 12's own Podman 4: Debian 13's, in a tree of its own, so that the tests run against both.
#
# A mount namespace has that tree as its root, with this machine's folders where bind mounts expect them. A
# network namespace keeps its bridges, rules and ports apart from those of the other Podman; what is to reach
# a published port on localhost runs in it too (`with_podman5`).

PODMAN5_TREE=/var/lib/podkeeper-podman5
PODMAN5_RUN=/run/podkeeper-podman5
PODMAN5_SOCKET=$PODMAN5_RUN/podman.sock
PODMAN5_INSIDE=(podman runc conmon netavark aardvark-dns nftables iptables catatonit busybox-static ca-certificates)

podman5() {
  case ${1:-up} in
    up)
      set_up podman podman5
      require_podman5
      ;;
    down) podman5_down ;;
    run)
      set_up podman podman5
      require_podman5
      with_podman5 "${@:2}"
      ;;
    *) fail "there is no podman5 command $1" "./dev podman5, ./dev podman5 run COMMAND, ./dev podman5 down" ;;
  esac
}

# podman5_belongs_here: only root can make it, it comes from a Debian mirror, and it is of no use where the
# machine's own Podman is as new.
podman5_belongs_here() {
  is_root && os_is debian && ! os_is ubuntu || return 1
  case $(dpkg-query -W -f='${Version}' podman 2>/dev/null || apt_candidate podman) in
    [0-4].*) ;;
    *) return 1 ;;
  esac
}

require_podman5() {
  podman5_belongs_here || fail "Podman 5 is made by root on Debian, beside an older Podman of the machine's own"
}

# podman5_ready: other clones on this machine use the same one.
podman5_ready() {
  podman5_belongs_here || return 0
  lock_podman5
  podman5_settings
  podman5_runs || start_podman5_namespaces 7>&-
  podman5_answers || start_podman5_service 7>&-
  prove_for "root with Podman 5" "$PODMAN5_RUN/bin/podman" 7>&-
  exec 7>&-
}

lock_podman5() {
  mkdir -p "$PODMAN5_RUN"
  exec 7>"$PODMAN5_RUN/lock"
  flock 7
}

# podman5_stage: its tree.
podman5_stage() {
  podman5_belongs_here || return 0
  [ -x "$PODMAN5_TREE/usr/bin/podman" ] || stage podman5 make_podman5_tree
}

# make_podman5_tree: from the mirror that this machine uses, reached the way this machine reaches it.
make_podman5_tree() {
  local mirror reached
  lock_podman5
  if [ -x "$PODMAN5_TREE/usr/bin/podman" ]; then return 0; fi
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || fail "apt's sources name no mirror of Debian, where Podman 5 could come from"
  reached=$(mktemp)
  apt-config dump | grep -E '^Acquire::(http|https|Check|Retries|ForceIPv)' >"$reached" || true
  rm -rf "$PODMAN5_TREE.new"
  mmdebstrap --mode=root --variant=minbase --include="${PODMAN5_INSIDE[*]}" --aptopt="$reached" \
    --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' trixie "$PODMAN5_TREE.new" "$mirror"
  rm "$reached"
  mv "$PODMAN5_TREE.new" "$PODMAN5_TREE"
}

debian_mirror() {
  local release
  # shellcheck disable=SC1091
  release=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
  apt_has_lists || apt-get -q -o DPkg::Lock::Timeout=300 update >&2
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI)' | sed -n "s/^Debian $release //p" | head -n 1
}

podman5_settings() {
  local file=$PODMAN5_TREE/etc/containers/containers.conf.d/50-podkeeper.conf
  mkdir -p "${file%/*}"
  {
    if ! may_raise_limits; then
      printf '[containers]\ndefault_ulimits = ["nofile=%s", "nproc=%s"]\n' \
        "$(limit -Hn 1048576)" "$(limit -Hu 32768)"
    fi
    # No systemd in there.
    printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
    # runc alone takes a tree of both cgroup versions.
    [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || printf 'runtime = "runc"\n'
  } >"$file"
  [ -e "$PODMAN5_TREE/etc/containers/policy.json" ] ||
    cp /etc/containers/policy.json "$PODMAN5_TREE/etc/containers/policy.json"
  cp -L /etc/resolv.conf "$PODMAN5_TREE/etc/resolv.conf"
}

# podman5_process NAME: its id, where it lives. Ids are given again, so it must live in the tree.
podman5_process() {
  local pid
  [ -s "$PODMAN5_RUN/$1.pid" ] || return 1
  pid=$(<"$PODMAN5_RUN/$1.pid")
  [ "/proc/$pid/root/usr/bin/podman" -ef "$PODMAN5_TREE/usr/bin/podman" ] || return 1
  printf '%s' "$pid"
}

podman5_runs() { podman5_process namespaces >/dev/null; }
podman5_answers() { podman5_process service >/dev/null && [ -S "$PODMAN5_SOCKET" ]; }

# start_podman5_namespaces: a process that does nothing holds them.
start_podman5_namespaces() {
  local folder shared=()
  for folder in /*/; do
    case $folder in
      /bin/ | /boot/ | /dev/ | /etc/ | /lib*/ | /lost+found/ | /proc/ | /run/ | /sbin/ | /sys/ | /usr/ | /var/) ;;
      *) shared+=("${folder%/}") ;;
    esac
  done
  mkdir -p "$PODMAN5_RUN/bin"
  # shellcheck disable=SC2016
  setsid unshare --net --mount --propagation private bash -euc '
    tree=$1 run=$2; shift 2
    ip link set lo up
    mount --bind "$tree" "$tree"
    mount -t proc proc "$tree/proc"
    mount -t sysfs sysfs "$tree/sys"
    mount --rbind /sys/fs/cgroup "$tree/sys/fs/cgroup"
    mount --rbind /dev "$tree/dev"
    mount -t tmpfs -o mode=0755 tmpfs "$tree/run"
    mkdir -p "$tree$run" "$tree/run/lock"
    mount --bind "$run" "$tree$run"
    for folder; do
      mkdir -p "$tree$folder"
      mount --rbind "$folder" "$tree$folder"
    done
    # A new root rather than chroot, in which no user namespace could be made.
    cd "$tree"
    mkdir -p old-root
    pivot_root . old-root
    umount -l /old-root
    echo $$ >"$run/namespaces.pid"
    exec sleep infinity' podman5 "$PODMAN5_TREE" "$PODMAN5_RUN" "${shared[@]}" \
    </dev/null >"$PODMAN5_RUN/namespaces.log" 2>&1 &
  disown
  wait_for_podman5 podman5_runs "$PODMAN5_RUN/namespaces.log"
  write_podman5_program
}

# write_podman5_program: `podman` in the namespaces, in the caller's folder and with its environment.
write_podman5_program() {
  cat >"$PODMAN5_RUN/bin/podman" <<PROGRAM
#!/bin/sh
# Written by ./dev setup of Podkeeper: Podman 5 in its own tree.
inside=/proc/$(podman5_process namespaces)
folder=\$inside/root\$PWD
[ -d "\$folder" ] || folder=\$inside/root
PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec nsenter --mount="\$inside/ns/mnt" --net="\$inside/ns/net" --root="\$inside/root" --wd="\$folder" -- podman "\$@"
PROGRAM
  chmod 0755 "$PODMAN5_RUN/bin/podman"
}

# start_podman5_service: one that ends is started again, as systemd would; its log says when that was, and what
# it said at its end.
start_podman5_service() {
  local inside
  inside=/proc/$(podman5_process namespaces)
  rm -f "$PODMAN5_SOCKET"
  # shellcheck disable=SC2016
  PATH=/usr/sbin:/usr/bin:/sbin:/bin setsid nsenter --mount="$inside/ns/mnt" --net="$inside/ns/net" \
    --root="$inside/root" --wd="$inside/root" -- bash -uc '
    trap "trap - TERM; kill \$service; wait; exit" TERM
    while :; do
      podman system service --time=0 "$1" &
      service=$!
      wait $service
      printf "podkeeper: the service ended with %s at %s\n" $? "$(date -u +%FT%TZ)"
      sleep 0.2
    done' podman5 "unix://$PODMAN5_SOCKET" </dev/null >"$PODMAN5_RUN/service.log" 2>&1 &
  echo $! >"$PODMAN5_RUN/service.pid"
  disown
  wait_for_podman5 podman5_answers "$PODMAN5_RUN/service.log"
}

# tell_podman5_ends: a Podman that died amid the tests explains what they say.
tell_podman5_ends() {
  if grep -q '^podkeeper: the service ended' "$PODMAN5_RUN/service.log" 2>/dev/null; then
    say "Podman 5 ended meanwhile; the end of its log:"
    tail -n 60 "$PODMAN5_RUN/service.log" >&2
  fi
}

# wait_for_podman5 CONDITION LOG
wait_for_podman5() {
  local tries
  for tries in {1..100}; do
    if "$1"; then return 0; fi
    sleep 0.05
  done
  fail "Podman 5 did not start after $tries looks; its log:" "$(cat "$2")"
}

# with_podman5 COMMAND...: with it as `podman`, as the rootful engine of the tests, and with its localhost.
# No systemd runs its health checks, so none is to be seen.
with_podman5() {
  # shellcheck disable=SC2016
  PATH=$PODMAN5_RUN/bin:$PATH CONTAINER_HOST=unix://$PODMAN5_SOCKET \
    PODKEEPER_TEST_ROOTFUL_URL=unix://$PODMAN5_SOCKET \
    nsenter --net="/proc/$(podman5_process namespaces)/ns/net" unshare --mount --propagation private sh -euc '
      [ ! -d /run/systemd/system ] || mount -t tmpfs tmpfs /run/systemd
      exec "$@"' podman5 "$@"
}

# podman5_down: its containers and processes end and all of it is removed.
podman5_down() {
  local name pid
  if podman5_runs; then "$PODMAN5_RUN/bin/podman" rm --all --force --time 0 >/dev/null; fi
  for name in service namespaces; do
    pid=$(podman5_process $name) || continue
    kill "$pid"
    while [ -e "/proc/$pid" ]; do sleep 0.05; done
  done
  rm -rf --one-file-system "$PODMAN5_TREE" "$PODMAN5_RUN"
}
