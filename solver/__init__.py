"""piewise's solver: every event of a pie portfolio as one constrained optimization problem, solved and proved."""

SOLVER_VERSION = "0.1.0"
