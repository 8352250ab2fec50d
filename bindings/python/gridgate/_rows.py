"""What the codes in the columns of `Solutions` stand for."""

from __future__ import annotations

from enum import IntEnum


class RowStatus(IntEnum):
    """What became of a row."""

    SOLVED = 0
    """Solved, and everything that was energised in the base still is, in one piece."""
    ISLANDED = 1
    """The outage split the grid, or took the voltage from a part of it; what still has a source is solved."""
    NO_SOLUTION = 2
    """No voltages were found at which Kirchhoff's law holds."""
    DEAD = 3
    """The outage changes nothing: its branches carry nothing in the base."""


class Method(IntEnum):
    """Who answered a row."""

    NONE = 0
    """Nobody: there is no solution."""
    LANES = 1
    """Newton, side by side with other rows."""
    SHARED_FACTOR = 2
    """The factor of the base's Jacobian, shared by all rows."""
    NEWTON = 3
    """Newton alone, from the voltages of the base."""
    FLAT_START = 4
    """Newton alone, from set-point magnitudes and zero angles."""
    DC_START = 5
    """Newton alone, from the angles of the linear power flow."""
    DAMPED = 6
    """Newton alone with shortened steps."""
    LIMITS_RELAXED = 7
    """Newton alone without reactive limits, which were then imposed again a few buses at a time."""
    PIVOTED = 8
    """Newton alone with a pivoted factorisation."""
    CONTINUATION = 9
    """Newton alone from the solutions at a rising share of the load."""
