"""Expected draws of named streams, computed without the product.

SHA-256 comes from Python's hashlib; ChaCha is written out below from RFC 8439, section 2.3, with eight double-round
halves, a 64-bit block counter in words 12 and 13 and the stream number in words 14 and 15 (Bernstein's original layout).
With 20 rounds and the RFC's 32-bit counter layout the same function must give the block of RFC 8439, section 2.3.2,
which is asserted before anything is written. Normal quantiles come from mpmath at 50 digits.

Usage: python stream_words.py > stream_words.json   (needs mpmath)
"""

import hashlib
import json
import struct

import mpmath

mpmath.mp.dps = 50
MASK = 0xFFFFFFFF


def rotate(word, by):
    return ((word << by) & MASK) | (word >> (32 - by))


def quarter(state, a, b, c, d):
    state[a] = (state[a] + state[b]) & MASK
    state[d] = rotate(state[d] ^ state[a], 16)
    state[c] = (state[c] + state[d]) & MASK
    state[b] = rotate(state[b] ^ state[c], 12)
    state[a] = (state[a] + state[b]) & MASK
    state[d] = rotate(state[d] ^ state[a], 8)
    state[c] = (state[c] + state[d]) & MASK
    state[b] = rotate(state[b] ^ state[c], 7)


def block(key, last_four, rounds):
    start = list(struct.unpack("<4I", b"expand 32-byte k")) + list(struct.unpack("<8I", key)) + list(last_four)
    state = start[:]
    for _ in range(rounds // 2):
        quarter(state, 0, 4, 8, 12)
        quarter(state, 1, 5, 9, 13)
        quarter(state, 2, 6, 10, 14)
        quarter(state, 3, 7, 11, 15)
        quarter(state, 0, 5, 10, 15)
        quarter(state, 1, 6, 11, 12)
        quarter(state, 2, 7, 8, 13)
        quarter(state, 3, 4, 9, 14)
    return [(x + y) & MASK for x, y in zip(state, start)]


RFC_2_3_2 = (
    "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
    "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"
)
rfc_nonce = struct.unpack("<3I", bytes.fromhex("000000090000004a00000000"))
assert struct.pack("<16I", *block(bytes(range(32)), [1, *rfc_nonce], 20)).hex() == RFC_2_3_2


def key(seed, population, name):
    message = b""
    for field in [b"gridgate/stream/1", struct.pack("<Q", seed), population.encode(), name.encode()]:
        message += struct.pack("<Q", len(field)) + field
    return hashlib.sha256(message).digest()


def words(seed, population, name, index, count):
    out = []
    counter = 0
    while len(out) < count:
        tail = [counter & MASK, counter >> 32, index & MASK, index >> 32]
        out += block(key(seed, population, name), tail, 8)
        counter += 1
    return out[:count]


def longs(seed, population, name, index, count):
    w = words(seed, population, name, index, 2 * count)
    return [w[2 * i] | (w[2 * i + 1] << 32) for i in range(count)]


def below(draws, n):
    """Lemire 2019, algorithm 5: unbiased, from 64-bit words."""
    while True:
        product = next(draws) * n
        if product & (2**64 - 1) >= (2**64 - n) % n:
            return product >> 64


def quantile(p):
    """Standard normal quantile of an exact double p below one half: Newton on the logarithm of the lower tail, which is
    concave, so that it converges from anywhere; the residual is asserted."""
    p = mpmath.mpf(p)
    z = mpmath.mpf(0)
    for _ in range(60):
        below = mpmath.erfc(-z / mpmath.sqrt(2)) / 2
        z -= mpmath.log(below / p) * below / mpmath.npdf(z)
    assert abs(mpmath.erfc(-z / mpmath.sqrt(2)) / 2 / p - 1) < mpmath.mpf(10) ** -40
    return z


streams = []
for seed, population, name, index in [
    (20261121, "outages", "line_trip#0/which", 0),
    (20261121, "outages", "line_trip#0/which", 1),
    (20261121, "outages", "line_trip#0/which", 2**40 + 7),
    (0, "", "", 0),
    (2**64 - 1, "hiver \u00e9", "load_swing#1/bus", 255),
]:
    first = longs(seed, population, name, index, 100)
    n = 3 * 2**62  # a quarter of all words is rejected
    draws = iter(first)
    streams.append(
        {
            "seed": str(seed),
            "population": population,
            "name": name,
            "index": str(index),
            "words": [str(first[i]) for i in (0, 1, 2, 31, 32, 33, 99)],
            "word_positions": [0, 1, 2, 31, 32, 33, 99],
            "uniform": [(word >> 11) / 2**53 for word in first[:4]],
            "below_7": [(word * 7) >> 64 for word in first[:12]],
            "below_3_times_2_to_62": [str(below(draws, n)) for _ in range(12)],
        }
    )

normal = []
for p in [1e-300, 1e-20, 1.1102230246251565e-16, 1e-9, 1e-3, 0.0249, 0.0751, 0.2, 0.25, 0.45, 0.4999]:
    normal.append({"p": p, "z": float(quantile(p))})

def line_trip(seed, population, index, branches, k, at_s, spread_s):
    """Outages (nanosecond, branch row) of one line_trip, first in its population: smallest keys, in their order."""
    name = "line_trip#0/"
    which = longs(seed, population, name + "which", index, branches)
    lost = sorted(range(branches), key=lambda row: which[row])[:k]
    when = [(word >> 11) / 2**53 for word in longs(seed, population, name + "when", index, k + 1)]
    begins = at_s[0] + (at_s[1] - at_s[0]) * when[0]
    dated = [(round((begins + spread_s * u) * 1e9), row) for row, u in zip(lost, when[1:])]
    return sorted(dated, key=lambda outage: outage[0])


def digest(outages):
    events = [{"at": at, "event": {"kind": "branch_out", "branch": row}} for at, row in outages]
    content = {"schema": "gridgate/timeline/1", "timeline": events}
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


scenarios = []
for index in [0, 1, 2**33 + 5]:
    outages = line_trip(20261121, "outages", index, branches=10, k=3, at_s=[120.0, 900.0], spread_s=60.0)
    scenarios.append({"index": str(index), "outages": outages, "digest": digest(outages)})

print(json.dumps({"streams": streams, "normal": normal, "scenarios": scenarios}, indent=1, ensure_ascii=True))
