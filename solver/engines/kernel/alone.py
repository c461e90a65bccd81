"""One account at a time: all memory of a thread in one piece, so that a call hands over two arrays and not fifty.

Of every array that it is given numba asks what it is, and makes and drops an owner. For one small account that takes
longer than the plan; so the loop's arrays are cut from one in here, where it costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack_into, unpack_from
from typing import Any

import numpy as np

from solver.columns import BOUND_SOURCES, BY_ACCOUNT, QUALITIES, Accounts, Plans, no_plans
from solver.engines.kernel import memory as kinds
from solver.engines.kernel.compiled import compiled
from solver.engines.kernel.engine import MAX_BRANCHES, MAX_LOG
from solver.engines.kernel.loop import plan_from
from solver.engines.kernel.memory import BOUNDS, POOL, Work, new_work
from solver.engines.kernel.rows import SHARE, Sheet, new_sheet
from solver.engines.kernel.tree import HEAD, ROW
from solver.portfolio import MAX_DEPTH
from solver.problem import Ints

__all__ = ["Alone", "prepared"]

ROOM = 1 << 12  # multipliers
WORD = 8  # bytes
NONE, OPTIMAL, RECOMPUTED = QUALITIES.index("NONE"), QUALITIES.index("OPTIMAL"), BOUND_SOURCES.index("RECOMPUTED")
NODE, POINT, EVENT, RANK = kinds.NODE, kinds.POINT, kinds.EVENT, kinds.RANK
COUNTED, SPAN, BRANCH, LOG = kinds.ROW, kinds.SPAN, kinds.BRANCH, kinds.LOG


class Alone:
    """The memory of one thread for accounts of up to ``rows`` rows; ``plans`` is the plan of the last.

    It is filled again for every account.
    """

    def __init__(self, rows: int) -> None:
        size = {"start": 2} | dict.fromkeys(BY_ACCOUNT, 1)
        accounts = tuple(np.zeros(size.get(name, rows), dtype=np.int64) for name in Accounts._fields)
        work, sheet = new_work(rows, MAX_DEPTH, MAX_BRANCHES, MAX_LOG), new_sheet(rows)
        plans: tuple[Any, ...] = no_plans(1, rows, ROOM)
        arrays: tuple[Any, ...] = (*work, *sheet, *accounts, *plans)
        self._place = np.concatenate(([0], np.cumsum([-(-array.nbytes // WORD) for array in arrays])))
        self._memory = np.zeros(int(self._place[-1]), dtype=np.int64)
        own = (WORD * self._place).tolist()[len(work) + len(sheet) : -1]
        at = dict(zip((*Accounts._fields, *Plans._fields), own, strict=True))
        self._head, self._found = at["start"] + WORD, at["cash_after"]
        self._columns = at["parent"], at["target_weight"], at["value"]
        cut = (self._memory.view(np.uint8)[at[name] :] for name in Plans._fields)
        self.plans = Plans(*(c[: p.nbytes].view(p.dtype) for c, p in zip(cut, plans, strict=True)))

    def plan(self, columns: Sequence[Sequence[int]], by_account: Sequence[int], most_work: int) -> int:
        """Plan the account with these parents, target weights and values, none of its sides blocked.

        There is room for them, and ``by_account`` is in the order of ``BY_ACCOUNT``. Returns how many bounds the search
        computed, −1 where the plan is not proved OPTIMAL with a recomputed bound.
        """
        count, memory = len(columns[0]), self._memory.data
        pack_into(f"{1 + len(by_account)}q", memory, self._head, count, *by_account)
        for at, figures in zip(self._columns, columns, strict=True):
            pack_into(f"{count}q", memory, at, *figures)
        return int(_plan(self._memory, self._place, most_work))

    def figures(self) -> tuple[int, int, int, float, float, float]:
        """Cash after and left, retired excess, J, its bound and ρ: as they stand beside each other in ``Plans``."""
        return unpack_from("3q3d", self._memory.data, self._found)


@compiled
def _plan(memory: Ints, place: Ints, most_work: int) -> int:
    """Plan the one account in ``memory``, of which array i has the words ``place[i]`` to ``place[i + 1]``."""
    work = Work(
        memory[place[0] : place[1]].view(NODE),
        memory[place[1] : place[2]].view(POINT),
        memory[place[2] : place[3]].view(EVENT),
        memory[place[3] : place[4]],
        memory[place[4] : place[5]].view(RANK),
        memory[place[5] : place[6]].view(COUNTED),
        memory[place[6] : place[7]].view(SPAN),
        memory[place[7] : place[8]].view(np.float64).reshape((-1, POOL)),
        memory[place[8] : place[9]].view(np.float64).reshape((-1, POOL)),
        memory[place[9] : place[10]].view(np.float64).reshape((-1, POOL)),
        memory[place[10] : place[11]],
        memory[place[11] : place[12]].view(BRANCH),
        memory[place[12] : place[13]].view(LOG),
        memory[place[13] : place[14]].view(np.float64),
        memory[place[14] : place[15]],
    )
    head, rows, share = memory[place[15] : place[16]], memory[place[16] : place[17]], memory[place[17] : place[18]]
    accounts = Accounts(
        memory[place[18] : place[19]],
        memory[place[19] : place[20]],
        memory[place[20] : place[21]],
        memory[place[21] : place[22]],
        memory[place[22] : place[23]],
        memory[place[23] : place[24]],
        memory[place[24] : place[25]],
        memory[place[25] : place[26]],
        memory[place[26] : place[27]],
        memory[place[27] : place[28]],
    )
    plans = Plans(
        memory[place[28] : place[29]],
        memory[place[29] : place[30]].view(np.float64),
        memory[place[30] : place[31]].view(np.uint8),
        memory[place[31] : place[32]].view(np.uint8),
        memory[place[32] : place[33]].view(np.uint8),
        memory[place[33] : place[34]],
        memory[place[34] : place[35]],
        memory[place[35] : place[36]],
        memory[place[36] : place[37]].view(np.float64),
        memory[place[37] : place[38]].view(np.float64),
        memory[place[38] : place[39]].view(np.float64),
        memory[place[39] : place[40]],
        memory[place[40] : place[41]],
        memory[place[41] : place[42]],
        memory[place[42] : place[43]].view(np.float64),
        memory[place[43] : place[44]],
        memory[place[44] : place[45]],
        memory[place[45] : place[46]],
        memory[place[46] : place[47]],
        memory[place[47] : place[48]],
    )
    plans.quality[0] = NONE
    first = accounts.start[0]  # 0; a literal would have all of the loop compiled a second time
    plan_from(accounts, first, most_work, work, Sheet(head.view(HEAD), rows.view(ROW), share.view(SHARE)), plans)
    if plans.quality[0] != OPTIMAL or plans.bound_source[0] != RECOMPUTED:
        return -1
    return int(work.counts[BOUNDS])


def prepared() -> bool:
    """Whether all this is compiled in this process."""
    return bool(getattr(_plan, "overloads", True))
