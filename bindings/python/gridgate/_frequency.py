"""What `IslandResponse.ufls_trips` holds."""

from __future__ import annotations

from typing import NamedTuple


class UflsTrip(NamedTuple):
    """A stage of under-frequency load shedding that acted."""

    time_s: float
    """When its load was off, s."""
    stage: int
    """Its number in the plan, from 0."""
    threshold_hz: float
    """Its threshold, Hz."""
    share: float
    """Share of the demand that it shed."""
