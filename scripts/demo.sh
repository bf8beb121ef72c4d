# shellcheck shell=bash
# `./dev demo`: the demo stack on this machine's Podman, its image made of the host's static busybox.

demo() {
  case ${1:-up} in
    up) demo_up ;;
    down)
      set_up podman
      podkeeper --env demo down --volumes --yes
      ;;
    *) fail "there is no demo command $1" "./dev demo, ./dev demo down" ;;
  esac
}

demo_up() {
  set_up podman
  environments/demo/build-image.sh
  say '' '$ podkeeper --env demo plan'
  podkeeper --env demo plan || [ $? -eq 2 ] # 2 says that there is something to do
  say '' '$ podkeeper --env demo up -d'
  podkeeper --env demo up -d
  say ''
  demo_addresses
  cat <<'HELP'
Look around:
  .venv/bin/podkeeper --env demo ps
  .venv/bin/podkeeper --env demo logs -f
  .venv/bin/podkeeper --env demo monitor     brings back what dies: try `podman rm -f` on one
Take it down, with its data:
  ./dev demo down
HELP
}

# demo_addresses: what the stack publishes, as the engine knows it.
demo_addresses() {
  say 'Open:'
  podkeeper --env demo ps --json | python -c '
import json, sys
for service in json.load(sys.stdin):
    for port in service["ports"]:
        print("  {:<10} http://{}/".format(service["service"], port.partition("->")[0]))'
}
