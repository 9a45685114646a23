// A workflow: its graph, its versions, its variables, its runs; and a form to start one.
import { useEffect, useMemo, useState } from "preact/hooks";
import { call } from "../api/client";
import type { SpecBody, WfSpecShown } from "../api/types";
import { useRead } from "../base/read";
import { ask, go, Link, part, usePlace } from "../base/router";
import { warm } from "../graph/layout";
import { nodeId, nodeParts } from "../graph/model";
import { Graph } from "../graph/Graph";
import { Loaded } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Json } from "../parts/json";
import { Tabs, useTab } from "../parts/tabs";
import { Moment } from "../parts/times";
import { RunForm } from "./RunForm";
import { RunTable } from "./RunsPage";

const VERSIONS_SHOWN = 50;

export function WorkflowPage(props: { name: string }) {
  const { name } = props;
  const asked = Number(usePlace().query.get("version")) || undefined;
  useEffect(() => {
    warm();
    document.title = `${name} · Penstock`;
  }, [name]);
  const latest = useRead(`spec ${name}`, (signal) =>
    call("GET /v1/wf-specs/{name}", { path: { name }, signal }),
  );
  const chosen = useRead(asked ? `spec ${name} ${asked}` : null, (signal) =>
    call("GET /v1/wf-specs/{name}", { path: { name }, query: { version: asked! }, signal }),
  );
  return (
    <Loaded of={asked ? chosen : latest}>
      {(spec) => (
        <Workflow spec={spec} newest={Math.max(latest.data?.version ?? 0, spec.version)} />
      )}
    </Loaded>
  );
}

const TABS = [
  { id: "graph", title: "Graph" },
  { id: "variables", title: "Variables" },
  { id: "runs", title: "Runs" },
  { id: "json", title: "JSON" },
];

function Workflow(props: { spec: WfSpecShown; newest: number }) {
  const { spec, newest } = props;
  const tab = useTab(TABS);
  const [starting, setStarting] = useState(false);
  const versions = useMemo(
    () => Array.from({ length: Math.min(newest, VERSIONS_SHOWN) }, (_, at) => newest - at),
    [newest],
  );
  return (
    <>
      <div class="head">
        <div class="crumbs">
          <Link to="/workflows">Workflows</Link> <Icon name="right" />
        </div>
        <h1>{spec.name}</h1>
        <select
          aria-label="Version"
          value={String(spec.version)}
          onChange={(event) =>
            ask({
              version:
                event.currentTarget.value === String(newest) ? "" : event.currentTarget.value,
            })
          }
        >
          {versions.map((one) => (
            <option
              key={one}
              value={one}
            >{`version ${one}${one === newest ? " (newest)" : ""}`}</option>
          ))}
        </select>
        <span class="faint">
          {spec.major}.{spec.revision} · registered <Moment at={spec.created_at} />
        </span>
        {spec.deleted_at && <span class="pill bad">deleted</span>}
        <div class="push">
          <button
            type="button"
            disabled={Boolean(spec.deleted_at)}
            onClick={() => go(`/schedules?make=${part(spec.name)}`)}
          >
            <Icon name="clock" /> Schedule
          </button>
          <button
            type="button"
            class="primary"
            disabled={Boolean(spec.deleted_at)}
            onClick={() => setStarting(true)}
          >
            <Icon name="run" /> Run
          </button>
        </div>
      </div>
      <Tabs tabs={TABS} />
      {tab === "graph" && <SpecGraph spec={spec.spec} />}
      {tab === "variables" && <Variables spec={spec.spec} />}
      {tab === "runs" && <RunTable plain query={new URLSearchParams({ wf_spec: spec.name })} />}
      {tab === "json" && (
        <div class="panel">
          <Json value={spec.spec} open />
        </div>
      )}
      {starting && <RunForm spec={spec} onClose={() => setStarting(false)} />}
    </>
  );
}

function SpecGraph(props: { spec: SpecBody }) {
  const { query } = usePlace();
  const asked = query.get("node");
  const [thread = "", name = ""] = asked
    ? [asked.slice(0, asked.indexOf("/")), asked.slice(asked.indexOf("/") + 1)]
    : [];
  const node = props.spec.threads[thread]?.nodes[name];
  const choose = (id: string | null) => ask({ node: id === null ? "" : nodeParts(id).join("/") });
  return (
    <div class="split">
      <Graph spec={props.spec} chosen={node ? nodeId(thread, name) : null} onChoose={choose} />
      {node && (
        <aside class="inspector" aria-label={`Node ${name}`}>
          <header>
            <h2 class="cut">{name}</h2>
            <small class="faint">
              {node.type.replaceAll("_", " ").toLowerCase()} in thread {thread}
            </small>
            <button
              type="button"
              class="ghost close"
              aria-label="Close"
              onClick={() => choose(null)}
            >
              <Icon name="close" />
            </button>
          </header>
          <Json value={node} open />
        </aside>
      )}
    </div>
  );
}

function Variables(props: { spec: SpecBody }) {
  const all = Object.entries(props.spec.threads).flatMap(([thread, of]) =>
    (of.variables ?? []).map((one) => ({ thread, one })),
  );
  if (all.length === 0)
    return (
      <div class="empty">
        <b>No variables</b>
      </div>
    );
  return (
    <div class="table-box">
      <table class="table">
        <thead>
          <tr>
            <th>Name</th>
            <th>Type</th>
            <th>Thread</th>
            <th>Default</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {all.map(({ thread, one }) => (
            <tr key={`${thread} ${one.name}`}>
              <td class="strong">{one.name}</td>
              <td class="mono">{one.type}</td>
              <td>{thread}</td>
              <td>
                {one.default === undefined ? (
                  <span class="faint">–</span>
                ) : (
                  <Json value={one.default} />
                )}
              </td>
              <td>
                {one.required && <span class="pill">required</span>}{" "}
                {one.searchable && <span class="pill">searchable</span>}{" "}
                {one.masked && <span class="pill warn">masked</span>}{" "}
                {one.access && one.access !== "PRIVATE_VAR" && (
                  <span class="pill">{one.access.replace("_VAR", "").toLowerCase()}</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
