"""Five hundred account-years of the state machine, with every fault that it knows; deterministic by seed."""

from __future__ import annotations

import pytest

from benchmarks.day.lives import live
from benchmarks.day.machine import BrokerYears

PARTS, YEARS = 10, 50.0
SEEDS_OF_A_PART = 1_000


@pytest.mark.parametrize("part", range(PARTS))
def test_five_hundred_account_years(part: int) -> None:
    """In ten parts, so that several processes may take them."""
    until = BrokerYears.account_years + YEARS
    number = 1_000_000 + part * SEEDS_OF_A_PART
    while BrokerYears.account_years < until:
        live(number)
        number += 1
