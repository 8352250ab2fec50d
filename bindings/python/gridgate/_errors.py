"""What can go wrong, one class for each exit code of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Error(Exception):
    """What gridgate raises. Its text is what the command line prints: all that is wrong, where, and what to try."""

    diagnostics: list[dict[str, Any]]
    """Each complaint with its `code`, `severity` and `message`, and where known `place` and `hint`."""

    def __init__(self, text: str, diagnostics: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(text)
        self.diagnostics = list(diagnostics)


class InputError(Error, ValueError):
    """Wrong usage or input (exit code 2)."""


class NoSolution(Error):
    """A power flow without a solution (exit code 1). That is an answer: the grid cannot be in this state."""

    document: dict[str, Any]
    """The document `gridgate/solution/1` of the attempt, with the worst bus in its diagnostics."""


class InfrastructureError(Error):
    """The disk is full, a worker died (exit code 4). It says nothing about the candidate."""


class IntegrityError(Error):
    """A digest does not match, or a replay takes another course (exit code 5)."""
