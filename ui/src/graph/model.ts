// A spec as a graph: a cluster for each thread, within that of the thread that first uses it; and
// edges between nodes, and from nodes to the threads that they begin.
import type { SpecBody, ThreadSpec } from "../api/types";
import { expressionText } from "../base/expressions";
import type { IconName } from "../parts/icons";

export type SpecNode = ThreadSpec["nodes"][string];
export type LinkKind = "edge" | "begins" | "handles" | "interrupts";

export interface GraphNode {
  id: string;
  thread: string;
  name: string;
  title: string;
  detail: string;
  type: SpecNode["type"];
  icon: IconName;
  width: number;
  height: number;
}

export interface Cluster {
  id: string;
  thread: string;
  title: string;
  nodes: GraphNode[];
  inner: Cluster[];
}

export interface GraphLink {
  id: string;
  from: string;
  to: string;
  kind: LinkKind;
  label: string;
}

export interface GraphModel {
  root: Cluster;
  links: GraphLink[];
}

interface Use {
  from: string;
  thread: string;
  kind: LinkKind;
  label: string;
}

export const nodeId = (thread: string, node: string): string => `${thread}\u0001${node}`;
/** Thread and node of an id. */
export const nodeParts = (id: string): [string, string] => {
  const at = id.indexOf("\u0001");
  return [id.slice(0, at), id.slice(at + 1)];
};
export const clusterId = (thread: string): string => `${thread}\u0001`;

const ICONS: Record<SpecNode["type"], IconName> = {
  ENTRYPOINT: "run",
  EXIT: "flag",
  TASK: "bolt",
  EXTERNAL_EVENT: "mail",
  START_THREAD: "threads",
  START_MULTIPLE_THREADS: "threads",
  WAIT_FOR_THREADS: "layers",
  RUN_THREADS: "threads",
  NOP: "branch",
  SLEEP: "clock",
  WAIT_FOR_CONDITION: "hourglass",
  USER_TASK: "person",
  RUN_CHILD_WF: "workflow",
  WAIT_FOR_CHILD_WF: "workflow",
  THROW_EVENT: "signal",
};
const WIDTH_MIN = 92;
const MARGIN = 46;
const FAMILY =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif';
const NAME_FONT = `570 12px ${FAMILY}`;
const DETAIL_FONT = `11px ${FAMILY}`;
const LABEL_FONT = `10.5px ${FAMILY}`;
let measure: CanvasRenderingContext2D | null = null;

function widthOf(text: string, font: string): number {
  measure ??= document.createElement("canvas").getContext("2d");
  if (!measure || !text) return text.length * 7;
  measure.font = font;
  return measure.measureText(text).width;
}

/** How wide the label of an edge is. */
export const labelWidth = (text: string): number => widthOf(text, LABEL_FONT) + 10;

/** What a node is about, beside its name. */
export function detailOf(node: SpecNode): string {
  switch (node.type) {
    case "TASK":
      return node.task_def ?? expressionText(node.dynamic_task);
    case "EXTERNAL_EVENT":
      return node.event_def;
    case "USER_TASK":
      return node.user_task_def;
    case "SLEEP":
      return node.seconds
        ? `${expressionText(node.seconds)} s`
        : `until ${expressionText(node.until)}`;
    case "WAIT_FOR_CONDITION":
      return expressionText(node.condition);
    case "RUN_CHILD_WF":
      return node.wf_spec ?? expressionText(node.dynamic_wf_spec);
    case "THROW_EVENT":
      return node.workflow_event_def;
    case "EXIT":
      return node.throws
        ? `throws ${node.throws.name}`
        : node.returns
          ? `gives ${expressionText(node.returns)}`
          : "";
    case "RUN_THREADS":
      return node.values ? `for each of ${expressionText(node.values)}` : "";
    case "START_MULTIPLE_THREADS":
      return `for each of ${expressionText(node.iterable)}`;
    case "WAIT_FOR_CHILD_WF":
      return expressionText(node.wf_run_id);
    case "NOP":
    case "ENTRYPOINT":
    case "START_THREAD":
    case "WAIT_FOR_THREADS":
      return "";
  }
}

export function graphOf(spec: SpecBody): GraphModel {
  const links: GraphLink[] = [];
  const placed = new Set<string>();

  const cluster = (thread: string, title: string): Cluster => {
    placed.add(thread);
    const of = spec.threads[thread];
    const made: Cluster = { id: clusterId(thread), thread, title, nodes: [], inner: [] };
    if (!of) return made;
    for (const [name, node] of Object.entries(of.nodes)) {
      made.nodes.push(graphNode(thread, name, node));
      const edges = node.edges ?? [];
      edges.forEach((edge, at) =>
        links.push({
          id: `${nodeId(thread, name)}\u0001${at}`,
          from: nodeId(thread, name),
          to: nodeId(thread, edge.to),
          kind: "edge",
          label: edge.condition
            ? short(expressionText(edge.condition), 34)
            : edges.length > 1
              ? "else"
              : "",
        }),
      );
    }
    for (const use of usesOf(thread, of)) {
      if (!placed.has(use.thread)) made.inner.push(cluster(use.thread, use.thread));
      links.push({
        id: `${use.from}\u0001${use.kind}\u0001${use.thread}\u0001${use.label}`,
        from: use.from,
        to: clusterId(use.thread),
        kind: use.kind,
        label: use.label,
      });
    }
    return made;
  };

  const root = cluster(spec.entrypoint, spec.entrypoint);
  for (const thread of Object.keys(spec.threads)) {
    if (!placed.has(thread)) root.inner.push(cluster(thread, thread));
  }
  // A thread is drawn within another: a link from within a cluster to itself can not be.
  return {
    root,
    links: links.filter((one) => one.kind === "edge" || !one.from.startsWith(one.to)),
  };
}

function usesOf(thread: string, of: ThreadSpec): Use[] {
  const found: Use[] = [];
  for (const [name, node] of Object.entries(of.nodes)) {
    const from = nodeId(thread, name);
    if (node.type === "START_THREAD" || node.type === "START_MULTIPLE_THREADS") {
      found.push({ from, thread: node.thread, kind: "begins", label: "" });
    }
    if (node.type === "RUN_THREADS") {
      for (const one of node.threads) found.push({ from, thread: one, kind: "begins", label: "" });
    }
    const handlers = [
      ...(node.handlers ?? []),
      ...(node.type === "WAIT_FOR_THREADS" ? (node.thread_handlers ?? []) : []),
    ];
    for (const one of handlers) {
      found.push({
        from,
        thread: one.thread,
        kind: "handles",
        label: one.failure ?? "any failure",
      });
    }
  }
  const entry = Object.entries(of.nodes).find(([, node]) => node.type === "ENTRYPOINT")?.[0] ?? "";
  for (const [event, handler] of Object.entries(of.interrupts ?? {})) {
    found.push({
      from: nodeId(thread, entry),
      thread: handler,
      kind: "interrupts",
      label: event,
    });
  }
  return found;
}

function graphNode(thread: string, name: string, node: SpecNode): GraphNode {
  const title = short(name, 32);
  const whole = detailOf(node);
  const says = whole !== name && whole !== name.replace(/^\d+-/, ""); // else it would say it twice
  const detail = says ? short(whole, 36) : "";
  const width = Math.max(
    WIDTH_MIN,
    MARGIN + Math.max(widthOf(title, NAME_FONT), widthOf(detail, DETAIL_FONT)),
  );
  return {
    id: nodeId(thread, name),
    thread,
    name,
    title,
    detail,
    type: node.type,
    icon: ICONS[node.type],
    width,
    height: detail ? 42 : 30,
  };
}

export const short = (text: string, chars: number): string =>
  text.length > chars ? `${text.slice(0, chars - 1)}…` : text;
