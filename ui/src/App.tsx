// Which page stands at which address.
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { session } from "./base/settings";
import { faultsIn, RUNS, SCHEDULES, TASK_RUNS, type Grammar } from "./base/filters";
import { go, matched, usePlace, type Place } from "./base/router";
import { useStore } from "./base/store";
import { BulkPage } from "./pages/BulkPage";
import { ClusterPage } from "./pages/ClusterPage";
import { DeadLettersPage } from "./pages/DeadLettersPage";
import { InboxPage } from "./pages/InboxPage";
import { MetadataPage } from "./pages/MetadataPage";
import { QueuesPage } from "./pages/QueuesPage";
import { RunsPage } from "./pages/RunsPage";
import { SchedulesPage } from "./pages/SchedulesPage";
import { TaskRunsPage } from "./pages/TaskRunsPage";
import { UserTaskPage } from "./pages/UserTaskPage";
import { WorkflowPage } from "./pages/WorkflowPage";
import { WorkflowsPage } from "./pages/WorkflowsPage";
import { RunPage } from "./pages/run/RunPage";
import { Empty } from "./parts/feedback";
import { Misread } from "./parts/Misread";
import { Shell } from "./parts/Shell";

const VERSIONED: Grammar = { numbers: ["version"], own: ["tab", "node"] };
const RUN_WORDS = ["tab", "node", "at", "as_of", "task", "level"];
const INBOX_WORDS = ["tab", "status", "user_id", "user_group", "user_task_def"];

/** The pages, each with what its address may say. */
const PAGES: [pattern: string, page: (parts: string[]) => VNode, grammar?: Grammar][] = [
  ["/workflows", () => <WorkflowsPage />],
  ["/workflows/:name", ([name = ""]) => <WorkflowPage key={name} name={name} />, VERSIONED],
  ["/runs", () => <RunsPage />, RUNS],
  ["/runs/:id", ([id = ""]) => <RunPage key={id} id={id} />, { own: RUN_WORDS }],
  ["/task-runs", () => <TaskRunsPage />, TASK_RUNS],
  ["/user-tasks", () => <InboxPage />, { own: INBOX_WORDS }],
  [
    "/user-tasks/:run/:guid",
    ([run = "", guid = ""]) => <UserTaskPage key={guid} run={run} guid={guid} />,
  ],
  ["/schedules", () => <SchedulesPage />, SCHEDULES],
  ["/bulk", () => <BulkPage />, { own: ["job", "previews"] }],
  ["/queues", () => <QueuesPage />, { own: ["task_def", "queue"] }],
  ["/metadata", () => <MetadataPage />, { own: ["kind", "q", "name"] }],
  ["/dead-letters", () => <DeadLettersPage />],
  ["/cluster", () => <ClusterPage />],
];

export function App() {
  const place = usePlace();
  const { path } = place;
  const { key, tenant } = useStore(session);
  useEffect(() => {
    if (path === "/") go("/runs", true);
  }, [path]);
  // Who looks with another key, or at another tenant, looks at other things: all is read anew.
  return <Shell key={`${key} ${tenant}`}>{pageAt(place)}</Shell>;
}

function pageAt({ path, query }: Place): VNode {
  for (const [pattern, page, grammar = {}] of PAGES) {
    const parts = matched(pattern, path);
    if (!parts) continue;
    const faults = faultsIn(query, grammar);
    return faults.length ? <Misread path={path} query={query} faults={faults} /> : page(parts);
  }
  return <Empty title="There is no such page">{path}</Empty>;
}
