// All workflows: the newest version of each.
import { useEffect, useState } from "preact/hooks";
import { call } from "../api/client";
import type { Latest } from "../api/types";
import { useChanges, useRead } from "../base/read";
import { Link, part } from "../base/router";
import { Empty, Loaded } from "../parts/feedback";
import { More, usePager } from "../parts/pager";
import { SearchField, Table, ToRow } from "../parts/listing";

const PAGE = 1000;
const LOOK_AGAIN_MS = 5000;

export function WorkflowsPage() {
  useEffect(() => void (document.title = "Workflows · Penstock"), []);
  const [text, setText] = useState("");
  const read = useRead("workflows", (signal) =>
    call("GET /v1/wf-specs", { query: { limit: PAGE }, signal }),
  );
  useChanges("/v1/changes/follow", read.reload, LOOK_AGAIN_MS);
  const pager = usePager<Latest>(read.data, "", (cursor) =>
    call("GET /v1/wf-specs", { query: { limit: PAGE, cursor } }),
  );
  const shown = pager.items.filter((one) => one.name.toLowerCase().includes(text.toLowerCase()));
  return (
    <>
      <div class="head">
        <h1>Workflows</h1>
      </div>
      <div class="filters">
        <SearchField label="Search workflows" hint="Name" value={text} onInput={setText} />
      </div>
      <Loaded of={read}>
        {() =>
          shown.length === 0 && pager.cursor === null ? (
            <Empty title={text ? "No workflow has this in its name" : "No workflows yet"}>
              {text ? "" : "Register one: client.register(workflow), or penstock deploy file.yaml."}
            </Empty>
          ) : (
            <>
              <Table kind="workflows" columns={["Name", "Version", ""]}>
                {shown.map((one) => (
                  <ToRow key={one.name} to={`/workflows/${part(one.name)}`}>
                    <td>
                      <Link to={`/workflows/${part(one.name)}`} class="strong">
                        {one.name}
                      </Link>
                    </td>
                    <td class="num">{one.version}</td>
                    <td class="right">
                      <Link to={`/runs?wf_spec=${part(one.name)}`}>Runs</Link>
                      {" · "}
                      <Link to={`/runs?wf_spec=${part(one.name)}&status=ERROR&status=EXCEPTION`}>
                        Failed
                      </Link>
                    </td>
                  </ToRow>
                ))}
              </Table>
              <More pager={pager} />
            </>
          )
        }
      </Loaded>
    </>
  );
}
