// What the run gives, and what each of its nodes has given.
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
        <div class="table-box">
          <table class="table top">
            <thead>
              <tr>
                <th>Node</th>
                <th>Thread</th>
                <th>Status</th>
                <th>Output</th>
              </tr>
            </thead>
            <tbody>
              {given.slice(0, 500).map((one) => (
                <tr key={`${one.thread} ${one.position}`}>
                  <td class="strong">{one.node}</td>
                  <td class="faint">
                    {one.thread} ({threadSpecOf(run, one.thread)})
                  </td>
                  <td>
                    <Status of={one.status} />
                  </td>
                  <td>
                    <Json value={one.output} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
