// A bulk action: the verb, how many runs it would be about, and what has come of it.
import { useEffect, useState } from "preact/hooks";
import type { Query } from "../../api/client";
import type { BulkFilter, BulkShown } from "../../api/types";
import { Link, part } from "../../base/router";
import { Dialog } from "../../parts/dialog";
import { notify, Problem } from "../../parts/feedback";
import { done, meant, VERBS, type BulkVerb } from "./bulk";

const plural = (count: number): string => `${count} run${count === 1 ? "" : "s"}`;

export function BulkDialog(props: { words: Query<"GET /v1/wf-runs">; onClose: () => void }) {
  const [verb, setVerb] = useState<BulkVerb>("stop");
  const [preview, setPreview] = useState<{ filter: BulkFilter; count: number } | null>(null);
  const [job, setJob] = useState<BulkShown | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const [stop] = useState(() => new AbortController());
  useEffect(() => () => stop.abort(), []);
  const told = (problem: unknown) => !stop.signal.aborted && setError(problem as Error);
  useEffect(() => {
    const count = async () => {
      const filter = await meant(props.words, stop.signal);
      const empty = filter.wf_run_ids !== undefined && filter.wf_run_ids.length === 0;
      const counted = empty ? null : await done(verb, filter, true, stop.signal);
      if (counted && counted.status !== "COMPLETED") throw new Error(counted.reason);
      setPreview({ filter, count: counted?.matched ?? 0 });
    };
    count().catch(told);
  }, []);
  const chosen = VERBS.find((one) => one.verb === verb)!;
  const send = async (event: Event) => {
    event.preventDefault();
    if (!preview) return;
    setBusy(true);
    setError(null);
    try {
      const ended = await done(verb, preview.filter, false, stop.signal, setJob);
      notify(`${chosen.title}: done to ${plural(ended.done)}`, ended.done < ended.matched);
    } catch (problem) {
      told(problem);
    }
    setBusy(false);
  };
  return (
    <Dialog title="Bulk action" onClose={props.onClose}>
      <form onSubmit={(event) => void send(event)}>
        <label>
          What is done
          <select
            value={verb}
            disabled={busy}
            onChange={(event) => (setVerb(event.currentTarget.value as BulkVerb), setJob(null))}
          >
            {VERBS.map((one) => (
              <option key={one.verb} value={one.verb}>
                {one.title}
              </option>
            ))}
          </select>
        </label>
        <p class="hint" role="status">
          {preview
            ? `It is about ${plural(preview.count)}: those that the list shows. Where it does not fit, it is refused, and changes nothing.`
            : !error && "The runs are counted…"}
        </p>
        {job && <Job job={job} />}
        {error && <Problem error={error} />}
        <footer>
          <button type="button" onClick={props.onClose}>
            Close
          </button>
          <button
            type="submit"
            class={"danger" in chosen ? "primary danger" : "primary"}
            disabled={busy || !preview || preview.count === 0}
          >
            {chosen.title} {preview ? plural(preview.count) : ""}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

function Job(props: { job: BulkShown }) {
  const { job } = props;
  const refused = Object.values(job.refused).reduce((sum, one) => sum + one, 0);
  return (
    <>
      <p>
        <b>
          {job.done} of {job.matched} done
        </b>
        {refused > 0 && <span class="bad">, {refused} refused</span>}
        {job.reason && <span class="bad"> ({job.reason})</span>}{" "}
        <Link to={`/bulk?job=${part(job.bulk_id)}`}>Open the job</Link>
      </p>
      <ul class="refusals">
        {job.refusals.map((one) => (
          <li key={one.wf_run_id}>
            <Link to={`/runs/${part(one.wf_run_id)}`} class="mono">
              {one.wf_run_id}
            </Link>{" "}
            <small class="faint">
              {one.code}: {one.message}
            </small>
          </li>
        ))}
      </ul>
    </>
  );
}
