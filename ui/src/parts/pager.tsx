// Pages behind a cursor: the next ones are added to what is there.
import { useState } from "preact/hooks";
import { notify } from "./feedback";

interface Page<T> {
  items: T[];
  cursor: string | null;
}

/** The first page, and those that were asked for behind it. */
export function usePager<T>(
  first: Page<T> | undefined,
  key: string,
  next: (cursor: string) => Promise<Page<T>>,
) {
  const [more, setMore] = useState<{ key: string; items: T[]; cursor: string | null } | null>(null);
  const [busy, setBusy] = useState(false);
  const own = more?.key === key ? more : null;
  const cursor = own ? own.cursor : (first?.cursor ?? null);
  const load = async () => {
    if (cursor === null) return;
    setBusy(true);
    try {
      const page = await next(cursor);
      setMore({ key, items: [...(own?.items ?? []), ...page.items], cursor: page.cursor });
    } catch (error) {
      notify((error as Error).message, true);
    } finally {
      setBusy(false);
    }
  };
  return { items: [...(first?.items ?? []), ...(own?.items ?? [])], cursor, load, busy };
}

export function More(props: {
  pager: { cursor: string | null; load: () => unknown; busy: boolean };
}) {
  if (props.pager.cursor === null) return null;
  return (
    <div class="more">
      <button type="button" disabled={props.pager.busy} onClick={() => void props.pager.load()}>
        {props.pager.busy ? "Looking…" : "Show more"}
      </button>
    </div>
  );
}
