// Which page stands at which address.
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { session } from "./base/settings";
import { go, matched, usePlace } from "./base/router";
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
import { Shell } from "./parts/Shell";

const PAGES: [string, (parts: string[]) => VNode][] = [
  ["/workflows", () => <WorkflowsPage />],
  ["/workflows/:name", ([name = ""]) => <WorkflowPage key={name} name={name} />],
  ["/runs", () => <RunsPage />],
  ["/runs/:id", ([id = ""]) => <RunPage key={id} id={id} />],
  ["/task-runs", () => <TaskRunsPage />],
  ["/user-tasks", () => <InboxPage />],
  [
    "/user-tasks/:run/:guid",
    ([run = "", guid = ""]) => <UserTaskPage key={guid} run={run} guid={guid} />,
  ],
  ["/schedules", () => <SchedulesPage />],
  ["/bulk", () => <BulkPage />],
  ["/queues", () => <QueuesPage />],
  ["/metadata", () => <MetadataPage />],
  ["/dead-letters", () => <DeadLettersPage />],
  ["/cluster", () => <ClusterPage />],
];

export function App() {
  const { path } = usePlace();
  const { key, tenant } = useStore(session);
  useEffect(() => {
    if (path === "/") go("/runs", true);
  }, [path]);
  // Who looks with another key, or at another tenant, looks at other things: all is read anew.
  return <Shell key={`${key} ${tenant}`}>{pageAt(path)}</Shell>;
}

function pageAt(path: string): VNode {
  for (const [pattern, page] of PAGES) {
    const parts = matched(pattern, path);
    if (parts) return page(parts);
  }
  return <Empty title="There is no such page">{path}</Empty>;
}
