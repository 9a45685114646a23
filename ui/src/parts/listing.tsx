// What pages with a list are made of: the field that searches it, the table, rows that lead on.
import type { ComponentChildren } from "preact";
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

/** A column is its title, or that with a class, and how the rows are ordered by it. */
type Column = string | readonly [title: string, look: string, order?: "ascending" | "descending"];

export function Table(props: {
  kind: string;
  columns: readonly Column[];
  top?: boolean;
  children: ComponentChildren;
}) {
  return (
    <div class="table-box">
      <table class={props.top ? "table top" : "table"} data-kind={props.kind}>
        <thead>
          <tr>
            {props.columns.map((column) => {
              const [title, look, order] = typeof column === "string" ? [column] : column;
              return (
                <th key={title} class={look} aria-sort={order}>
                  {title}
                  {order && <Icon name={order === "descending" ? "down" : "up"} />}
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
