// Tabs whose choice stands in the address.
import { ask, usePlace } from "../base/router";

export interface Tab {
  id: string;
  title: string;
  count?: number | undefined;
}

export function useTab(tabs: readonly Tab[], name = "tab"): string {
  const asked = usePlace().query.get(name);
  return tabs.find((one) => one.id === asked)?.id ?? tabs[0]?.id ?? "";
}

export function Tabs(props: { tabs: readonly Tab[]; name?: string }) {
  const name = props.name ?? "tab";
  const chosen = useTab(props.tabs, name);
  const first = props.tabs[0]?.id;
  return (
    <div class="tabs" role="tablist">
      {props.tabs.map((one) => (
        <button
          key={one.id}
          type="button"
          role="tab"
          aria-selected={one.id === chosen}
          onClick={() => ask({ [name]: one.id === first ? "" : one.id })}
        >
          {one.title}
          {one.count !== undefined && <span class="count">{one.count}</span>}
        </button>
      ))}
    </div>
  );
}
