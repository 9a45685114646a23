// Expressions of a spec as people would write them.
type Words = Record<string, unknown> & { from?: string };

const SIGNS: Record<string, string> = {
  LESS_THAN: "<",
  LESS_THAN_EQ: "≤",
  GREATER_THAN: ">",
  GREATER_THAN_EQ: "≥",
  EQUALS: "=",
  NOT_EQUALS: "≠",
  IN: "in",
  NOT_IN: "not in",
  ADD: "+",
  SUBTRACT: "−",
  MULTIPLY: "×",
  DIVIDE: "÷",
  POW: "^",
  AND: "and",
  OR: "or",
  EXTEND: "with",
  REMOVE_IF_PRESENT: "without",
  REMOVE_KEY: "without key",
  REMOVE_INDEX: "without index",
  ASSIGN: "=",
};

const sign = (name: unknown): string => SIGNS[String(name)] ?? String(name).toLowerCase();

export function expressionText(given: unknown): string {
  if (given === null || given === undefined) return "";
  if (typeof given !== "object") return String(given);
  const one = given as Words;
  const nested = (inner: unknown): string => {
    const text = expressionText(inner);
    const from = (inner as Words | null)?.from;
    return from === "COMPARISON" || from === "OPERATION" ? `(${text})` : text;
  };
  switch (one.from) {
    case "VALUE":
      return JSON.stringify(one.value ?? null);
    case "VARIABLE":
      return String(one.name) + pathText(one.path);
    case "NODE_OUTPUT":
      return `output of ${String(one.node)}${pathText(one.path)}`;
    case "COMPARISON":
      return `${nested(one.left)} ${sign(one.comparator)} ${nested(one.right)}`;
    case "OPERATION":
      return `${nested(one.left)} ${sign(one.operation)} ${nested(one.right)}`;
    case "NOT":
      return `not ${nested(one.value)}`;
    case "SIZE_OF":
      return `size of ${nested(one.value)}`;
    case "CAST":
      return `${nested(one.value)} as ${String(one.type)}`;
    case "FORMAT":
      return `"${String(one.template)}" with ${((one.args as unknown[]) ?? []).map(expressionText).join(", ")}`;
    case "TEMPLATE":
      return typeof one.template === "string" ? one.template : JSON.stringify(one.template);
    case "STRUCT":
      return `${String(one.struct)} {…}`;
    case "NOW":
      return "now";
    case "UUID":
      return "a new uuid";
    case "SECRET":
      return `secret ${String(one.name)}`;
    default:
      return JSON.stringify(given);
  }
}

function pathText(path: unknown): string {
  return typeof path === "string" ? path.replace(/^\$/, "") : "";
}
