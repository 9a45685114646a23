// Form fields made of types: what is typed, and what it stands for.
export interface FieldSpec {
  name: string;
  title?: string;
  type: string;
  required: boolean;
  masked?: boolean;
  hint?: string;
}

const NUMBERS = new Set(["INT", "DOUBLE"]);
const LONG = /^(JSON|ARRAY|MAP|STRUCT|LIST)|[<\[]/;

/** The text of a field; undefined if nothing was said. */
export type Texts = Record<string, string | undefined>;

/** What a text stands for in a field of this type. Throws what is wrong with it. */
export function valueOf(field: FieldSpec, text: string): unknown {
  if (field.type === "BOOL") return text === "true";
  if (NUMBERS.has(field.type)) {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value)) throw new Error("a number is wanted");
    if (field.type === "INT" && !Number.isSafeInteger(value))
      throw new Error("a whole number is wanted");
    return value;
  }
  if (isText(field.type)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error("this is no JSON");
  }
}

const isText = (type: string): boolean => ["STR", "TIMESTAMP", "BYTES", "WF_RUN_ID"].includes(type);

/** Values as texts for their fields; of what is null, nothing was said. */
export const textsOf = (values: Record<string, unknown>): Texts =>
  Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
  );

/** All fields that something was said in; what is wrong, by field. */
export function valuesOf(fields: readonly FieldSpec[], texts: Texts) {
  const values: Record<string, unknown> = {};
  const wrong: Record<string, string> = {};
  for (const field of fields) {
    const text = texts[field.name];
    if (text === undefined || (text === "" && field.type !== "STR")) {
      if (field.required) wrong[field.name] = "this is needed";
      continue;
    }
    try {
      values[field.name] = valueOf(field, text);
    } catch (error) {
      wrong[field.name] = (error as Error).message;
    }
  }
  return { values, wrong };
}

export function Field(props: {
  field: FieldSpec;
  text: string | undefined;
  wrong: string | undefined;
  onText: (text: string | undefined) => void;
}) {
  const { field, text, wrong } = props;
  const id = `field-${field.name}`;
  const shared = { id, "aria-invalid": Boolean(wrong), "aria-describedby": `${id}-hint` };
  const typed = (event: { currentTarget: { value: string } }) =>
    props.onText(event.currentTarget.value);
  return (
    <div class="field">
      <label for={id}>
        {field.title ?? field.name}{" "}
        <small class="faint">
          {field.type}
          {field.required ? "" : ", optional"}
        </small>
      </label>
      {field.type === "BOOL" ? (
        <select {...shared} value={text ?? ""} onChange={typed}>
          <option value="">{field.required ? "choose" : "not said"}</option>
          <option value="false">false</option>
          <option value="true">true</option>
        </select>
      ) : field.masked ? (
        <input {...shared} type="password" autocomplete="off" value={text ?? ""} onInput={typed} />
      ) : isText(field.type) || NUMBERS.has(field.type) ? (
        <input
          {...shared}
          type="text"
          inputMode={NUMBERS.has(field.type) ? "decimal" : "text"}
          autocomplete="off"
          spellcheck={false}
          value={text ?? ""}
          onInput={typed}
        />
      ) : (
        <textarea
          {...shared}
          rows={LONG.test(field.type) ? 4 : 2}
          spellcheck={false}
          placeholder="JSON"
          value={text ?? ""}
          onInput={typed}
        />
      )}
      <small id={`${id}-hint`} class={wrong ? "bad" : "faint"}>
        {wrong ?? field.hint ?? ""}
      </small>
    </div>
  );
}
