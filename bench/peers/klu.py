"""Bare KLU: factor again and solve, for one Jacobian. Needs Debian's libklu1 (or any libklu.so.1) and a C compiler."""

import ctypes
import ctypes.util
import pathlib
import subprocess

import numpy as np

# KLU's own prototypes (SuiteSparse, klu.h); the common block is larger here than it is there, so that no header is needed.
LOOP = r"""
#include <time.h>
typedef struct { double tol, memgrow, initmem_amd, initmem, maxwork; int btf, ordering, scale; char rest[4000]; } Common;
int klu_defaults(Common *);
void *klu_analyze(int, int *, int *, Common *);
void *klu_factor(int *, int *, double *, void *, Common *);
int klu_refactor(int *, int *, double *, void *, void *, Common *);
int klu_solve(void *, void *, int, int, double *, Common *);
static double now(void) { struct timespec t; clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); return t.tv_sec + 1e-9 * t.tv_nsec; }
int race(int n, int *columns, int *rows, double *values, const double *right, double *x, int rounds, int inner, double *seconds)
{
    Common common;
    klu_defaults(&common);
    common.btf = 0;   /* finds one block on these networks and costs time */
    common.scale = 0; /* per unit is scaled enough, and it costs time */
    void *symbolic = klu_analyze(n, columns, rows, &common);
    void *numeric = symbolic ? klu_factor(columns, rows, values, symbolic, &common) : 0;
    if (!numeric) return 0;
    for (int round = 0; round < rounds; round++) {
        double start = now();
        for (int i = 0; i < inner; i++) {
            for (int k = 0; k < n; k++) x[k] = right[k];
            if (!klu_refactor(columns, rows, values, symbolic, numeric, &common)) return 0;
            if (!klu_solve(symbolic, numeric, n, 1, x, &common)) return 0;
        }
        seconds[round] = (now() - start) / inner;
    }
    return 1;
}
"""


class Absent(Exception):
    """There is no KLU here, and why."""


def library(folder):
    """The path of libklu, in a folder or where the system has it."""
    if folder is not None:
        found = sorted(pathlib.Path(folder).rglob("libklu.so.1*"))
        if not found:
            raise Absent(f"no libklu.so.1 under {folder}")
        return found[0]
    name = ctypes.util.find_library("klu")
    if name is None:
        raise Absent("no libklu: apt-get install libklu1, or unpack it and give --klu FOLDER")
    return name


def race(jacobian, rounds, folder, work):
    """Seconds of thread time for one refactorisation with one solve, a number for each round.

    The solution of the last one is checked against the matrix.
    """
    path = library(folder)
    source, shim = work / "klu_loop.c", work / "klu_loop.so"
    source.write_text(LOOP)
    link = [str(path), f"-Wl,-rpath,{pathlib.Path(path).parent}"] if folder else [f"-l:{path}"]
    rest = [str(p) for p in sorted(pathlib.Path(path).parent.glob("*.so.[0-9]"))] if folder else []
    try:
        subprocess.run(
            ["cc", "-O2", "-shared", "-fPIC", "-o", shim, source, "-Wl,--no-as-needed", *link, *rest],
            check=True, capture_output=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError) as error:
        raise Absent(f"the loop around KLU cannot be built: {getattr(error, 'stderr', error)}") from None
    n = jacobian.shape[0]
    columns, rows = jacobian.indptr.astype(np.int32), jacobian.indices.astype(np.int32)
    values = jacobian.data.astype(np.float64)
    right, x = np.linspace(-1.0, 1.0, n), np.zeros(n)
    seconds = np.zeros(rounds)
    inner = max(3, int(2e6 / len(values)))
    pointer = lambda array: array.ctypes.data_as(ctypes.c_void_p)  # noqa: E731
    done = ctypes.CDLL(str(shim)).race(
        n, pointer(columns), pointer(rows), pointer(values), pointer(right), pointer(x), rounds, inner, pointer(seconds)
    )
    residual = np.abs(jacobian @ x - right).max() / (np.abs(values).max() * np.abs(x).max())
    if not done or not residual < 1e-12:
        raise Absent(f"KLU failed on this matrix (scaled residual {residual:.1e})")
    return seconds
