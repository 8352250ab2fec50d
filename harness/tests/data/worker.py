"""A child of the process adapter. Its argument says how it behaves, most often only where a first voltage is negative."""

import json
import os
import sys
import time

how = sys.argv[1]
HOW = {
    "good", "stateful", "slots", "no_hello", "other_task", "other_protocol", "rubbish", "wrong_id", "hang",
    "dies_late", "exits", "flaky", "closes", "nan", "infinity", "null", "wrong_shape", "short_data", "missing", "error",
    "no_outputs", "deaf", "not_text", "reset_error", "environment",
    "stateful_exits", "slots_exits",
}
assert how in HOW


def say(reply):
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


def outputs(rows):
    return {"y": {"shape": [len(rows), 3], "dtype": "f32", "data": [v for row in rows for v in row]}}


hello = {"hello": "gridgate/1", "task": "volt_var", "stateful": how.startswith(("stateful", "slots"))}
hello["slots"] = how.startswith("slots")
if how == "no_hello":
    sys.exit("ImportError: there is no such module")
if how == "other_task":
    hello["task"] = "redispatch"
if how == "other_protocol":
    hello["hello"] = "gridgate/9"
say(hello)
if how == "deaf":
    time.sleep(600)

seeds = {}
counts = {}
for line in sys.stdin:
    request = json.loads(line)
    op, reply = request["op"], {"id": request["id"]}
    if op == "close":
        break
    if op == "reset":
        if how == "reset_error":
            say({**reply, "error": {"kind": "RuntimeError", "message": "cannot begin"}})
            continue
        slots = request.get("slots", [0])
        for slot, seed in zip(slots, request.get("seeds", [request.get("seed")])):
            seeds[slot], counts[slot] = seed, 0
        say(reply)
        continue
    x = request["inputs"]["x"]
    width = x["shape"][1]
    rows = [x["data"][i * width : (i + 1) * width] for i in range(x["shape"][0])]
    bad = any(row[0] < 0 for row in rows)
    answer = outputs([row[:3] for row in rows])
    if hello["stateful"]:
        slots = request.get("slots", [0])
        for slot in slots:
            counts[slot] += 1
        answer = outputs([[counts[slot], seeds[slot], row[0]] for slot, row in zip(slots, rows)])
    if how == "good":
        answer = outputs([[row[0], row[1], request["seed"]] for row in rows])
    if how == "environment":
        alone = not os.listdir(".") and not {k for k in os.environ if k in ("HOME", "GRIDGATE_SECRET", "USER")}
        answer = outputs([[float(alone), 0.0, 0.0]])
    if bad:
        if how == "rubbish":
            sys.stdout.write("Traceback (most recent call last): ...\n")
            sys.stdout.flush()
            continue
        if how == "not_text":
            sys.stdout.buffer.write(b"\xff\xfe\n")
            sys.stdout.flush()
            continue
        if how == "wrong_id":
            reply["id"] += 1
        if how == "hang":
            time.sleep(600)
        if how.endswith("exits"):
            sys.stderr.write("working in " + os.getcwd() + "\nValueError: negative voltage\n")
            sys.exit(3)
        if how == "flaky":
            # Dies at the first meeting, answers at the second.
            mark = os.path.join(os.path.dirname(os.path.abspath(__file__)), "met")
            if not os.path.exists(mark):
                open(mark, "w").close()
                sys.exit(4)
        if how == "closes":
            os.close(1)
            time.sleep(600)
        for word in ("nan", "infinity"):
            if how == word:
                answer["y"]["data"][1] = float(word)
        if how == "null":
            answer["y"]["data"][1] = None
        if how == "wrong_shape":
            answer["y"]["shape"] = [3]
        if how == "short_data":
            answer["y"]["data"].pop()
        if how == "missing":
            answer["z"] = answer.pop("y")
        if how == "error":
            say({**reply, "error": {"kind": "ValueError", "message": "negative voltage"}})
            continue
        if how == "no_outputs":
            say(reply)
            continue
    say({**reply, "outputs": answer})
    if how == "dies_late" and bad:
        sys.exit(5)
