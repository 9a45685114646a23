// Times and durations in the page.
import { duration, fullTime, msOf, shortTime, useNow, useZone } from "../base/times";

/** A moment: short, and in full to whoever points at it. */
export function Moment(props: { at: string | null | undefined; full?: boolean }) {
  const zone = useZone();
  if (!props.at) return <span class="faint">–</span>;
  const full = fullTime(props.at, zone);
  return (
    <time dateTime={props.at} title={`${full} ${zone === "utc" ? "UTC" : "local time"}`}>
      {props.full ? full.replace(/\.000$/, "") : shortTime(props.at, zone)}
    </time>
  );
}

/** How long something took, or takes: then it counts on. */
export function Lasted(props: {
  from: string | null | undefined;
  to: string | null | undefined;
  runs?: boolean;
}) {
  const runs = props.runs ?? !props.to;
  const now = useNow(runs ? 500 : 60_000, runs && Boolean(props.from));
  if (!props.from) return <span class="faint">–</span>;
  const ms = (props.to ? msOf(props.to) : now) - msOf(props.from);
  return <span class={runs ? "num running" : "num"}>{duration(ms)}</span>;
}
