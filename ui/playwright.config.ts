import { defineConfig } from "@playwright/test";

// One engine for all tests, started by tests/engine.ts; the browser is Debian's chromium, or the one
// that CHROMIUM names.
export default defineConfig({
  testDir: "tests",
  globalSetup: "./tests/engine.ts",
  timeout: 60_000,
  expect: { timeout: 15_000 },
  fullyParallel: false,
  workers: 1,
  retries: process.env.CI ? 1 : 0, // "flaky" in the report
  reporter: [["list"]],
  use: {
    viewport: { width: 1360, height: 820 },
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    },
  },
});
