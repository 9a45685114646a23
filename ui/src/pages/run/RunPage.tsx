// A run: what it is, why it waits, and all that has happened, drawn and told.
import { useEffect } from "preact/hooks";
import { ask, Link, part, usePlace } from "../../base/router";
import { Graph } from "../../graph/Graph";
import { warm } from "../../graph/layout";
import { nodeId, nodeParts } from "../../graph/model";
import { Loaded, Problem } from "../../parts/feedback";
import { Icon } from "../../parts/icons";
import { Copy } from "../../parts/json";
import { isMoving, RunStatus } from "../../parts/status";
import { Tabs, useTab } from "../../parts/tabs";
import { Lasted, Moment } from "../../parts/times";
import { Labels } from "../RunsPage";
import { ActionMenu } from "./ActionMenu";
import { placeOf, READ_MAX, threadSpecOf, useOverlay, useRun, type RunData } from "./data";
import { Inspector, type Chosen } from "./Inspector";
import { Logs } from "./Logs";
import { Output } from "./Output";
import { NEWEST, Past } from "./Past";
import { Related } from "./Related";
import { Story } from "./Story";
import { Timeline } from "./Timeline";
import { Variables } from "./Variables";
import { Waits } from "./Waits";

export function RunPage(props: { id: string }) {
  const asked = usePlace().query.get("as_of");
  const read = useRun(props.id, asked === NEWEST || !asked ? null : asked);
  useEffect(() => {
    warm();
    document.title = `${props.id} · Penstock`;
  }, [props.id]);
  return <Loaded of={read}>{(data) => <Run data={data} reload={read.reload} />}</Loaded>;
}

function Run(props: { data: RunData; reload: () => Promise<void> }) {
  const { data, reload } = props;
  const { run } = data;
  const tabs = [
    { id: "graph", title: "Graph" },
    { id: "timeline", title: "Timeline", count: data.tasks.length },
    { id: "story", title: "Story" },
    { id: "logs", title: "Logs" },
    { id: "variables", title: "Variables" },
    { id: "output", title: "Output" },
    { id: "related", title: "Related" },
  ];
  const tab = useTab(tabs);
  const { query } = usePlace();
  const asOf = query.get("as_of");
  const chosen = chosenOf(data, query.get("node"), query.get("at"));
  const drawn = tab === "graph" || tab === "timeline";
  return (
    <>
      <RunHead data={data} reload={reload} />
      {asOf && <Past run={run} asOf={asOf} />}
      {run.failure && <Failed data={data} />}
      <Waits data={data} onChoose={(wait) => ask({ node: "", at: placeOf(wait) })} />
      <Tabs tabs={tabs} />
      <div class={drawn && chosen ? "split" : ""}>
        <div class="split-main">
          {tab === "graph" && <RunGraph data={data} chosen={chosen?.id ?? null} />}
          {tab === "timeline" && (
            <Timeline
              data={data}
              chosen={chosen?.place ?? null}
              onChoose={(at) => ask({ node: "", at: at === chosen?.place ? "" : at })}
            />
          )}
          {tab === "story" && <Story run={run} asOf={data.asOf} />}
          {tab === "logs" && <Logs data={data} />}
          {tab === "variables" && <Variables data={data} reload={reload} />}
          {tab === "output" && <Output data={data} />}
          {tab === "related" && <Related run={run} />}
        </div>
        {drawn && chosen && (
          <Inspector key={chosen.id} data={data} chosen={chosen} reload={reload} />
        )}
      </div>
    </>
  );
}

/** The node run, or the node of the spec, that the address names. */
function chosenOf(data: RunData, node: string | null, at: string | null): Chosen | null {
  if (at) {
    const found = data.nodes.find((one) => placeOf(one) === at);
    if (!found) return null;
    const thread = threadSpecOf(data.run, found.thread);
    return { id: nodeId(thread, found.node), thread, node: found.node, place: at };
  }
  if (!node) return null;
  const slash = node.indexOf("/");
  const [thread, name] = [node.slice(0, slash), node.slice(slash + 1)];
  if (!data.spec.threads[thread]?.nodes[name]) return null;
  const last = data.nodes.findLast(
    (one) => one.node === name && threadSpecOf(data.run, one.thread) === thread,
  );
  return { id: nodeId(thread, name), thread, node: name, place: last ? placeOf(last) : null };
}

function RunGraph(props: { data: RunData; chosen: string | null }) {
  const overlay = useOverlay(props.data);
  const choose = (id: string | null) =>
    ask({ at: "", node: id === null ? "" : nodeParts(id).join("/") });
  return <Graph spec={props.data.spec} overlay={overlay} chosen={props.chosen} onChoose={choose} />;
}

function RunHead(props: { data: RunData; reload: () => Promise<void> }) {
  const { run } = props.data;
  const past = usePlace().query.get("as_of");
  return (
    <div class="head run-head">
      <div class="crumbs">
        <Link to="/runs">Runs</Link> <Icon name="right" />
      </div>
      <h1 class="mono cut" title={run.wf_run_id}>
        {run.wf_run_id}
      </h1>
      <Copy text={run.wf_run_id} what="Run id" />
      <RunStatus run={run} />
      <div class="push">
        {!past && (
          <button type="button" onClick={() => ask({ as_of: NEWEST })}>
            <Icon name="clock" /> Past
          </button>
        )}
        {props.data.asOf === null ? (
          <ActionMenu run={run} onDone={props.reload} />
        ) : (
          <span class="pill">as it was</span>
        )}
      </div>
      <div class="facts">
        <span>
          <Link to={`/workflows/${part(run.wf_spec)}?version=${run.version}`}>{run.wf_spec}</Link>{" "}
          <small class="faint">v{run.version}</small>
        </span>
        <span>
          <span class="faint">started</span> <Moment at={run.started_at} />
        </span>
        <span>
          <span class="faint">took</span>{" "}
          <Lasted
            from={run.started_at}
            to={run.ended_at}
            runs={!run.ended_at && isMoving(run.status)}
          />
        </span>
        {run.parent && (
          <span>
            <span class="faint">below</span>{" "}
            <Link to={`/runs/${part(run.parent)}`} class="mono">
              {run.parent}
            </Link>
          </span>
        )}
        {run.replay && (
          <span>
            <span class="faint">replay of</span>{" "}
            <Link to={`/runs/${part(run.replay.replay_of)}`} class="mono">
              {run.replay.replay_of}
            </Link>
          </span>
        )}
        {run.started_by && (
          <span>
            <span class="faint">after the end of</span>{" "}
            <Link to={`/runs/${part(run.started_by.wf_run_id)}`} class="mono">
              {run.started_by.wf_run_id}
            </Link>
          </span>
        )}
        <Labels of={run.labels} />
      </div>
      {props.data.cut && (
        <p class="hint bad">
          This run has more node runs or task runs than the page reads; the first{" "}
          {READ_MAX.toLocaleString("en")} are shown.
        </p>
      )}
    </div>
  );
}

function Failed(props: { data: RunData }) {
  const { failure, status } = props.data.run;
  if (!failure || status !== "EXCEPTION") return null; // an ERROR waits for somebody: Waits tells it
  return <Problem error={new Error(failure.message || "no reason is told")} title={failure.name} />;
}
