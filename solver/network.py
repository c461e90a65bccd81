"""Exact cents where securities lie in several slices: a flow of least convex cost, settled by cancelling cycles.

The tree and the net orders make one network. Money R_p enters at the pie p and flows down the tree; a leaf's arc ends
outside, or at its security's node, from which X_S flows on. Every row is an arc with the bounds of its row and its term
of J; what stays cash flows out of the event's pie. Integer flows of least cost are those with no cycle along which a
cent more lowers J: bounds and sums are those of a network, so that nothing is lost by whole cents, and the distances of
the last search for such a cycle are multipliers that prove it,

    λ_p = d(outside) − d(p),    μ_S = d(S) − d(outside):    each x_c minimises h_c(x) − (λ_p + μ_S) x over its interval.

Source: Ahuja, Magnanti, Orlin, Network Flows (1993), ch. 14: convex cost flows, scaling.
"""

from __future__ import annotations

import numpy as np

from solver.problem import Floats, Ints, Problem

__all__ = ["Network"]

TIE = 1e-12  # of the largest cost: what rounding may make of two equal ways round a cycle
MOST_CYCLES = 5_000


class Network:
    """The problem's flows between ``low`` and ``high`` (one entry a row, integers), of least J."""

    def __init__(self, problem: Problem, low: Ints, high: Ints) -> None:
        self.problem = problem
        pies, nets = list(problem.pies), list(problem.nets)
        node = {row: i for i, row in enumerate(pies + nets)}
        self.node, self.outside = node, len(node)
        self.rows = np.array([c for rows in problem.children for c in rows.tolist()] + nets + [problem.event_row])
        above = [p for p, rows in zip(pies, problem.children, strict=True) for _ in rows] + nets + [problem.event_row]
        below = [node.get(c, node.get(int(problem.order_row[c]), self.outside)) for c in self.rows.tolist()]
        below[len(below) - len(nets) - 1 :] = [self.outside] * (len(nets) + 1)
        tail, head = np.array([node[p] for p in above]), np.array(below)
        self.low, self.high = low[self.rows], high[self.rows]
        self.low[-1], self.high[-1] = 0, problem.spare  # the event's own: what stays cash
        self.net = np.isin(self.rows, nets)
        scale = problem.scale[self.rows]
        felt = scale > 0
        self.inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=felt)
        self.tilt = np.where(felt, 2.0 * problem.slope[self.rows], 0.0)
        self.whole, self.part = problem.ideal_whole[self.rows], problem.ideal_part[self.rows]
        self.whole[-1] = 0
        order = np.argsort(np.concatenate((head, tail)), kind="stable")  # arcs there, then arcs back, by where they end
        self.order = order
        self.tails, self.heads = np.concatenate((tail, head))[order], np.concatenate((head, tail))[order]
        self.ends, self.starts = np.unique(self.heads, return_index=True)
        self.stops = np.append(self.starts[1:], len(order))

    def settled(self, flows: Ints) -> Ints | None:
        """The flows of least J, from ``flows`` that obey all bounds but net orders'; ``None`` where there are none."""
        at = self._by_arc(flows)
        step = 1 << int(self._violation(at).max(initial=0)).bit_length()
        cycles = 0
        while step:
            cycle = self._cycle(at, step)[0]
            cycles += 1
            if not len(cycle) or cycles > MOST_CYCLES:
                step //= 2
                continue
            while self._gains(at, cycle, step):
                np.add.at(at, self._arcs(cycle)[0], self._arcs(cycle)[1] * step)
        if self._violation(at).any():
            return None
        settled = flows.copy()
        settled[self.rows[:-1]] = at[:-1]
        return settled

    def potentials(self, flows: Ints) -> tuple[dict[int, float], dict[int, float]]:
        """λ by pie and μ by net order, that prove ``flows`` to be of least J."""
        distance = self._cycle(self._by_arc(flows), 1)[1]
        outside = float(distance[self.outside])
        pies = {p: outside - float(distance[self.node[p]]) for p in self.problem.pies}
        return pies, {row: float(distance[self.node[row]]) - outside for row in self.problem.nets}

    def _by_arc(self, flows: Ints) -> Ints:
        """``flows`` as those of the arcs, from the leaves: the net orders' too, and what they leave as cash."""
        at: Ints = self.problem.ordered(flows)[self.rows]
        at[-1] = self.problem.received.sum() - flows[self.problem.leaves].sum()
        return at

    def _violation(self, at: Ints) -> Ints:
        return np.asarray(np.maximum(np.maximum(self.low - at, at - self.high), 0))

    def _costs(self, at: Ints, step: int) -> Floats:
        """What ``step`` more, and ``step`` less, costs on every arc; infinite where the bounds forbid it.

        A net order outside its bounds may come nearer to them, which pays more than anything else could cost.
        """
        off = (at - self.whole) - self.part
        changes = []
        for change in (step, -step):
            cost = change * ((2.0 * off + change) * self.inverse + self.tilt)
            closed = (at + change < self.low) | (at + change > self.high)
            changes.append(np.where(closed & ~self.net, np.inf, cost))
        both = np.concatenate(changes)
        most = 1.0 + 2.0 * float(np.abs(both[np.isfinite(both)]).sum())
        now = self._violation(at)
        nearer = np.concatenate([now - self._violation(at + change) for change in (step, -step)])
        net = np.concatenate((self.net, self.net))
        return np.where(net & (nearer != 0), np.where(nearer > 0, -most * nearer / step, np.inf), both)

    def _cycle(self, at: Ints, step: int) -> tuple[np.ndarray, Floats]:
        """Arcs (there, or beyond their number back) of a cycle that ``step`` more makes cheaper, and all distances."""
        costs = self._costs(at, step)[self.order]
        finite = np.abs(costs[np.isfinite(costs)])
        tie = TIE * float(finite.max(initial=0.0))
        distance, last = np.zeros(self.outside + 1), np.full(self.outside + 1, -1)
        for _ in range(self.outside + 2):
            found = distance[self.tails] + costs
            best = np.minimum.reduceat(found, self.starts)
            better = np.flatnonzero(best < distance[self.ends] - tie)
            if not len(better):
                break
            for i in better.tolist():
                start = int(self.starts[i])
                last[self.ends[i]] = start + int(np.argmin(found[start : self.stops[i]]))
            distance[self.ends[better]] = best[better]
            cycle = self._closed(last)
            if cycle is not None:
                return self.order[cycle], distance
        return np.zeros(0, dtype=np.intp), distance

    def _closed(self, last: np.ndarray) -> np.ndarray | None:
        """The cycle among the arcs by which nodes were reached, if there is one."""
        seen = np.zeros(len(last), dtype=np.int64)
        for first in range(len(last)):
            node, mark = first, first + 1
            while not seen[node] and last[node] >= 0:
                seen[node] = mark
                node = int(self.tails[last[node]])
            if seen[node] == mark and last[node] >= 0:
                cycle: list[int] = []
                at = node
                while not cycle or at != node:
                    cycle.append(int(last[at]))
                    at = int(self.tails[last[at]])
                return np.array(cycle)
            seen[node] = seen[node] or mark
        return None

    def _arcs(self, cycle: np.ndarray) -> tuple[np.ndarray, Ints]:
        """The rows' arcs of a cycle, and the direction in which it takes each."""
        count = len(self.rows)
        return cycle % count, np.where(cycle < count, 1, -1)

    def _gains(self, at: Ints, cycle: np.ndarray, step: int) -> bool:
        costs = self._costs(at, step)[cycle]
        return bool(costs.sum() < -2.0 * TIE * np.abs(costs).sum()) if np.isfinite(costs).all() else False
