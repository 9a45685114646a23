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

/** The way to what comes next. A list that is not `whole` has looked at a part of what there is. */
export function More(props: {
  pager: { cursor: string | null; load: () => unknown; busy: boolean };
  whole?: boolean | undefined;
}) {
  if (props.pager.cursor === null) return null;
  return (
    <>
      {props.whole === false && (
        <p class="hint">Newest first among the runs looked at so far; “Show more” looks further.</p>
      )}
      <div class="more">
        <button type="button" disabled={props.pager.busy} onClick={() => void props.pager.load()}>
          {props.pager.busy ? "Looking…" : "Show more"}
        </button>
      </div>
    </>
  );
}
