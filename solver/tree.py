"""A portfolio laid out as rows, depth first: the order of a plan's nodes, and of every array below the waist."""

from __future__ import annotations

from dataclasses import dataclass

from solver.portfolio import Pie, Portfolio, Slice

__all__ = ["Tree", "flatten"]


@dataclass(frozen=True, slots=True)
class Tree:
    """Rows of one portfolio, the root (id "") first, each pie's slices in listed order after it.

    ``parent[0]`` is −1; ``children[n]`` is empty for a holding; ``value`` sums what lies below (minor units).
    """

    slice_ids: tuple[str, ...]
    security_ids: tuple[str, ...]  # "" for a pie
    parent: tuple[int, ...]
    children: tuple[tuple[int, ...], ...]
    weight: tuple[int, ...]  # the root's is 1
    value: tuple[int, ...]
    quantity: tuple[int, ...]  # nanoshares; 0 for a pie, and where none is given

    def below(self, node: int) -> range:
        """Rows of ``node`` and of everything below it: contiguous, since the order is depth first."""
        end = node
        while self.children[end]:
            end = self.children[end][-1]
        return range(node, end + 1)


def flatten(portfolio: Portfolio) -> Tree:
    """Lay ``portfolio`` out in depth-first rows."""
    ids, securities, parent, weight, value, quantity = [""], [""], [-1], [1], [0], [0]
    children: list[list[int]] = [[]]
    stack: list[tuple[int, Slice]] = _opened(0, portfolio.root)
    while stack:
        above, child = stack.pop()
        row = len(ids)
        ids.append(child.slice_id)
        parent.append(above)
        weight.append(child.target_weight)
        children.append([])
        children[above].append(row)
        if isinstance(child.content, Pie):
            securities.append("")
            value.append(0)
            quantity.append(0)
            stack += _opened(row, child.content)
        else:
            securities.append(child.content.security_id)
            value.append(child.content.value)
            quantity.append(child.content.quantity_nanos or 0)
    for row in range(len(ids) - 1, 0, -1):
        value[parent[row]] += value[row]
    slices = tuple(map(tuple, children))
    return Tree(tuple(ids), tuple(securities), tuple(parent), slices, tuple(weight), tuple(value), tuple(quantity))


def _opened(row: int, pie: Pie) -> list[tuple[int, Slice]]:
    return [(row, child) for child in reversed(pie.slices)]
