"""How many cores this process may really use: fewer than the machine has, in a container or under an affinity mask."""

import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def available(cgroups: Path = CGROUPS) -> int:
    """Return the cores that the scheduler gives this process, at least 1.

    The affinity mask and the quota of the control group both count; a quota of half a core still needs one thread.
    """
    allowed = len(os.sched_getaffinity(0))
    quota = _quota(cgroups)
    return allowed if quota is None else max(1, min(allowed, round(quota)))


def _quota(cgroups: Path) -> float | None:
    """Return the quota in cores, or None where there is none: version 2 of control groups first, then version 1."""
    try:
        limit, period = (cgroups / "cpu.max").read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):
        pass
    try:
        limit_us = int((cgroups / "cpu" / "cpu.cfs_quota_us").read_text())
        period_us = int((cgroups / "cpu" / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None
    return limit_us / period_us if limit_us > 0 else None
