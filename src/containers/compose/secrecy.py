"""Which values are better not shown where others read along."""

import re
from typing import Final

MASK: Final = "••••"

_SECRET_NAME: Final = re.compile(
    r"(?:^|[_.-])(?:password|passwd|passphrase|pwd|pass|secret|token|credentials?|api_?key|access_?key"
    r"|private_?key|encryption_?key|signing_?key|master_?key|auth_?key|key)(?:$|[_.-])",
    re.IGNORECASE,
)
_NO_SECRET: Final = re.compile(r"(?:_FILE|_PATH|_NAME|_ID|_TTL|_LENGTH|_POLICY)$", re.IGNORECASE)
_LOGIN: Final = re.compile(r"(?<=://)([^/@:\s]*):([^/@\s]+)@")


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name usually holds a secret; one that names a file does not."""
    return bool(_SECRET_NAME.search(name)) and not _NO_SECRET.search(name)


def masked(name: str, value: str) -> str:
    """A variable's value, with what is secret in it hidden."""
    if value and is_secret_name(name):
        return MASK
    return _LOGIN.sub(lambda match: f"{match[1]}:{MASK}@", value)
