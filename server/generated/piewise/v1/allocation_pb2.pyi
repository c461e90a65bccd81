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

class TriggerPreset(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRIGGER_PRESET_UNSPECIFIED: _ClassVar[TriggerPreset]
    TRIGGER_PRESET_M1: _ClassVar[TriggerPreset]
    TRIGGER_PRESET_ALLIO_MANAGED: _ClassVar[TriggerPreset]
    TRIGGER_PRESET_ALLIO_DYNAMIC: _ClassVar[TriggerPreset]

class DriftScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DRIFT_SCOPE_UNSPECIFIED: _ClassVar[DriftScope]
    DRIFT_SCOPE_SLICES: _ClassVar[DriftScope]
    DRIFT_SCOPE_PIES: _ClassVar[DriftScope]
    DRIFT_SCOPE_CLASSES: _ClassVar[DriftScope]
    DRIFT_SCOPE_PORTFOLIO: _ClassVar[DriftScope]

class DriftMeasure(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DRIFT_MEASURE_UNSPECIFIED: _ClassVar[DriftMeasure]
    DRIFT_MEASURE_POINTS: _ClassVar[DriftMeasure]
    DRIFT_MEASURE_RELATIVE: _ClassVar[DriftMeasure]

class TriggerCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRIGGER_CODE_UNSPECIFIED: _ClassVar[TriggerCode]
    TRIGGER_CODE_DRIFT: _ClassVar[TriggerCode]
    TRIGGER_CODE_SCHEDULE: _ClassVar[TriggerCode]
    TRIGGER_CODE_DAILY_RUN: _ClassVar[TriggerCode]
    TRIGGER_CODE_CASH_IN: _ClassVar[TriggerCode]
    TRIGGER_CODE_CASH_OUT: _ClassVar[TriggerCode]

class TimetablePreset(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIMETABLE_PRESET_UNSPECIFIED: _ClassVar[TimetablePreset]
    TIMETABLE_PRESET_M1: _ClassVar[TimetablePreset]
    TIMETABLE_PRESET_ALLIO_MANAGED: _ClassVar[TimetablePreset]
    TIMETABLE_PRESET_ALLIO_DYNAMIC: _ClassVar[TimetablePreset]

class TradingEventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRADING_EVENT_KIND_UNSPECIFIED: _ClassVar[TradingEventKind]
    TRADING_EVENT_KIND_DEPOSIT: _ClassVar[TradingEventKind]
    TRADING_EVENT_KIND_WITHDRAWAL: _ClassVar[TradingEventKind]
    TRADING_EVENT_KIND_LIQUIDATION: _ClassVar[TradingEventKind]
    TRADING_EVENT_KIND_PORTFOLIO_UPDATE: _ClassVar[TradingEventKind]
    TRADING_EVENT_KIND_SCHEDULED_REBALANCE: _ClassVar[TradingEventKind]
    TRADING_EVENT_KIND_CLIENT_REBALANCE: _ClassVar[TradingEventKind]
    TRADING_EVENT_KIND_INSTANT_REBALANCE: _ClassVar[TradingEventKind]
    TRADING_EVENT_KIND_MANUAL_ORDERS: _ClassVar[TradingEventKind]

class DecisionAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_ACTION_UNSPECIFIED: _ClassVar[DecisionAction]
    DECISION_ACTION_TRADE_NOW: _ClassVar[DecisionAction]
    DECISION_ACTION_WAIT_UNTIL: _ClassVar[DecisionAction]
    DECISION_ACTION_BLOCKED: _ClassVar[DecisionAction]

class DecisionCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_CODE_UNSPECIFIED: _ClassVar[DecisionCode]
    DECISION_CODE_ACCOUNT_CLOSED: _ClassVar[DecisionCode]
    DECISION_CODE_ACCOUNT_RESTRICTED: _ClassVar[DecisionCode]
    DECISION_CODE_UNFUNDED: _ClassVar[DecisionCode]
    DECISION_CODE_CASH_NOT_AVAILABLE: _ClassVar[DecisionCode]
    DECISION_CODE_NO_WINDOW: _ClassVar[DecisionCode]
    DECISION_CODE_POSTPONED: _ClassVar[DecisionCode]
    DECISION_CODE_MARKET_CLOSED: _ClassVar[DecisionCode]
    DECISION_CODE_OUTSIDE_WINDOW: _ClassVar[DecisionCode]
    DECISION_CODE_WINDOW_TAKEN: _ClassVar[DecisionCode]
    DECISION_CODE_SAME_DAY_TRADE: _ClassVar[DecisionCode]

class UpdateStep(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UPDATE_STEP_UNSPECIFIED: _ClassVar[UpdateStep]
    UPDATE_STEP_ACCEPTED: _ClassVar[UpdateStep]
    UPDATE_STEP_WAITING: _ClassVar[UpdateStep]
    UPDATE_STEP_BLOCKED: _ClassVar[UpdateStep]
    UPDATE_STEP_PLANNED: _ClassVar[UpdateStep]
    UPDATE_STEP_SENT: _ClassVar[UpdateStep]
    UPDATE_STEP_DELAYED: _ClassVar[UpdateStep]
    UPDATE_STEP_FILLED: _ClassVar[UpdateStep]
    UPDATE_STEP_CANCELLED: _ClassVar[UpdateStep]
    UPDATE_STEP_FINISHED: _ClassVar[UpdateStep]
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
TRIGGER_PRESET_UNSPECIFIED: TriggerPreset
TRIGGER_PRESET_M1: TriggerPreset
TRIGGER_PRESET_ALLIO_MANAGED: TriggerPreset
TRIGGER_PRESET_ALLIO_DYNAMIC: TriggerPreset
DRIFT_SCOPE_UNSPECIFIED: DriftScope
DRIFT_SCOPE_SLICES: DriftScope
DRIFT_SCOPE_PIES: DriftScope
DRIFT_SCOPE_CLASSES: DriftScope
DRIFT_SCOPE_PORTFOLIO: DriftScope
DRIFT_MEASURE_UNSPECIFIED: DriftMeasure
DRIFT_MEASURE_POINTS: DriftMeasure
DRIFT_MEASURE_RELATIVE: DriftMeasure
TRIGGER_CODE_UNSPECIFIED: TriggerCode
TRIGGER_CODE_DRIFT: TriggerCode
TRIGGER_CODE_SCHEDULE: TriggerCode
TRIGGER_CODE_DAILY_RUN: TriggerCode
TRIGGER_CODE_CASH_IN: TriggerCode
TRIGGER_CODE_CASH_OUT: TriggerCode
TIMETABLE_PRESET_UNSPECIFIED: TimetablePreset
TIMETABLE_PRESET_M1: TimetablePreset
TIMETABLE_PRESET_ALLIO_MANAGED: TimetablePreset
TIMETABLE_PRESET_ALLIO_DYNAMIC: TimetablePreset
TRADING_EVENT_KIND_UNSPECIFIED: TradingEventKind
TRADING_EVENT_KIND_DEPOSIT: TradingEventKind
TRADING_EVENT_KIND_WITHDRAWAL: TradingEventKind
TRADING_EVENT_KIND_LIQUIDATION: TradingEventKind
TRADING_EVENT_KIND_PORTFOLIO_UPDATE: TradingEventKind
TRADING_EVENT_KIND_SCHEDULED_REBALANCE: TradingEventKind
TRADING_EVENT_KIND_CLIENT_REBALANCE: TradingEventKind
TRADING_EVENT_KIND_INSTANT_REBALANCE: TradingEventKind
TRADING_EVENT_KIND_MANUAL_ORDERS: TradingEventKind
DECISION_ACTION_UNSPECIFIED: DecisionAction
DECISION_ACTION_TRADE_NOW: DecisionAction
DECISION_ACTION_WAIT_UNTIL: DecisionAction
DECISION_ACTION_BLOCKED: DecisionAction
DECISION_CODE_UNSPECIFIED: DecisionCode
DECISION_CODE_ACCOUNT_CLOSED: DecisionCode
DECISION_CODE_ACCOUNT_RESTRICTED: DecisionCode
DECISION_CODE_UNFUNDED: DecisionCode
DECISION_CODE_CASH_NOT_AVAILABLE: DecisionCode
DECISION_CODE_NO_WINDOW: DecisionCode
DECISION_CODE_POSTPONED: DecisionCode
DECISION_CODE_MARKET_CLOSED: DecisionCode
DECISION_CODE_OUTSIDE_WINDOW: DecisionCode
DECISION_CODE_WINDOW_TAKEN: DecisionCode
DECISION_CODE_SAME_DAY_TRADE: DecisionCode
UPDATE_STEP_UNSPECIFIED: UpdateStep
UPDATE_STEP_ACCEPTED: UpdateStep
UPDATE_STEP_WAITING: UpdateStep
UPDATE_STEP_BLOCKED: UpdateStep
UPDATE_STEP_PLANNED: UpdateStep
UPDATE_STEP_SENT: UpdateStep
UPDATE_STEP_DELAYED: UpdateStep
UPDATE_STEP_FILLED: UpdateStep
UPDATE_STEP_CANCELLED: UpdateStep
UPDATE_STEP_FINISHED: UpdateStep

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
    __slots__ = ("request_id", "engine", "time_limit", "view", "start", "event", "amount", "event_row", "cash", "min_trade", "parent", "target_weight", "value", "blocked")
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
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
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
    blocked: bytes
    def __init__(self, request_id: _Optional[str] = ..., engine: _Optional[_Union[Engine, str]] = ..., time_limit: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., view: _Optional[_Union[View, str]] = ..., start: _Optional[bytes] = ..., event: _Optional[bytes] = ..., amount: _Optional[bytes] = ..., event_row: _Optional[bytes] = ..., cash: _Optional[bytes] = ..., min_trade: _Optional[bytes] = ..., parent: _Optional[bytes] = ..., target_weight: _Optional[bytes] = ..., value: _Optional[bytes] = ..., blocked: _Optional[bytes] = ...) -> None: ...

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
    __slots__ = ("solver_version", "engines", "max_slices", "max_depth", "max_batch", "max_request_bytes", "max_money", "max_events", "max_column_accounts", "max_column_rows", "shadow", "max_window_orders", "max_window_securities", "max_window_fills")
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
    MAX_WINDOW_ORDERS_FIELD_NUMBER: _ClassVar[int]
    MAX_WINDOW_SECURITIES_FIELD_NUMBER: _ClassVar[int]
    MAX_WINDOW_FILLS_FIELD_NUMBER: _ClassVar[int]
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
    max_window_orders: int
    max_window_securities: int
    max_window_fills: int
    def __init__(self, solver_version: _Optional[str] = ..., engines: _Optional[_Iterable[_Union[Engine, str]]] = ..., max_slices: _Optional[int] = ..., max_depth: _Optional[int] = ..., max_batch: _Optional[int] = ..., max_request_bytes: _Optional[int] = ..., max_money: _Optional[int] = ..., max_events: _Optional[int] = ..., max_column_accounts: _Optional[int] = ..., max_column_rows: _Optional[int] = ..., shadow: _Optional[_Union[Shadow, _Mapping]] = ..., max_window_orders: _Optional[int] = ..., max_window_securities: _Optional[int] = ..., max_window_fills: _Optional[int] = ...) -> None: ...

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

class TriggerPolicy(_message.Message):
    __slots__ = ("preset", "custom")
    PRESET_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_FIELD_NUMBER: _ClassVar[int]
    preset: TriggerPreset
    custom: TriggerRules
    def __init__(self, preset: _Optional[_Union[TriggerPreset, str]] = ..., custom: _Optional[_Union[TriggerRules, _Mapping]] = ...) -> None: ...

class TriggerRules(_message.Message):
    __slots__ = ("rules", "time_zone")
    RULES_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedCompositeFieldContainer[TriggerRule]
    time_zone: str
    def __init__(self, rules: _Optional[_Iterable[_Union[TriggerRule, _Mapping]]] = ..., time_zone: _Optional[str] = ...) -> None: ...

class TriggerRule(_message.Message):
    __slots__ = ("drift", "every_days", "daily", "cash")
    DRIFT_FIELD_NUMBER: _ClassVar[int]
    EVERY_DAYS_FIELD_NUMBER: _ClassVar[int]
    DAILY_FIELD_NUMBER: _ClassVar[int]
    CASH_FIELD_NUMBER: _ClassVar[int]
    drift: DriftRule
    every_days: EveryDaysRule
    daily: DailyRule
    cash: CashRule
    def __init__(self, drift: _Optional[_Union[DriftRule, _Mapping]] = ..., every_days: _Optional[_Union[EveryDaysRule, _Mapping]] = ..., daily: _Optional[_Union[DailyRule, _Mapping]] = ..., cash: _Optional[_Union[CashRule, _Mapping]] = ...) -> None: ...

class DriftRule(_message.Message):
    __slots__ = ("scope", "threshold_micros", "measure")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_MICROS_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    scope: DriftScope
    threshold_micros: int
    measure: DriftMeasure
    def __init__(self, scope: _Optional[_Union[DriftScope, str]] = ..., threshold_micros: _Optional[int] = ..., measure: _Optional[_Union[DriftMeasure, str]] = ...) -> None: ...

class EveryDaysRule(_message.Message):
    __slots__ = ("days", "at")
    DAYS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    days: int
    at: str
    def __init__(self, days: _Optional[int] = ..., at: _Optional[str] = ...) -> None: ...

class DailyRule(_message.Message):
    __slots__ = ("at",)
    AT_FIELD_NUMBER: _ClassVar[int]
    at: str
    def __init__(self, at: _Optional[str] = ...) -> None: ...

class CashRule(_message.Message):
    __slots__ = ("least",)
    LEAST_FIELD_NUMBER: _ClassVar[int]
    least: int
    def __init__(self, least: _Optional[int] = ...) -> None: ...

class AccountHistory(_message.Message):
    __slots__ = ("started_at", "last_rebalance_at", "last_run_at", "withdrawal", "cash_floor")
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_REBALANCE_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_RUN_AT_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWAL_FIELD_NUMBER: _ClassVar[int]
    CASH_FLOOR_FIELD_NUMBER: _ClassVar[int]
    started_at: _timestamp_pb2.Timestamp
    last_rebalance_at: _timestamp_pb2.Timestamp
    last_run_at: _timestamp_pb2.Timestamp
    withdrawal: int
    cash_floor: int
    def __init__(self, started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_rebalance_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_run_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., withdrawal: _Optional[int] = ..., cash_floor: _Optional[int] = ...) -> None: ...

class CheckTriggersRequest(_message.Message):
    __slots__ = ("portfolio", "history", "policy", "clock", "asset_classes")
    class AssetClassesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PORTFOLIO_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    ASSET_CLASSES_FIELD_NUMBER: _ClassVar[int]
    portfolio: Portfolio
    history: AccountHistory
    policy: TriggerPolicy
    clock: _timestamp_pb2.Timestamp
    asset_classes: _containers.ScalarMap[str, str]
    def __init__(self, portfolio: _Optional[_Union[Portfolio, _Mapping]] = ..., history: _Optional[_Union[AccountHistory, _Mapping]] = ..., policy: _Optional[_Union[TriggerPolicy, _Mapping]] = ..., clock: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., asset_classes: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CheckTriggersResponse(_message.Message):
    __slots__ = ("triggers",)
    TRIGGERS_FIELD_NUMBER: _ClassVar[int]
    triggers: _containers.RepeatedCompositeFieldContainer[Trigger]
    def __init__(self, triggers: _Optional[_Iterable[_Union[Trigger, _Mapping]]] = ...) -> None: ...

class Trigger(_message.Message):
    __slots__ = ("code", "rule", "subject", "figures", "sentence")
    class FiguresEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CODE_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    code: TriggerCode
    rule: int
    subject: str
    figures: _containers.ScalarMap[str, str]
    sentence: str
    def __init__(self, code: _Optional[_Union[TriggerCode, str]] = ..., rule: _Optional[int] = ..., subject: _Optional[str] = ..., figures: _Optional[_Mapping[str, str]] = ..., sentence: _Optional[str] = ...) -> None: ...

class CheckTriggerColumnsRequest(_message.Message):
    __slots__ = ("policy", "clock", "columns")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    policy: TriggerPolicy
    clock: _timestamp_pb2.Timestamp
    columns: TriggerColumns
    def __init__(self, policy: _Optional[_Union[TriggerPolicy, _Mapping]] = ..., clock: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., columns: _Optional[_Union[TriggerColumns, _Mapping]] = ...) -> None: ...

class TriggerColumns(_message.Message):
    __slots__ = ("started_us", "last_rebalance_us", "last_run_us", "cash", "cash_floor", "withdrawal", "start", "parent", "target_weight", "value", "asset_class")
    STARTED_US_FIELD_NUMBER: _ClassVar[int]
    LAST_REBALANCE_US_FIELD_NUMBER: _ClassVar[int]
    LAST_RUN_US_FIELD_NUMBER: _ClassVar[int]
    CASH_FIELD_NUMBER: _ClassVar[int]
    CASH_FLOOR_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWAL_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    TARGET_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    ASSET_CLASS_FIELD_NUMBER: _ClassVar[int]
    started_us: bytes
    last_rebalance_us: bytes
    last_run_us: bytes
    cash: bytes
    cash_floor: bytes
    withdrawal: bytes
    start: bytes
    parent: bytes
    target_weight: bytes
    value: bytes
    asset_class: bytes
    def __init__(self, started_us: _Optional[bytes] = ..., last_rebalance_us: _Optional[bytes] = ..., last_run_us: _Optional[bytes] = ..., cash: _Optional[bytes] = ..., cash_floor: _Optional[bytes] = ..., withdrawal: _Optional[bytes] = ..., start: _Optional[bytes] = ..., parent: _Optional[bytes] = ..., target_weight: _Optional[bytes] = ..., value: _Optional[bytes] = ..., asset_class: _Optional[bytes] = ...) -> None: ...

class CheckTriggerColumnsResponse(_message.Message):
    __slots__ = ("holds",)
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    holds: bytes
    def __init__(self, holds: _Optional[bytes] = ...) -> None: ...

class Timetable(_message.Message):
    __slots__ = ("preset", "custom")
    PRESET_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_FIELD_NUMBER: _ClassVar[int]
    preset: TimetablePreset
    custom: TradeWindows
    def __init__(self, preset: _Optional[_Union[TimetablePreset, str]] = ..., custom: _Optional[_Union[TradeWindows, _Mapping]] = ...) -> None: ...

class TradeWindows(_message.Message):
    __slots__ = ("windows", "calendar_id", "postponed_at", "rebalances_alone")
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    CALENDAR_ID_FIELD_NUMBER: _ClassVar[int]
    POSTPONED_AT_FIELD_NUMBER: _ClassVar[int]
    REBALANCES_ALONE_FIELD_NUMBER: _ClassVar[int]
    windows: _containers.RepeatedCompositeFieldContainer[TradeWindow]
    calendar_id: str
    postponed_at: str
    rebalances_alone: bool
    def __init__(self, windows: _Optional[_Iterable[_Union[TradeWindow, _Mapping]]] = ..., calendar_id: _Optional[str] = ..., postponed_at: _Optional[str] = ..., rebalances_alone: _Optional[bool] = ...) -> None: ...

class TradeWindow(_message.Message):
    __slots__ = ("window_id", "opens_at", "closes_at", "takes", "needs", "joins_late")
    WINDOW_ID_FIELD_NUMBER: _ClassVar[int]
    OPENS_AT_FIELD_NUMBER: _ClassVar[int]
    CLOSES_AT_FIELD_NUMBER: _ClassVar[int]
    TAKES_FIELD_NUMBER: _ClassVar[int]
    NEEDS_FIELD_NUMBER: _ClassVar[int]
    JOINS_LATE_FIELD_NUMBER: _ClassVar[int]
    window_id: str
    opens_at: str
    closes_at: str
    takes: _containers.RepeatedScalarFieldContainer[TradingEventKind]
    needs: str
    joins_late: bool
    def __init__(self, window_id: _Optional[str] = ..., opens_at: _Optional[str] = ..., closes_at: _Optional[str] = ..., takes: _Optional[_Iterable[_Union[TradingEventKind, str]]] = ..., needs: _Optional[str] = ..., joins_late: _Optional[bool] = ...) -> None: ...

class TradingAccount(_message.Message):
    __slots__ = ("value", "cash", "min_order", "restricted", "closed", "flags", "cash_unavailable", "cash_available_at", "trades", "rebalanced_at", "manual_orders_at", "looked_at")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CASH_FIELD_NUMBER: _ClassVar[int]
    MIN_ORDER_FIELD_NUMBER: _ClassVar[int]
    RESTRICTED_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    CASH_UNAVAILABLE_FIELD_NUMBER: _ClassVar[int]
    CASH_AVAILABLE_AT_FIELD_NUMBER: _ClassVar[int]
    TRADES_FIELD_NUMBER: _ClassVar[int]
    REBALANCED_AT_FIELD_NUMBER: _ClassVar[int]
    MANUAL_ORDERS_AT_FIELD_NUMBER: _ClassVar[int]
    LOOKED_AT_FIELD_NUMBER: _ClassVar[int]
    value: int
    cash: int
    min_order: int
    restricted: bool
    closed: bool
    flags: _containers.RepeatedScalarFieldContainer[str]
    cash_unavailable: int
    cash_available_at: _timestamp_pb2.Timestamp
    trades: _containers.RepeatedCompositeFieldContainer[PastTrade]
    rebalanced_at: _timestamp_pb2.Timestamp
    manual_orders_at: _timestamp_pb2.Timestamp
    looked_at: _timestamp_pb2.Timestamp
    def __init__(self, value: _Optional[int] = ..., cash: _Optional[int] = ..., min_order: _Optional[int] = ..., restricted: _Optional[bool] = ..., closed: _Optional[bool] = ..., flags: _Optional[_Iterable[str]] = ..., cash_unavailable: _Optional[int] = ..., cash_available_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., trades: _Optional[_Iterable[_Union[PastTrade, _Mapping]]] = ..., rebalanced_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., manual_orders_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., looked_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PastTrade(_message.Message):
    __slots__ = ("security_id", "side", "traded_at")
    SECURITY_ID_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    TRADED_AT_FIELD_NUMBER: _ClassVar[int]
    security_id: str
    side: Side
    traded_at: _timestamp_pb2.Timestamp
    def __init__(self, security_id: _Optional[str] = ..., side: _Optional[_Union[Side, str]] = ..., traded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SecuritySide(_message.Message):
    __slots__ = ("security_id", "side")
    SECURITY_ID_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    security_id: str
    side: Side
    def __init__(self, security_id: _Optional[str] = ..., side: _Optional[_Union[Side, str]] = ...) -> None: ...

class PlannedSides(_message.Message):
    __slots__ = ("sides",)
    SIDES_FIELD_NUMBER: _ClassVar[int]
    sides: _containers.RepeatedCompositeFieldContainer[SecuritySide]
    def __init__(self, sides: _Optional[_Iterable[_Union[SecuritySide, _Mapping]]] = ...) -> None: ...

class TradingEvent(_message.Message):
    __slots__ = ("event_id", "kind", "asked_at", "wants", "postponed_until")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ASKED_AT_FIELD_NUMBER: _ClassVar[int]
    WANTS_FIELD_NUMBER: _ClassVar[int]
    POSTPONED_UNTIL_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    kind: TradingEventKind
    asked_at: _timestamp_pb2.Timestamp
    wants: PlannedSides
    postponed_until: _timestamp_pb2.Timestamp
    def __init__(self, event_id: _Optional[str] = ..., kind: _Optional[_Union[TradingEventKind, str]] = ..., asked_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., wants: _Optional[_Union[PlannedSides, _Mapping]] = ..., postponed_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DecideRequest(_message.Message):
    __slots__ = ("account", "events", "timetable", "clock")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    TIMETABLE_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    account: TradingAccount
    events: _containers.RepeatedCompositeFieldContainer[TradingEvent]
    timetable: Timetable
    clock: _timestamp_pb2.Timestamp
    def __init__(self, account: _Optional[_Union[TradingAccount, _Mapping]] = ..., events: _Optional[_Iterable[_Union[TradingEvent, _Mapping]]] = ..., timetable: _Optional[_Union[Timetable, _Mapping]] = ..., clock: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DecideResponse(_message.Message):
    __slots__ = ("decisions", "batches")
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    decisions: _containers.RepeatedCompositeFieldContainer[Decision]
    batches: _containers.RepeatedCompositeFieldContainer[DecisionBatch]
    def __init__(self, decisions: _Optional[_Iterable[_Union[Decision, _Mapping]]] = ..., batches: _Optional[_Iterable[_Union[DecisionBatch, _Mapping]]] = ...) -> None: ...

class DecisionReason(_message.Message):
    __slots__ = ("code", "figures", "sentence")
    class FiguresEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CODE_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    code: DecisionCode
    figures: _containers.ScalarMap[str, str]
    sentence: str
    def __init__(self, code: _Optional[_Union[DecisionCode, str]] = ..., figures: _Optional[_Mapping[str, str]] = ..., sentence: _Optional[str] = ...) -> None: ...

class SecurityBlock(_message.Message):
    __slots__ = ("security_id", "block")
    SECURITY_ID_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    security_id: str
    block: Block
    def __init__(self, security_id: _Optional[str] = ..., block: _Optional[_Union[Block, _Mapping]] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("event_id", "action", "at", "orders_end_at", "window_id", "reasons", "blocks", "postponed")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    ORDERS_END_AT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_ID_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    POSTPONED_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    action: DecisionAction
    at: _timestamp_pb2.Timestamp
    orders_end_at: _timestamp_pb2.Timestamp
    window_id: str
    reasons: _containers.RepeatedCompositeFieldContainer[DecisionReason]
    blocks: _containers.RepeatedCompositeFieldContainer[SecurityBlock]
    postponed: bool
    def __init__(self, event_id: _Optional[str] = ..., action: _Optional[_Union[DecisionAction, str]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., orders_end_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., window_id: _Optional[str] = ..., reasons: _Optional[_Iterable[_Union[DecisionReason, _Mapping]]] = ..., blocks: _Optional[_Iterable[_Union[SecurityBlock, _Mapping]]] = ..., postponed: _Optional[bool] = ...) -> None: ...

class DecisionBatch(_message.Message):
    __slots__ = ("at", "events", "blocks")
    AT_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    events: _containers.RepeatedScalarFieldContainer[int]
    blocks: _containers.RepeatedCompositeFieldContainer[SecurityBlock]
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., events: _Optional[_Iterable[int]] = ..., blocks: _Optional[_Iterable[_Union[SecurityBlock, _Mapping]]] = ...) -> None: ...

class DecideColumnsRequest(_message.Message):
    __slots__ = ("timetable", "columns")
    TIMETABLE_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    timetable: Timetable
    columns: DecisionColumns
    def __init__(self, timetable: _Optional[_Union[Timetable, _Mapping]] = ..., columns: _Optional[_Union[DecisionColumns, _Mapping]] = ...) -> None: ...

class DecisionColumns(_message.Message):
    __slots__ = ("clock_us", "kind", "asked_us", "postponed_us", "flags", "value", "cash", "min_order", "cash_unavailable", "cash_available_us", "restricted", "closed", "rebalanced_us", "manual_orders_us", "looked_us", "trade_start", "trade_side", "trade_us", "trade_opposed")
    CLOCK_US_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ASKED_US_FIELD_NUMBER: _ClassVar[int]
    POSTPONED_US_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CASH_FIELD_NUMBER: _ClassVar[int]
    MIN_ORDER_FIELD_NUMBER: _ClassVar[int]
    CASH_UNAVAILABLE_FIELD_NUMBER: _ClassVar[int]
    CASH_AVAILABLE_US_FIELD_NUMBER: _ClassVar[int]
    RESTRICTED_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    REBALANCED_US_FIELD_NUMBER: _ClassVar[int]
    MANUAL_ORDERS_US_FIELD_NUMBER: _ClassVar[int]
    LOOKED_US_FIELD_NUMBER: _ClassVar[int]
    TRADE_START_FIELD_NUMBER: _ClassVar[int]
    TRADE_SIDE_FIELD_NUMBER: _ClassVar[int]
    TRADE_US_FIELD_NUMBER: _ClassVar[int]
    TRADE_OPPOSED_FIELD_NUMBER: _ClassVar[int]
    clock_us: bytes
    kind: bytes
    asked_us: bytes
    postponed_us: bytes
    flags: bytes
    value: bytes
    cash: bytes
    min_order: bytes
    cash_unavailable: bytes
    cash_available_us: bytes
    restricted: bytes
    closed: bytes
    rebalanced_us: bytes
    manual_orders_us: bytes
    looked_us: bytes
    trade_start: bytes
    trade_side: bytes
    trade_us: bytes
    trade_opposed: bytes
    def __init__(self, clock_us: _Optional[bytes] = ..., kind: _Optional[bytes] = ..., asked_us: _Optional[bytes] = ..., postponed_us: _Optional[bytes] = ..., flags: _Optional[bytes] = ..., value: _Optional[bytes] = ..., cash: _Optional[bytes] = ..., min_order: _Optional[bytes] = ..., cash_unavailable: _Optional[bytes] = ..., cash_available_us: _Optional[bytes] = ..., restricted: _Optional[bytes] = ..., closed: _Optional[bytes] = ..., rebalanced_us: _Optional[bytes] = ..., manual_orders_us: _Optional[bytes] = ..., looked_us: _Optional[bytes] = ..., trade_start: _Optional[bytes] = ..., trade_side: _Optional[bytes] = ..., trade_us: _Optional[bytes] = ..., trade_opposed: _Optional[bytes] = ...) -> None: ...

class DecideColumnsResponse(_message.Message):
    __slots__ = ("action", "at_us", "orders_end_us", "window", "reasons", "postponed", "trade_blocked")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    ORDERS_END_US_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    POSTPONED_FIELD_NUMBER: _ClassVar[int]
    TRADE_BLOCKED_FIELD_NUMBER: _ClassVar[int]
    action: bytes
    at_us: bytes
    orders_end_us: bytes
    window: bytes
    reasons: bytes
    postponed: bytes
    trade_blocked: bytes
    def __init__(self, action: _Optional[bytes] = ..., at_us: _Optional[bytes] = ..., orders_end_us: _Optional[bytes] = ..., window: _Optional[bytes] = ..., reasons: _Optional[bytes] = ..., postponed: _Optional[bytes] = ..., trade_blocked: _Optional[bytes] = ...) -> None: ...

class AccountOrder(_message.Message):
    __slots__ = ("account_id", "order_id", "security_id", "side", "amount", "quantity_nanos", "sizing", "step_nanos", "currency_code")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    SECURITY_ID_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_NANOS_FIELD_NUMBER: _ClassVar[int]
    SIZING_FIELD_NUMBER: _ClassVar[int]
    STEP_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    order_id: str
    security_id: str
    side: Side
    amount: int
    quantity_nanos: int
    sizing: Sizing
    step_nanos: int
    currency_code: str
    def __init__(self, account_id: _Optional[str] = ..., order_id: _Optional[str] = ..., security_id: _Optional[str] = ..., side: _Optional[_Union[Side, str]] = ..., amount: _Optional[int] = ..., quantity_nanos: _Optional[int] = ..., sizing: _Optional[_Union[Sizing, str]] = ..., step_nanos: _Optional[int] = ..., currency_code: _Optional[str] = ...) -> None: ...

class AggregateOrdersRequest(_message.Message):
    __slots__ = ("orders",)
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    orders: _containers.RepeatedCompositeFieldContainer[AccountOrder]
    def __init__(self, orders: _Optional[_Iterable[_Union[AccountOrder, _Mapping]]] = ...) -> None: ...

class AggregateOrdersResponse(_message.Message):
    __slots__ = ("blocks",)
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    blocks: _containers.RepeatedCompositeFieldContainer[BlockOrder]
    def __init__(self, blocks: _Optional[_Iterable[_Union[BlockOrder, _Mapping]]] = ...) -> None: ...

class BlockOrder(_message.Message):
    __slots__ = ("security_id", "side", "sizing", "amount", "quantity_nanos", "step_nanos", "currency_code", "orders")
    SECURITY_ID_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    SIZING_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_NANOS_FIELD_NUMBER: _ClassVar[int]
    STEP_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    security_id: str
    side: Side
    sizing: Sizing
    amount: int
    quantity_nanos: int
    step_nanos: int
    currency_code: str
    orders: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, security_id: _Optional[str] = ..., side: _Optional[_Union[Side, str]] = ..., sizing: _Optional[_Union[Sizing, str]] = ..., amount: _Optional[int] = ..., quantity_nanos: _Optional[int] = ..., step_nanos: _Optional[int] = ..., currency_code: _Optional[str] = ..., orders: _Optional[_Iterable[int]] = ...) -> None: ...

class BlockFill(_message.Message):
    __slots__ = ("fill_id", "security_id", "side", "quantity_nanos", "price_micros")
    FILL_ID_FIELD_NUMBER: _ClassVar[int]
    SECURITY_ID_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_NANOS_FIELD_NUMBER: _ClassVar[int]
    PRICE_MICROS_FIELD_NUMBER: _ClassVar[int]
    fill_id: str
    security_id: str
    side: Side
    quantity_nanos: int
    price_micros: int
    def __init__(self, fill_id: _Optional[str] = ..., security_id: _Optional[str] = ..., side: _Optional[_Union[Side, str]] = ..., quantity_nanos: _Optional[int] = ..., price_micros: _Optional[int] = ...) -> None: ...

class AllocateFillsRequest(_message.Message):
    __slots__ = ("orders", "fills")
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    FILLS_FIELD_NUMBER: _ClassVar[int]
    orders: _containers.RepeatedCompositeFieldContainer[AccountOrder]
    fills: _containers.RepeatedCompositeFieldContainer[BlockFill]
    def __init__(self, orders: _Optional[_Iterable[_Union[AccountOrder, _Mapping]]] = ..., fills: _Optional[_Iterable[_Union[BlockFill, _Mapping]]] = ...) -> None: ...

class AllocateFillsResponse(_message.Message):
    __slots__ = ("fills", "remaining")
    FILLS_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    fills: _containers.RepeatedCompositeFieldContainer[Fill]
    remaining: _containers.RepeatedCompositeFieldContainer[AccountOrder]
    def __init__(self, fills: _Optional[_Iterable[_Union[Fill, _Mapping]]] = ..., remaining: _Optional[_Iterable[_Union[AccountOrder, _Mapping]]] = ...) -> None: ...

class Fill(_message.Message):
    __slots__ = ("fill_id", "account_id", "order_id", "security_id", "side", "quantity_nanos", "amount")
    FILL_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    SECURITY_ID_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_NANOS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    fill_id: str
    account_id: str
    order_id: str
    security_id: str
    side: Side
    quantity_nanos: int
    amount: int
    def __init__(self, fill_id: _Optional[str] = ..., account_id: _Optional[str] = ..., order_id: _Optional[str] = ..., security_id: _Optional[str] = ..., side: _Optional[_Union[Side, str]] = ..., quantity_nanos: _Optional[int] = ..., amount: _Optional[int] = ...) -> None: ...

class OrderColumns(_message.Message):
    __slots__ = ("account", "security", "sells", "amount", "quantity_nanos")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    SECURITY_FIELD_NUMBER: _ClassVar[int]
    SELLS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_NANOS_FIELD_NUMBER: _ClassVar[int]
    account: bytes
    security: bytes
    sells: bytes
    amount: bytes
    quantity_nanos: bytes
    def __init__(self, account: _Optional[bytes] = ..., security: _Optional[bytes] = ..., sells: _Optional[bytes] = ..., amount: _Optional[bytes] = ..., quantity_nanos: _Optional[bytes] = ...) -> None: ...

class AggregateColumnsRequest(_message.Message):
    __slots__ = ("orders", "step_nanos")
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    STEP_NANOS_FIELD_NUMBER: _ClassVar[int]
    orders: OrderColumns
    step_nanos: bytes
    def __init__(self, orders: _Optional[_Union[OrderColumns, _Mapping]] = ..., step_nanos: _Optional[bytes] = ...) -> None: ...

class AggregateColumnsResponse(_message.Message):
    __slots__ = ("security", "sells", "by_quantity", "amount", "quantity_nanos", "orders")
    SECURITY_FIELD_NUMBER: _ClassVar[int]
    SELLS_FIELD_NUMBER: _ClassVar[int]
    BY_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_NANOS_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    security: bytes
    sells: bytes
    by_quantity: bytes
    amount: bytes
    quantity_nanos: bytes
    orders: bytes
    def __init__(self, security: _Optional[bytes] = ..., sells: _Optional[bytes] = ..., by_quantity: _Optional[bytes] = ..., amount: _Optional[bytes] = ..., quantity_nanos: _Optional[bytes] = ..., orders: _Optional[bytes] = ...) -> None: ...

class AllocateColumnsRequest(_message.Message):
    __slots__ = ("orders", "step_nanos", "currency_code", "fills")
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    STEP_NANOS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    FILLS_FIELD_NUMBER: _ClassVar[int]
    orders: OrderColumns
    step_nanos: bytes
    currency_code: str
    fills: _containers.RepeatedCompositeFieldContainer[ColumnFill]
    def __init__(self, orders: _Optional[_Union[OrderColumns, _Mapping]] = ..., step_nanos: _Optional[bytes] = ..., currency_code: _Optional[str] = ..., fills: _Optional[_Iterable[_Union[ColumnFill, _Mapping]]] = ...) -> None: ...

class ColumnFill(_message.Message):
    __slots__ = ("fill_id", "security", "side", "quantity_nanos", "price_micros")
    FILL_ID_FIELD_NUMBER: _ClassVar[int]
    SECURITY_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_NANOS_FIELD_NUMBER: _ClassVar[int]
    PRICE_MICROS_FIELD_NUMBER: _ClassVar[int]
    fill_id: str
    security: int
    side: Side
    quantity_nanos: int
    price_micros: int
    def __init__(self, fill_id: _Optional[str] = ..., security: _Optional[int] = ..., side: _Optional[_Union[Side, str]] = ..., quantity_nanos: _Optional[int] = ..., price_micros: _Optional[int] = ...) -> None: ...

class AllocateColumnsResponse(_message.Message):
    __slots__ = ("quantity_nanos", "amount")
    QUANTITY_NANOS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    quantity_nanos: bytes
    amount: bytes
    def __init__(self, quantity_nanos: _Optional[bytes] = ..., amount: _Optional[bytes] = ...) -> None: ...

class Books(_message.Message):
    __slots__ = ("account_id", "opened", "received", "due", "working", "fills", "leaving")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    DUE_FIELD_NUMBER: _ClassVar[int]
    WORKING_FIELD_NUMBER: _ClassVar[int]
    FILLS_FIELD_NUMBER: _ClassVar[int]
    LEAVING_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    opened: Portfolio
    received: int
    due: int
    working: _containers.RepeatedCompositeFieldContainer[WorkingOrder]
    fills: _containers.RepeatedCompositeFieldContainer[Fill]
    leaving: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, account_id: _Optional[str] = ..., opened: _Optional[_Union[Portfolio, _Mapping]] = ..., received: _Optional[int] = ..., due: _Optional[int] = ..., working: _Optional[_Iterable[_Union[WorkingOrder, _Mapping]]] = ..., fills: _Optional[_Iterable[_Union[Fill, _Mapping]]] = ..., leaving: _Optional[_Iterable[str]] = ...) -> None: ...

class WorkingOrder(_message.Message):
    __slots__ = ("order", "slices", "quantity_nanos", "amount", "cancelled")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    SLICES_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_NANOS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    order: AccountOrder
    slices: _containers.RepeatedCompositeFieldContainer[SliceShares]
    quantity_nanos: int
    amount: int
    cancelled: bool
    def __init__(self, order: _Optional[_Union[AccountOrder, _Mapping]] = ..., slices: _Optional[_Iterable[_Union[SliceShares, _Mapping]]] = ..., quantity_nanos: _Optional[int] = ..., amount: _Optional[int] = ..., cancelled: _Optional[bool] = ...) -> None: ...

class SliceShares(_message.Message):
    __slots__ = ("slice_id", "quantity_nanos")
    SLICE_ID_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_NANOS_FIELD_NUMBER: _ClassVar[int]
    slice_id: str
    quantity_nanos: int
    def __init__(self, slice_id: _Optional[str] = ..., quantity_nanos: _Optional[int] = ...) -> None: ...

class AccountBooks(_message.Message):
    __slots__ = ("books", "cash", "overdrawn", "unpaid", "finished", "portfolio", "open_orders")
    BOOKS_FIELD_NUMBER: _ClassVar[int]
    CASH_FIELD_NUMBER: _ClassVar[int]
    OVERDRAWN_FIELD_NUMBER: _ClassVar[int]
    UNPAID_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    PORTFOLIO_FIELD_NUMBER: _ClassVar[int]
    OPEN_ORDERS_FIELD_NUMBER: _ClassVar[int]
    books: Books
    cash: CashFlow
    overdrawn: int
    unpaid: int
    finished: bool
    portfolio: Portfolio
    open_orders: _containers.RepeatedCompositeFieldContainer[AccountOrder]
    def __init__(self, books: _Optional[_Union[Books, _Mapping]] = ..., cash: _Optional[_Union[CashFlow, _Mapping]] = ..., overdrawn: _Optional[int] = ..., unpaid: _Optional[int] = ..., finished: _Optional[bool] = ..., portfolio: _Optional[_Union[Portfolio, _Mapping]] = ..., open_orders: _Optional[_Iterable[_Union[AccountOrder, _Mapping]]] = ...) -> None: ...

class OpenBooksRequest(_message.Message):
    __slots__ = ("accounts",)
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[PlannedAccount]
    def __init__(self, accounts: _Optional[_Iterable[_Union[PlannedAccount, _Mapping]]] = ...) -> None: ...

class PlannedAccount(_message.Message):
    __slots__ = ("account_id", "plan_id", "portfolio", "plan")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    PORTFOLIO_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    plan_id: str
    portfolio: Portfolio
    plan: Plan
    def __init__(self, account_id: _Optional[str] = ..., plan_id: _Optional[str] = ..., portfolio: _Optional[_Union[Portfolio, _Mapping]] = ..., plan: _Optional[_Union[Plan, _Mapping]] = ...) -> None: ...

class OpenBooksResponse(_message.Message):
    __slots__ = ("accounts",)
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[AccountBooks]
    def __init__(self, accounts: _Optional[_Iterable[_Union[AccountBooks, _Mapping]]] = ...) -> None: ...

class ApplyFillsRequest(_message.Message):
    __slots__ = ("accounts",)
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[FilledAccount]
    def __init__(self, accounts: _Optional[_Iterable[_Union[FilledAccount, _Mapping]]] = ...) -> None: ...

class FilledAccount(_message.Message):
    __slots__ = ("books", "fills", "prices", "priced_at", "cancelled_order_ids", "all_cancelled")
    BOOKS_FIELD_NUMBER: _ClassVar[int]
    FILLS_FIELD_NUMBER: _ClassVar[int]
    PRICES_FIELD_NUMBER: _ClassVar[int]
    PRICED_AT_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_ORDER_IDS_FIELD_NUMBER: _ClassVar[int]
    ALL_CANCELLED_FIELD_NUMBER: _ClassVar[int]
    books: Books
    fills: _containers.RepeatedCompositeFieldContainer[Fill]
    prices: _containers.RepeatedCompositeFieldContainer[SecurityPrice]
    priced_at: _timestamp_pb2.Timestamp
    cancelled_order_ids: _containers.RepeatedScalarFieldContainer[str]
    all_cancelled: bool
    def __init__(self, books: _Optional[_Union[Books, _Mapping]] = ..., fills: _Optional[_Iterable[_Union[Fill, _Mapping]]] = ..., prices: _Optional[_Iterable[_Union[SecurityPrice, _Mapping]]] = ..., priced_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cancelled_order_ids: _Optional[_Iterable[str]] = ..., all_cancelled: _Optional[bool] = ...) -> None: ...

class SecurityPrice(_message.Message):
    __slots__ = ("security_id", "price_micros")
    SECURITY_ID_FIELD_NUMBER: _ClassVar[int]
    PRICE_MICROS_FIELD_NUMBER: _ClassVar[int]
    security_id: str
    price_micros: int
    def __init__(self, security_id: _Optional[str] = ..., price_micros: _Optional[int] = ...) -> None: ...

class ApplyFillsResponse(_message.Message):
    __slots__ = ("accounts",)
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[AccountBooks]
    def __init__(self, accounts: _Optional[_Iterable[_Union[AccountBooks, _Mapping]]] = ...) -> None: ...

class HeldColumns(_message.Message):
    __slots__ = ("start", "security", "held_nanos", "price_micros", "step_nanos")
    START_FIELD_NUMBER: _ClassVar[int]
    SECURITY_FIELD_NUMBER: _ClassVar[int]
    HELD_NANOS_FIELD_NUMBER: _ClassVar[int]
    PRICE_MICROS_FIELD_NUMBER: _ClassVar[int]
    STEP_NANOS_FIELD_NUMBER: _ClassVar[int]
    start: bytes
    security: bytes
    held_nanos: bytes
    price_micros: bytes
    step_nanos: bytes
    def __init__(self, start: _Optional[bytes] = ..., security: _Optional[bytes] = ..., held_nanos: _Optional[bytes] = ..., price_micros: _Optional[bytes] = ..., step_nanos: _Optional[bytes] = ...) -> None: ...

class SizeOrderColumnsRequest(_message.Message):
    __slots__ = ("held", "value", "trade", "currency_code")
    HELD_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    TRADE_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    held: HeldColumns
    value: bytes
    trade: bytes
    currency_code: str
    def __init__(self, held: _Optional[_Union[HeldColumns, _Mapping]] = ..., value: _Optional[bytes] = ..., trade: _Optional[bytes] = ..., currency_code: _Optional[str] = ...) -> None: ...

class SizeOrderColumnsResponse(_message.Message):
    __slots__ = ("row", "sells", "amount", "quantity_nanos")
    ROW_FIELD_NUMBER: _ClassVar[int]
    SELLS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_NANOS_FIELD_NUMBER: _ClassVar[int]
    row: bytes
    sells: bytes
    amount: bytes
    quantity_nanos: bytes
    def __init__(self, row: _Optional[bytes] = ..., sells: _Optional[bytes] = ..., amount: _Optional[bytes] = ..., quantity_nanos: _Optional[bytes] = ...) -> None: ...

class MoneyColumns(_message.Message):
    __slots__ = ("cash", "received", "due")
    CASH_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    DUE_FIELD_NUMBER: _ClassVar[int]
    cash: bytes
    received: bytes
    due: bytes
    def __init__(self, cash: _Optional[bytes] = ..., received: _Optional[bytes] = ..., due: _Optional[bytes] = ...) -> None: ...

class WorkingColumns(_message.Message):
    __slots__ = ("row", "sells", "amount", "quantity_nanos", "filled_nanos", "filled_amount", "cancelled")
    ROW_FIELD_NUMBER: _ClassVar[int]
    SELLS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_NANOS_FIELD_NUMBER: _ClassVar[int]
    FILLED_NANOS_FIELD_NUMBER: _ClassVar[int]
    FILLED_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    row: bytes
    sells: bytes
    amount: bytes
    quantity_nanos: bytes
    filled_nanos: bytes
    filled_amount: bytes
    cancelled: bytes
    def __init__(self, row: _Optional[bytes] = ..., sells: _Optional[bytes] = ..., amount: _Optional[bytes] = ..., quantity_nanos: _Optional[bytes] = ..., filled_nanos: _Optional[bytes] = ..., filled_amount: _Optional[bytes] = ..., cancelled: _Optional[bytes] = ...) -> None: ...

class ApplyFillColumnsRequest(_message.Message):
    __slots__ = ("held", "money", "working", "currency_code")
    HELD_FIELD_NUMBER: _ClassVar[int]
    MONEY_FIELD_NUMBER: _ClassVar[int]
    WORKING_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    held: HeldColumns
    money: MoneyColumns
    working: WorkingColumns
    currency_code: str
    def __init__(self, held: _Optional[_Union[HeldColumns, _Mapping]] = ..., money: _Optional[_Union[MoneyColumns, _Mapping]] = ..., working: _Optional[_Union[WorkingColumns, _Mapping]] = ..., currency_code: _Optional[str] = ...) -> None: ...

class ApplyFillColumnsResponse(_message.Message):
    __slots__ = ("held_nanos", "value", "cash", "paid_out", "unpaid", "overdrawn", "bought", "sold", "waiting")
    HELD_NANOS_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CASH_FIELD_NUMBER: _ClassVar[int]
    PAID_OUT_FIELD_NUMBER: _ClassVar[int]
    UNPAID_FIELD_NUMBER: _ClassVar[int]
    OVERDRAWN_FIELD_NUMBER: _ClassVar[int]
    BOUGHT_FIELD_NUMBER: _ClassVar[int]
    SOLD_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    held_nanos: bytes
    value: bytes
    cash: bytes
    paid_out: bytes
    unpaid: bytes
    overdrawn: bytes
    bought: bytes
    sold: bytes
    waiting: bytes
    def __init__(self, held_nanos: _Optional[bytes] = ..., value: _Optional[bytes] = ..., cash: _Optional[bytes] = ..., paid_out: _Optional[bytes] = ..., unpaid: _Optional[bytes] = ..., overdrawn: _Optional[bytes] = ..., bought: _Optional[bytes] = ..., sold: _Optional[bytes] = ..., waiting: _Optional[bytes] = ...) -> None: ...

class ReplanBuysRequest(_message.Message):
    __slots__ = ("books", "events", "plan_id", "rules", "options")
    BOOKS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    books: Books
    events: _containers.RepeatedCompositeFieldContainer[Event]
    plan_id: str
    rules: Rules
    options: Options
    def __init__(self, books: _Optional[_Union[Books, _Mapping]] = ..., events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., plan_id: _Optional[str] = ..., rules: _Optional[_Union[Rules, _Mapping]] = ..., options: _Optional[_Union[Options, _Mapping]] = ...) -> None: ...

class ReplanBuysResponse(_message.Message):
    __slots__ = ("replanned", "infeasible", "diagnostics")
    REPLANNED_FIELD_NUMBER: _ClassVar[int]
    INFEASIBLE_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    replanned: Replanned
    infeasible: Infeasible
    diagnostics: Diagnostics
    def __init__(self, replanned: _Optional[_Union[Replanned, _Mapping]] = ..., infeasible: _Optional[_Union[Infeasible, _Mapping]] = ..., diagnostics: _Optional[_Union[Diagnostics, _Mapping]] = ...) -> None: ...

class Replanned(_message.Message):
    __slots__ = ("account", "plans")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    PLANS_FIELD_NUMBER: _ClassVar[int]
    account: AccountBooks
    plans: _containers.RepeatedCompositeFieldContainer[Plan]
    def __init__(self, account: _Optional[_Union[AccountBooks, _Mapping]] = ..., plans: _Optional[_Iterable[_Union[Plan, _Mapping]]] = ...) -> None: ...

class Update(_message.Message):
    __slots__ = ("account_id", "event_id", "step", "at", "sentence", "until", "reasons")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    event_id: str
    step: UpdateStep
    at: _timestamp_pb2.Timestamp
    sentence: str
    until: _timestamp_pb2.Timestamp
    reasons: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, account_id: _Optional[str] = ..., event_id: _Optional[str] = ..., step: _Optional[_Union[UpdateStep, str]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sentence: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reasons: _Optional[_Iterable[str]] = ...) -> None: ...

class FollowUpdatesRequest(_message.Message):
    __slots__ = ("updates",)
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    updates: _containers.RepeatedCompositeFieldContainer[NextUpdate]
    def __init__(self, updates: _Optional[_Iterable[_Union[NextUpdate, _Mapping]]] = ...) -> None: ...

class NextUpdate(_message.Message):
    __slots__ = ("last", "account_id", "event_id", "step", "at", "until", "subject", "reasons", "because", "time_zone")
    LAST_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    BECAUSE_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    last: Update
    account_id: str
    event_id: str
    step: UpdateStep
    at: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    subject: str
    reasons: _containers.RepeatedScalarFieldContainer[str]
    because: str
    time_zone: str
    def __init__(self, last: _Optional[_Union[Update, _Mapping]] = ..., account_id: _Optional[str] = ..., event_id: _Optional[str] = ..., step: _Optional[_Union[UpdateStep, str]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., subject: _Optional[str] = ..., reasons: _Optional[_Iterable[str]] = ..., because: _Optional[str] = ..., time_zone: _Optional[str] = ...) -> None: ...

class FollowUpdatesResponse(_message.Message):
    __slots__ = ("updates",)
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    updates: _containers.RepeatedCompositeFieldContainer[Update]
    def __init__(self, updates: _Optional[_Iterable[_Union[Update, _Mapping]]] = ...) -> None: ...
