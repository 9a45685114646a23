// What pages with a list are made of: the field that searches it, the table, rows that lead on.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { go } from "../base/router";
import { Icon } from "./icons";

export function SearchField(props: {
  label: string;
  hint: string;
  value: string;
  onInput: (text: string) => void;
}) {
  return (
    <div class="field-search">
      <Icon name="search" />
      <input
        type="search"
        aria-label={props.label}
        placeholder={`${props.hint}   ( / )`}
        value={props.value}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
    </div>
  );
}

/** How rows are ordered by a column, if they are; and how that is asked for, if it can be. */
export interface Sorting {
  order: "ascending" | "descending" | undefined;
  onAsk?: () => void;
}

/** A column is its title, or that with a class, and its sorting. */
export type Column = string | readonly [title: string, look: string, sorting?: Sorting];

/** Rows in columns; columns that are `less` are left out on a telephone. There `cards` are shown
 * below each other instead, a row each, with the columns' titles beside what stands in them.
 */
export function Table(props: {
  kind: string;
  columns: readonly Column[];
  top?: boolean;
  cards?: boolean;
  children: ComponentChildren;
}) {
  const table = useRef<HTMLTableElement>(null);
  const titles = props.columns.map((one) => (typeof one === "string" ? one : one[0]));
  useLayoutEffect(() => {
    if (!props.cards) return;
    for (const row of table.current?.tBodies[0]?.rows ?? [])
      [...row.cells].forEach((cell, at) => (cell.dataset.title = titles[at] ?? ""));
  });
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!box.current || !table.current) return;
    const watcher = new ResizeObserver(() => box.current && reachable(box.current));
    watcher.observe(box.current);
    watcher.observe(table.current);
    return () => watcher.disconnect();
  }, []);
  const looks = ["table", props.top && "top", props.cards && "cards"].filter(Boolean).join(" ");
  return (
    <div class="table-box" ref={box}>
      <table class={looks} data-kind={props.kind} ref={table}>
        <thead>
          <tr>
            {props.columns.map((column) => {
              const [title, look, sorting] = typeof column === "string" ? [column] : column;
              return (
                <th key={title} class={look} aria-sort={sorting?.order}>
                  {sorting ? <Sorter title={title} of={sorting} /> : title}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </div>
  );
}

/** What can be scrolled can be reached with the keyboard, to be scrolled by it. */
function reachable(box: HTMLElement): void {
  if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  else box.removeAttribute("tabindex");
}

function Sorter(props: { title: string; of: Sorting }) {
  const { order, onAsk } = props.of;
  const said = (
    <>
      {props.title}
      {order && <Icon name={order === "descending" ? "down" : "up"} />}
    </>
  );
  return onAsk ? (
    <button type="button" class="sorter" onClick={onAsk}>
      {said}
    </button>
  ) : (
    said
  );
}

/** A row that leads to a page, wherever it is clicked; links in it lead to where they say. */
export function ToRow(props: { to: string; children: ComponentChildren }) {
  return (
    <tr
      class="click"
      onClick={(event) =>
        event.target instanceof Element && !event.target.closest("a, button") && go(props.to)
      }
    >
      {props.children}
    </tr>
  );
}
