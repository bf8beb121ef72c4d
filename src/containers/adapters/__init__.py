"""The only place with Podman, processes, sockets, files and real time."""
