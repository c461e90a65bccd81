import datetime

from google.protobuf import any_pb2 as _any_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BlockReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BLOCK_REASON_UNSPECIFIED: _ClassVar[BlockReason]
    BLOCK_REASON_RESTRICTED: _ClassVar[BlockReason]
    BLOCK_REASON_HALTED: _ClassVar[BlockReason]
    BLOCK_REASON_SAME_DAY_TRADE: _ClassVar[BlockReason]
    BLOCK_REASON_WASH_SALE: _ClassVar[BlockReason]
    BLOCK_REASON_CLIENT: _ClassVar[BlockReason]

class Reach(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REACH_UNSPECIFIED: _ClassVar[Reach]
    REACH_DEEP: _ClassVar[Reach]
    REACH_SHALLOW: _ClassVar[Reach]

class Engine(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENGINE_UNSPECIFIED: _ClassVar[Engine]
    ENGINE_AUTO: _ClassVar[Engine]
    ENGINE_HIGHS: _ClassVar[Engine]
    ENGINE_REFERENCE: _ClassVar[Engine]
    ENGINE_GREEDY_TOGETHER: _ClassVar[Engine]
    ENGINE_GREEDY_SEQUENTIAL: _ClassVar[Engine]
    ENGINE_GREEDY_REFILL: _ClassVar[Engine]
    ENGINE_KERNEL: _ClassVar[Engine]

class View(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VIEW_UNSPECIFIED: _ClassVar[View]
    VIEW_ORDERS: _ClassVar[View]
    VIEW_NODES: _ClassVar[View]
    VIEW_FULL: _ClassVar[View]

class Side(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIDE_UNSPECIFIED: _ClassVar[Side]
    SIDE_BUY: _ClassVar[Side]
    SIDE_SELL: _ClassVar[Side]

class Sizing(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIZING_UNSPECIFIED: _ClassVar[Sizing]
    SIZING_AMOUNT: _ClassVar[Sizing]
    SIZING_QUANTITY: _ClassVar[Sizing]

class Quality(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUALITY_UNSPECIFIED: _ClassVar[Quality]
    QUALITY_OPTIMAL: _ClassVar[Quality]
    QUALITY_FEASIBLE: _ClassVar[Quality]
    QUALITY_HEURISTIC: _ClassVar[Quality]

class Limit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LIMIT_UNSPECIFIED: _ClassVar[Limit]
    LIMIT_TIME: _ClassVar[Limit]
    LIMIT_WORK: _ClassVar[Limit]
    LIMIT_CANCELLED: _ClassVar[Limit]

class BoundSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BOUND_SOURCE_UNSPECIFIED: _ClassVar[BoundSource]
    BOUND_SOURCE_RECOMPUTED: _ClassVar[BoundSource]
    BOUND_SOURCE_ENGINE: _ClassVar[BoundSource]
BLOCK_REASON_UNSPECIFIED: BlockReason
BLOCK_REASON_RESTRICTED: BlockReason
BLOCK_REASON_HALTED: BlockReason
BLOCK_REASON_SAME_DAY_TRADE: BlockReason
BLOCK_REASON_WASH_SALE: BlockReason
BLOCK_REASON_CLIENT: BlockReason
REACH_UNSPECIFIED: Reach
REACH_DEEP: Reach
REACH_SHALLOW: Reach
ENGINE_UNSPECIFIED: Engine
ENGINE_AUTO: Engine
ENGINE_HIGHS: Engine
ENGINE_REFERENCE: Engine
ENGINE_GREEDY_TOGETHER: Engine
ENGINE_GREEDY_SEQUENTIAL: Engine
ENGINE_GREEDY_REFILL: Engine
ENGINE_KERNEL: Engine
VIEW_UNSPECIFIED: View
VIEW_ORDERS: View
VIEW_NODES: View
VIEW_FULL: View
SIDE_UNSPECIFIED: Side
SIDE_BUY: Side
SIDE_SELL: Side
SIZING_UNSPECIFIED: Sizing
SIZING_AMOUNT: Sizing
SIZING_QUANTITY: Sizing
QUALITY_UNSPECIFIED: Quality
QUALITY_OPTIMAL: Quality
QUALITY_FEASIBLE: Quality
QUALITY_HEURISTIC: Quality
LIMIT_UNSPECIFIED: Limit
LIMIT_TIME: Limit
LIMIT_WORK: Limit
LIMIT_CANCELLED: Limit
BOUND_SOURCE_UNSPECIFIED: BoundSource
BOUND_SOURCE_RECOMPUTED: BoundSource
BOUND_SOURCE_ENGINE: BoundSource

class PlanRequest(_message.Message):
    __slots__ = ("request_id", "portfolio", "events", "rules", "options")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PORTFOLIO_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    portfolio: Portfolio
    events: _containers.RepeatedCompositeFieldContainer[Event]
    rules: Rules
    options: Options
    def __init__(self, request_id: _Optional[str] = ..., portfolio: _Optional[_Union[Portfolio, _Mapping]] = ..., events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., rules: _Optional[_Union[Rules, _Mapping]] = ..., options: _Optional[_Union[Options, _Mapping]] = ...) -> None: ...

class Portfolio(_message.Message):
    __slots__ = ("portfolio_id", "version", "currency_code", "cash", "valued_at", "root", "securities")
    PORTFOLIO_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    CASH_FIELD_NUMBER: _ClassVar[int]
    VALUED_AT_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    SECURITIES_FIELD_NUMBER: _ClassVar[int]
    portfolio_id: str
    version: str
    currency_code: str
    cash: int
    valued_at: _timestamp_pb2.Timestamp
    root: Pie
    securities: _containers.RepeatedCompositeFieldContainer[Security]
    def __init__(self, portfolio_id: _Optional[str] = ..., version: _Optional[str] = ..., currency_code: _Optional[str] = ..., cash: _Optional[int] = ..., valued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., root: _Optional[_Union[Pie, _Mapping]] = ..., securities: _Optional[_Iterable[_Union[Security, _Mapping]]] = ...) -> None: ...

class Security(_message.Message):
    __slots__ = ("security_id", "price_micros", "quantity_step_nanos", "min_trade", "max_value", "max_share_micros", "min_position", "blocks")
    SECURITY_ID_FIELD_NUMBER: _ClassVar[int]
    PRICE_MICROS_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_STEP_NANOS_FIELD_NUMBER: _ClassVar[int]
    MIN_TRADE_FIELD_NUMBER: _ClassVar[int]
    MAX_VALUE_FIELD_NUMBER: _ClassVar[int]
    MAX_SHARE_MICROS_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    security_id: str
    price_micros: int
    quantity_step_nanos: int
    min_trade: int
    max_value: int
    max_share_micros: int
    min_position: int
    blocks: _containers.RepeatedCompositeFieldContainer[Block]
    def __init__(self, security_id: _Optional[str] = ..., price_micros: _Optional[int] = ..., quantity_step_nanos: _Optional[int] = ..., min_trade: _Optional[int] = ..., max_value: _Optional[int] = ..., max_share_micros: _Optional[int] = ..., min_position: _Optional[int] = ..., blocks: _Optional[_Iterable[_Union[Block, _Mapping]]] = ...) -> None: ...

class Block(_message.Message):
    __slots__ = ("side", "reason")
    SIDE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    side: Side
    reason: BlockReason
    def __init__(self, side: _Optional[_Union[Side, str]] = ..., reason: _Optional[_Union[BlockReason, str]] = ...) -> None: ...

class Pie(_message.Message):
    __slots__ = ("slices", "weight_total")
    SLICES_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_TOTAL_FIELD_NUMBER: _ClassVar[int]
    slices: _containers.RepeatedCompositeFieldContainer[Slice]
    weight_total: int
    def __init__(self, slices: _Optional[_Iterable[_Union[Slice, _Mapping]]] = ..., weight_total: _Optional[int] = ...) -> None: ...

class Slice(_message.Message):
    __slots__ = ("slice_id", "target_weight", "holding", "pie")
    SLICE_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    HOLDING_FIELD_NUMBER: _ClassVar[int]
    PIE_FIELD_NUMBER: _ClassVar[int]
    slice_id: str
    target_weight: int
    holding: Holding
    pie: Pie
    def __init__(self, slice_id: _Optional[str] = ..., target_weight: _Optional[int] = ..., holding: _Optional[_Union[Holding, _Mapping]] = ..., pie: _Optional[_Union[Pie, _Mapping]] = ...) -> None: ...

class Holding(_message.Message):
    __slots__ = ("security_id", "value", "quantity_nanos")
    SECURITY_ID_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_NANOS_FIELD_NUMBER: _ClassVar[int]
    security_id: str
    value: int
    quantity_nanos: int
    def __init__(self, security_id: _Optional[str] = ..., value: _Optional[int] = ..., quantity_nanos: _Optional[int] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("event_id", "deposit", "withdrawal", "rebalance", "target_change")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    DEPOSIT_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWAL_FIELD_NUMBER: _ClassVar[int]
    REBALANCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_CHANGE_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    deposit: Deposit
    withdrawal: Withdrawal
    rebalance: Rebalance
    target_change: TargetChange
    def __init__(self, event_id: _Optional[str] = ..., deposit: _Optional[_Union[Deposit, _Mapping]] = ..., withdrawal: _Optional[_Union[Withdrawal, _Mapping]] = ..., rebalance: _Optional[_Union[Rebalance, _Mapping]] = ..., target_change: _Optional[_Union[TargetChange, _Mapping]] = ...) -> None: ...

class Deposit(_message.Message):
    __slots__ = ("amount",)
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    amount: int
    def __init__(self, amount: _Optional[int] = ...) -> None: ...

class Withdrawal(_message.Message):
    __slots__ = ("amount",)
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    amount: int
    def __init__(self, amount: _Optional[int] = ...) -> None: ...

class Rebalance(_message.Message):
    __slots__ = ("slice_id", "reach")
    SLICE_ID_FIELD_NUMBER: _ClassVar[int]
    REACH_FIELD_NUMBER: _ClassVar[int]
    slice_id: str
    reach: Reach
    def __init__(self, slice_id: _Optional[str] = ..., reach: _Optional[_Union[Reach, str]] = ...) -> None: ...

class TargetChange(_message.Message):
    __slots__ = ("pies",)
    PIES_FIELD_NUMBER: _ClassVar[int]
    pies: _containers.RepeatedCompositeFieldContainer[ChangedPie]
    def __init__(self, pies: _Optional[_Iterable[_Union[ChangedPie, _Mapping]]] = ...) -> None: ...

class ChangedPie(_message.Message):
    __slots__ = ("slice_id", "slices", "weight_total")
    SLICE_ID_FIELD_NUMBER: _ClassVar[int]
    SLICES_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_TOTAL_FIELD_NUMBER: _ClassVar[int]
    slice_id: str
    slices: _containers.RepeatedCompositeFieldContainer[Slice]
    weight_total: int
    def __init__(self, slice_id: _Optional[str] = ..., slices: _Optional[_Iterable[_Union[Slice, _Mapping]]] = ..., weight_total: _Optional[int] = ...) -> None: ...

class Rules(_message.Message):
    __slots__ = ("min_trade", "cash_floor", "deposit_threshold")
    MIN_TRADE_FIELD_NUMBER: _ClassVar[int]
    CASH_FLOOR_FIELD_NUMBER: _ClassVar[int]
    DEPOSIT_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    min_trade: int
    cash_floor: int
    deposit_threshold: int
    def __init__(self, min_trade: _Optional[int] = ..., cash_floor: _Optional[int] = ..., deposit_threshold: _Optional[int] = ...) -> None: ...

class Options(_message.Message):
    __slots__ = ("engine", "time_limit", "work_limit", "view", "validate_only", "rule_costs", "expected_fingerprint")
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    TIME_LIMIT_FIELD_NUMBER: _ClassVar[int]
    WORK_LIMIT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    RULE_COSTS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    engine: Engine
    time_limit: _duration_pb2.Duration
    work_limit: int
    view: View
    validate_only: bool
    rule_costs: bool
    expected_fingerprint: str
    def __init__(self, engine: _Optional[_Union[Engine, str]] = ..., time_limit: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., work_limit: _Optional[int] = ..., view: _Optional[_Union[View, str]] = ..., validate_only: _Optional[bool] = ..., rule_costs: _Optional[bool] = ..., expected_fingerprint: _Optional[str] = ...) -> None: ...

class PlanResponse(_message.Message):
    __slots__ = ("request_id", "portfolio_id", "portfolio_version", "plan", "infeasible", "diagnostics")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PORTFOLIO_ID_FIELD_NUMBER: _ClassVar[int]
    PORTFOLIO_VERSION_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    INFEASIBLE_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    portfolio_id: str
    portfolio_version: str
    plan: Plan
    infeasible: Infeasible
    diagnostics: Diagnostics
    def __init__(self, request_id: _Optional[str] = ..., portfolio_id: _Optional[str] = ..., portfolio_version: _Optional[str] = ..., plan: _Optional[_Union[Plan, _Mapping]] = ..., infeasible: _Optional[_Union[Infeasible, _Mapping]] = ..., diagnostics: _Optional[_Union[Diagnostics, _Mapping]] = ...) -> None: ...

class Infeasible(_message.Message):
    __slots__ = ("reason", "rules", "most_that_can_be_raised")
    REASON_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    MOST_THAT_CAN_BE_RAISED_FIELD_NUMBER: _ClassVar[int]
    reason: str
    rules: _containers.RepeatedScalarFieldContainer[str]
    most_that_can_be_raised: int
    def __init__(self, reason: _Optional[str] = ..., rules: _Optional[_Iterable[str]] = ..., most_that_can_be_raised: _Optional[int] = ...) -> None: ...

class Diagnostics(_message.Message):
    __slots__ = ("solve_time", "rounds", "queue_time")
    SOLVE_TIME_FIELD_NUMBER: _ClassVar[int]
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_TIME_FIELD_NUMBER: _ClassVar[int]
    solve_time: _duration_pb2.Duration
    rounds: int
    queue_time: _duration_pb2.Duration
    def __init__(self, solve_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., rounds: _Optional[int] = ..., queue_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("fingerprint", "cash", "orders", "nodes", "certificate", "portfolio_after", "rule_costs", "transfers")
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    CASH_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    PORTFOLIO_AFTER_FIELD_NUMBER: _ClassVar[int]
    RULE_COSTS_FIELD_NUMBER: _ClassVar[int]
    TRANSFERS_FIELD_NUMBER: _ClassVar[int]
    fingerprint: str
    cash: CashFlow
    orders: _containers.RepeatedCompositeFieldContainer[Order]
    nodes: _containers.RepeatedCompositeFieldContainer[Node]
    certificate: Certificate
    portfolio_after: Portfolio
    rule_costs: _containers.RepeatedCompositeFieldContainer[RuleCost]
    transfers: _containers.RepeatedCompositeFieldContainer[Transfer]
    def __init__(self, fingerprint: _Optional[str] = ..., cash: _Optional[_Union[CashFlow, _Mapping]] = ..., orders: _Optional[_Iterable[_Union[Order, _Mapping]]] = ..., nodes: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., certificate: _Optional[_Union[Certificate, _Mapping]] = ..., portfolio_after: _Optional[_Union[Portfolio, _Mapping]] = ..., rule_costs: _Optional[_Iterable[_Union[RuleCost, _Mapping]]] = ..., transfers: _Optional[_Iterable[_Union[Transfer, _Mapping]]] = ...) -> None: ...

class Transfer(_message.Message):
    __slots__ = ("security_id", "from_slice_id", "to_slice_id", "amount")
    SECURITY_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_SLICE_ID_FIELD_NUMBER: _ClassVar[int]
    TO_SLICE_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    security_id: str
    from_slice_id: str
    to_slice_id: str
    amount: int
    def __init__(self, security_id: _Optional[str] = ..., from_slice_id: _Optional[str] = ..., to_slice_id: _Optional[str] = ..., amount: _Optional[int] = ...) -> None: ...

class RuleCost(_message.Message):
    __slots__ = ("rule", "cash_left", "retired_excess", "tracking_error")
    RULE_FIELD_NUMBER: _ClassVar[int]
    CASH_LEFT_FIELD_NUMBER: _ClassVar[int]
    RETIRED_EXCESS_FIELD_NUMBER: _ClassVar[int]
    TRACKING_ERROR_FIELD_NUMBER: _ClassVar[int]
    rule: str
    cash_left: int
    retired_excess: int
    tracking_error: float
    def __init__(self, rule: _Optional[str] = ..., cash_left: _Optional[int] = ..., retired_excess: _Optional[int] = ..., tracking_error: _Optional[float] = ...) -> None: ...

class CashFlow(_message.Message):
    __slots__ = ("before", "received", "paid_out", "bought", "sold", "after")
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    PAID_OUT_FIELD_NUMBER: _ClassVar[int]
    BOUGHT_FIELD_NUMBER: _ClassVar[int]
    SOLD_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    before: int
    received: int
    paid_out: int
    bought: int
    sold: int
    after: int
    def __init__(self, before: _Optional[int] = ..., received: _Optional[int] = ..., paid_out: _Optional[int] = ..., bought: _Optional[int] = ..., sold: _Optional[int] = ..., after: _Optional[int] = ...) -> None: ...

class Order(_message.Message):
    __slots__ = ("sequence", "security_id", "side", "amount", "quantity_nanos", "sizing", "closes_position", "parts")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SECURITY_ID_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_NANOS_FIELD_NUMBER: _ClassVar[int]
    SIZING_FIELD_NUMBER: _ClassVar[int]
    CLOSES_POSITION_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    security_id: str
    side: Side
    amount: int
    quantity_nanos: int
    sizing: Sizing
    closes_position: bool
    parts: _containers.RepeatedCompositeFieldContainer[OrderPart]
    def __init__(self, sequence: _Optional[int] = ..., security_id: _Optional[str] = ..., side: _Optional[_Union[Side, str]] = ..., amount: _Optional[int] = ..., quantity_nanos: _Optional[int] = ..., sizing: _Optional[_Union[Sizing, str]] = ..., closes_position: _Optional[bool] = ..., parts: _Optional[_Iterable[_Union[OrderPart, _Mapping]]] = ...) -> None: ...

class OrderPart(_message.Message):
    __slots__ = ("slice_id", "amount", "event_id")
    SLICE_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    slice_id: str
    amount: int
    event_id: str
    def __init__(self, slice_id: _Optional[str] = ..., amount: _Optional[int] = ..., event_id: _Optional[str] = ...) -> None: ...

class Node(_message.Message):
    __slots__ = ("slice_id", "value_before", "ideal", "trade", "value_after", "reasons")
    SLICE_ID_FIELD_NUMBER: _ClassVar[int]
    VALUE_BEFORE_FIELD_NUMBER: _ClassVar[int]
    IDEAL_FIELD_NUMBER: _ClassVar[int]
    TRADE_FIELD_NUMBER: _ClassVar[int]
    VALUE_AFTER_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    slice_id: str
    value_before: int
    ideal: float
    trade: int
    value_after: int
    reasons: _containers.RepeatedCompositeFieldContainer[Reason]
    def __init__(self, slice_id: _Optional[str] = ..., value_before: _Optional[int] = ..., ideal: _Optional[float] = ..., trade: _Optional[int] = ..., value_after: _Optional[int] = ..., reasons: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ...) -> None: ...

class Reason(_message.Message):
    __slots__ = ("code", "details", "sentence")
    class DetailsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    code: str
    details: _containers.ScalarMap[str, str]
    sentence: str
    def __init__(self, code: _Optional[str] = ..., details: _Optional[_Mapping[str, str]] = ..., sentence: _Optional[str] = ...) -> None: ...

class Certificate(_message.Message):
    __slots__ = ("quality", "limit", "engine", "solver_version", "cash_left", "retired_excess", "tracking_error", "lower_bound", "rounding_slack", "bound_source", "evidence", "broken_rules")
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    SOLVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    CASH_LEFT_FIELD_NUMBER: _ClassVar[int]
    RETIRED_EXCESS_FIELD_NUMBER: _ClassVar[int]
    TRACKING_ERROR_FIELD_NUMBER: _ClassVar[int]
    LOWER_BOUND_FIELD_NUMBER: _ClassVar[int]
    ROUNDING_SLACK_FIELD_NUMBER: _ClassVar[int]
    BOUND_SOURCE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    BROKEN_RULES_FIELD_NUMBER: _ClassVar[int]
    quality: Quality
    limit: Limit
    engine: str
    solver_version: str
    cash_left: int
    retired_excess: int
    tracking_error: float
    lower_bound: float
    rounding_slack: float
    bound_source: BoundSource
    evidence: _containers.RepeatedCompositeFieldContainer[Evidence]
    broken_rules: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, quality: _Optional[_Union[Quality, str]] = ..., limit: _Optional[_Union[Limit, str]] = ..., engine: _Optional[str] = ..., solver_version: _Optional[str] = ..., cash_left: _Optional[int] = ..., retired_excess: _Optional[int] = ..., tracking_error: _Optional[float] = ..., lower_bound: _Optional[float] = ..., rounding_slack: _Optional[float] = ..., bound_source: _Optional[_Union[BoundSource, str]] = ..., evidence: _Optional[_Iterable[_Union[Evidence, _Mapping]]] = ..., broken_rules: _Optional[_Iterable[str]] = ...) -> None: ...

class Evidence(_message.Message):
    __slots__ = ("branch", "slice_id", "trading", "multipliers", "fixed")
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    SLICE_ID_FIELD_NUMBER: _ClassVar[int]
    TRADING_FIELD_NUMBER: _ClassVar[int]
    MULTIPLIERS_FIELD_NUMBER: _ClassVar[int]
    FIXED_FIELD_NUMBER: _ClassVar[int]
    branch: int
    slice_id: str
    trading: int
    multipliers: _containers.RepeatedScalarFieldContainer[float]
    fixed: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, branch: _Optional[int] = ..., slice_id: _Optional[str] = ..., trading: _Optional[int] = ..., multipliers: _Optional[_Iterable[float]] = ..., fixed: _Optional[_Iterable[str]] = ...) -> None: ...

class CompareRequest(_message.Message):
    __slots__ = ("request", "baselines")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    BASELINES_FIELD_NUMBER: _ClassVar[int]
    request: PlanRequest
    baselines: _containers.RepeatedScalarFieldContainer[Engine]
    def __init__(self, request: _Optional[_Union[PlanRequest, _Mapping]] = ..., baselines: _Optional[_Iterable[_Union[Engine, str]]] = ...) -> None: ...

class CompareResponse(_message.Message):
    __slots__ = ("optimal", "score", "baselines")
    OPTIMAL_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    BASELINES_FIELD_NUMBER: _ClassVar[int]
    optimal: PlanResponse
    score: Score
    baselines: _containers.RepeatedCompositeFieldContainer[Baseline]
    def __init__(self, optimal: _Optional[_Union[PlanResponse, _Mapping]] = ..., score: _Optional[_Union[Score, _Mapping]] = ..., baselines: _Optional[_Iterable[_Union[Baseline, _Mapping]]] = ...) -> None: ...

class Baseline(_message.Message):
    __slots__ = ("engine", "plan", "score", "shortfall", "broken_rules", "tracking_error", "ratio", "orders_killed")
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    SHORTFALL_FIELD_NUMBER: _ClassVar[int]
    BROKEN_RULES_FIELD_NUMBER: _ClassVar[int]
    TRACKING_ERROR_FIELD_NUMBER: _ClassVar[int]
    RATIO_FIELD_NUMBER: _ClassVar[int]
    ORDERS_KILLED_FIELD_NUMBER: _ClassVar[int]
    engine: Engine
    plan: Plan
    score: Score
    shortfall: int
    broken_rules: _containers.RepeatedScalarFieldContainer[str]
    tracking_error: float
    ratio: float
    orders_killed: int
    def __init__(self, engine: _Optional[_Union[Engine, str]] = ..., plan: _Optional[_Union[Plan, _Mapping]] = ..., score: _Optional[_Union[Score, _Mapping]] = ..., shortfall: _Optional[int] = ..., broken_rules: _Optional[_Iterable[str]] = ..., tracking_error: _Optional[float] = ..., ratio: _Optional[float] = ..., orders_killed: _Optional[int] = ...) -> None: ...

class Score(_message.Message):
    __slots__ = ("tracking_error", "retired_excess", "cash_left", "orders", "worst_ratio", "worst_slice")
    TRACKING_ERROR_FIELD_NUMBER: _ClassVar[int]
    RETIRED_EXCESS_FIELD_NUMBER: _ClassVar[int]
    CASH_LEFT_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    WORST_RATIO_FIELD_NUMBER: _ClassVar[int]
    WORST_SLICE_FIELD_NUMBER: _ClassVar[int]
    tracking_error: float
    retired_excess: int
    cash_left: int
    orders: int
    worst_ratio: float
    worst_slice: str
    def __init__(self, tracking_error: _Optional[float] = ..., retired_excess: _Optional[int] = ..., cash_left: _Optional[int] = ..., orders: _Optional[int] = ..., worst_ratio: _Optional[float] = ..., worst_slice: _Optional[str] = ...) -> None: ...

class BatchPlanRequest(_message.Message):
    __slots__ = ("requests", "time_limit")
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    TIME_LIMIT_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[PlanRequest]
    time_limit: _duration_pb2.Duration
    def __init__(self, requests: _Optional[_Iterable[_Union[PlanRequest, _Mapping]]] = ..., time_limit: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class BatchPlanResponse(_message.Message):
    __slots__ = ("index", "response", "error")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    index: int
    response: PlanResponse
    error: Status
    def __init__(self, index: _Optional[int] = ..., response: _Optional[_Union[PlanResponse, _Mapping]] = ..., error: _Optional[_Union[Status, _Mapping]] = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ("code", "message", "details")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    details: _containers.RepeatedCompositeFieldContainer[_any_pb2.Any]
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., details: _Optional[_Iterable[_Union[_any_pb2.Any, _Mapping]]] = ...) -> None: ...

class PlanColumnsRequest(_message.Message):
    __slots__ = ("request_id", "engine", "time_limit", "view", "start", "event", "amount", "event_row", "cash", "min_trade", "parent", "target_weight", "value")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    TIME_LIMIT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    EVENT_ROW_FIELD_NUMBER: _ClassVar[int]
    CASH_FIELD_NUMBER: _ClassVar[int]
    MIN_TRADE_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    TARGET_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    engine: Engine
    time_limit: _duration_pb2.Duration
    view: View
    start: bytes
    event: bytes
    amount: bytes
    event_row: bytes
    cash: bytes
    min_trade: bytes
    parent: bytes
    target_weight: bytes
    value: bytes
    def __init__(self, request_id: _Optional[str] = ..., engine: _Optional[_Union[Engine, str]] = ..., time_limit: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., view: _Optional[_Union[View, str]] = ..., start: _Optional[bytes] = ..., event: _Optional[bytes] = ..., amount: _Optional[bytes] = ..., event_row: _Optional[bytes] = ..., cash: _Optional[bytes] = ..., min_trade: _Optional[bytes] = ..., parent: _Optional[bytes] = ..., target_weight: _Optional[bytes] = ..., value: _Optional[bytes] = ...) -> None: ...

class PlanColumnsResponse(_message.Message):
    __slots__ = ("request_id", "solver_version", "refusals", "trade", "quality", "engine", "cash_after", "cash_left", "retired_excess", "tracking_error", "lower_bound", "rounding_slack", "ideal", "evidence_start", "evidence_branch", "evidence_row", "multiplier", "cut_start", "cut_branch", "cut_row", "cut_least", "cut_most", "diagnostics", "bound_source")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SOLVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    TRADE_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    CASH_AFTER_FIELD_NUMBER: _ClassVar[int]
    CASH_LEFT_FIELD_NUMBER: _ClassVar[int]
    RETIRED_EXCESS_FIELD_NUMBER: _ClassVar[int]
    TRACKING_ERROR_FIELD_NUMBER: _ClassVar[int]
    LOWER_BOUND_FIELD_NUMBER: _ClassVar[int]
    ROUNDING_SLACK_FIELD_NUMBER: _ClassVar[int]
    IDEAL_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_START_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_BRANCH_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_ROW_FIELD_NUMBER: _ClassVar[int]
    MULTIPLIER_FIELD_NUMBER: _ClassVar[int]
    CUT_START_FIELD_NUMBER: _ClassVar[int]
    CUT_BRANCH_FIELD_NUMBER: _ClassVar[int]
    CUT_ROW_FIELD_NUMBER: _ClassVar[int]
    CUT_LEAST_FIELD_NUMBER: _ClassVar[int]
    CUT_MOST_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    BOUND_SOURCE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    solver_version: str
    refusals: _containers.RepeatedCompositeFieldContainer[ColumnRefusal]
    trade: bytes
    quality: bytes
    engine: bytes
    cash_after: bytes
    cash_left: bytes
    retired_excess: bytes
    tracking_error: bytes
    lower_bound: bytes
    rounding_slack: bytes
    ideal: bytes
    evidence_start: bytes
    evidence_branch: bytes
    evidence_row: bytes
    multiplier: bytes
    cut_start: bytes
    cut_branch: bytes
    cut_row: bytes
    cut_least: bytes
    cut_most: bytes
    diagnostics: Diagnostics
    bound_source: bytes
    def __init__(self, request_id: _Optional[str] = ..., solver_version: _Optional[str] = ..., refusals: _Optional[_Iterable[_Union[ColumnRefusal, _Mapping]]] = ..., trade: _Optional[bytes] = ..., quality: _Optional[bytes] = ..., engine: _Optional[bytes] = ..., cash_after: _Optional[bytes] = ..., cash_left: _Optional[bytes] = ..., retired_excess: _Optional[bytes] = ..., tracking_error: _Optional[bytes] = ..., lower_bound: _Optional[bytes] = ..., rounding_slack: _Optional[bytes] = ..., ideal: _Optional[bytes] = ..., evidence_start: _Optional[bytes] = ..., evidence_branch: _Optional[bytes] = ..., evidence_row: _Optional[bytes] = ..., multiplier: _Optional[bytes] = ..., cut_start: _Optional[bytes] = ..., cut_branch: _Optional[bytes] = ..., cut_row: _Optional[bytes] = ..., cut_least: _Optional[bytes] = ..., cut_most: _Optional[bytes] = ..., diagnostics: _Optional[_Union[Diagnostics, _Mapping]] = ..., bound_source: _Optional[bytes] = ...) -> None: ...

class ColumnRefusal(_message.Message):
    __slots__ = ("account", "reason", "description")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    account: int
    reason: str
    description: str
    def __init__(self, account: _Optional[int] = ..., reason: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class GetServiceInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServiceInfoResponse(_message.Message):
    __slots__ = ("solver_version", "engines", "max_slices", "max_depth", "max_batch", "max_request_bytes", "max_money", "max_events", "max_column_accounts", "max_column_rows", "shadow")
    SOLVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    ENGINES_FIELD_NUMBER: _ClassVar[int]
    MAX_SLICES_FIELD_NUMBER: _ClassVar[int]
    MAX_DEPTH_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_FIELD_NUMBER: _ClassVar[int]
    MAX_REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_MONEY_FIELD_NUMBER: _ClassVar[int]
    MAX_EVENTS_FIELD_NUMBER: _ClassVar[int]
    MAX_COLUMN_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    MAX_COLUMN_ROWS_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    solver_version: str
    engines: _containers.RepeatedScalarFieldContainer[Engine]
    max_slices: int
    max_depth: int
    max_batch: int
    max_request_bytes: int
    max_money: int
    max_events: int
    max_column_accounts: int
    max_column_rows: int
    shadow: Shadow
    def __init__(self, solver_version: _Optional[str] = ..., engines: _Optional[_Iterable[_Union[Engine, str]]] = ..., max_slices: _Optional[int] = ..., max_depth: _Optional[int] = ..., max_batch: _Optional[int] = ..., max_request_bytes: _Optional[int] = ..., max_money: _Optional[int] = ..., max_events: _Optional[int] = ..., max_column_accounts: _Optional[int] = ..., max_column_rows: _Optional[int] = ..., shadow: _Optional[_Union[Shadow, _Mapping]] = ...) -> None: ...

class Shadow(_message.Message):
    __slots__ = ("share", "agreed", "disagreed", "undecided", "dropped")
    SHARE_FIELD_NUMBER: _ClassVar[int]
    AGREED_FIELD_NUMBER: _ClassVar[int]
    DISAGREED_FIELD_NUMBER: _ClassVar[int]
    UNDECIDED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    share: float
    agreed: int
    disagreed: int
    undecided: int
    dropped: int
    def __init__(self, share: _Optional[float] = ..., agreed: _Optional[int] = ..., disagreed: _Optional[int] = ..., undecided: _Optional[int] = ..., dropped: _Optional[int] = ...) -> None: ...
