"""The same day for a hundred thousand accounts: everything in columns, ``make day-columns``.

A big broker does not ask account by account. It looks at its books every quarter of an hour and asks for all accounts
at once what they do: a call for thousands of them, and no loop over accounts anywhere.

world    accounts and what clients ask for, drawn as arrays from a seed; prices are those of ``benchmarks.day.world``
store    columns and logs in one SQLite file; a phase is one transaction
books    the columns of accounts, their rows, and events, as arrays that know what of them is to be written
desk     the calls that the broker makes, each cut into parts that fit the service's limits
planner  what accounts do: triggers, decisions, plans
dealer   what becomes of plans: orders, blocks, fills, purchases planned again, settlement
broker   the day, look by look and phase by phase
audit    reconciliation by code of its own, folded from the opening
"""
