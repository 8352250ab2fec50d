"""Has a battery inject when the frequency at its bus falls below a threshold; one JSON object a line in, one out.

    controller.py POWER_MW

The power is held once it has been asked for.
"""

import json
import sys

THRESHOLD_HZ = 59.85
power_mw = float(sys.argv[1])
fired = set()  # slots in which the threshold was crossed

print(
    json.dumps({"hello": "gridgate/1", "task": "frequency_response", "stateful": True, "slots": True}),
    flush=True,
)
for line in sys.stdin:
    request = json.loads(line)
    answer = {"id": request["id"]}
    if request["op"] == "reset":
        for slot in request.get("slots") or [0]:
            fired.discard(slot)
    elif request["op"] == "infer":
        slots = request.get("slots") or [0]
        measured = request["inputs"]["frequency"]["data"]
        asked = []
        for slot, hz in zip(slots, measured):
            # A bus without voltage shows zero.
            if 0.0 < hz < THRESHOLD_HZ:
                fired.add(slot)
            asked.append(power_mw if slot in fired else 0.0)
        answer["outputs"] = {"battery": {"shape": [len(slots), 1], "data": asked}}
    print(json.dumps(answer), flush=True)
