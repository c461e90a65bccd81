"""The whole trading day of a broker, as a client of the service: ``make day``.

It stands here, and not in ``tests``, since it is a program that people run: it prints what happened and how long it
took. ``tests/day`` drives the same broker as a state machine, with faults.

world    accounts, what clients ask for, prices: pure functions of a seed, over real month-end closes
desk     the few calls that a broker makes of the service; in this process, or over gRPC
market   what an exchange would report of a block order: fills at several prices, parts, rejections, delays
store    the broker's books in SQLite; every step is one transaction
broker   the day itself: events, decisions, plans, orders, fills, settlement
audit    reconciliation by code of its own: no cent and no share made or lost, no rule broken
"""
