"""Spreads the demand over the three units so that the largest loading of the intact grid is as small as it can be.

With all circuits in service that is optimal: both corridors at 80 % of their ratings instead of 105 and 55. It knows the grid as it
was when it was made, and never looks whether a circuit is missing.
"""

import json
import sys

# MW at a demand of 200 MW, units in the order of the case: 0.737 of unit 1 flows over the circuit of 80 MVA, half of unit 2
# over each circuit of 55 MVA; the loadings are equal at 86.4 and 87.6 MW.
OPTIMUM = (86.4, 87.6, 26.0)

print(json.dumps({"hello": "gridgate/1", "task": "redispatch", "stateful": False}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    answer = {"id": request["id"]}
    if request["op"] == "infer":
        demand = sum(request["inputs"]["demand"]["data"])
        schedule = [share * demand / 200.0 for share in OPTIMUM]
        answer["outputs"] = {"schedule": {"shape": [1, len(schedule)], "data": schedule}}
    print(json.dumps(answer), flush=True)
