// Sizes of the built dashboard, gzipped, against what each part may weigh.
// Reads dist/.vite/manifest.json, so that a chunk counts where it is loaded:
// with the entry, or with the lazy page that first asks for it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const DIST = join(import.meta.dirname, "..", "dist");
const BUDGET = { initialScript: 190, initialStyle: 15, page: 60, editor: 140 }; // kB

const manifest = JSON.parse(readFileSync(join(DIST, ".vite", "manifest.json"), "utf8"));
const sizes = new Map();

function gz(file) {
  if (!sizes.has(file)) sizes.set(file, gzipSync(readFileSync(join(DIST, file)), { level: 9 }).length);
  return sizes.get(file);
}

/** All chunks that loading `key` brings, without what is loaded on demand. */
function closure(key, seen = new Set()) {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const next of manifest[key].imports ?? []) closure(next, seen);
  return seen;
}

function weigh(keys) {
  const styles = new Set();
  let script = 0;
  for (const key of keys) {
    script += gz(manifest[key].file);
    for (const file of manifest[key].css ?? []) styles.add(file);
  }
  let style = 0;
  for (const file of styles) style += gz(file);
  return { script: script / 1000, style: style / 1000 };
}

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
const initial = closure(entry);
const first = weigh(initial);
const rows = [
  ["initial JS", first.script, BUDGET.initialScript],
  ["initial CSS", first.style, BUDGET.initialStyle],
];
for (const key of Object.keys(manifest).sort()) {
  const chunk = manifest[key];
  if (!chunk.isDynamicEntry || initial.has(key)) continue;
  const extra = [...closure(key)].filter((part) => !initial.has(part));
  const editor = extra.filter((part) => manifest[part].name === "editor");
  const own = weigh(extra.filter((part) => !editor.includes(part)));
  rows.push([key.replace(/^src\//, ""), own.script, BUDGET.page]);
  if (editor.length > 0 && !rows.some(([name]) => name === "editor")) {
    rows.push(["editor", weigh(editor).script, BUDGET.editor]);
  }
}

let over = 0;
for (const [name, size, budget] of rows) {
  const bad = size > budget;
  if (bad) over += 1;
  console.log(`${bad ? "OVER" : "ok  "} ${size.toFixed(1).padStart(7)} kB of ${String(budget).padStart(3)}  ${name}`);
}
process.exit(over > 0 ? 1 : 0);
