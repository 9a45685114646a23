// What the tasks have written, as it comes.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { queryText } from "../../api/client";
import { follow, type State } from "../../api/stream";
import type { LogShown } from "../../api/types";
import { ask, part, usePlace } from "../../base/router";
import { fullTime, useZone } from "../../base/times";
import { Dialog } from "../../parts/dialog";
import { Empty } from "../../parts/feedback";
import { Copy } from "../../parts/json";
import { Rows } from "../../parts/rows";
import type { RunData } from "./data";
import { SearchField } from "../../parts/listing";

const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"];
const LINES_MAX = 20_000;
const LINE_HEIGHT = 20;

export function Logs(props: { data: RunData }) {
  const { query } = usePlace();
  const level = query.get("level") ?? "";
  const task = query.get("task") ?? "";
  const [text, setText] = useState("");
  const { lines, done } = useLines(props.data.run.wf_run_id, level, task, props.data.run.status);
  const [whole, setWhole] = useState<LogShown | null>(null);
  const zone = useZone();
  const low = text.toLowerCase();
  const shown = useMemo(
    () => (low ? lines.filter((one) => one.message.toLowerCase().includes(low)) : lines),
    [lines, low],
  );
  const names = useMemo(
    () => [...new Set(props.data.nodes.filter((one) => one.task).map((one) => one.node))],
    [props.data.nodes],
  );
  return (
    <>
      <div class="filters">
        <SearchField label="Search lines" hint="In a line" value={text} onInput={setText} />
        <select
          aria-label="Node"
          value={task}
          onChange={(event) => ask({ task: event.currentTarget.value })}
        >
          <option value="">All nodes</option>
          {names.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
        <select
          aria-label="Level"
          value={level}
          onChange={(event) => ask({ level: event.currentTarget.value })}
        >
          <option value="">All levels</option>
          {LEVELS.slice(1).map((one) => (
            <option key={one} value={one}>
              {one.toLowerCase()} and graver
            </option>
          ))}
        </select>
        <span class="faint">
          {shown.length} line{shown.length === 1 ? "" : "s"}
        </span>
      </div>
      {whole && (
        <Dialog title={`A line of ${whole.node}`} wide onClose={() => setWhole(null)}>
          <div class="body">
            <p class="faint">
              {fullTime(whole.at, zone)} {whole.level}, attempt {whole.attempt}{" "}
              <Copy text={whole.message} what="Line" />
            </p>
            <pre class="json">{whole.message}</pre>
          </div>
        </Dialog>
      )}
      {shown.length === 0 && done ? (
        <Empty title="No lines">
          {text || level || task ? "None that match." : "A task writes lines with ctx.log(...)."}
        </Empty>
      ) : (
        <div class="log panel">
          <Rows
            items={shown}
            height={LINE_HEIGHT}
            max="calc(100vh - 300px)"
            label="Log"
            follow={!done}
            row={(line, at) => (
              <div
                key={at}
                class={`log-line click level-${line.level}`}
                title={line.message}
                role="button"
                tabIndex={0}
                onClick={() => setWhole(line)}
                onKeyDown={(event) => event.key === "Enter" && setWhole(line)}
              >
                <span class="faint">{fullTime(line.at, zone).slice(11)}</span>
                <b>{line.level}</b>
                <span class="faint cut">
                  {line.node}
                  {line.attempt > 1 ? ` #${line.attempt}` : ""}
                </span>
                <span class="cut">{line.message}</span>
              </div>
            )}
          />
        </div>
      )}
    </>
  );
}

/** The lines of a run, followed until it has ended. */
function useLines(id: string, level: string, task: string, status: string) {
  const [lines, setLines] = useState<LogShown[]>([]);
  const [done, setDone] = useState(false);
  const pending = useRef<LogShown[]>([]);
  const over = ["COMPLETED", "ERROR", "EXCEPTION"].includes(status);
  useEffect(() => {
    const own = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let known: LogShown[] = [];
    pending.current = [];
    setDone(false);
    const flush = () => {
      timer = undefined;
      known = [...known, ...pending.current].slice(-LINES_MAX);
      pending.current = [];
      setLines(known);
    };
    const target = `/v1/wf-runs/${part(id)}/logs/follow${queryText({ min_level: level, task })}`;
    const came = (sent: { event: string; data: string }) => {
      if (sent.event === "end") {
        flush();
        setDone(true);
        return false;
      }
      pending.current.push(JSON.parse(sent.data) as LogShown);
      timer ??= setTimeout(flush, 80);
      return true;
    };
    setLines([]);
    const opened = (state: State) => {
      if (state === "live") ((known = []), (pending.current = [])); // a stream tells all again
    };
    void follow(target, came, own.signal, opened);
    return () => (own.abort(), clearTimeout(timer));
  }, [id, level, task, over]);
  return { lines, done };
}
