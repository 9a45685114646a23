// Writes src/api/types.ts from the OpenAPI document on stdin: a type for each schema, and for each
// route what it takes and gives. Nothing of the API is written down by hand in the pages.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const OUT = new URL("../src/api/types.ts", import.meta.url);
const doc = JSON.parse(readFileSync(0, "utf8"));
const refName = (ref) => ref.split("/").pop();
const key = (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

function typeOf(schema) {
  if (schema === undefined || schema === true) return "unknown";
  if (schema.$ref) return refName(schema.$ref);
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  const several = schema.anyOf ?? schema.oneOf;
  if (several) return [...new Set(several.map(typeOf))].join(" | ");
  if (schema.allOf) return schema.allOf.map((one) => `(${typeOf(one)})`).join(" & ");
  if (Array.isArray(schema.type)) {
    return schema.type.map((type) => typeOf({ ...schema, type })).join(" | ");
  }
  switch (schema.type) {
    case "array":
      return schema.prefixItems
        ? `[${schema.prefixItems.map(typeOf).join(", ")}]`
        : `(${typeOf(schema.items)})[]`;
    case "object":
      return schema.properties
        ? fields(schema)
        : `Record<string, ${typeOf(schema.additionalProperties)}>`;
    case "integer":
    case "number":
      return "number";
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    default:
      return "unknown";
  }
}

function fields(schema) {
  const required = new Set(schema.required ?? []);
  const lines = Object.entries(schema.properties).map(
    ([name, of]) => `${key(name)}${required.has(name) ? "" : "?"}: ${typeOf(of)};`,
  );
  return `{ ${lines.join(" ")} }`;
}

function parameters(operation, place) {
  const found = operation.parameters.filter((one) => one.in === place);
  const lines = found.map(
    (one) => `${key(one.name)}${one.required ? "" : "?"}: ${typeOf(one.schema)};`,
  );
  return found.length ? `{ ${lines.join(" ")} }` : "Nothing_";
}

const good = (operation) =>
  Object.entries(operation.responses).find(([status]) => status.startsWith("2"))?.[1];

/** The engine's own view: the pages ask for no other. */
function answer(operation) {
  const schema = good(operation)?.content?.["application/json"]?.schema;
  const viewed = schema?.anyOf?.some((one) => one.$ref && refName(one.$ref) === "Viewed");
  return schema ? typeOf(viewed ? schema.anyOf[0] : schema) : "string";
}

const body = (operation) => {
  const schema = operation.requestBody?.content?.["application/json"]?.schema;
  return schema ? typeOf(schema) : "undefined";
};

const out = [
  "// Made by tools/types.mjs from the OpenAPI document: not to be changed by hand.",
  "",
];
out.push("export type Nothing_ = Record<never, never>;");
for (const [name, schema] of Object.entries(doc.components.schemas)) {
  if (schema.properties) out.push(`export interface ${name} ${fields(schema)}`);
  else out.push(`export type ${name} = ${typeOf(schema)};`);
}
out.push("", "export interface Routes {");
for (const [path, methods] of Object.entries(doc.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    out.push(
      `  ${JSON.stringify(`${method.toUpperCase()} ${path}`)}: {` +
        ` path: ${parameters(operation, "path")}; query: ${parameters(operation, "query")};` +
        ` body: ${body(operation)}; answer: ${answer(operation)} };`,
    );
  }
}
out.push("}", "");
mkdirSync(new URL(".", OUT), { recursive: true });
writeFileSync(OUT, out.join("\n"));
