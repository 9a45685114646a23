"""Every bound of the core, named with its unit. They belong to the fold version: changing one needs
a Barrier (R9).
"""

from typing import Final

FOLD_VERSION: Final = 1

# Values and records. A record must stay well below the broker's message limit (1 MiB by default).
VALUE_BYTES_MAX: Final = 256 * 1024
INPUTS_BYTES_MAX: Final = 512 * 1024
COMMAND_BYTES_MAX: Final = 900 * 1024
RECORD_BYTES_MAX: Final = 1_048_588  # what a broker takes unless it is told otherwise
JSON_DEPTH_MAX: Final = 64
TEXT_CHARS_MAX: Final = 4096
INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1

# Definitions.
SPEC_BYTES_MAX: Final = 512 * 1024
SPEC_THREADS_MAX: Final = 1_000
SPEC_NODES_MAX: Final = 5_000
SPEC_VARIABLES_MAX: Final = 1_000
EDGES_PER_NODE_MAX: Final = 100
MUTATIONS_PER_EDGE_MAX: Final = 100
EXPRESSION_DEPTH_MAX: Final = 32
TASK_INPUTS_MAX: Final = 200
MAX_ATTEMPTS_MAX: Final = 1_000_000
KILL_DEADLINE_MS_DEFAULT: Final = 60_000
DURATION_MS_MAX: Final = 100 * 365 * 24 * 3_600_000

# A run.
STEPS_PER_RUN_MAX: Final = 1_000_000
THREADS_PER_RUN_MAX: Final = 100_000
THREADS_PER_START_MAX: Final = 40_000  # their numbers must fit into one value
HANDLERS_PER_NODE_MAX: Final = 50
INTERRUPTS_PENDING_MAX: Final = 1_000
LABELS_MAX: Final = 64
LABELS_BYTES_MAX: Final = 16 * 1024
HISTORY_FACTS_MAX: Final = 64  # in a row; older ones go to chunks
HISTORY_CHUNK_FACTS: Final = 32
BACKOFF_MULTIPLIER_MAX: Final = 1_000
AUDIT_FIELD_BYTES_MAX: Final = 4 * 1024
ATTEMPT_LOGS_CHARS_MAX: Final = 64 * 1024

# One turn (R3). What exceeds them goes on in a later turn.
TIMERS_PER_TURN_MAX: Final = 1_000
NODES_PER_TURN_MAX: Final = 1_000
CHILDREN_WOKEN_MAX: Final = 1_000
OUTPUT_BYTES_PER_TURN_MAX: Final = 8 * 1024 * 1024
ANSWERS_EXPIRED_PER_TURN_MAX: Final = 4

# Time.
AWAKE_BETWEEN_TICKS_MS_MAX: Final = 60_000
ANSWER_WINDOW_MS: Final = 24 * 3_600_000
TASK_TIMEOUT_MS_DEFAULT: Final = 60_000
