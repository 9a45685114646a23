// A value as JSON: always text, folded where it is large.
import { useState } from "preact/hooks";
import { notify } from "./feedback";
import { Icon } from "./icons";

const SHOWN_MAX = 100;
const TEXT_MAX = 2000;

export function Json(props: { value: unknown; open?: boolean }) {
  return (
    <div class="json">
      <Value value={props.value} open={props.open ?? size(props.value) <= 24} />
    </div>
  );
}

function size(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  let count = 1;
  for (const one of Object.values(value)) {
    count += size(one);
    if (count > SHOWN_MAX) break;
  }
  return count;
}

function Value(props: { value: unknown; open: boolean }) {
  const { value } = props;
  if (typeof value === "string") return <Text text={value} />;
  if (typeof value !== "object" || value === null) {
    return (
      <span class={value === null || value === undefined ? "j-null" : "j-num"}>
        {String(value ?? null)}
      </span>
    );
  }
  return <Folded value={value as object} open={props.open} />;
}

function Text(props: { text: string }) {
  const [whole, setWhole] = useState(false);
  const long = props.text.length > TEXT_MAX && !whole;
  return (
    <span class="j-str">
      {JSON.stringify(long ? props.text.slice(0, TEXT_MAX) : props.text)}
      {long && (
        <button type="button" class="link" onClick={() => setWhole(true)}>
          all {props.text.length} characters
        </button>
      )}
    </span>
  );
}

function Folded(props: { value: object; open: boolean }) {
  const [open, setOpen] = useState(props.open);
  const [shown, setShown] = useState(SHOWN_MAX);
  const list = Array.isArray(props.value);
  const entries = Object.entries(props.value);
  const [begin, end] = list ? "[]" : "{}";
  if (entries.length === 0) return <span class="j-null">{`${begin}${end}`}</span>;
  const toggle = (
    <button
      type="button"
      class="j-fold"
      aria-expanded={open}
      aria-label={open ? "fold" : "unfold"}
      onClick={() => setOpen(!open)}
    >
      <Icon name={open ? "down" : "right"} />
    </button>
  );
  if (!open) {
    return (
      <span>
        {toggle}
        {begin}
        <span class="faint">
          {" "}
          {list
            ? `${entries.length} items`
            : entries
                .slice(0, 4)
                .map(([key]) => key)
                .join(", ")}
          {!list && entries.length > 4 ? ", …" : ""}{" "}
        </span>
        {end}
      </span>
    );
  }
  return (
    <span>
      {toggle}
      {begin}
      <div class="j-in">
        {entries.slice(0, shown).map(([key, one]) => (
          <div key={key}>
            {!list && <span class="j-key">{key}: </span>}
            <Value value={one} open={size(one) <= 12} />
          </div>
        ))}
        {entries.length > shown && (
          <button type="button" class="link" onClick={() => setShown(shown + 10 * SHOWN_MAX)}>
            {entries.length - shown} more
          </button>
        )}
      </div>
      {end}
    </span>
  );
}

/** A value in a line of a table. */
export function brief(value: unknown, chars = 80): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "null");
  return text.length > chars ? `${text.slice(0, chars)}…` : text;
}

/** A button that copies. */
export function Copy(props: { text: string; what: string }) {
  const copy = () =>
    navigator.clipboard?.writeText(props.text).then(
      () => notify(`${props.what} copied`),
      () => notify("this browser does not let the page copy", true),
    );
  return (
    <button
      type="button"
      class="ghost"
      title={`Copy ${props.what}`}
      aria-label={`Copy ${props.what}`}
      onClick={() => void copy()}
    >
      <Icon name="copy" />
    </button>
  );
}
