// The run over time: a row for each node run, what was queued apart from what ran.
import { useMemo } from "preact/hooks";
import { duration, msOf, useNow } from "../../base/times";
import { Empty } from "../../parts/feedback";
import { Rows } from "../../parts/rows";
import { isMoving, toneOf, wordOf } from "../../parts/status";
import type { RunData } from "./data";
import { lastOf, rowsOf, ticksOf, type Row } from "./gantt";

const ROW_HEIGHT = 28;
const FAST_BELOW = 50;

export function Timeline(props: {
  data: RunData;
  chosen: string | null;
  onChoose: (place: string) => void;
}) {
  const rows = useMemo(() => rowsOf(props.data), [props.data]);
  const last = useMemo(() => lastOf(rows, 0), [rows]);
  const { run } = props.data;
  const moving = !run.ended_at && isMoving(run.status);
  const now = useNow(rows.length < FAST_BELOW ? 100 : 500, moving);
  if (rows.length === 0) return <Empty title="Nothing has begun yet" />;
  const from = msOf(run.started_at);
  const to = Math.max(moving ? now : 0, run.ended_at ? msOf(run.ended_at) : 0, last, from + 1);
  return (
    <div class="gantt">
      <div class="gantt-head">
        <span>Node</span>
        <div class="ticks">
          {ticksOf(to - from).map((ms) => (
            <span key={ms} style={{ left: `${(ms / (to - from)) * 100}%` }}>
              {duration(ms)}
            </span>
          ))}
        </div>
        <span class="right">Took</span>
      </div>
      <Rows
        items={rows}
        height={ROW_HEIGHT}
        max="calc(100vh - 300px)"
        label="Timeline"
        row={(row) => <Line key={row.key} row={row} from={from} to={to} now={now} {...props} />}
      />
      <p class="legend faint">
        <i class="bar queued" /> in the queue <i class="bar run tone-good" /> at work{" "}
        <i class="bar wait tone-busy" /> waiting
      </p>
    </div>
  );
}

function Line(props: {
  row: Row;
  from: number;
  to: number;
  now: number;
  chosen: string | null;
  onChoose: (place: string) => void;
}) {
  const { row, from, to, now } = props;
  const span = to - from;
  const place = row.place;
  const end = row.to ?? Math.max(now, row.from);
  const choose = () => place && props.onChoose(place);
  return (
    <div
      class={`gantt-row ${place ? "click" : "thread"} ${place && place === props.chosen ? "chosen" : ""}`}
      style={{ height: `${ROW_HEIGHT}px` }}
      {...(place ? { role: "button", tabIndex: 0 } : {})}
      onClick={choose}
      onKeyDown={(event) => event.key === "Enter" && choose()}
    >
      <span class="gantt-name" style={{ paddingLeft: `${row.depth * 14}px` }}>
        <i class={`dot tone-${toneOf(row.status)}`} title={wordOf(row.status)} />
        <b class="cut">{row.title}</b>{" "}
        {row.detail !== row.title && <small class="faint cut">{row.detail}</small>}
      </span>
      <span class="track">
        {row.bars.map((bar, at) => {
          const left = ((bar.from - from) / span) * 100;
          const width = (((bar.to ?? Math.max(now, bar.from)) - bar.from) / span) * 100;
          return (
            <i
              key={at}
              class={`bar ${bar.kind} tone-${toneOf(bar.status)} ${bar.to === null ? "moving" : ""}`}
              title={`${wordOf(bar.status)} ${duration((bar.to ?? now) - bar.from)}`}
              style={{
                left: `${Math.max(0, left)}%`,
                width: `max(2px, ${Math.max(0, width)}%)`,
              }}
            />
          );
        })}
      </span>
      <span class="right num">{Number.isFinite(row.from) ? duration(end - row.from) : ""}</span>
    </div>
  );
}
