"""Every bound of the core, named with its unit. They belong to the fold version: changing one needs
a Barrier (R9).
"""

from typing import Final

FIRST_FOLD_VERSION: Final = 1
FOLD_VERSION: Final = 1

# Values and records. A record must stay well below the broker's message limit (1 MiB by default).
VALUE_BYTES_MAX: Final = 256 * 1024
INPUTS_BYTES_MAX: Final = 512 * 1024
COMMAND_BYTES_MAX: Final = 900 * 1024
RECORD_BYTES_MAX: Final = 1_048_588  # what a broker takes unless it is told otherwise
JSON_DEPTH_MAX: Final = 64
TEXT_CHARS_MAX: Final = 4096
TYPE_CHARS_MAX: Final = 1_024
TYPE_DEPTH_MAX: Final = 8
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
EXPRESSION_STEPS_MAX: Final = 10_000  # of one node run's edges, or of one input
EXPRESSION_BYTES_PER_STEP: Final = 256  # what is read of a large value costs steps, too
VALUE_PARTS_PER_STEP: Final = 64  # and so do its parts
EXPRESSION_STEPS_PER_NODE: Final = 100  # so much evaluating is as dear as a visit of a node
VALUE_PARTS_PER_NODE: Final = 200  # and so much of a value that is looked at part by part
TEMPLATE_CHARS_MAX: Final = 64 * 1024
TEMPLATE_DEPTH_MAX: Final = 40
TEMPLATE_CHARS_PER_STEP: Final = 8  # to be read and parsed
PUBLISHED_STEPS: Final = 10  # what it costs to look up a published output
PUBLISHED_READ_MAX: Final = 500  # that are read together
FORMAT_ARGS_MAX: Final = 100
TASK_INPUTS_MAX: Final = 200
USER_TASK_FIELDS_MAX: Final = 200
USER_TASK_ACTIONS_MAX: Final = 20
STRUCT_FIELDS_MAX: Final = 200
JSON_INDEXES_MAX: Final = 20
RUN_STARTS_MAX: Final = 20
BREAKER_WINDOW_MAX: Final = 1_000
URL_CHARS_MAX: Final = 2_048
WEBHOOK_HEADERS_MAX: Final = 20
WEBHOOK_INPUTS_BYTES_MAX: Final = 64 * 1024
GRANTS_MAX: Final = 100  # of a principal
GRANT_NAMES_MAX: Final = 100
QUOTA_MAX: Final = 1_000_000_000
RETRY_AFTER_MS_MAX: Final = 24 * 3_600_000  # what a worker may ask for
MAX_ATTEMPTS_MAX: Final = 1_000_000
KILL_DEADLINE_MS_DEFAULT: Final = 60_000
DURATION_MS_MAX: Final = 100 * 365 * 24 * 3_600_000
DATE_MS_MAX: Final = 32_503_680_000_000  # the year 3000

# Events.
EVENT_BEFORE_RUN_MS: Final = 30 * 24 * 3_600_000  # kept for a run that may never come
EVENT_RETENTION_S_MAX: Final = 10 * 366 * 24 * 3_600

# A run.
STEPS_PER_RUN_MAX: Final = 1_000_000
THREADS_PER_RUN_MAX: Final = 100_000
THREAD_DEPTH_MAX: Final = 100  # threads whose variables one sees, besides its own
THREADS_PER_START_MAX: Final = 40_000  # their numbers must fit into one value
THREADS_PER_CHUNK: Final = 128  # of values that threads are run for, in a row
THREADS_AFTER_MAX: Final = 10_000  # pairs of threads of a node, one of which comes after the other
HANDLERS_PER_NODE_MAX: Final = 50
INTERRUPTS_PENDING_MAX: Final = 1_000
FAMILY_DEPTH_MAX: Final = 10
FAMILY_RUNS_MAX: Final = 100_000  # started below one root, over its whole life
RETENTION_AGAIN_MS: Final = 3_600_000  # a run below it is still live
MIGRATIONS_PER_RUN_MAX: Final = 100
MIGRATION_CHILD_RUNS_MAX: Final = 1_000  # that are looked at for what they inherit
MIGRATION_NODE_RUNS_MAX: Final = 1_000  # of a thread, that are looked at for an output
OLD_VALUES_BYTES_MAX: Final = 8 * 1024 * 1024  # what variables had been, for replays
OLD_VALUE_ROW_BYTES: Final = 64  # what a row costs beside the value
RESUMABLE_WAITS_SEEN_MAX: Final = 500  # among which the one is looked for that a resume passes
TASK_RUN_VISITS_SEEN_MAX: Final = 5_000  # among which a task run without a row is looked for
REPLAY_THREADS_MAX: Final = 1_000
REPLAY_VISITS_SEEN_MAX: Final = 5_000
REPLAY_PUBLISHED_MAX: Final = 5_000
REPLAY_SENT_BYTES_MAX: Final = 800 * 1024  # to another partition: see COMMAND_BYTES_MAX
REPLAY_BYTES_MAX: Final = 8 * 1024 * 1024
DELETION_PASSED_MAX: Final = 8  # rows that the deletion of a run leaves behind, after defects
LABELS_MAX: Final = 64
LABELS_BYTES_MAX: Final = 16 * 1024
HISTORY_FACTS_MAX: Final = 64  # in a row; older ones go to chunks
HISTORY_CHUNK_FACTS: Final = 32
USER_TASK_EVENTS_MAX: Final = 10_000
USER_ID_BYTES_MAX: Final = 256
BACKOFF_MULTIPLIER_MAX: Final = 1_000
AUDIT_FIELD_BYTES_MAX: Final = 4 * 1024
ATTEMPT_LOGS_CHARS_MAX: Final = 64 * 1024
ATTEMPT_LOG_PIECES_MAX: Final = 1_000
ATTEMPT_METRIC_SERIES_MAX: Final = 100
METRIC_TAGS_MAX: Final = 16
METRIC_TEXT_CHARS_MAX: Final = 128
PROGRESS_BYTES_MAX: Final = 4096
CHECKPOINTS_MAX: Final = 1_000
CHECKPOINTS_BYTES_MAX: Final = 8 * 1024 * 1024
CHECKPOINT_LOGS_CHARS_MAX: Final = 4096
WORKER_CHARS_MAX: Final = 256  # of its name, and of its version
RESTARTS_MAX: Final = 10_000
STOP_GRACE_MS_DEFAULT: Final = 30_000

# Runs that are started by ends of others.
STARTS_DEPTH_MAX: Final = 25  # one after the other: a circle ends there
START_NODES: Final = 4  # to start a run is as dear as so many visits of nodes

# Schedules. Variables are sent as JSON, which may take six times the bytes: a command between
# partitions must never be refused (R4).
SCHEDULE_VARIABLES_BYTES_MAX: Final = 128 * 1024
SCHEDULE_FIRINGS_MAX: Final = 20
SCHEDULE_PAUSES_MAX: Final = 20
SCHEDULE_GRACE_MS_DEFAULT: Final = 60_000
SCHEDULE_RECHECK_MS: Final = 7 * 24 * 3_600_000
CATCH_UP_MAX_DEFAULT: Final = 100
CATCH_UP_MAX: Final = 10_000
DUE_TIMES_MAX: Final = 10

# Bulk jobs. A partition goes on with a job in chunks: what one costs is bounded, and between two of
# them there is time for all else.
BULK_IDS_MAX: Final = 1_000
BULK_BYTES_MAX: Final = 128 * 1024
SEARCH_VARIABLES_MAX: Final = 10  # by whose values runs are found, at once
BULK_ARGUMENTS_BYTES_MAX: Final = 32 * 1024
BULK_LIVE_MAX: Final = 10  # of a tenant
BULK_REFUSALS_MAX: Final = 20  # kept with their sentences
BULK_MESSAGE_CHARS_MAX: Final = 300
BULK_KEPT_MS: Final = 7 * 24 * 3_600_000
BULK_EFFORT_PER_CHUNK: Final = 200  # a look at a run costs 1
BULK_EFFORT_OF_A_VERB: Final = 8
BULK_THREADS_PER_LOOK: Final = 100
BULK_PAUSE_MS: Final = 20
BULK_REPORT_MS: Final = 1_000
BULK_UNDECIDED_MAX: Final = 100  # runs of a partition that are migrated at a time

# Counts of what has become of runs and tasks. They are told for 14 days.
WINDOW_MS: Final = 5 * 60_000
WINDOWS_KEPT: Final = 14 * 24 * 12

# One turn (R3). What exceeds them goes on in a later turn. A command waits for the timers of its
# own turn, so these are few: a hundred take some ten milliseconds.
TIMERS_PER_TURN_MAX: Final = 100
NODES_PER_TURN_MAX: Final = 1_000
OUTPUT_BYTES_PER_TURN_MAX: Final = 8 * 1024 * 1024
ANSWERS_EXPIRED_PER_TURN_MAX: Final = 4

# Time.
AWAKE_BETWEEN_TICKS_MS_MAX: Final = 60_000
ANSWER_WINDOW_MS: Final = 24 * 3_600_000
TASK_TIMEOUT_MS_DEFAULT: Final = 60_000
