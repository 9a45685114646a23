// The cluster: its partitions, who owns them, how far behind the log they are; and what doctor
// says.
import { useEffect } from "preact/hooks";
import { call } from "../api/client";
import type { PartitionShown } from "../api/types";
import { useRead } from "../base/read";
import { duration } from "../base/times";
import { Loaded } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Status, wordOf } from "../parts/status";
import { Table } from "../parts/listing";

const LOOK_AGAIN_MS = 5000;

export function ClusterPage() {
  useEffect(() => void (document.title = "Cluster · Penstock"), []);
  const read = useRead("cluster", (signal) => call("GET /v1/cluster", { signal }));
  const doctor = useRead("doctor", (signal) => call("GET /v1/doctor", { signal }));
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && void read.reload(), LOOK_AGAIN_MS);
    return () => clearInterval(timer);
  }, [read.reload]);
  return (
    <>
      <div class="head">
        <h1>Cluster</h1>
        {read.data && (
          <span class="faint">
            {read.data.cluster} · {read.data.partitions.length} partitions ·{" "}
            {read.data.commands_in_flight} commands in flight
          </span>
        )}
        <div class="push">
          <button type="button" onClick={() => void doctor.reload()}>
            <Icon name="again" /> Examine
          </button>
        </div>
      </div>
      <Loaded of={read}>
        {(data) => (
          <Table
            kind="partitions"
            cards
            columns={[
              "Partition",
              "Status",
              "Owner",
              "Standbys",
              ["Folded to", "right"],
              ["Log end", "right"],
              ["Behind", "right"],
              ["Snapshot", "right"],
            ]}
          >
            {data.partitions.map((one) => (
              <PartitionRow key={one.partition} of={one} />
            ))}
          </Table>
        )}
      </Loaded>
      <h2>Doctor</h2>
      <Loaded of={doctor}>
        {(found) => (
          <Table kind="findings" columns={["State", "Check", "Finding"]} top>
            {found.items.map((one) => (
              <tr key={one.check + one.what}>
                <td>
                  <Status
                    of={one.wrong ? "ERROR" : "COMPLETED"}
                    text={one.wrong ? "wrong" : "good"}
                  />
                </td>
                <td class="mono">{one.check}</td>
                <td>
                  {one.what}
                  {one.wrong && one.mend && <small class="faint block">{one.mend}</small>}
                </td>
              </tr>
            ))}
          </Table>
        )}
      </Loaded>
    </>
  );
}

function PartitionRow(props: { of: PartitionShown }) {
  const { of } = props;
  const behind =
    of.log_end !== null && of.next_offset !== null
      ? Math.max(0, of.log_end - of.next_offset)
      : null;
  return (
    <tr>
      <td class="num">{of.partition}</td>
      <td>
        <Status of={of.message ? "ERROR" : "COMPLETED"} text={wordOf(of.status)} />
        {of.message && <small class="faint block">{of.message}</small>}
      </td>
      <td class="mono faint">{of.owner ?? "this node"}</td>
      <td class="mono faint">{of.standbys.join(", ") || "–"}</td>
      <td class="right num">{of.next_offset ?? "–"}</td>
      <td class="right num">{of.log_end ?? "–"}</td>
      <td class="right num">{behind ?? "–"}</td>
      <td class="right num">
        {of.snapshot?.age_s != null ? `${duration(of.snapshot.age_s * 1000)} old` : "–"}
      </td>
    </tr>
  );
}
