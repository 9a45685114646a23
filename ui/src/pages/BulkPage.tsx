// Bulk jobs: one verb on many runs. How far each has come, what it was refused for; one is stopped.
import { useEffect } from "preact/hooks";
import { call } from "../api/client";
import type { BulkHead, BulkShown } from "../api/types";
import { useAgain, useChanges, useRead } from "../base/read";
import { ask, Link, part, usePlace } from "../base/router";
import { Empty, Loaded, notify } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Json } from "../parts/json";
import { Status } from "../parts/status";
import { Lasted, Moment } from "../parts/times";
import { Table } from "../parts/listing";

const JOBS_MAX = 1000;
const LOOK_AGAIN_MS = 1000;
const UNDER_WAY = ["RUNNING", "CANCELLING"];

export function BulkPage() {
  useEffect(() => void (document.title = "Bulk jobs · Penstock"), []);
  const { query } = usePlace();
  const [open, previews] = [query.get("job"), query.has("previews")];
  const read = useRead("bulk jobs", (signal) =>
    call("GET /v1/bulk", { query: { limit: JOBS_MAX }, signal }),
  );
  useChanges("/v1/changes/follow", read.reload, LOOK_AGAIN_MS);
  return (
    <>
      <div class="head">
        <h1>Bulk jobs</h1>
      </div>
      <div class="filters">
        <button
          type="button"
          class="chip"
          aria-pressed={previews}
          title="Jobs that only count how many runs there are"
          onClick={() => ask({ previews: previews ? "" : "1" })}
        >
          With previews
        </button>
      </div>
      <div class={open ? "split" : ""}>
        <div class="split-main">
          <Loaded of={read}>
            {(page) => (
              <Jobs
                jobs={newestFirst(page.items.filter((one) => previews || !one.dry_run))}
                open={open}
                reload={read.reload}
              />
            )}
          </Loaded>
          {read.data?.cursor && <p class="hint">There are more: {JOBS_MAX} are shown.</p>}
        </div>
        {open && <Job key={open} id={open} stamp={read.data} />}
      </div>
    </>
  );
}

const newestFirst = (jobs: BulkHead[]): BulkHead[] =>
  jobs.sort((one, other) => Date.parse(other.asked_at) - Date.parse(one.asked_at));

function Jobs(props: { jobs: BulkHead[]; open: string | null; reload: () => Promise<void> }) {
  if (props.jobs.length === 0)
    return (
      <Empty title="No bulk jobs">
        Filter the <Link to="/runs">list of runs</Link>, and have something done to all that match.
        A job that has ended is forgotten after a week.
      </Empty>
    );
  return (
    <Table
      kind="bulk-jobs"
      cards
      columns={[
        "Status",
        "Verb",
        "Progress",
        ["Refused", "right"],
        ["Looked at", "right"],
        "Asked by",
        ["Asked", "", { order: "descending" }],
        ["Took", "right"],
        ["", "act"],
      ]}
    >
      {props.jobs.map((one) => (
        <JobRow
          key={one.bulk_id}
          of={one}
          chosen={one.bulk_id === props.open}
          reload={props.reload}
        />
      ))}
    </Table>
  );
}

function JobRow(props: { of: BulkHead; chosen: boolean; reload: () => Promise<void> }) {
  const { of } = props;
  const moving = UNDER_WAY.includes(of.status);
  const stop = async () => {
    try {
      await call("POST /v1/bulk/{bulk_id}/cancel", { path: { bulk_id: of.bulk_id }, body: {} });
      notify("It goes no further; what is done stays done");
    } catch (error) {
      notify((error as Error).message, true);
    }
    await props.reload();
  };
  const show = () => ask({ job: of.bulk_id });
  return (
    <tr
      class={props.chosen ? "click chosen" : "click"}
      onClick={(event) =>
        event.target instanceof Element && !event.target.closest("button") && show()
      }
    >
      <td>
        <Status of={of.status} />
      </td>
      <td>
        <button type="button" class="link" onClick={show}>
          {of.verb}
        </button>
        {of.dry_run && <span class="pill">only counted</span>}
      </td>
      <td class="nowrap">
        <Progress of={of} />
      </td>
      <td class="right num">{refusedOf(of) || <span class="faint">–</span>}</td>
      <td class="right num">{of.looked}</td>
      <td class="cut">{of.principal}</td>
      <td class="num">
        <Moment at={of.asked_at} />
      </td>
      <td class="right">
        <Lasted from={of.asked_at} to={of.ended_at} runs={moving} />
      </td>
      <td class="act">
        {of.status === "RUNNING" && (
          <button
            type="button"
            class="small"
            aria-label={`Stop the job ${of.verb}`}
            onClick={() => void stop()}
          >
            <Icon name="stop" /> Stop
          </button>
        )}
      </td>
    </tr>
  );
}

const refusedOf = (job: BulkHead): number =>
  Object.values(job.refused).reduce((sum, one) => sum + one, 0);

/** Of the runs that were found so far: to how many it was done, and by how many it was refused. */
function Progress(props: { of: BulkHead }) {
  const { of } = props;
  if (of.dry_run) return <>{of.matched} match</>;
  const share = (count: number) => (of.matched ? (100 * count) / of.matched : 0);
  const [done, refused] = [share(of.done), share(refusedOf(of))];
  return (
    <>
      <svg class="progress" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect class="day" width="100" height="6" />
        <rect class="fill-good" width={done} height="6" />
        <rect class="fill-bad" x={done} width={refused} height="6" />
      </svg>{" "}
      {of.done} of {of.matched} done
      {of.status === "RUNNING" && (
        <small class="faint"> {of.partitions_left} partitions to go</small>
      )}
    </>
  );
}

function Job(props: { id: string; stamp: unknown }) {
  const read = useRead(`bulk job ${props.id}`, (signal) =>
    call("GET /v1/bulk/{bulk_id}", { path: { bulk_id: props.id }, signal }),
  );
  useAgain(read, props.stamp);
  return (
    <aside class="inspector" aria-label="The job">
      <header>
        <h2 class="cut">{read.data?.verb ?? "Job"}</h2>
        <button
          type="button"
          class="ghost close"
          aria-label="Close"
          onClick={() => ask({ job: "" })}
        >
          <Icon name="close" />
        </button>
      </header>
      <Loaded of={read}>{(job) => <Told job={job} />}</Loaded>
    </aside>
  );
}

function Told(props: { job: BulkShown }) {
  const { job } = props;
  return (
    <>
      <p>
        <Status of={job.status} /> <Progress of={job} />
      </p>
      {job.reason && <p class="hint bad">{job.reason}</p>}
      {job.cancelled_by && (
        <p class="hint">
          Stopped by {job.cancelled_by} at <Moment at={job.cancelling_at} />
        </p>
      )}
      <h3>About which runs</h3>
      <Json value={said(job.filter)} open />
      {Object.keys(job.arguments).length > 0 && (
        <>
          <h3>With</h3>
          <Json value={job.arguments} open />
        </>
      )}
      {refusedOf(job) > 0 && (
        <>
          <h3>Refused</h3>
          <ul>
            {Object.entries(job.refused).map(([code, count]) => (
              <li key={code}>
                <span class="mono">{code}</span> {count}
              </li>
            ))}
          </ul>
          <h3>The first of them</h3>
          <ul class="refusals">
            {job.refusals.map((one) => (
              <li key={one.wf_run_id}>
                <Link to={`/runs/${part(one.wf_run_id)}`} class="mono">
                  {one.wf_run_id}
                </Link>{" "}
                <small class="faint">{one.message}</small>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

/** Only the criteria that were given. */
const said = (filter: BulkShown["filter"]): object =>
  Object.fromEntries(
    Object.entries(filter).filter(
      ([, value]) => value !== null && value !== false && !(Array.isArray(value) && !value.length),
    ),
  );
