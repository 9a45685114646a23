// Starts the engine that the tests look at, with something of everything (tests/ui/world.py).
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = new URL("../..", import.meta.url).pathname;
const START_MS = 120_000;
export const ADMIN_KEY = "a-key-for-tests-of-the-dashboard-only";

export interface World {
  url: string;
  [run: string]: string;
}

/** A route of the API: a pattern of its paths, and the parameters that its query may have. */
export interface Asked {
  method: string;
  pattern: string;
  names: string[];
}

interface Parameter {
  in: string;
  name: string;
}

/** The routes of the OpenAPI document; those with less that is variable in their paths first. */
async function documented(url: string): Promise<Asked[]> {
  const answer = await fetch(`${url}/openapi.json`);
  const { paths } = (await answer.json()) as {
    paths: Record<string, Record<string, { parameters: Parameter[] }>>;
  };
  const variable = (path: string) => path.split("{").length;
  return Object.entries(paths)
    .sort(([one], [other]) => variable(one) - variable(other))
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { parameters }]) => ({
        method: method.toUpperCase(),
        pattern: path.replace(/\{[^}]+\}/g, "[^/]+"),
        names: parameters.filter((one) => one.in === "query").map((one) => one.name),
      })),
    );
}

async function started(more: string[]): Promise<{ world: World; stop: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "penstock-ui-"));
  const python = process.env.PENSTOCK_PYTHON ?? join(ROOT, ".venv/bin/python");
  const child = spawn(python, ["-m", "tests.ui.world", folder, ...more], {
    cwd: ROOT,
    stdio: ["pipe", "inherit", "inherit"],
  });
  const stop = async () => {
    child.stdin?.end();
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  const file = join(folder, "world.json");
  for (const deadline = Date.now() + START_MS; Date.now() < deadline && child.exitCode === null;) {
    if (existsSync(file) && readFileSync(file, "utf8").endsWith("}")) {
      return { world: JSON.parse(readFileSync(file, "utf8")) as World, stop };
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await stop();
  throw new Error("the engine did not start");
}

const ended = (child: ChildProcess): Promise<unknown> =>
  child.exitCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once("exit", resolve));

export default async function setup(): Promise<() => Promise<void>> {
  const [open, asking] = await Promise.all([started([]), started(["--auth", ADMIN_KEY])]);
  process.env.PENSTOCK_WORLD = JSON.stringify(open.world);
  process.env.PENSTOCK_API = JSON.stringify(await documented(open.world.url));
  process.env.PENSTOCK_ASKING = asking.world.url;
  return async () => {
    await Promise.all([open.stop(), asking.stop()]);
  };
}
