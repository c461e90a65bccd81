"""All memory of one search: allocated once, reused for account after account.

Records keep what belongs to one node in one place, in memory as on the page; amounts of money are doubles that hold
whole cents.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from solver.problem import Floats, Ints

__all__ = [
    "BOUNDS",
    "ENTRIES",
    "MOST_WORK",
    "OPEN",
    "POOL",
    "ROOM",
    "WORK",
    "Node",
    "Nodes",
    "Records",
    "Work",
    "new_work",
]

OPEN, ENTRIES, BOUNDS, WORK, MOST_WORK = 1, 2, 3, 4, 5  # places in ``counts``; 0 is the number of branches
POOL = 24  # prices kept for one pie
ROOM = 64  # nested pies of one pie whose leaves are counted apart, in leaves of the whole tree

Records = Any  # an array of records; numpy's types say nothing of their fields
Nodes = Any  # a tree's records, and
Node = Any  # one of them

NODE = np.dtype(
    [
        # the account: see tree.py
        *((name, np.int64) for name in ("row", "above", "first", "last", "pie", "nodes", "pies")),
        *((name, np.float64) for name in ("half", "inverse", "tilt", "part", "rest")),
        *((name, np.float64) for name in ("buy_low", "buy_high", "sell_low", "sell_high", "least", "most", "need")),
        # a branch of the search, and the choice of who trades that is being tried: branching.py
        *((name, np.int64) for name in ("domain", "state", "tried")),
        ("best", np.float64),
        # the relaxation: curves.py
        *((name, np.float64) for name in ("low", "high", "real", "price")),
        *((name, np.int64) for name in ("start", "stop")),
        # whole cents: cents.py
        *((name, np.float64) for name in ("e", "up", "down")),
        *((name, np.int64) for name in ("to", "fro")),
        # leaves counted: counts.py
        *((name, np.int64) for name in ("used", "ready", "changed", "leaves", "at", "wanted")),
        ("outer", np.float64),
    ],
    align=True,
)
POINT = np.dtype([("at", np.float64), ("flow", np.float64)])
EVENT = np.dtype([("at", np.float64), ("jump", np.float64), ("slope", np.float64)])
RANK = np.dtype([("gain", np.float64), ("shift", np.float64), ("leaf", np.int64)])
ROW = np.dtype([(name, np.float64) for name in ("cost", "flow", "joint_cost", "joint_flow")])
SPAN = np.dtype([("least", np.float64), ("greatest", np.float64)])
BRANCH = np.dtype([("bound", np.float64), *((n, np.int64) for n in ("parent", "leaf", "side", "split", "open"))])
LOG = np.dtype([("branch", np.int64), ("pie", np.int64), ("price", np.float64)])


class Work(NamedTuple):
    """``tree`` has a record a node; ``point`` the curves of all pies, ``event`` those of the pie being summed up.

    ``span``, ``sums``, ``flows`` are tables by pie and number of trading leaves, ``pool`` the prices by pie, ``rank``,
    ``row``, ``taken`` the row being made; ``branch`` and ``log`` the search's branches and evidence. ``figures``: J of
    the best plan, the least bound; ``counts``: branches, open ones, log entries, bounds computed, the work done so
    far, about one a slice looked at, and the most that may be done.
    """

    tree: Nodes
    point: Records
    event: Records
    order: Ints
    rank: Records
    row: Records
    span: Records
    sums: Floats
    flows: Floats
    pool: Floats
    taken: Ints
    branch: Records
    log: Records
    figures: Floats
    counts: Ints


def new_work(rows: int, depth: int, branches: int, log: int) -> Work:
    """Memory for accounts of up to ``rows`` rows in ``depth`` levels of pies, ``branches`` branches, ``log`` prices."""
    size, table = rows + 1, (depth + 1) * (rows + 1)

    def records(kind: np.dtype[Any], count: int) -> Records:
        return np.zeros(count, dtype=kind)  # no recarray: numba takes long to recognise one

    return Work(
        tree=records(NODE, size),
        point=records(POINT, 8 * size * max(1, depth) + 16),  # a leaf adds at most eight points on each level
        event=records(EVENT, 8 * size + 16),
        order=np.zeros(16 * size + 32, dtype=np.int64),
        rank=records(RANK, 2 * size),
        row=records(ROW, size + 1),
        span=records(SPAN, table),
        sums=np.zeros((table, POOL)),
        flows=np.zeros((table, POOL)),
        pool=np.zeros((size, POOL)),
        taken=np.zeros(ROOM * size, dtype=np.int64),
        branch=records(BRANCH, branches),
        log=records(LOG, log),
        figures=np.zeros(2),
        counts=np.zeros(6, dtype=np.int64),
    )
