"""Has a battery inject when the frequency at its bus falls below a threshold; one JSON object a line in, one out.

    controller.py POWER_MW [DELAY_MS]

The power is held once it has been asked for. A delay is one that the controller adds itself: it decides on what it saw so long ago.
"""

import json
import sys

THRESHOLD_HZ = 59.85
power_mw = float(sys.argv[1])
delay_s = float(sys.argv[2]) / 1000.0 if len(sys.argv) > 2 else 0.0
since = {}  # slot -> when the threshold was crossed

print(
    json.dumps({"hello": "gridgate/1", "task": "frequency_response", "stateful": True, "slots": True}),
    flush=True,
)
for line in sys.stdin:
    request = json.loads(line)
    answer = {"id": request["id"]}
    if request["op"] == "reset":
        for slot in request.get("slots") or [0]:
            since.pop(slot, None)
    elif request["op"] == "infer":
        slots = request.get("slots") or [0]
        times = request["inputs"]["time"]["data"]
        measured = request["inputs"]["frequency"]["data"]
        asked = []
        for slot, now, hz in zip(slots, times, measured):
            # A bus without voltage shows zero.
            if 0.0 < hz < THRESHOLD_HZ:
                since.setdefault(slot, now)
            fired = slot in since and now - since[slot] >= delay_s - 1e-6
            asked.append(power_mw if fired else 0.0)
        answer["outputs"] = {"battery": {"shape": [len(slots), 1], "data": asked}}
    print(json.dumps(answer), flush=True)
