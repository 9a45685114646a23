// User tasks: what waits for me, for my groups, for nobody yet; and all of them by form and status.
import { useEffect, useState } from "preact/hooks";
import { call } from "../api/client";
import type { UserTaskShown } from "../api/types";
import { useChanges, useRead } from "../base/read";
import { ask, Link, part, usePlace } from "../base/router";
import { namesIn, person, type Person } from "../base/settings";
import { useStore } from "../base/store";
import { Empty, Loaded, notify } from "../parts/feedback";
import { useTyped } from "../parts/filters";
import { More, usePager } from "../parts/pager";
import { Status } from "../parts/status";
import { Tabs, useTab } from "../parts/tabs";
import { Moment } from "../parts/times";
import { Table, ToRow } from "../parts/listing";
import { AssignDialog } from "./inbox/AssignDialog";
import { LIVE, pageOf, searchesOf, STATUSES, type TabId } from "./inbox/inbox";

const TABS: { id: TabId; title: string }[] = [
  { id: "mine", title: "Mine" },
  { id: "groups", title: "My groups" },
  { id: "unassigned", title: "Unassigned" },
  { id: "all", title: "All" },
];
const LOOK_AGAIN_MS = 1500;
const FORMS_MAX = 1000;

export function InboxPage() {
  useEffect(() => void (document.title = "User tasks · Penstock"), []);
  const { query } = usePlace();
  const me = useStore(person);
  const named = query.has("user_id") || query.has("user_group");
  const first: TabId = me.user && !named ? "mine" : "all";
  const tab = useTab(TABS, "tab", first) as TabId;
  return (
    <>
      <div class="head">
        <h1>User tasks</h1>
        <Me me={me} />
      </div>
      <Tabs tabs={TABS} first={first} />
      <Filters tab={tab} query={query} />
      <List tab={tab} me={me} query={query} />
    </>
  );
}

function Me(props: { me: Person }) {
  const { me } = props;
  const [user, setUser] = useTyped(me.user);
  const [groups, setGroups] = useTyped(me.groups.join(", "));
  return (
    <div class="push who-am-i">
      <label>
        You are{" "}
        <input
          spellcheck={false}
          placeholder="a user's id"
          value={user}
          onInput={(event) => setUser(event.currentTarget.value)}
          onChange={(event) => person.set({ ...me, user: event.currentTarget.value.trim() })}
        />
      </label>
      <label>
        of groups{" "}
        <input
          spellcheck={false}
          placeholder="buyers, sales"
          value={groups}
          onInput={(event) => setGroups(event.currentTarget.value)}
          onChange={(event) => person.set({ ...me, groups: namesIn(event.currentTarget.value) })}
        />
      </label>
    </div>
  );
}

function Filters(props: { tab: TabId; query: URLSearchParams }) {
  const { tab, query } = props;
  const status = query.get("status");
  const [user, setUser] = useTyped(query.get("user_id") ?? "");
  const [group, setGroup] = useTyped(query.get("user_group") ?? "");
  const defs = useRead("user task defs", (signal) =>
    call("GET /v1/user-task-defs", { query: { limit: FORMS_MAX }, signal }),
  );
  return (
    <div class="filters">
      {tab !== "unassigned" && (
        <div class="chips" role="group" aria-label="Statuses">
          {STATUSES.map((one) => (
            <button
              key={one}
              type="button"
              class="chip"
              aria-pressed={status === one}
              onClick={() => ask({ status: status === one ? "" : one })}
            >
              <Status of={one} />
            </button>
          ))}
        </div>
      )}
      {tab === "all" && (
        <>
          <input
            type="search"
            aria-label="User"
            placeholder="Of a user   ( / )"
            value={user}
            onInput={(event) => setUser(event.currentTarget.value)}
            onChange={(event) => ask({ user_id: event.currentTarget.value.trim() })}
          />
          <input
            aria-label="Group"
            placeholder="Of a group"
            value={group}
            onInput={(event) => setGroup(event.currentTarget.value)}
            onChange={(event) => ask({ user_group: event.currentTarget.value.trim() })}
          />
        </>
      )}
      <select
        aria-label="Form"
        value={query.get("user_task_def") ?? ""}
        onChange={(event) => ask({ user_task_def: event.currentTarget.value })}
      >
        <option value="">Any form</option>
        {(defs.data?.items ?? []).map((one) => (
          <option key={one.name}>{one.name}</option>
        ))}
      </select>
    </div>
  );
}

function List(props: { tab: TabId; me: Person; query: URLSearchParams }) {
  const { tab, me } = props;
  const searches = searchesOf(tab, me, props.query);
  const key = searches && JSON.stringify(searches);
  const read = useRead(key && `inbox ${key}`, (signal) => pageOf(searches ?? [], null, signal));
  useChanges("/v1/changes/follow", read.reload, LOOK_AGAIN_MS);
  const pager = usePager<UserTaskShown>(read.data, key ?? "", (cursor) =>
    pageOf(searches ?? [], cursor),
  );
  const [assigned, setAssigned] = useState<UserTaskShown | null>(null);
  if (searches === null)
    return tab === "mine" ? (
      <Empty title="Who are you?">
        Say above who you are: what is assigned to you stands here.
      </Empty>
    ) : (
      <Empty title="Which are your groups?">Name them above, divided by commas.</Empty>
    );
  return (
    <>
      {assigned && (
        <AssignDialog task={assigned} onClose={() => setAssigned(null)} onDone={read.reload} />
      )}
      <Loaded of={read}>
        {() =>
          pager.items.length === 0 ? (
            <Empty title="Nothing waits here" />
          ) : (
            <>
              <Table
                kind="user-tasks"
                cards
                columns={["Status", "Form", "User", "Group", "Notes", "Run", "Since", ["", "act"]]}
              >
                {pager.items.map((one) => (
                  <InboxRow
                    key={one.id}
                    task={one}
                    me={me}
                    reload={read.reload}
                    assign={() => setAssigned(one)}
                  />
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

function InboxRow(props: {
  task: UserTaskShown;
  me: Person;
  reload: () => Promise<void>;
  assign: () => void;
}) {
  const { task, me } = props;
  const to = `/user-tasks/${part(task.wf_run_id)}/${part(task.guid)}`;
  const path = { wf_run_id: task.wf_run_id, guid: task.guid };
  const done = async (what: string, doing: Promise<unknown>) => {
    try {
      await doing;
      notify(what);
    } catch (error) {
      notify((error as Error).message, true);
    }
    await props.reload();
  };
  const claim = () =>
    call("POST /v1/user-task-runs/{wf_run_id}/{guid}/actions/claim", {
      path,
      body: { user_id: me.user },
    });
  const release = () =>
    call("POST /v1/user-task-runs/{wf_run_id}/{guid}/actions/release", { path, body: {} });
  return (
    <ToRow to={to}>
      <td>
        <Status of={task.status} />
      </td>
      <td>
        <Link to={to} class="strong">
          {task.user_task_def}
        </Link>
      </td>
      <td>{task.user_id ?? <span class="faint">–</span>}</td>
      <td>{task.user_group ?? <span class="faint">–</span>}</td>
      <td class="cut notes-cell">{task.notes}</td>
      <td class="mono">
        <Link to={`/runs/${part(task.wf_run_id)}`} class="cut id plain">
          {task.wf_run_id}
        </Link>
      </td>
      <td class="num">
        <Moment at={task.scheduled_at} />
      </td>
      <td class="act">
        {task.status === "UNASSIGNED" && me.user && (
          <button type="button" class="small" onClick={() => void done("Claimed", claim())}>
            Claim
          </button>
        )}
        {task.status === "ASSIGNED" && task.user_id === me.user && task.user_group && (
          <button type="button" class="small" onClick={() => void done("Released", release())}>
            Release
          </button>
        )}
        {LIVE.includes(task.status) && (
          <button type="button" class="small" onClick={props.assign}>
            Assign
          </button>
        )}
      </td>
    </ToRow>
  );
}
