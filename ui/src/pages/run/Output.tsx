// What the run gives, and what each of its nodes has given.
import { Table } from "../../parts/listing";
import { Json } from "../../parts/json";
import { Status } from "../../parts/status";
import { threadSpecOf, type RunData } from "./data";

export function Output(props: { data: RunData }) {
  const { run, nodes } = props.data;
  const given = nodes.filter((one) => one.output !== null && one.output !== undefined);
  return (
    <div class="stack">
      <section class="panel">
        <h2>Output of the run</h2>
        <Json value={run.output ?? null} open />
      </section>
      {given.length > 0 && (
        <Table kind="outputs" columns={["Node", "Thread", "Status", "Output"]} top cards>
          {given.slice(0, 500).map((one) => (
            <tr key={`${one.thread} ${one.position}`}>
              <td class="strong">{one.node}</td>
              <td class="faint">
                {one.thread} ({threadSpecOf(run, one.thread)})
              </td>
              <td>
                <Status of={one.status} />
              </td>
              <td class="wide-cell">
                <Json value={one.output} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </div>
  );
}
