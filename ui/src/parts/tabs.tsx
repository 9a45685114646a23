// Tabs whose choice stands in the address.
import { useEffect, useRef } from "preact/hooks";
import { ask, usePlace } from "../base/router";

export interface Tab {
  id: string;
  title: string;
  count?: number | undefined;
}

/** The chosen one; `first`, or the first of all, where the address names none. */
export function useTab(tabs: readonly Tab[], name = "tab", first = tabs[0]?.id): string {
  const asked = usePlace().query.get(name);
  return tabs.find((one) => one.id === asked)?.id ?? first ?? "";
}

/** `own` is a word of the address that says something of the chosen one alone. */
export function Tabs(props: { tabs: readonly Tab[]; name?: string; first?: string; own?: string }) {
  const name = props.name ?? "tab";
  const first = props.first ?? props.tabs[0]?.id;
  const chosen = useTab(props.tabs, name, first);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const open = list.current?.querySelector<HTMLElement>('[aria-selected="true"]');
    open?.scrollIntoView({ block: "nearest", inline: "nearest" }); // on a telephone not all fit
  }, [chosen]);
  return (
    <div class="tabs" role="tablist" ref={list}>
      {props.tabs.map((one) => (
        <button
          key={one.id}
          type="button"
          role="tab"
          aria-selected={one.id === chosen}
          onClick={() =>
            ask({
              [name]: one.id === first ? "" : one.id,
              ...(props.own && one.id !== chosen ? { [props.own]: "" } : {}),
            })
          }
        >
          {one.title}
          {one.count !== undefined && <span class="count">{one.count}</span>}
        </button>
      ))}
    </div>
  );
}
