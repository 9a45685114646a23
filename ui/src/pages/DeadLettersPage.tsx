// Dead letters: records that could not be handled, why, and what mends it.
import { useEffect, useState } from "preact/hooks";
import { call } from "../api/client";
import type { DeadLetterShown } from "../api/types";
import { useChanges, useRead } from "../base/read";
import { Dialog } from "../parts/dialog";
import { Empty, Loaded, notify } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Json } from "../parts/json";
import { Moment } from "../parts/times";
import { Table } from "../parts/listing";

const NEWEST = 200;
/** All of them are read for it. */
const LOOK_AGAIN_MS = 5000;

export function DeadLettersPage() {
  useEffect(() => void (document.title = "Dead letters · Penstock"), []);
  const [open, setOpen] = useState<number | null>(null);
  const read = useRead("dead letters", (signal) =>
    call("GET /v1/dead-letters", { query: { limit: NEWEST }, signal }),
  );
  useChanges("/v1/changes/follow", read.reload, LOOK_AGAIN_MS);
  const retry = async (one: DeadLetterShown) => {
    try {
      await call("POST /v1/dead-letters/{number}/retry", { path: { number: one.number } });
      notify(`Dead letter ${one.number} was sent again`);
      await read.reload();
    } catch (error) {
      notify((error as Error).message, true);
    }
  };
  return (
    <>
      <div class="head">
        <h1>Dead letters</h1>
        {read.data && (
          <span class="faint">
            {read.data.total} in all
            {read.data.total > NEWEST && `, the newest ${NEWEST} here`}
          </span>
        )}
        <div class="push">
          <button type="button" onClick={() => void read.reload()}>
            <Icon name="again" /> Look again
          </button>
        </div>
      </div>
      <Loaded of={read}>
        {(data) =>
          data.items.length === 0 ? (
            <Empty title="No dead letters">Every record could be handled and delivered.</Empty>
          ) : (
            <Table
              kind="dead-letters"
              columns={["Number", "At", "Code", "Why", "Where", ["", "act"]]}
              top
              cards
            >
              {data.items.map((one) => (
                <tr key={one.number}>
                  <td class="num">{one.number}</td>
                  <td class="num">
                    <Moment at={one.at} />
                  </td>
                  <td class="mono">{one.code}</td>
                  <td class="wide-cell">
                    {one.message}
                    <small class="faint block">{one.why}</small>
                    <small class="block">What to do: {one.mend}</small>
                  </td>
                  <td class="mono faint">
                    {one.topic} {one.partition}:{one.offset}
                  </td>
                  <td class="act">
                    <button type="button" class="small" onClick={() => setOpen(one.number)}>
                      Read
                    </button>
                    <button
                      type="button"
                      class="small"
                      disabled={one.retried}
                      title={one.retry}
                      onClick={() => void retry(one)}
                    >
                      {one.retried ? "Sent again" : "Send again"}
                    </button>
                  </td>
                </tr>
              ))}
            </Table>
          )
        }
      </Loaded>
      {open !== null && <Letter number={open} onClose={() => setOpen(null)} />}
    </>
  );
}

function Letter(props: { number: number; onClose: () => void }) {
  const read = useRead(`dead letter ${props.number}`, (signal) =>
    call("GET /v1/dead-letters/{number}", { path: { number: props.number }, signal }),
  );
  return (
    <Dialog title={`Dead letter ${props.number}`} wide onClose={props.onClose}>
      <Loaded of={read}>
        {(one) => (
          <div class="body">
            <Json value={one} open />
          </div>
        )}
      </Loaded>
    </Dialog>
  );
}
