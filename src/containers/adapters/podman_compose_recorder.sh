#!/bin/sh
# Stands in for podman while podman-compose translates a project: writes down what it is asked to create
# and answers as a host without any containers would. Every call has a file of its own, named by its
# process id, so that calls at the same time can not mix.
set -u
umask 077
for last; do :; done
case "$1 ${2-}" in
    "--version "*) echo "podman version $PODKEEPER_ENGINE_VERSION" ;;
    "ps "*) echo "[]" ;;
    "network exists" | "network inspect" | "volume exists" | "volume inspect" | "secret exists" | "secret inspect")
        [ -e "$PODKEEPER_RECORDING/seen/$1-$last" ]
        exit
        ;;
    "network create" | "volume create")
        : >"$PODKEEPER_RECORDING/seen/$1-$last"
        printf '%s\0' "$@" >"$PODKEEPER_RECORDING/calls/$$"
        ;;
    "create "*) printf '%s\0' "$@" >"$PODKEEPER_RECORDING/calls/$$" ;;
esac
