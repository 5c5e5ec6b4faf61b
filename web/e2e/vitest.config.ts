import { defineConfig } from "vitest/config";

/** One browser and one gateway at a time: they are heavy, and times are measured. */
export default defineConfig({
  test: {
    include: ["e2e/**/*.e2e.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 60_000,
    // A machine that is busy with other things is no reason to fail.
    expect: { poll: { timeout: 15_000 } },
    hookTimeout: 60_000,
  },
});
