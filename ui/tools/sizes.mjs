// Says how large what was built is when it is sent, and fails when the pages' script is too large.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const SCRIPT_BYTES_MAX = 250_000;
const ASSETS = new URL("../../engine/penstock/gateway/ui_dist/assets/", import.meta.url);
let script = 0;
for (const name of readdirSync(ASSETS).sort()) {
  const bytes = gzipSync(readFileSync(new URL(name, ASSETS)), { level: 9 }).length;
  console.log(`${String(bytes).padStart(8)} gzipped  ${name}`);
  if (name.endsWith(".js") && !name.startsWith("elk-worker")) script += bytes;
}
console.log(`${String(script).padStart(8)} gzipped  script, without the layout worker`);
if (script > SCRIPT_BYTES_MAX) {
  console.error(`the script has more than ${SCRIPT_BYTES_MAX} bytes`);
  process.exit(1);
}
