import { defineConfig } from "vitest/config";

/** `npm run load`: minutes, and figures instead of a verdict; not part of the suite. */
export default defineConfig({
  test: {
    include: ["e2e/load/*.load.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 120_000,
  },
});
