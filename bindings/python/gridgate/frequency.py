"""How the frequency of an island moves after a step of power.

The island of the specification's low-inertia case, without a battery and with one that acts 0.25 s after 59.85 Hz:

>>> from gridgate.frequency import simulate_island
>>> island = dict(inertia_s=2.5, damping_pu=1, droop_pu=0.05, reheat_fraction=0.2, reheat_s=10, mechanical_gain=0.95)
>>> relay = [(59.5, 0.3, 0.07)]
>>> alone = simulate_island(**island, power_step_pu=-0.12, ufls=relay)
>>> round(alone.ufls_trips[0].time_s, 3), alone.ufls_trips[0].threshold_hz
(0.727, 59.5)
>>> helped = simulate_island(**island, power_step_pu=-0.12, ufls=relay, ffr_pu=0.08, ffr_trigger_hz=59.85, ffr_delay_s=0.25)
>>> round(helped.nadir_hz, 3), helped.ufls_trips
(59.56, [])

Arrays make a batch:

>>> island["inertia_s"] = [2.5, 4, 8]
>>> simulate_island(**island, power_step_pu=-0.12).nadir_hz.round(2).tolist()
[58.94, 59.03, 59.17]
"""

from gridgate._frequency import UflsTrip
from gridgate._native import IslandResponse, simulate_island

__all__ = ["IslandResponse", "UflsTrip", "simulate_island"]
