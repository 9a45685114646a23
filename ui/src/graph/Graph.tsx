// The graph of a spec, and over it, where there is one, how far a run has come.
import { useEffect, useState } from "preact/hooks";
import type { SpecBody } from "../api/types";
import { Problem } from "../parts/feedback";
import { Icon, iconPath } from "../parts/icons";
import { toneOf, wordOf } from "../parts/status";
import { layout, type Laid } from "./layout";
import { graphOf } from "./model";
import { roundedPath } from "./path";
import { useViewport } from "./viewport";

/** What a run has done at a node: its newest status there, and how often it was there. */
export interface Mark {
  status: string;
  count: number;
  attempts: number;
}

/** Links that were taken are `from>to`; `>to` stands for all that begin a thread. */
export interface Overlay {
  marks: Map<string, Mark>;
  taken: Set<string>;
}

const specs = new WeakMap<SpecBody, ReturnType<typeof graphOf>>();

function modelOf(spec: SpecBody) {
  let model = specs.get(spec);
  if (!model) specs.set(spec, (model = graphOf(spec)));
  return model;
}

export function Graph(props: {
  spec: SpecBody;
  overlay?: Overlay;
  chosen?: string | null;
  onChoose?: (node: string | null) => void;
}) {
  const [laid, setLaid] = useState<Laid | null>(null);
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => {
    let current = true;
    setLaid(null);
    layout(modelOf(props.spec)).then(
      (found) => current && setLaid(found),
      (problem: unknown) => current && setError(new Error(String(problem))),
    );
    return () => void (current = false);
  }, [props.spec]);
  if (error) return <Problem error={error} />;
  return <Drawing {...props} laid={laid} />;
}

function Drawing(props: Parameters<typeof Graph>[0] & { laid: Laid | null }) {
  const { laid, overlay } = props;
  const { box, view, fit, zoom } = useViewport(laid?.width ?? 0, laid?.height ?? 0);
  return (
    <div class="graph">
      <svg
        ref={box}
        role="group"
        aria-label="Graph of the workflow"
        data-ready={laid ? "yes" : "no"}
        data-took-ms={laid?.tookMs}
        onClick={() => props.onChoose?.(null)}
      >
        <defs>
          {["plain", "taken"].map((kind) => (
            <marker
              key={kind}
              id={`arrow-${kind}`}
              class={`arrow ${kind}`}
              viewBox="0 0 8 8"
              refX="7"
              refY="4"
              markerWidth="7"
              markerHeight="7"
              orient="auto-start-reverse"
            >
              <path d="M0 0.8L7.2 4L0 7.2z" />
            </marker>
          ))}
        </defs>
        {laid && (
          <g transform={`translate(${view.x} ${view.y}) scale(${view.scale})`}>
            {laid.clusters.map(({ cluster, box: at, depth }) => (
              <g key={cluster.id} class={`cluster depth-${depth % 2}`}>
                <rect x={at.x} y={at.y} width={at.width} height={at.height} rx="9" />
                <text x={at.x + 12} y={at.y + 19}>
                  {cluster.title}
                </text>
              </g>
            ))}
            {laid.links.map(({ link, points, label }) => {
              const way = link.kind === "edge" ? `${link.from}>${link.to}` : `>${link.to}`;
              const taken = overlay?.taken.has(way) ?? false;
              return (
                <g key={link.id} class={`link ${link.kind} ${taken ? "taken" : ""}`}>
                  <path
                    d={roundedPath(points)}
                    marker-end={`url(#arrow-${taken ? "taken" : "plain"})`}
                  />
                  {label && (
                    <g>
                      <rect
                        x={label.x}
                        y={label.y}
                        width={label.width}
                        height={label.height}
                        rx="3"
                      />
                      <text x={label.x + label.width / 2} y={label.y + 11}>
                        {link.label}
                      </text>
                    </g>
                  )}
                </g>
              );
            })}
            {laid.nodes.map(({ node, box: at }) => (
              <Node
                key={node.id}
                {...props}
                node={node}
                at={at}
                mark={overlay?.marks.get(node.id)}
              />
            ))}
          </g>
        )}
      </svg>
      {!laid && <div class="loading" role="progressbar" aria-label="laying out" />}
      <div class="graph-tools">
        <button
          type="button"
          class="ghost"
          title="Larger (ctrl + wheel)"
          aria-label="Larger"
          onClick={() => zoom(1.3)}
        >
          <Icon name="plus" />
        </button>
        <button
          type="button"
          class="ghost"
          title="Smaller (ctrl + wheel)"
          aria-label="Smaller"
          onClick={() => zoom(1 / 1.3)}
        >
          <Icon name="minus" />
        </button>
        <button type="button" class="ghost" title="Show all" aria-label="Show all" onClick={fit}>
          <Icon name="fit" />
        </button>
      </div>
    </div>
  );
}

function Node(props: {
  node: Laid["nodes"][number]["node"];
  at: Laid["nodes"][number]["box"];
  mark: Mark | undefined;
  overlay?: Overlay;
  chosen?: string | null;
  onChoose?: (node: string | null) => void;
}) {
  const { node, at, mark, overlay } = props;
  const tone = mark ? `tone-${toneOf(mark.status)}` : overlay ? "untouched" : "";
  const chosen = props.chosen === node.id;
  const choose = (event: Event) => {
    event.stopPropagation();
    props.onChoose?.(chosen ? null : node.id);
  };
  const badge =
    mark && (mark.count > 1 ? `×${mark.count}` : mark.attempts > 1 ? `try ${mark.attempts}` : "");
  // What is said begins with what is seen, word for word.
  const seen = [node.title, node.detail, badge].filter(Boolean).join(" ");
  const said = [seen, wordOf(node.type), mark && wordOf(mark.status)].filter(Boolean).join(", ");
  return (
    <g
      class={`node type-${node.type} ${tone} ${chosen ? "chosen" : ""}`}
      transform={`translate(${at.x} ${at.y})`}
      tabIndex={0}
      role="button"
      aria-label={said}
      aria-pressed={chosen}
      onClick={choose}
      onKeyDown={(event) =>
        (event.key === "Enter" || event.key === " ") && (event.preventDefault(), choose(event))
      }
    >
      <rect class="body" width={at.width} height={at.height} rx="7" />
      <path class="glyph" transform={`translate(9 ${at.height / 2 - 8})`} d={iconPath(node.icon)} />
      <text class="name" x="32" y={node.detail ? 18 : at.height / 2 + 4}>
        {node.title}
      </text>{" "}
      {node.detail && (
        <text class="detail" x="32" y="33">
          {node.detail}
        </text>
      )}{" "}
      {badge && (
        <g class="badge" transform={`translate(${at.width - badge.length * 6 - 4} -8)`}>
          <rect width={badge.length * 6 + 10} height="16" rx="8" />
          <text x={(badge.length * 6 + 10) / 2} y="11.5">
            {badge}
          </text>
        </g>
      )}
    </g>
  );
}
