"""The trading day as pure functions: the caller holds the accounts, sends the orders and has the clock.

Read ``triggers`` (should this account trade, and why), ``sessions`` (when the exchange and the trade windows are open)
and ``decisions`` (trade now, wait until an instant, or not at all); then ``trigger_columns`` and ``decision_columns``,
the same for a million accounts. Then what happens to orders: ``blocks`` (one order a security for all accounts, its
fills shared out again; ``block_columns`` for a million), ``books`` and ``fills`` (what fills make of an account),
``updates`` (every step, typed and timed).
"""
