// The variables of all threads; those of a live run can be changed.
import { useState } from "preact/hooks";
import { call } from "../../api/client";
import { MASK } from "../../base/masked";
import { useAgain, useRead } from "../../base/read";
import { Empty, Loaded } from "../../parts/feedback";
import { Icon } from "../../parts/icons";
import { Json } from "../../parts/json";
import { isLive } from "../../parts/status";
import { ActionDialog } from "./ActionDialog";
import { ACTIONS } from "./actions";
import { threadSpecOf, type RunData } from "./data";

const EDIT = ACTIONS.find((one) => one.verb === "edit-variable")!;

export function Variables(props: { data: RunData; reload: () => Promise<void> }) {
  const { run, spec, asOf } = props.data;
  const [edited, setEdited] = useState<{ thread: number; name: string; value: unknown } | null>(
    null,
  );
  const read = useRead(`variables ${run.wf_run_id} ${asOf}`, (signal) =>
    call("GET /v1/wf-runs/{wf_run_id}/variables", {
      path: { wf_run_id: run.wf_run_id },
      query: { limit: 1000, ...(asOf === null ? {} : { at: asOf }) },
      signal,
    }),
  );
  useAgain(read, run);
  return (
    <Loaded of={read}>
      {(page) =>
        page.items.length === 0 ? (
          <Empty title="No variables" />
        ) : (
          <div class="table-box">
            <table class="table top" data-kind="variables">
              <thead>
                <tr>
                  <th>Name</th>
                  <th>Type</th>
                  <th>Thread</th>
                  <th>Value</th>
                  <th />
                </tr>
              </thead>
              <tbody>
                {page.items.map((one) => {
                  const thread = threadSpecOf(run, one.thread);
                  const declared = spec.threads[thread]?.variables?.find(
                    (variable) => variable.name === one.name,
                  );
                  return (
                    <tr key={`${one.thread} ${one.name}`}>
                      <td class="strong">{one.name}</td>
                      <td class="mono faint">{declared?.type}</td>
                      <td class="faint">
                        {one.thread} ({thread})
                      </td>
                      <td>
                        {one.value === MASK ? (
                          <span class="pill warn">masked</span>
                        ) : (
                          <Json value={one.value} />
                        )}
                      </td>
                      <td class="right">
                        {isLive(run.status) && asOf === null && (
                          <button
                            type="button"
                            class="ghost"
                            aria-label={`Edit ${one.name}`}
                            title="Edit"
                            onClick={() => setEdited(one)}
                          >
                            <Icon name="edit" />
                          </button>
                        )}
                      </td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
            {edited && (
              <ActionDialog
                run={run}
                action={EDIT}
                preset={{
                  name: edited.name,
                  thread: String(edited.thread),
                  value: edited.value === MASK ? "" : JSON.stringify(edited.value),
                }}
                onClose={() => setEdited(null)}
                onDone={props.reload}
              />
            )}
          </div>
        )
      }
    </Loaded>
  );
}
