// How many task runs began on each day: a bar for each, in parts by state.
import { useLayoutEffect, useRef } from "preact/hooks";
import { call, type Query } from "../../api/client";
import { useAgain, useRead } from "../../base/read";
import { toneOf, wordOf } from "../../parts/status";

type Words = Query<"GET /v1/task-runs/per-day">;

const CHART = { height: 56, bar: 16, gap: 3, days: 30 };
const DAY_MS = 86_400_000;

/** The days of a chart: those asked for, and so many that one can see where one is. */
function daysOf(words: Words, first: string | undefined): string[] {
  const before = words.started_before ? Date.parse(words.started_before) : NaN;
  const end = Number.isNaN(before) ? Date.now() : Math.min(Date.now(), before);
  const since = Date.parse(words.started_after ?? first ?? "") || end;
  const count = Math.min(CHART.days, Math.max(Math.ceil((end - since) / DAY_MS), 14));
  return Array.from({ length: count }, (_, at) =>
    new Date(end - (count - 1 - at) * DAY_MS).toISOString().slice(0, 10),
  );
}

/** `place` is another when other words are asked for; `stamp`, when they are to be read anew. */
export function PerDay(props: { words: Words; place: string; stamp: unknown }) {
  const read = useRead(`per day ${props.place}`, (signal) =>
    call("GET /v1/task-runs/per-day", { query: props.words, signal }),
  );
  useAgain(read, props.stamp);
  const box = useRef<HTMLDivElement>(null);
  const counted = new Map((read.data?.items ?? []).map((one) => [one.day, one.states]));
  useLayoutEffect(() => {
    if (box.current) box.current.scrollLeft = box.current.scrollWidth; // today's is last
  }, [counted.size === 0]);
  if (counted.size === 0) return null;
  const days = daysOf(props.words, [...counted.keys()][0]);
  const total = (states: Record<string, number> = {}) =>
    Object.values(states).reduce((sum, count) => sum + count, 0);
  const most = Math.max(...[...counted.values()].map(total));
  const width = days.length * (CHART.bar + CHART.gap);
  return (
    <figure class="per-day">
      <div class="per-day-box" ref={box}>
        <svg
          viewBox={`0 0 ${width} ${CHART.height}`}
          width={width}
          height={CHART.height}
          role="img"
          aria-label={`Task runs by day, from ${days[0]} to ${days.at(-1)}`}
        >
          {days.map((day, at) => {
            const states = counted.get(day) ?? {};
            const x = at * (CHART.bar + CHART.gap);
            let top = CHART.height;
            return (
              <g key={day}>
                <title>{`${day} (UTC): ${
                  Object.entries(states)
                    .map(([state, count]) => `${count} ${wordOf(state)}`)
                    .join(", ") || "none"
                }`}</title>
                <rect class="day" x={x} y={0} width={CHART.bar} height={CHART.height} rx="2" />
                {Object.entries(states).map(([state, count]) => {
                  const height = (count / most) * (CHART.height - 4);
                  top -= height;
                  return (
                    <rect
                      key={state}
                      class={`fill-${toneOf(state)}`}
                      x={x}
                      y={top}
                      width={CHART.bar}
                      height={Math.max(1, height)}
                    />
                  );
                })}
              </g>
            );
          })}
        </svg>
      </div>
      <figcaption class="faint">
        {days[0]} to {days.at(-1)} (UTC), at most {most} a day
      </figcaption>
    </figure>
  );
}
