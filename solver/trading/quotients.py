"""What shares are worth and how many steps an amount takes, for whole columns: ``steps.py`` to the unit, at its speed.

    worth = ⌊q P / D⌋,    D = 10^15 / 10^d,    reaching(x) = ⌈x b / a⌉,    within(x) = ⌊((x + 1) b − 1) / a⌋

q nanoshares, P micros a share, d the decimals of the currency, x minor units, a/b what a step is worth in lowest terms.
The products exceed 64 bits. A double is at most two beside a quotient below 2^50; what is then left of the product,
computed in 64 bits that wrap around, is its own true value where the divisor is below 2^60, and one more division makes
the quotient exact. What is larger is no sum of money, or goes through Python's integers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solver.money import minor_digits
from solver.steps import Steps

__all__ = ["END", "Bools", "Ints", "Whole", "step_counts", "sums_by", "worths"]

Ints = NDArray[np.int64]
Whole = NDArray[np.signedinteger]  # any integer type
Bools = NDArray[np.bool_]
END = 2**62  # what is larger is not added up in 64 bits
MOST_DIVISOR = 2**60
MOST_QUOTIENT = 2.0**50
PART = 2**16  # rows at once: what is made on the way stays in the cache


def worths(quantity_nanos: Ints, security: Whole, price_micros: Ints, currency_code: str) -> Ints:
    """⌊quantity · price⌋ minor units (rows,); ``END`` where that is more than any sum of money.

    ``price_micros`` (securities,); a row of no security (−1) has a quantity of 0.
    """
    found = np.empty(len(quantity_nanos), dtype=np.int64)
    unit = 10 ** (15 - minor_digits(currency_code))
    priced = price_micros if len(price_micros) else np.ones(1, dtype=np.int64)
    for first in range(0, len(found), PART):
        quantity, price = quantity_nanos[first : first + PART], priced[security[first : first + PART]]
        rough = quantity * (price / unit)
        guess = np.minimum(rough, MOST_QUOTIENT).astype(np.int64)
        rest = quantity * price - guess * unit  # wraps around; its true value does not
        found[first : first + PART] = np.where(rough < MOST_QUOTIENT, guess + rest // unit, END)
    return found


def step_counts(
    amount: Ints, capped: Bools, security: Whole, price_micros: Ints, step_nanos: Ints, currency_code: str
) -> tuple[Ints, Bools]:
    """By row the fewest steps worth at least ``amount``, ``capped`` where that may not be more; by security ``coarse``.

    ``amount`` (rows,) minor units. Coarse is a security of the rows whose step is worth more than a minor unit: there
    what is ``capped`` (rows,) is the most steps worth no more; elsewhere some number of steps is worth just as much.
    ``END`` where there are more.
    """
    listed = np.flatnonzero(np.bincount(security, minlength=len(price_micros)))
    digits = minor_digits(currency_code)
    steps = {s: Steps.of(int(price_micros[s]), int(step_nanos[s]), digits) for s in listed.tolist()}
    numerators, denominators = np.ones((2, len(price_micros)), dtype=np.int64)
    coarse, large = np.zeros((2, len(price_micros)), dtype=np.bool_)
    for s, one in steps.items():
        coarse[s], large[s] = one.coarse, one.numerator >= MOST_DIVISOR
        if not large[s]:
            numerators[s], denominators[s] = one.numerator, one.denominator
    numerator, denominator, within = numerators[security], denominators[security], capped & coarse[security]
    rough = (amount + within) * (denominator / numerator)
    count = np.minimum(rough, MOST_QUOTIENT).astype(np.int64)
    beside = np.where(within, -1, numerator - 1)  # rounds down, or up
    count += ((amount + within) * denominator + beside - count * numerator) // numerator
    for row in np.flatnonzero(large[security] | (rough >= MOST_QUOTIENT)).tolist():
        one = steps[int(security[row])]
        exact = one.within(int(amount[row])) if within[row] else one.reaching(int(amount[row]))
        count[row] = min(exact, END)
    return count, coarse


def sums_by(place: Ints, column: Ints, places: int) -> Ints | None:
    """Sums of a column of numbers ≥ 0 by ``place`` (places,), exact; ``None`` where one comes to ``END`` in doubles."""
    if float(column.sum(dtype=np.float64)) >= END and (np.bincount(place, column, places) >= END).any():
        return None
    sums = np.zeros(places, dtype=np.int64)
    np.add.at(sums, place, column)
    return sums
