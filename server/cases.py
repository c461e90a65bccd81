"""The 28 results that the M1 text states for its seventeen examples, as cases with reconstructed holdings.

The text gives results, not always holdings: those here are chosen so that the stated results follow. ``line`` is the
line of ``m1-trading-automation.txt`` where the result stands; ``told`` says it in our words. A case with ``after``
starts from the portfolio that the named case left. Two results ("it starts with ...") leave open whether the first
slice absorbs everything; each of them is two cases. Amounts are in cents.
"""

from __future__ import annotations

from dataclasses import dataclass

from solver import (
    ChangedPie,
    Deposit,
    Event,
    Holding,
    NewPie,
    Pie,
    Portfolio,
    Reach,
    Rebalance,
    Slice,
    TargetChange,
    TargetSlice,
    Withdrawal,
)

__all__ = ["CASES", "STATED_RESULTS", "Case"]

STATED_RESULTS = 28
THOUSAND = 100_000


@dataclass(frozen=True, slots=True)
class Case:
    """One stated result: what happens, what must be traded (cents by security, sells negative), who must not trade."""

    name: str
    line: int
    told: str
    start: Portfolio | str
    event: Event
    expected: dict[str, int]
    still: tuple[str, ...] = ()


def flat(**dollars: float) -> Portfolio:
    """Equally weighted securities worth these dollars."""
    return Portfolio(Pie(tuple(_leaf(name, 20, worth) for name, worth in dollars.items())))


def nested(inner: dict[str, float], **dollars: float) -> Portfolio:
    """Equally weighted slices, the last of them Pie 1 with the equally weighted ``inner``."""
    pie = Slice("Pie 1", 20, Pie(tuple(_leaf(name, 50, worth) for name, worth in inner.items())))
    return Portfolio(Pie((*(_leaf(name, 20, worth) for name, worth in dollars.items()), pie)))


def _leaf(name: str, weight: int, dollars: float) -> Slice:
    return Slice(name, weight, Holding(f"Security {name}", round(dollars * 100)))


def _all(names: str, dollars: float) -> dict[str, int]:
    return {f"Security {name}": round(dollars * 100) for name in names}


def _retarget(weights: dict[str, int], *added: TargetSlice, pie: str = "") -> TargetChange:
    kept = tuple(TargetSlice(name, weight) for name, weight in weights.items())
    return TargetChange((ChangedPie(pie, kept + added),))


def _change(dollars: float) -> int:
    return round(dollars * 100)


K = 1_000
FUNDING = (
    Case("funding 1", 29, "$100 into five equal slices: $20 each", flat(A=0, B=0, C=0, D=0, E=0),
         Deposit(_change(100)), _all("ABCDE", 20)),
    Case("funding 2", 35, "$50,000 into five equal slices: $10,000 each", flat(A=0, B=0, C=0, D=0, E=0),
         Deposit(_change(50 * K)), _all("ABCDE", 10 * K)),
    Case("funding 3", 42, "$100,000, one of five slices a pie of two: $20,000 each, halved inside the pie",
         nested({"E": 0, "F": 0}, A=0, B=0, C=0, D=0), Deposit(_change(100 * K)),
         _all("ABCD", 20 * K) | _all("EF", 10 * K)),
)  # fmt: skip

REBALANCES = (
    Case("rebalance 1", 56, "every slice comes to $22", flat(A=20, B=25, C=18, D=30, E=17), Rebalance(),
         _all("A", 2) | _all("B", -3) | _all("C", 4) | _all("D", -8) | _all("E", 5)),
    Case("rebalance 2", 62, "every slice comes to $20,000, the pie's own slices to half of it",
         nested({"E": 12 * K, "F": 8 * K}, A=25 * K, B=15 * K, C=22 * K, D=18 * K), Rebalance(),
         _all("A", -5 * K) | _all("B", 5 * K) | _all("C", -2 * K) | _all("D", 2 * K) | _all("E", -2 * K) | _all("F", 2 * K)),
    Case("rebalance 3", 69, "only the nested pie: E buys $2,500, F sells $2,500, the level above is unchanged",
         nested({"E": 7.5 * K, "F": 12.5 * K}, A=25 * K, B=15 * K, C=22 * K, D=18 * K), Rebalance("Pie 1", Reach.DEEP),
         _all("E", 2.5 * K) | _all("F", -2.5 * K), ("A", "B", "C", "D")),
)  # fmt: skip

DEPOSITS = (
    Case("deposit 1, user 1", 80, "$25,000 brings every slice to $25,000; B is there already",
         flat(A=15 * K, B=25 * K, C=20 * K, D=20 * K, E=20 * K), Deposit(_change(25 * K)),
         _all("A", 10 * K) | _all("CDE", 5 * K), ("B",)),
    Case("deposit 1, user 2: A absorbs all", 82, "$10,000 is too little; it starts with A, which takes it all",
         flat(A=5 * K, B=20 * K, C=22 * K, D=24 * K, E=26 * K), Deposit(_change(10 * K)),
         _all("A", 10 * K), ("B", "C", "D", "E")),
    Case("deposit 1, user 2: A, then others", 82, "$10,000 is too little; it starts with A, then A and B rise together",
         flat(A=10 * K, B=12 * K, C=22 * K, D=24 * K, E=26 * K), Deposit(_change(10 * K)),
         _all("A", 6 * K) | _all("B", 4 * K), ("C", "D", "E")),
    Case("deposit 2", 89, "$50,000 brings every slice to $30,000; the pie's $5,000 go to F",
         nested({"E": 15 * K, "F": 10 * K}, A=20 * K, B=15 * K, C=20 * K, D=20 * K), Deposit(_change(50 * K)),
         _all("ACD", 10 * K) | _all("B", 15 * K) | _all("F", 5 * K), ("E",)),
    Case("deposit 3", 98, "$25,000 brings every slice to $25,000; the pie is there already and gets nothing",
         nested({"E": 15 * K, "F": 10 * K}, A=20 * K, B=15 * K, C=20 * K, D=20 * K), Deposit(_change(25 * K)),
         _all("ACD", 5 * K) | _all("B", 10 * K), ("E", "F", "Pie 1")),
)  # fmt: skip

WITHDRAWALS = (
    Case("withdrawal 1, user 1", 109, "$25,000 brings every slice to $15,000",
         flat(A=25 * K, B=20 * K, C=20 * K, D=20 * K, E=15 * K), Withdrawal(_change(25 * K)),
         _all("A", -10 * K) | _all("BCD", -5 * K), ("E",)),
    Case("withdrawal 1, user 2: A gives all", 112, "$10,000 starts with the most overweight, which gives it all",
         flat(A=40 * K, B=15 * K, C=15 * K, D=15 * K, E=15 * K), Withdrawal(_change(10 * K)),
         _all("A", -10 * K), ("B", "C", "D", "E")),
    Case("withdrawal 1, user 2: A, then others", 112, "$10,000 starts with A, then A and B fall together",
         flat(A=30 * K, B=26 * K, C=15 * K, D=15 * K, E=14 * K), Withdrawal(_change(10 * K)),
         _all("A", -7 * K) | _all("B", -3 * K), ("C", "D", "E")),
    Case("withdrawal 2", 118, "$25,000 brings every slice to $15,000; the pie's $10,000 are $7,500 of E, $2,500 of F",
         nested({"E": 15 * K, "F": 10 * K}, A=20 * K, B=20 * K, C=20 * K, D=15 * K), Withdrawal(_change(25 * K)),
         _all("ABC", -5 * K) | _all("E", -7.5 * K) | _all("F", -2.5 * K), ("D",)),
    Case("withdrawal 3", 125, "$10,000 is too little to reach the pie, which does not trade",
         nested({"E": 10 * K, "F": 5 * K}, A=40 * K, B=15 * K, C=15 * K, D=15 * K), Withdrawal(_change(10 * K)),
         _all("A", -10 * K), ("B", "C", "D", "E", "F", "Pie 1")),
)  # fmt: skip

NEW_PIE = NewPie((TargetSlice("E", 50, Holding("Security E")), TargetSlice("F", 50, Holding("Security F"))))
TARGETS = (
    Case("targets 1.1", 139, "four slices to 10 %, one to 60 %: nothing trades",
         flat(A=20 * K, B=20 * K, C=20 * K, D=20 * K, E=20 * K),
         _retarget({"A": 10, "B": 10, "C": 10, "D": 10, "E": 60}), {}, ("A", "B", "C", "D", "E")),
    Case("targets 1.2", 146, "a deposit of $20,000 all goes to E", "targets 1.1", Deposit(_change(20 * K)),
         _all("E", 20 * K), ("A", "B", "C", "D")),
    Case("targets 1.3", 152, "a withdrawal of $20,000 sells $5,000 each of A to D", "targets 1.2",
         Withdrawal(_change(20 * K)), _all("ABCD", -5 * K), ("E",)),
    Case("targets 1.4", 159, "a rebalance reaches the new targets", "targets 1.3", Rebalance(),
         _all("ABCD", -5 * K) | _all("E", 20 * K)),
    Case("targets 2.1", 168, "a sixth slice at 50 %: nothing trades", flat(A=20, B=20, C=20, D=20, E=20),
         _retarget(dict.fromkeys("ABCDE", 10), TargetSlice("F", 50, Holding("Security F"))), {},
         ("A", "B", "C", "D", "E", "F")),
    Case("targets 2.2", 178, "a deposit of $10 buys $10 of the new slice", "targets 2.1", Deposit(_change(10)),
         _all("F", 10), ("A", "B", "C", "D", "E")),
    Case("targets 2.3", 184, "a withdrawal of $20 sells A to E", "targets 2.2", Withdrawal(_change(20)),
         _all("ABCDE", -4), ("F",)),
    Case("targets 2.4", 191, "a rebalance reaches the new targets", "targets 2.3", Rebalance(),
         _all("ABCDE", -7) | _all("F", 35)),
    Case("targets 3.1", 201, "a new pie of two: it stays unfunded, nothing trades", flat(A=25, B=25, C=25, D=25),
         _retarget(dict.fromkeys("ABCD", 20), TargetSlice("New Pie", 20, NEW_PIE)), {},
         ("A", "B", "C", "D", "E", "F", "New Pie")),
    Case("targets 3.2", 208, "a deposit of $10 goes to the new pie, $5 a security", "targets 3.1", Deposit(_change(10)),
         _all("EF", 5), ("A", "B", "C", "D")),
    Case("targets 3.3", 215, "a withdrawal of $20 sells A to D", "targets 3.2", Withdrawal(_change(20)),
         _all("ABCD", -5), ("E", "F", "New Pie")),
    Case("targets 3.4", 222, "a rebalance reaches the new targets", "targets 3.3", Rebalance(),
         _all("ABCD", -2) | _all("EF", 4)),
    Case("targets 4", 228, "one of five removed: sold whole, its proceeds buy the other four",
         flat(A=20, B=20, C=20, D=20, E=20), _retarget(dict.fromkeys("ABCD", 25)),
         _all("E", -20) | _all("ABCD", 5)),
    Case("targets 5", 234, "one of three removed from the nested pie: its proceeds stay in that pie",
         nested({"E": 10 * K, "F": 10 * K, "G": 10 * K}, A=30 * K, B=30 * K, C=30 * K, D=30 * K),
         _retarget({"E": 50, "F": 50}, pie="Pie 1"), _all("G", -10 * K) | _all("EF", 5 * K), ("A", "B", "C", "D")),
)  # fmt: skip

CASES: tuple[Case, ...] = FUNDING + REBALANCES + DEPOSITS + WITHDRAWALS + TARGETS
