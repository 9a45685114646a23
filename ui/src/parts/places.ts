// Where one can go from every page.
import type { IconName } from "./icons";

export const PLACES: { to: string; title: string; icon: IconName }[] = [
  { to: "/runs", title: "Runs", icon: "run" },
  { to: "/workflows", title: "Workflows", icon: "workflow" },
  { to: "/task-runs", title: "Task runs", icon: "task" },
  { to: "/user-tasks", title: "User tasks", icon: "person" },
  { to: "/schedules", title: "Schedules", icon: "clock" },
  { to: "/bulk", title: "Bulk jobs", icon: "layers" },
  { to: "/queues", title: "Task queues", icon: "queue" },
  { to: "/metadata", title: "Metadata", icon: "tag" },
  { to: "/dead-letters", title: "Dead letters", icon: "letter" },
  { to: "/cluster", title: "Cluster", icon: "cluster" },
];
