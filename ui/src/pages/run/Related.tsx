// Runs that have to do with this one: above, below, replayed, started by its end.
import type { WfRunShown } from "../../api/types";
import { Link, part } from "../../base/router";
import { RunTable } from "../RunsPage";

export function Related(props: { run: WfRunShown }) {
  const { run } = props;
  return (
    <div class="stack">
      {(run.parent || run.replay || run.started_by) && (
        <section class="panel">
          <h2>Where it comes from</h2>
          {run.parent && (
            <p>
              It runs below{" "}
              <Link to={`/runs/${part(run.parent)}`} class="mono">
                {run.parent}
              </Link>
              .
            </p>
          )}
          {run.replay && (
            <p>
              It replays{" "}
              <Link to={`/runs/${part(run.replay.replay_of)}`} class="mono">
                {run.replay.replay_of}
              </Link>
              , attempt {run.replay.attempt}
              {run.replay.original !== run.replay.replay_of && (
                <>
                  ; the first of them was{" "}
                  <Link to={`/runs/${part(run.replay.original)}`} class="mono">
                    {run.replay.original}
                  </Link>
                </>
              )}
              .
            </p>
          )}
          {run.started_by && (
            <p>
              The end of{" "}
              <Link to={`/runs/${part(run.started_by.wf_run_id)}`} class="mono">
                {run.started_by.wf_run_id}
              </Link>{" "}
              of {run.started_by.wf_spec} started it.
            </p>
          )}
        </section>
      )}
      <section>
        <h2>Runs that it has started</h2>
        <RunTable query={new URLSearchParams({ trigger_wf_run_id: run.wf_run_id })} />
      </section>
    </div>
  );
}
