"""How the kernel is compiled: once, cached on disk, without the interpreter's lock. The only file that imports numba.

The cache lies beside the source, or in the user's cache directory where that can not be written, or in
``NUMBA_CACHE_DIR``; where none of them can be, every process compiles for itself.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from solver.errors import EngineUnavailable

try:
    import numba
except ImportError as missing:
    raise EngineUnavailable("the engine KERNEL needs numba: pip install 'piewise[kernel]'") from missing

__all__ = ["compiled"]

F = TypeVar("F", bound=Callable[..., object])
OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "_nrt": False}
# numba asks only whether a function's own file has changed, but what it compiled holds what the file calls as well
OWN = sorted(Path(__file__).parent.glob("*.py"))
CONSTANTS = [Path(__file__).parents[2] / f"{name}.py" for name in ("columns", "ideal", "money", "portfolio", "rules")]
SOURCES = hashlib.sha256(b"".join(path.read_bytes() for path in OWN + CONSTANTS)).hexdigest()


def compiled(function: F) -> F:
    """``function``, compiled at its first call of all; later processes read it from disk while no source changes.

    Without numba's runtime, it can allocate nothing, and need not: all memory is handed in by callers who hold it. What
    that saves are the atomic counts of references to every array at every call, half of the time of a plan.
    """
    dispatcher: Any = numba.njit(**OPTIONS)(function)
    if dispatcher is not function:  # as it is where NUMBA_DISABLE_JIT is set
        with contextlib.suppress(RuntimeError):  # nowhere to write
            dispatcher.enable_caching()
            file = dispatcher._cache._cache_file
            file._version = f"{file._version}-{SOURCES}"  # looked at before anything of other sources is read
    return cast(F, dispatcher)
