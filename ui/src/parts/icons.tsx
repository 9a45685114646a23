// Our own icons: strokes on a grid of 16.
const PATHS = {
  workflow: "M2.5 3h4v4h-4zM9.5 9h4v4h-4zM6.5 5h3a2 2 0 0 1 2 2v2",
  run: "M5 3.2v9.6l7.5-4.8z",
  task: "M3 4.5l1.2 1.2L6.4 3.5M3 10.5l1.2 1.2 2.2-2.2M8.5 5H13M8.5 11H13",
  person: "M8 8a2.6 2.6 0 1 0 0-5.2A2.6 2.6 0 0 0 8 8zM3 13.4c.5-2.4 2.4-3.6 5-3.6s4.5 1.2 5 3.6",
  clock: "M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM8 5v3.2l2.2 1.3",
  queue: "M2.5 4h11M2.5 8h11M2.5 12h6",
  letter: "M2.5 4h11v8h-11zM2.5 4.5L8 9l5.5-4.5",
  cluster: "M3 3h4v4H3zM9 3h4v4H9zM3 9h4v4H3zM9 9h4v4H9z",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3l3.2 3.2",
  sun: "M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM8 1.5v1.6M8 12.9v1.6M1.5 8h1.6M12.9 8h1.6M3.4 3.4l1.1 1.1M11.5 11.5l1.1 1.1M12.6 3.4l-1.1 1.1M4.5 11.5l-1.1 1.1",
  moon: "M13 9.6A5.5 5.5 0 0 1 6.4 3a5.5 5.5 0 1 0 6.6 6.6z",
  auto: "M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM8 2.5v11M8 5.5h5M8 8h5.5M8 10.5h5",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  close: "M4 4l8 8M12 4l-8 8",
  down: "M4 6l4 4 4-4",
  up: "M4 10l4-4 4 4",
  right: "M6 4l4 4-4 4",
  left: "M10 4L6 8l4 4",
  stop: "M4.5 4.5h7v7h-7z",
  pause: "M5.5 4v8M10.5 4v8",
  again: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3",
  lifebelt:
    "M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM8 10.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4zM4.2 4.2l2.2 2.2M9.6 9.6l2.2 2.2M11.8 4.2L9.6 6.4M6.4 9.6l-2.2 2.2",
  skip: "M3.5 4l6 4-6 4zM12.5 4v8",
  kill: "M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4",
  edit: "M3 13l.6-2.7L10.8 3l2.2 2.2-7.3 7.2z",
  tag: "M2.5 7.5v-5h5l6 6-5 5zM5.2 5.2h.01",
  trash: "M3 4.5h10M6 4.5v-2h4v2M4.5 4.5l.6 9h5.8l.6-9",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  check: "M3 8.5l3.2 3.2L13 5",
  warn: "M8 2.5l6 11H2zM8 6.5v3.5M8 11.8h.01",
  bolt: "M9 1.5L3.5 9H8l-1 5.5L12.5 7H8z",
  flag: "M4 14V2.5h8l-2 3 2 3H4",
  branch: "M4.5 3v10M4.5 10c0-3 7-2 7-5.5M11.5 3v1.5",
  threads: "M3 4h3c3 0 2 8 5 8h2M3 8h10M3 12h3c3 0 2-8 5-8h2",
  hourglass: "M4.5 2.5h7M4.5 13.5h7M5 2.5c0 3.5 6 3.5 6 11M11 2.5c0 3.5-6 3.5-6 11",
  mail: "M2.5 4h11v8h-11zM2.5 4.5L8 9l5.5-4.5",
  signal: "M8 13.5V8M4.5 6.5a4.5 4.5 0 0 1 7 0M2.5 4.5a7.5 7.5 0 0 1 11 0",
  layers: "M8 2.5l5.5 3L8 8.5l-5.5-3zM2.5 8.5L8 11.5l5.5-3M2.5 11L8 14l5.5-3",
  fit: "M2.5 6v-3.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon(props: { name: IconName; class?: string }) {
  return (
    <svg class={`icon ${props.class ?? ""}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[props.name]} />
    </svg>
  );
}

/** For drawings of our own, which need the path itself. */
export const iconPath = (name: IconName): string => PATHS[name];
