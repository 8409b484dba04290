"""How the quotas of an account are read back from its item."""

from collections.abc import Mapping
from typing import Any

from tollgate.domain.definitions import AccountQuota
from tollgate.store.snapshot_parts import known


def read_quotas(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, AccountQuota]:
    """An account's quotas by their window."""
    return {window: AccountQuota(**known(AccountQuota, row)) for window, row in rows.items()}
