"""Asks every unit for 1.01 pu. Any language will do: one JSON object a line in, one out."""

import json
import sys

print(json.dumps({"hello": "gridgate/1", "task": "volt_var", "stateful": False}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    answer = {"id": request["id"]}
    if request["op"] == "infer":
        n = request["inputs"]["set_points"]["shape"][1]
        answer["outputs"] = {"wanted": {"shape": [1, n], "data": [1.01] * n}}
    print(json.dumps(answer), flush=True)
