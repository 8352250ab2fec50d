"""What a candidate written in Python looks like, for readers and type checkers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Seen: TypeAlias = Mapping[str, npt.NDArray[Any]]
"""What a batch of episodes shows: `obs.*` -> float64 `[batch, n]`, and `alive` -> bool `[batch]`. Read-only."""

Asked: TypeAlias = "npt.ArrayLike | np.ma.MaskedArray[Any, Any] | tuple[Sequence[int], npt.ArrayLike]"

Answer: TypeAlias = "Mapping[str, Asked] | None"
"""What is asked of a batch: `act.*` -> array `[batch, n]`, or `(elements, [batch, k])`; `None` asks nothing."""


class Controller(Protocol):
    """A candidate: any function of this shape, an object that can be called, or the class of one.

    It is called once a step with a whole batch of episodes, one in each row, and answers for all of them. It sees, in
    the order of the case file and in these units:

    - `obs.time_s`, `obs.age_s`, one column each;
    - `obs.bus.` `vm` pu, `va` degrees, `pd` MW, `qd` Mvar, `energised` 0 or 1; `obs.frequency_hz`, for each bus;
    - `obs.gen.` `p` MW, `q` Mvar, `v_set` pu, `p_set` MW, `status` 0 or 1, `p_min` MW, `p_max` MW;
    - `obs.branch.` `p_from` MW, `q_from` Mvar, `loading` (1 is the rating), `rating` MVA, `status` 0 or 1, `tap`;
    - `obs.shunt.step`;
    - `alive`, False in rows that are padding or have ended: what is answered for those is ignored.

    It may ask, as absolute values that hold until they are replaced, `act.gen.v_set`, `act.branch.tap` and
    `act.shunt.step` (task `volt_var`), or `act.gen.p_set` and `act.branch.status` (task `redispatch`). An array has a
    column for each element of the case; a pair `(elements, array)` names those that it is about by their row in the
    file, from 0; and what a `numpy.ma` array masks is not asked.

    The answer for a row must depend on that row alone. Calls never overlap, whatever the number of threads. An exception
    fails the episode that it is about: the rows are then asked one by one. A value that is not finite fails its row; an
    answer of another shape, or under a name that does not exist, fails all rows.

    A candidate that remembers has a method `reset(seeds)`, called before the first step with one seed for each row, from
    which it must draw whatever is random; or an attribute `batched = False`, and is shown one episode at a time. Each
    worker then has a deep copy of the object. Of a class each worker makes its own.
    """

    def __call__(self, seen: Seen, /) -> Answer:
        """Decide for every row."""
