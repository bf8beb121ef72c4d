# shellcheck shell=bash
# What the operating system has to bring: Podman and its parts, Python, Chromium.

PODMAN_PACKAGES=(podman runc netavark aardvark-dns slirp4netns fuse-overlayfs uidmap busybox-static
  catatonit iptables iproute2 ca-certificates)
PODMAN5_PACKAGES=(passt nftables)
# code-server compiles its native modules; the browser needs one font to show text.
EDITOR_PACKAGES=(libkrb5-dev libsecret-1-dev pkg-config libx11-dev libxkbfile-dev python3-dev g++ make
  fonts-dejavu-core)
BROWSERS=(chromium chromium-browser google-chrome-stable google-chrome)

is_root() { [ "$(id -u)" = 0 ]; }

# os_is NAME...: whether this is one of these distributions or derived from one.
os_is() {
  local name
  for name in "$@"; do
    case " ${OS_NAMES} " in *" $name "*) return 0 ;; esac
  done
  return 1
}

# identify_system: sets OS_NAMES; elsewhere than on Linux there is nothing that could be set up.
identify_system() {
  [ "$(uname -s)" = Linux ] || fail "Podkeeper's tests need Linux; on $(uname -s) use a Linux machine of Podman's" \
    "brew install podman && podman machine init --cpus 2 --memory 4096 --volume \"\$HOME\" && podman machine start" \
    "podman machine ssh    # then, in the clone: ./dev test"
  # shellcheck disable=SC1091
  OS_NAMES=$(. /etc/os-release 2>/dev/null && printf '%s %s' "${ID:-}" "${ID_LIKE:-}")
}

# missing_packages NAME...: those that dpkg does not have, on one line.
missing_packages() {
  local found
  found=" $(dpkg-query -W -f='${binary:Package}=${db:Status-Status} ' "$@" 2>/dev/null || true)"
  local name missing=()
  for name in "$@"; do
    case "$found" in *" $name=installed "* | *" $name:"*"=installed "*) ;; *) missing+=("$name") ;; esac
  done
  printf '%s' "${missing[*]-}"
}

apt_has_lists() { compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null; }

apt_install() {
  export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
  local apt=(apt-get -y -q -o DPkg::Lock::Timeout=300)
  # Recommended packages would bring D-Bus and systemd along.
  local install=("${apt[@]}" install --no-install-recommends "$@")
  if apt_has_lists && "${install[@]}"; then return 0; fi
  "${apt[@]}" update
  "${install[@]}"
}

# wanted_packages PURPOSE...: sets `wanted` to what Debian and Ubuntu call what these purposes need.
wanted_packages() {
  local purpose
  wanted=()
  for purpose in "$@"; do
    case $purpose in
      podman)
        wanted+=("${PODMAN_PACKAGES[@]}")
        case $(dpkg-query -W -f='${Version}' podman 2>/dev/null || apt_candidate podman) in
          [0-4].*) ;;
          *) wanted+=("${PODMAN5_PACKAGES[@]}") ;;
        esac
        ;;
      podman5) ! podman5_belongs_here || wanted+=(mmdebstrap) ;;
      editor)
        wanted+=("${EDITOR_PACKAGES[@]}")
        # Ubuntu's chromium is a snap, which apt can not install where snapd does not run.
        browser >/dev/null || os_is ubuntu || wanted+=(chromium)
        ;;
      python) find_python || wanted+=(python3 python3-venv) ;;
    esac
  done
}

apt_candidate() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: \([0-9]*:\)\{0,1\}//p'; }

# browser: the path of a Chromium; fails where there is none.
browser() {
  local name
  for name in "${BROWSERS[@]}"; do
    command -v "$name" && return 0
  done
  return 1
}

# system_packages PURPOSE...: start to install what is missing, or say exactly how a person does.
system_packages() {
  if ! os_is debian ubuntu; then
    require_by_hand "$@"
    return
  fi
  local wanted missing
  # On a new machine apt knows no package at all, so not which Podman it would bring.
  if ! have podman && is_root && ! apt_has_lists; then
    stage package-lists apt-get -q -o DPkg::Lock::Timeout=300 update
    finish_stages
  fi
  wanted_packages "$@"
  [ "${#wanted[@]}" -gt 0 ] || return 0
  missing=$(missing_packages "${wanted[@]}")
  [ -n "$missing" ] || return 0
  is_root || fail "packages are missing, and only root can install them. Run this, then ./dev again:" \
    "sudo apt-get update && sudo apt-get install --no-install-recommends -y $missing"
  say "packages: $missing (log: $LOGS/packages-for-$1.log)"
  # shellcheck disable=SC2086
  stage "packages-for-$1" apt_install $missing
}

require_python() {
  find_python || fail "there is no Python 3.11 or newer with venv; install one and put it on PATH"
}

require_browser() {
  browser >/dev/null || fail "the end-to-end tests need Chromium, which Ubuntu has as a snap only. Run:" \
    "sudo snap install chromium"
}

# require_by_hand PURPOSE...: on a distribution this script does not install on.
require_by_hand() {
  local purpose program missing=()
  for purpose in "$@"; do
    for program in $(programs_for "$purpose"); do
      have "$program" || missing+=("$program")
    done
    [ "$purpose" != python ] || find_python || missing+=("python3 (3.11 or newer, with venv)")
    [ "$purpose" != editor ] || browser >/dev/null || missing+=(chromium)
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  fail "missing on this machine: ${missing[*]}. Run this, then ./dev again:" "$(install_command)"
}

programs_for() {
  case $1 in
    podman) printf '%s\n' podman newuidmap busybox ip iptables catatonit ;;
    editor) printf '%s\n' g++ make pkg-config ;;
  esac
}

install_command() {
  if os_is fedora rhel centos; then
    say "sudo dnf install -y podman netavark aardvark-dns passt slirp4netns fuse-overlayfs shadow-utils busybox" \
      "catatonit iptables-nft iproute python3 gcc-c++ make pkgconf krb5-devel libsecret-devel libX11-devel" \
      "libxkbfile-devel python3-devel chromium dejavu-sans-fonts"
  elif os_is arch; then
    say "sudo pacman -S --needed podman netavark aardvark-dns passt slirp4netns fuse-overlayfs shadow busybox" \
      "catatonit iptables-nft iproute2 python base-devel krb5 libsecret libx11 libxkbfile chromium ttf-dejavu"
  else
    say "(with your package manager) podman with netavark, newuidmap, a static busybox, catatonit, iproute2," \
      "iptables, Python 3.11 with venv, g++, make, pkg-config, krb5, libsecret, X11 and xkbfile headers, chromium"
  fi
}
