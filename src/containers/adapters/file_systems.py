"""Which file systems tell of no changes that others make to them."""

import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mounts")
_SILENT = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "vboxsf", "drvfs", "virtiofs", "ceph"}
    | {"fuse.vmhgfs-fuse", "fuse.grpcfuse", "fuse.s3fs", "fuse.rclone", "fuse.glusterfs", "afs", "lustre"}
)
_ESCAPED = re.compile(r"\\([0-7]{3})")


def silent_file_system(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """The type of the file system that `path` is on, if it has to be polled; None where it need not be.

    Args:
        path: need not be there.
        mounts: where the mounts of this process are listed.
    """
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
        real = path.resolve()
    except OSError:
        return None
    longest, kind = -1, ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:  # noqa: PLR2004  (device, place, type)
            continue
        place = Path(_ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[1]))
        if real.is_relative_to(place) and len(place.parts) >= longest:
            longest, kind = len(place.parts), fields[2]
    return kind if kind in _SILENT else None
