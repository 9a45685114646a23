"""Metadata: definitions are decided on partition 0 and sent to every other one, in order, as engine
commands (R4, R11).
"""

from typing import Final

from penstock.core.definitions.defs import (
    Application,
    ExternalEventDef,
    GoneAddress,
    StructDef,
    TaskDef,
    WorkflowEventDef,
)
from penstock.core.definitions.principals import ApiKey, Principal
from penstock.core.definitions.quotas import Quota
from penstock.core.definitions.tenants import Tenant
from penstock.core.definitions.user_task_def import LatestUserTaskDef, UserTaskDef
from penstock.core.definitions.webhooks import Webhook
from penstock.core.definitions.wf_spec import LatestWfSpec, MajorWfSpec, WfSpec
from penstock.core.state.rows import Row

DEFINITIONS: Final[dict[str, type[Row]]] = {
    kind.__name__: kind
    for kind in (
        TaskDef,
        WfSpec,
        LatestWfSpec,
        MajorWfSpec,
        ExternalEventDef,
        StructDef,
        UserTaskDef,
        LatestUserTaskDef,
        WorkflowEventDef,
        Application,
        Webhook,
        GoneAddress,
        Principal,
        ApiKey,
        Tenant,
        Quota,
    )
}
"""The rows that a partition takes from partition 0."""

DECIDING_PARTITION: Final = 0
