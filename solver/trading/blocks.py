"""Orders of many accounts as one block a security and side, and a block's fills back to the accounts, exactly.

A block is the sum of its orders; accounts that cross are not netted. What its fills come to, F nanoshares for M minor
units, is shared at one price, the average M/F: nobody gets the better of two prices, and neither the order nor the
number of the fills matters. Everything is one rule, the largest remainder (``share_out``): of a total T by weights w,

    x_a ∈ {⌊T w_a / W⌋, ⌈T w_a / W⌉},   Σ x_a = T,   W = Σ w_a.                                     (1)

If T ≤ W then T w_a / W ≤ w_a, and w_a is whole, so x_a ≤ w_a: nobody is over what the weights say.              (2)

Orders by quantity q_a in steps u (sales, and purchases of whole shares) have s_a = ⌊q_a / u⌋ steps and an odd rest
t_a = q_a mod u, which only the sale of all that is held can have. With K = min(⌊F / u⌋, Σ s_a) steps and the rest
L = F − K u of the fills,

    quantity_a = u · share_out(K, s)_a + share_out(L, t)_a ≤ u s_a + t_a = q_a,      Σ = F,
    money_a    = share_out(M, quantity)_a,    within a minor unit of quantity_a · M/F,    Σ = M.

K ≤ Σ s_a by choice and L ≤ Σ t_a is asked for, so (2) holds twice. Where all is filled, F = Σ q_a, all get their order.

Orders by amount B_a (purchases of fractional shares) may spend M ≤ B = Σ B_a. With the unit g = u, or 1 nanoshare where
a step is worth more than a minor unit (no number of steps would then cost what was paid) or F is not in steps,

    money_a = share_out(M, B)_a ≤ B_a,    quantity_a = g · share_out(F / g, B)_a,    Σ = M and Σ = F,
    |money_a − quantity_a · M/F| < 1 + g M/F,    two minor units at the most where g is worth no more than one.

The money of a fill is ⌊quantity · price⌋ in minor units, as everywhere (``steps.py``); so M = Σ ⌊q_f p_f⌋ is what the
market is owed or owes, and no cent of it is rounded a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from solver.errors import InvalidRequest, Violation
from solver.money import MAX_MONEY, id_violation, minor_digits, money_violation
from solver.plan import Plan
from solver.securities import MICROS, Side
from solver.steps import Steps

__all__ = [
    "AccountOrder",
    "BlockFill",
    "BlockOrder",
    "Fill",
    "aggregate_orders",
    "allocate_fills",
    "by_amount_shares",
    "by_quantity_shares",
    "most_for_nothing",
    "named",
    "nothing_violation",
    "orders_of",
    "remaining",
    "share_out",
]


@dataclass(frozen=True, slots=True)
class AccountOrder:
    """One order of one account for a window: ``amount`` minor units, or ``quantity_nanos`` where it is by quantity."""

    account_id: str
    order_id: str
    security_id: str
    side: Side
    amount: int
    quantity_nanos: int
    by_quantity: bool
    step_nanos: int
    currency_code: str = "USD"


@dataclass(frozen=True, slots=True)
class BlockOrder:
    """The orders of all accounts for one security on one side, by account; sized as they are."""

    security_id: str
    side: Side
    orders: tuple[AccountOrder, ...]

    @property
    def by_quantity(self) -> bool:
        """Whether the market is asked for ``quantity_nanos``, or else for ``amount``."""
        return self.orders[0].by_quantity

    @property
    def amount(self) -> int:
        """Minor units of all its orders, at the prices that they were planned with."""
        return sum(order.amount for order in self.orders)

    @property
    def quantity_nanos(self) -> int:
        """Nanoshares of all its orders, at the prices that they were planned with."""
        return sum(order.quantity_nanos for order in self.orders)

    @property
    def step_nanos(self) -> int:
        """The quantity step of the security."""
        return self.orders[0].step_nanos

    @property
    def currency_code(self) -> str:
        """The currency of all its amounts."""
        return self.orders[0].currency_code


@dataclass(frozen=True, slots=True)
class BlockFill:
    """What the market did of a block at one price (millionths of the currency's unit a share)."""

    fill_id: str
    security_id: str
    side: Side
    quantity_nanos: int
    price_micros: int

    def amount(self, currency_code: str) -> int:
        """⌊quantity · price⌋ minor units."""
        return Steps.of(self.price_micros, 1, minor_digits(currency_code)).amount(self.quantity_nanos)


@dataclass(frozen=True, slots=True)
class Fill:
    """One order's share of what was filled: nanoshares, and the minor units that they cost or brought.

    ``fill_id`` is the least id of the block's fills that were shared out together, so that it is the same again.
    """

    fill_id: str
    account_id: str
    order_id: str
    security_id: str
    side: Side
    quantity_nanos: int
    amount: int


def share_out(total: int, weights: Sequence[int]) -> list[int]:
    """``total`` in whole parts pro rata to ``weights``, by largest remainder; of equal ones the earlier gets more.

        x_a = ⌊T w_a / W⌋, and 1 more for the T − Σ ⌊T w_a / W⌋ largest remainders T w_a mod W

    T total ≥ 0, w (n,) ≥ 0, W = Σ w > 0 unless T = 0. Source: (1); the method of Hamilton.
    """
    whole = sum(weights)
    if not total:
        return [0] * len(weights)
    parts, remainders = zip(*(divmod(total * weight, whole) for weight in weights), strict=True)
    shares = list(parts)
    for a in sorted(range(len(weights)), key=lambda a: -remainders[a])[: total - sum(parts)]:
        shares[a] += 1
    return shares


def by_quantity_shares(quantities: Sequence[int], step: int, filled: int, money: int) -> tuple[list[int], list[int]]:
    """Nanoshares and minor units of orders by quantity, of ``filled`` nanoshares for ``money``: the module's formula.

    ``filled`` ≤ Σ ``quantities``, and what is no whole step of it ≤ Σ their odd rests.
    """
    steps, rests = ([one(q, step) for q in quantities] for one in (int.__floordiv__, int.__mod__))
    count = min(filled // step, sum(steps))
    whole, odd = share_out(count, steps), share_out(filled - count * step, rests)
    shares = [step * k + rest for k, rest in zip(whole, odd, strict=True)]
    return shares, share_out(money, shares)


def by_amount_shares(amounts: Sequence[int], step: int, filled: int, money: int) -> tuple[list[int], list[int]]:
    """Nanoshares and minor units of purchases by amount, of ``filled`` nanoshares for ``money`` ≤ Σ ``amounts``."""
    unit = step if filled % step == 0 and step * money <= filled else 1
    return [unit * k for k in share_out(filled // unit, amounts)], share_out(money, amounts)


def most_for_nothing(amount: int, quantity_nanos: int, step_nanos: int, by_quantity: bool, times: int = 1) -> int:
    """The most minor units that rounding makes of no shares, where an order is shared out ``times`` over.

        0 by quantity, else  times · max(1, ⌊4 u B / Q⌋)

    B ``amount`` (minor units) and Q ``quantity_nanos`` of the order, u ``step_nanos``. Money goes by the shares of
    orders by quantity. By amount none cost less than 1 + g M/F, g a step where that is worth no more than a minor unit,
    else a nanoshare; whoever shares out in dearer steps stays below one. u B / Q is a step's price when it was ordered,
    or down to half of it where B is less than its steps cost; and prices move: hence 4.
    """
    return 0 if by_quantity else times * max(1, 4 * step_nanos * amount // max(1, quantity_nanos))


def nothing_violation(field: str, fill: Fill, order: AccountOrder) -> Violation | None:
    """The fault of a fill of no shares for more money than rounding makes, or ``None``."""
    sized = order.amount, order.quantity_nanos, order.step_nanos, order.by_quantity
    most = most_for_nothing(*sized)
    if fill.quantity_nanos != 0 or type(fill.amount) is not int or fill.amount <= most:
        return None
    return Violation(field, "OUT_OF_RANGE", f"is {fill.amount} for no shares; rounding makes {most} at the most")


def orders_of(account_id: str, plan_id: str, plan: Plan) -> tuple[AccountOrder, ...]:
    """A plan's orders as a window takes them; ``plan_id`` and the order's number make the order's id.

    Raises ``InvalidRequest`` where an order has no quantity: what is traded in a market needs a price.
    """
    after = plan.portfolio_after
    steps = {security.security_id: security.step_nanos for security in after.securities}
    faults = [
        fault for name, given in (("account_id", account_id), ("plan_id", plan_id)) if (fault := named(name, given))
    ]
    orders = []
    for i, order in enumerate(plan.orders):
        if order.quantity_nanos is None:
            told = f"is not set; give {order.security_id!r} a price_micros in portfolio.securities and plan again"
            faults.append(Violation(f"plan.orders[{i}].quantity_nanos", "MISSING_PRICE", told))
            continue
        sized = order.amount, order.quantity_nanos, order.by_quantity, steps[order.security_id]
        name = f"{plan_id}/{order.sequence}"
        orders.append(AccountOrder(account_id, name, order.security_id, order.side, *sized, after.currency_code))
    if faults:
        raise InvalidRequest(tuple(faults))
    return tuple(orders)


def named(field: str, given: object) -> Violation | None:
    """The fault of an id of an account, a plan or a fill, or ``None``."""
    fault = id_violation(field, given)
    return replace(fault, description="is empty; give it an id") if fault and fault.reason == "MISSING_ID" else fault


def aggregate_orders(orders: Iterable[AccountOrder]) -> tuple[BlockOrder, ...]:
    """One block a security and side, sales first, each by security id, its orders by account id.

    Raises ``InvalidRequest`` naming every order that has no money or shares, whose account has another for the same
    security and side, or that disagrees with the others of its security in step or sizing, or of all in currency.
    """
    listed = list(orders)
    faults = tuple(_order_violations(listed))
    if faults:
        raise InvalidRequest(faults)
    blocks: dict[tuple[bool, str], list[AccountOrder]] = {}
    for order in sorted(listed, key=lambda order: order.account_id):
        blocks.setdefault((order.side is Side.BUY, order.security_id), []).append(order)
    return tuple(BlockOrder(key[1], own[0].side, tuple(own)) for key, own in sorted(blocks.items()))


def _order_violations(orders: Sequence[AccountOrder]) -> Iterator[Violation]:
    first: dict[str, int] = {}
    seen: dict[tuple[str, str, Side], int] = {}
    sized: dict[tuple[str, Side], bool] = {}
    for i, order in enumerate(orders):
        at, name = f"orders[{i}]", order.security_id
        ids = (order.account_id, order.order_id, name)
        for field, given in zip(("account_id", "order_id", "security_id"), ids, strict=True):
            if not isinstance(given, str) or not given:
                yield Violation(f"{at}.{field}", "MISSING_ID", "is empty; give it an id")
        # sold at a loss of its last fraction of a cent, an odd lot may be worth nothing
        fault = money_violation(f"{at}.amount", order.amount, int(not order.by_quantity))
        if fault:
            yield fault
        for field, number in (("quantity_nanos", order.quantity_nanos), ("step_nanos", order.step_nanos)):
            if type(number) is not int or not 0 < number <= MAX_MONEY * MICROS:
                yield Violation(f"{at}.{field}", "OUT_OF_RANGE", f"is {number!r}; it must be an integer and positive")
        if order.currency_code != orders[0].currency_code:
            told = f"is {order.currency_code!r}, but orders[0] is in {orders[0].currency_code!r}; aggregate each alone"
            yield Violation(f"{at}.currency_code", "CURRENCIES_DISAGREE", told)
        other = first.setdefault(name, i)
        if orders[other].step_nanos != order.step_nanos:
            told = f"is {order.step_nanos}, but {orders[other].step_nanos} in orders[{other}]; a security has one step"
            yield Violation(f"{at}.step_nanos", "STEPS_DISAGREE", told)
        if sized.setdefault((name, order.side), order.by_quantity) != order.by_quantity:
            told = f"is {order.by_quantity}, but other orders of {name!r} on that side are sized the other way"
            yield Violation(f"{at}.by_quantity", "SIZINGS_DISAGREE", told)
        if order.side is Side.SELL and not order.by_quantity:
            yield Violation(f"{at}.by_quantity", "SALE_BY_AMOUNT", "is not set; a sale is sized by its quantity")
        twin = seen.setdefault((order.account_id, name, order.side), i)
        if twin != i:
            told = f"{order.account_id!r} has orders[{twin}] for that security and side; plan both events together"
            yield Violation(f"{at}.account_id", "DUPLICATE_ORDER", told)


def allocate_fills(block: BlockOrder, fills: Iterable[BlockFill]) -> tuple[Fill, ...]:
    """Share a block's fills out to its orders: exact sums, nobody over their order, every order at the average price.

    Formula and proof: the module's docstring. Fills that are sent twice count once. Later fills of the same block are
    shared out on ``remaining``, without the earlier ones: together they would be another share, with another name.

    Raises
    ------
    InvalidRequest
        naming each fill of another security or side, that is no positive quantity at a positive price, or whose id
        belongs to another fill; and, of the fills together, more than the block asks for, or a part of a step that no
        order can take.
    """
    listed = list(fills)
    faults = tuple(_fill_violations(block, listed))
    if faults:
        raise InvalidRequest(faults)
    once = {fill.fill_id: fill for fill in listed}
    if not once:
        return ()
    filled = sum(fill.quantity_nanos for fill in once.values())
    money = sum(fill.amount(block.currency_code) for fill in once.values())
    fault = _size_violation(block, filled, money)
    if fault:
        raise InvalidRequest((fault,))
    if block.by_quantity:
        shares = by_quantity_shares([o.quantity_nanos for o in block.orders], block.step_nanos, filled, money)
    else:
        shares = by_amount_shares([o.amount for o in block.orders], block.step_nanos, filled, money)
    name = min(once)
    return tuple(
        Fill(name, order.account_id, order.order_id, order.security_id, order.side, quantity, amount)
        for order, quantity, amount in zip(block.orders, *shares, strict=True)
        if quantity or amount
    )


def _fill_violations(block: BlockOrder, fills: Sequence[BlockFill]) -> Iterator[Violation]:
    seen: dict[str, int] = {}
    for i, fill in enumerate(fills):
        at = f"fills[{i}]"
        fault = named(f"{at}.fill_id", fill.fill_id)
        if fault:
            yield fault
        if fill.security_id != block.security_id:
            told = f"is {fill.security_id!r}; the block is an order of {block.security_id!r}"
            yield Violation(f"{at}.security_id", "UNKNOWN_ORDER", told)
        if fill.side is not block.side:
            told = f"is {fill.side.value}; the block is an order to {block.side.value}"
            yield Violation(f"{at}.side", "WRONG_SIDE", told)
        for name, number in (("quantity_nanos", fill.quantity_nanos), ("price_micros", fill.price_micros)):
            if type(number) is not int or not 0 < number <= MAX_MONEY * MICROS:
                yield Violation(f"{at}.{name}", "OUT_OF_RANGE", f"is {number!r}; it must be an integer and positive")
        twin = seen.setdefault(fill.fill_id, i)
        if fills[twin] != fill:
            told = f"{fill.fill_id!r} is also the id of fills[{twin}], which is another fill; the same one counts once"
            yield Violation(f"{at}.fill_id", "CONFLICTING_FILL", told)


def _size_violation(block: BlockOrder, filled: int, money: int) -> Violation | None:
    """What is wrong with the fills as a whole: nanoshares and minor units."""
    if not block.by_quantity:
        if money <= block.amount:
            return None
        return Violation("fills", "OVER_FILL", f"cost {money} minor units; the block is an order of {block.amount}")
    if filled > block.quantity_nanos:
        told = f"sum to {filled} nanoshares; the block is an order of {block.quantity_nanos}"
        return Violation("fills", "OVER_FILL", told)
    step = block.step_nanos
    rests = sum(order.quantity_nanos % step for order in block.orders)
    left = filled - step * min(filled // step, sum(order.quantity_nanos // step for order in block.orders))
    if left > rests:
        told = f"sum to {filled} nanoshares, {left} beyond whole steps of {step}; only {rests} can be filled so"
        return Violation("fills", "NOT_IN_STEPS", told)
    return None


def remaining(block: BlockOrder, allocated: Iterable[Fill]) -> BlockOrder | None:
    """The block of what its orders still want after ``allocated``; ``None`` where that is nothing."""
    got: dict[str, tuple[int, int]] = {}
    for fill in allocated:
        quantity, amount = got.get(fill.account_id, (0, 0))
        got[fill.account_id] = quantity + fill.quantity_nanos, amount + fill.amount
    orders = [_rest(order, *got.get(order.account_id, (0, 0))) for order in block.orders]
    left = tuple(order for order in orders if (order.quantity_nanos if block.by_quantity else order.amount))
    return replace(block, orders=left) if left else None


def _rest(order: AccountOrder, quantity: int, amount: int) -> AccountOrder:
    """The order without what was filled; the measure that it is not sized by is an estimate, and never below one."""
    by = order.by_quantity
    nanos = order.quantity_nanos - quantity if by else max(1, order.quantity_nanos - quantity)
    return replace(order, quantity_nanos=nanos, amount=max(0, order.amount - amount) if by else order.amount - amount)
