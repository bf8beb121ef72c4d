"""Files that editors and tools leave for a moment: nobody means them."""

import re
from pathlib import PurePath
from typing import Final

_NAMES: Final = re.compile(
    r"""
      4913                      # vim asks whether it may write here
    | .*~                       # backups
    | \.?.*\.sw[a-px]           # vim: swap files
    | \.\#.* | \#.*\#           # emacs: locks and autosaved texts
    | .*___jb_(?:tmp|old|bak)___  # JetBrains: safe writes
    | \.goutputstream-.*        # GLib: saving by renaming
    | \..*\.kate-swp
    | .*\.crswap                # browsers, through the file system API
    | \.nfs[0-9a-f]+            # NFS: deleted while open
    | \.fuse_hidden[0-9a-f]+
    """,
    re.VERBOSE,
)
_FOLDERS: Final = frozenset({".git", ".hg", ".svn"})


def is_noise(path: PurePath) -> bool:
    """Whether nothing is to be done about a file, by its name or because a version control system owns it."""
    return _NAMES.fullmatch(path.name) is not None or not _FOLDERS.isdisjoint(path.parts)
