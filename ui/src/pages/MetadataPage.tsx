// Definitions of every kind, and one of them as it is registered.
import { useEffect } from "preact/hooks";
import { call } from "../api/client";
import { useAgain, useChanges, useRead } from "../base/read";
import { ask, Link, part, usePlace } from "../base/router";
import { Empty, Loaded } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Json } from "../parts/json";
import { SearchField, Table } from "../parts/listing";
import { Tabs, useTab } from "../parts/tabs";
import { Moment } from "../parts/times";

/** What lists of all kinds have in common; each has some of it. */
interface Item {
  name: string;
  version?: number;
  description?: string;
  content_type?: string | null;
  return_type?: string | null;
  webhook_url?: string;
  wf_spec?: string;
  created_at?: string;
}

const KINDS = [
  { id: "task-defs", title: "Tasks" },
  { id: "wf-specs", title: "Workflows" },
  { id: "user-task-defs", title: "Forms" },
  { id: "external-event-defs", title: "Events taken" },
  { id: "workflow-event-defs", title: "Events thrown" },
  { id: "struct-defs", title: "Structs" },
  { id: "applications", title: "Applications" },
  { id: "webhooks", title: "Webhooks" },
] as const;
type Kind = (typeof KINDS)[number]["id"];
const PAGE = 1000;
const LOOK_AGAIN_MS = 5000;

export function MetadataPage() {
  const { query } = usePlace();
  const kind = useTab(KINDS, "kind") as Kind;
  const text = (query.get("q") ?? "").toLowerCase();
  useEffect(() => void (document.title = "Metadata · Penstock"), []);
  const read = useRead(`metadata ${kind}`, async (signal) => {
    const page = await call(`GET /v1/${kind}`, { query: { limit: PAGE }, signal });
    return page as { items: Item[]; cursor: string | null };
  });
  useChanges("/v1/changes/follow", read.reload, LOOK_AGAIN_MS);
  const name = query.get("name"); // asked for by itself: the list does not reach all
  return (
    <>
      <div class="head">
        <h1>Metadata</h1>
      </div>
      <Tabs tabs={KINDS} name="kind" own="name" />
      <div class="filters">
        <SearchField
          label="Search definitions"
          hint="Name"
          value={query.get("q") ?? ""}
          onInput={(q) => ask({ q })}
        />
      </div>
      <div class={name ? "split" : ""}>
        <div class="split-main">
          <Loaded of={read}>
            {(page) => (
              <Definitions
                items={page.items.filter((one) => one.name.toLowerCase().includes(text))}
                searched={text !== ""}
                whole={page.cursor === null}
                chosen={name}
              />
            )}
          </Loaded>
        </div>
        {name && <Definition key={`${kind} ${name}`} kind={kind} name={name} stamp={read.data} />}
      </div>
    </>
  );
}

/** Columns besides the name; one that no item has is left out. */
const COLUMNS: { title: string; look: string; of: (one: Item) => string | number | null }[] = [
  { title: "Version", look: "right num", of: (one) => one.version ?? null },
  { title: "Gives", look: "mono faint", of: (one) => one.return_type ?? null },
  { title: "Content", look: "mono faint", of: (one) => one.content_type ?? null },
  { title: "Sent to", look: "mono faint", of: (one) => one.webhook_url ?? null },
  { title: "Starts", look: "mono faint", of: (one) => one.wf_spec ?? null },
];

function Definitions(props: {
  items: Item[];
  searched: boolean;
  whole: boolean;
  chosen: string | null;
}) {
  const { items } = props;
  if (items.length === 0 && props.searched)
    return <Empty title="No definition of this kind has this in its name" />;
  if (items.length === 0)
    return <Empty title="None of this kind">They come with what uses them.</Empty>;
  const columns = COLUMNS.filter((column) => items.some((one) => column.of(one) !== null));
  const dated = items.some((one) => one.created_at);
  return (
    <>
      <Table
        kind="metadata"
        columns={[
          "Name",
          ...columns.map(
            ({ title, look }) => [title, look.startsWith("right") ? "right" : ""] as const,
          ),
          ...(dated ? ["Registered"] : []),
        ]}
      >
        {items.map((one) => (
          <tr
            key={one.name}
            class={one.name === props.chosen ? "click chosen" : "click"}
            onClick={() => ask({ name: one.name })}
          >
            <td>
              <button type="button" class="link" onClick={() => ask({ name: one.name })}>
                {one.name}
              </button>
              {one.description && <small class="faint block">{one.description}</small>}
            </td>
            {columns.map((column) => (
              <td key={column.title} class={column.look}>
                {column.of(one) ?? "–"}
              </td>
            ))}
            {dated && (
              <td class="num">
                <Moment at={one.created_at} />
              </td>
            )}
          </tr>
        ))}
      </Table>
      {!props.whole && <p class="hint">These are the first {PAGE} by name.</p>}
    </>
  );
}

function Definition(props: { kind: Kind; name: string; stamp: unknown }) {
  const { kind, name } = props;
  const read = useRead(`definition ${kind} ${name}`, async (signal) => {
    const found: unknown = await call(`GET /v1/${kind}/{name}`, { path: { name }, signal });
    return found;
  });
  useAgain(read, props.stamp);
  return (
    <aside class="inspector" aria-label={`Definition ${name}`}>
      <header>
        <h2 class="cut">{name}</h2>
        <button
          type="button"
          class="ghost close"
          aria-label="Close"
          onClick={() => ask({ name: "" })}
        >
          <Icon name="close" />
        </button>
      </header>
      {kind === "wf-specs" && (
        <p>
          <Link to={`/workflows/${part(name)}`}>Open its graph</Link>
        </p>
      )}
      {kind === "task-defs" && (
        <p>
          <Link to={`/queues?task_def=${part(name)}`}>Its queue</Link>
          {" · "}
          <Link to={`/task-runs?task_def=${part(name)}`}>Its task runs</Link>
        </p>
      )}
      <Loaded of={read}>{(found) => <Json value={found} open />}</Loaded>
    </aside>
  );
}
