"""Requests spoiled one field at a time, each with the reason and the field that its refusal names."""

from __future__ import annotations

from server.generated.piewise.v1 import allocation_pb2 as pb

__all__ = ["REFUSED", "spoil_money"]


def spoil_unset_cash(r: pb.PlanRequest) -> None:
    r.portfolio.ClearField("cash")


def spoil_negative_cash(r: pb.PlanRequest) -> None:
    r.portfolio.cash = -1


def spoil_weight(r: pb.PlanRequest) -> None:
    r.portfolio.root.slices[0].ClearField("target_weight")


def spoil_value(r: pb.PlanRequest) -> None:
    r.portfolio.root.slices[1].holding.ClearField("value")


def spoil_duplicate(r: pb.PlanRequest) -> None:
    r.portfolio.root.slices[1].slice_id = r.portfolio.root.slices[0].slice_id


def spoil_amount(r: pb.PlanRequest) -> None:
    r.events[0].deposit.ClearField("amount")


def spoil_negative_amount(r: pb.PlanRequest) -> None:
    r.events[0].deposit.amount = -5


def spoil_no_event(r: pb.PlanRequest) -> None:
    del r.events[:]


def spoil_too_many_events(r: pb.PlanRequest) -> None:
    for _ in range(100):
        r.events.add().deposit.amount = 1


def spoil_kind(r: pb.PlanRequest) -> None:
    r.events[0].ClearField("kind")


def spoil_quantity(r: pb.PlanRequest) -> None:
    r.portfolio.root.slices[0].holding.quantity_nanos = 1


def spoil_unknown_security(r: pb.PlanRequest) -> None:
    r.portfolio.securities.add(security_id="X")


def spoil_price(r: pb.PlanRequest) -> None:
    r.portfolio.securities.add(security_id="Security A", price_micros=5)


def spoil_no_price(r: pb.PlanRequest) -> None:
    r.portfolio.securities.add(security_id="Security A", price_micros=0)
    r.portfolio.root.slices[0].holding.quantity_nanos = 1


def spoil_disagreeing_quantity(r: pb.PlanRequest) -> None:
    r.portfolio.securities.add(security_id="Security A", price_micros=4_000_000)
    r.portfolio.root.slices[0].holding.quantity_nanos = 4_990_000_000  # 19.96, and the value is 20.00


def spoil_step(r: pb.PlanRequest) -> None:
    r.portfolio.securities.add(security_id="Security A", quantity_step_nanos=5)


def spoil_block_side(r: pb.PlanRequest) -> None:
    r.portfolio.securities.add(security_id="Security A").blocks.add(reason=pb.BLOCK_REASON_CLIENT)


def spoil_block_reason(r: pb.PlanRequest) -> None:
    r.portfolio.securities.add(security_id="Security A").blocks.add(side=pb.SIDE_BUY)


def spoil_contradiction(r: pb.PlanRequest) -> None:
    r.portfolio.securities.add(security_id="Security A", max_value=5, min_position=6)


def spoil_share(r: pb.PlanRequest) -> None:
    r.portfolio.securities.add(security_id="Security A", max_share_micros=2_000_000)


def spoil_floor(r: pb.PlanRequest) -> None:
    r.rules.cash_floor = -1


def spoil_threshold(r: pb.PlanRequest) -> None:
    r.rules.deposit_threshold = 10**14


def spoil_engine(r: pb.PlanRequest) -> None:
    r.options.engine = 99


def spoil_total(r: pb.PlanRequest) -> None:
    r.portfolio.root.weight_total = 99


def spoil_zero_weights(r: pb.PlanRequest) -> None:
    for child in r.portfolio.root.slices:
        child.target_weight = 0


def spoil_empty(r: pb.PlanRequest) -> None:
    del r.portfolio.root.slices[:]


def spoil_currency(r: pb.PlanRequest) -> None:
    r.portfolio.currency_code = "dollars"


def spoil_money(r: pb.PlanRequest) -> None:
    r.portfolio.root.slices[0].holding.value = 2**62


def spoil_unknown_pie(r: pb.PlanRequest) -> None:
    r.events[0].rebalance.slice_id = "nowhere"
    r.events[0].rebalance.reach = pb.REACH_DEEP


def spoil_reach(r: pb.PlanRequest) -> None:
    r.events[0].rebalance.SetInParent()


def spoil_withdrawal(r: pb.PlanRequest) -> None:
    r.events[0].withdrawal.amount = 0


def spoil_minimum(r: pb.PlanRequest) -> None:
    r.rules.min_trade = -1


def spoil_time(r: pb.PlanRequest) -> None:
    r.options.time_limit.seconds = -1


def spoil_content(r: pb.PlanRequest) -> None:
    r.portfolio.root.slices[0].ClearField("content")


REFUSED = [
    (spoil_unset_cash, "MISSING_FIELD", "portfolio.cash"),
    (spoil_negative_cash, "NEGATIVE_AMOUNT", "portfolio.cash"),
    (spoil_weight, "MISSING_FIELD", "portfolio.root.slices[0].target_weight"),
    (spoil_value, "MISSING_FIELD", "portfolio.root.slices[1].holding.value"),
    (spoil_duplicate, "DUPLICATE_SLICE_ID", "portfolio.root.slices[1].slice_id"),
    (spoil_amount, "MISSING_FIELD", "events[0].deposit.amount"),
    (spoil_negative_amount, "NEGATIVE_AMOUNT", "events[0].deposit.amount"),
    (spoil_no_event, "MISSING_FIELD", "events"),
    (spoil_too_many_events, "TOO_MANY_EVENTS", "events"),
    (spoil_kind, "MISSING_FIELD", "events[0]"),
    (spoil_quantity, "MISSING_PRICE", "portfolio.root.slices[0].holding.quantity_nanos"),
    (spoil_price, "MISSING_FIELD", "portfolio.root.slices[0].holding.quantity_nanos"),
    (spoil_no_price, "OUT_OF_RANGE", "portfolio.securities[0].price_micros"),
    (spoil_step, "MISSING_FIELD", "portfolio.securities[0].price_micros"),
    (spoil_disagreeing_quantity, "QUANTITY_DISAGREES", "portfolio.root.slices[0].holding.quantity_nanos"),
    (spoil_unknown_security, "UNKNOWN_SECURITY", "portfolio.securities[0].security_id"),
    (spoil_block_side, "MISSING_FIELD", "portfolio.securities[0].blocks[0].side"),
    (spoil_block_reason, "MISSING_FIELD", "portfolio.securities[0].blocks[0].reason"),
    (spoil_contradiction, "CONTRADICTORY_LIMITS", "portfolio.securities[0].min_position"),
    (spoil_share, "OUT_OF_RANGE", "portfolio.securities[0].max_share_micros"),
    (spoil_floor, "NEGATIVE_AMOUNT", "rules.cash_floor"),
    (spoil_threshold, "AMOUNT_TOO_LARGE", "rules.deposit_threshold"),
    (spoil_engine, "UNSUPPORTED", "options.engine"),
    (spoil_total, "WEIGHT_TOTAL_MISMATCH", "portfolio.root.weight_total"),
    (spoil_zero_weights, "NO_POSITIVE_TARGET", "portfolio.root.slices"),
    (spoil_empty, "EMPTY_PIE", "portfolio.root.slices"),
    (spoil_currency, "INVALID_CURRENCY", "portfolio.currency_code"),
    (spoil_unknown_pie, "UNKNOWN_SLICE_ID", "events[0].rebalance.slice_id"),
    (spoil_reach, "MISSING_FIELD", "events[0].rebalance.reach"),
    (spoil_withdrawal, "AMOUNT_TOO_SMALL", "events[0].withdrawal.amount"),
    (spoil_minimum, "NEGATIVE_AMOUNT", "rules.min_trade"),
    (spoil_time, "OUT_OF_RANGE", "options.time_limit"),
    (spoil_content, "MISSING_FIELD", "portfolio.root.slices[0]"),
]
