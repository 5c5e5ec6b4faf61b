import { defineConfig } from "vitest/config";

/** `npm run screenshots`: not a test, but it drives the same browser against the same gateway. */
export default defineConfig({
  test: {
    include: ["e2e/shots/*.shots.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
