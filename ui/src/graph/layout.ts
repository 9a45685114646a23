// Where everything of a graph stands: worked out by elk in a worker of its own, so that the page
// never stands still.
import ELK, { type ElkExtendedEdge, type ElkNode } from "elkjs/lib/elk-api.js";
import workerUrl from "elkjs/lib/elk-worker.min.js?url";
import { labelWidth, type Cluster, type GraphLink, type GraphModel, type GraphNode } from "./model";

export interface Point {
  x: number;
  y: number;
}

export interface Box extends Point {
  width: number;
  height: number;
}

export interface Laid {
  width: number;
  height: number;
  tookMs: number;
  nodes: { node: GraphNode; box: Box }[];
  clusters: { cluster: Cluster; box: Box; depth: number }[];
  links: { link: GraphLink; points: Point[]; label: Box | null }[];
}

let elk: InstanceType<typeof ELK> | null = null;
const known = new WeakMap<GraphModel, Promise<Laid>>();

const OPTIONS: Record<string, string> = {
  "elk.algorithm": "layered",
  "elk.direction": "DOWN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.json.edgeCoords": "ROOT",
  "elk.json.shapeCoords": "ROOT",
  "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
  "elk.layered.nodePlacement.strategy": "BRANDES_KOEPF",
  "elk.layered.nodePlacement.bk.fixedAlignment": "BALANCED",
  "elk.layered.spacing.nodeNodeBetweenLayers": "30",
  "elk.layered.spacing.edgeNodeBetweenLayers": "14",
  "elk.spacing.nodeNode": "26",
  "elk.spacing.edgeNode": "16",
  "elk.spacing.edgeEdge": "10",
};
const PADDING = "[top=34,left=16,bottom=16,right=16]";
const ROOT_PADDING = "[top=12,left=12,bottom=12,right=12]";

const worker = () => (elk ??= new ELK({ workerFactory: () => new Worker(workerUrl) }));

/** Have the worker begin to load, while what is to be drawn is read. */
export const warm = (): void => void worker();

/** The layout of a graph, worked out once. */
export function layout(model: GraphModel): Promise<Laid> {
  let made = known.get(model);
  if (!made) known.set(model, (made = laidOut(model)));
  return made;
}

async function laidOut(model: GraphModel): Promise<Laid> {
  const root: ElkNode = {
    id: "root",
    layoutOptions: { ...OPTIONS, "elk.padding": ROOT_PADDING },
  };
  root.children = [...model.root.nodes.map(elkNode), ...model.root.inner.map(elkCluster)];
  root.edges = model.links.map(elkEdge);
  const beganMs = performance.now();
  const laid = await worker().layout(root);
  return read(model, laid, performance.now() - beganMs);
}

const elkNode = (node: GraphNode): ElkNode => ({
  id: node.id,
  width: node.width,
  height: node.height,
});

function elkCluster(cluster: Cluster): ElkNode {
  return {
    id: cluster.id,
    children: [...cluster.nodes.map(elkNode), ...cluster.inner.map(elkCluster)],
    layoutOptions: { ...OPTIONS, "elk.padding": PADDING },
  };
}

function elkEdge(link: GraphLink): ElkExtendedEdge {
  const labels = link.label
    ? [{ text: link.label, width: labelWidth(link.label), height: 15 }]
    : [];
  return { id: link.id, sources: [link.from], targets: [link.to], labels };
}

function read(model: GraphModel, root: ElkNode, tookMs: number): Laid {
  const boxes = new Map<string, Box>();
  const walk = (one: ElkNode) => {
    boxes.set(one.id, {
      x: one.x ?? 0,
      y: one.y ?? 0,
      width: one.width ?? 0,
      height: one.height ?? 0,
    });
    one.children?.forEach(walk);
  };
  walk(root);
  const edges = new Map<string, ElkExtendedEdge>();
  const collect = (one: ElkNode) => {
    one.edges?.forEach((edge) => edges.set(edge.id, edge));
    one.children?.forEach(collect);
  };
  collect(root);

  const laid: Laid = {
    width: root.width ?? 0,
    height: root.height ?? 0,
    tookMs: Math.round(tookMs),
    nodes: [],
    clusters: [],
    links: [],
  };
  const place = (cluster: Cluster, depth: number) => {
    const box = boxes.get(cluster.id);
    if (box && depth) laid.clusters.push({ cluster, box, depth });
    for (const node of cluster.nodes) {
      const at = boxes.get(node.id);
      if (at) laid.nodes.push({ node, box: at });
    }
    cluster.inner.forEach((one) => place(one, depth + 1));
  };
  place(model.root, 0);
  for (const link of model.links) {
    const edge = edges.get(link.id);
    const points = (edge?.sections ?? []).flatMap((one) => [
      one.startPoint,
      ...(one.bendPoints ?? []),
      one.endPoint,
    ]);
    const label = edge?.labels?.[0];
    const box = label
      ? {
          x: label.x ?? 0,
          y: label.y ?? 0,
          width: label.width ?? 0,
          height: label.height ?? 0,
        }
      : null;
    if (points.length) laid.links.push({ link, points, label: box });
  }
  return laid;
}
