import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { constants, gzipSync } from "node:zlib";

import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const GATEWAY = process.env.AIGW_URL ?? "http://127.0.0.1:8317";

/**
 * Writes a `.gz` beside every text file that pays for it. `index.html` is left
 * out: the gateway writes a nonce into each answer.
 */
function precompress(): Plugin {
  return {
    name: "precompress",
    apply: "build",
    closeBundle() {
      const root = join(import.meta.dirname, "dist");
      for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !/\.(js|css|svg|json)$/.test(entry.name)) continue;
        const file = join(entry.parentPath, entry.name);
        const plain = readFileSync(file);
        const small = gzipSync(plain, { level: constants.Z_BEST_COMPRESSION });
        if (small.length < plain.length * 0.9) writeFileSync(`${file}.gz`, small);
      }
    },
  };
}

export default defineConfig({
  base: "/dashboard/",
  plugins: [react(), precompress()],
  resolve: {
    // Only what is modal needs these; see there.
    alias: Object.fromEntries(["react-remove-scroll", "aria-hidden"].map((name) => [name, join(import.meta.dirname, "src/ui/neverModal.ts")])),
  },
  build: {
    target: "es2022",
    outDir: "dist",
    assetsDir: "assets",
    // A data: address would need its own word in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      output: {
        // What every page needs, what many do, and what one does.
        codeSplitting: {
          groups: [
            // What the table shares with the router must not draw the table into the first load.
            { name: "store", test: /node_modules\/(@tanstack\/(store|react-store)|use-sync-external-store)\//, priority: 1 },
            // What the first load has anyway: one file packs better than many.
            { name: "react", test: /node_modules\/(react|react-dom|scheduler|react-i18next|i18next|zustand|clsx|@tanstack\/(react-router|router-core|history)|@radix-ui\/react-(collection|roving-focus|direction))\// },
            { name: "editor", test: /node_modules\/(@codemirror|@lezer|@marijn|crelt|style-mod|w3c-keyname)\// },
            { name: "chart", test: /node_modules\/uplot\// },
            { name: "table", test: /node_modules\/@tanstack\/(react-table|table-core|react-virtual|virtual-core)\// },
          ],
        },
      },
    },
  },
  server: {
    port: 3000,
    proxy: {
      "/api/dashboard": { target: GATEWAY },
      "/ws/dashboard": { target: GATEWAY, ws: true },
    },
  },
  test: {
    environment: "jsdom",
    // A context for each file in few threads: a process for each takes twice the time.
    pool: "vmThreads",
    include: ["src/**/*.test.{ts,tsx}", "scripts/**/*.test.ts"],
    setupFiles: ["src/test/setup.ts"],
    restoreMocks: true,
    testTimeout: 60_000,
    css: { modules: { classNameStrategy: "non-scoped" } },
  },
});
