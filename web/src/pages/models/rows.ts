/** Which models are listed, and in which order. */
import type { Schemas } from "../../api/client";
import type { Search } from "./search";

export type Model = Schemas["ModelRow"];

/** A name is told once by each of its kinds. */
export function keyOf(model: Model): string {
  return `${model.kind} ${model.name}`;
}

function words(model: Model): string {
  return [model.name, model.kind, ...model.resolves_to, ...model.targets.flatMap((target) => [target.credential, target.provider])].join(" ").toLowerCase();
}

/** Those that match, sorted; as the gateway tells them unless asked otherwise. */
export function listed(models: readonly Model[], { find = "", only, sort, order }: Pick<Search, "find" | "only" | "sort" | "order">): Model[] {
  const parts = find.toLowerCase().split(/\s+/).filter((part) => part !== "");
  const found = models.filter((model) => (only === undefined || model.warnings.length > 0) && parts.every((part) => words(model).includes(part)));
  if (sort === undefined) return found;
  const by = {
    name: (a: Model, b: Model) => a.name.localeCompare(b.name),
    kind: (a: Model, b: Model) => a.kind.localeCompare(b.kind) || a.name.localeCompare(b.name),
    used: (a: Model, b: Model) => (a.last_used ?? 0) - (b.last_used ?? 0),
  }[sort];
  return found.sort((a, b) => (order === "down" ? by(b, a) : by(a, b)));
}
