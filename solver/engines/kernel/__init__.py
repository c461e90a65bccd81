"""The engine KERNEL: compiled, exact to the cent, for problems that couple no slices beyond flow conservation.

Read in this order: ``memory.py`` and ``tree.py`` (one account as records), ``prices.py`` (what a slice does at a
price), ``curves.py`` (a tree's relaxation, bottom up), ``cents.py`` (whole cents once it is known who trades),
``counts.py`` and ``refining.py`` (bounds by the number of slices that trade), ``branching.py`` (the search),
``engine.py`` (the way in from Python). Then, for accounts in columns, ``rows.py``, ``splitting.py`` and ``posing.py``
(from an account to its problem), ``twins.py``, ``checking.py`` and ``loop.py``.
"""
