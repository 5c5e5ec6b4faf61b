/** The state channels that the shell itself shows, read without trust. */

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

export type HealthSummary = {
  draining: boolean;
  /** Credentials that are used and do not stand well. */
  unhealthy: number;
};

/** Of the channel `health`. */
export function readHealth(value: unknown): HealthSummary {
  const { status, credentials } = record(value);
  const list: unknown[] = Array.isArray(credentials) ? credentials : [];
  return {
    draining: status === "draining",
    unhealthy: list.filter((each) => !["ok", "disabled"].includes(String(record(each).state))).length,
  };
}

export type ConfigSummary = {
  /** Why what is in the file is not in force: the first problem. */
  problem: { message: string; line: number | null } | null;
  /** Keys that need a restart. */
  restart: string[];
  openToAll: boolean;
  /** Null until the gateway has said. */
  providers: number | null;
};

/** Of the channel `config`. */
export function readConfig(value: unknown): ConfigSummary {
  const { problems, restart, open_to_all: openToAll, providers } = record(value);
  const first = Array.isArray(problems) && problems.length > 0 ? record(problems[0]) : null;
  return {
    problem: first === null ? null : { message: typeof first.message === "string" ? first.message : "", line: typeof first.line === "number" ? first.line : null },
    restart: Array.isArray(restart) ? restart.filter((key) => typeof key === "string") : [],
    openToAll: openToAll === true,
    providers: typeof providers === "number" ? providers : null,
  };
}
