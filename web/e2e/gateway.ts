/** A gateway that really runs, with a state folder and a port of its own. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..");
const START_LIMIT = 30_000; // ms

export type Gateway = {
  url: string;
  port: number;
  /** The configuration file, where one was asked for. */
  file: string;
  /** What it has printed so far. */
  output: () => string;
  /** The one-time sign-in link that it printed. */
  link: () => string;
  stop: (signal?: NodeJS.Signals) => Promise<void>;
  /** Starts another on the same port and state, as after a crash. */
  again: () => Promise<void>;
  /** Stops it and removes its state. */
  remove: () => Promise<void>;
};

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (address !== null && typeof address === "object" ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}

const PYTHON = process.env.AIGW_PYTHON ?? join(ROOT, ".venv/bin/python");

/** The hash of a password for a configuration, made by the gateway's own command at its lowest cost. */
export function passwordHash(password: string): string {
  return execFileSync(PYTHON, ["-m", "aigw_asgi.cli", "hash-password", "--cost", "4"], { cwd: ROOT, input: `${password}\n`, encoding: "utf8" }).trim();
}

export type Start = {
  /** The text of a configuration file; without it the gateway runs without one. */
  config?: string;
  args?: string[];
};

export async function startGateway({ config, args = [] }: Start = {}): Promise<Gateway> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "aigw-e2e-"));
  const file = join(folder, "config.yaml");
  if (config !== undefined) writeFileSync(file, config);
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess;
  let printed = "";

  const start = async () => {
    printed = "";
    // The environment of whoever runs the tests may hold keys: they are not for this.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.endsWith("_API_KEY")));
    child = spawn(PYTHON, ["-m", "aigw_asgi.cli", "run", "--port", String(port), ...(config === undefined ? [] : ["--config", file]), ...args], {
      cwd: ROOT,
      env: { ...env, AIGW_STATE_DIR: join(folder, "state"), PYTHONUNBUFFERED: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout?.on("data", (data: Buffer) => (printed += data.toString()));
    child.stderr?.on("data", (data: Buffer) => (printed += data.toString()));
    const end = Date.now() + START_LIMIT;
    while (Date.now() < end && child.exitCode === null) {
      const answer = await fetch(`${url}/health`).catch(() => null);
      if (answer?.ok === true) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    child.kill("SIGKILL");
    throw new Error(`the gateway does not listen on ${port}:\n${printed}`);
  };

  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  };

  await start();
  return {
    url,
    port,
    file,
    output: () => printed,
    link: () => {
      const found = /https?:\/\/\S+\/dashboard\/login#link=\S+/.exec(printed);
      if (found === null) throw new Error(`no sign-in link in:\n${printed}`);
      return found[0];
    },
    stop,
    again: start,
    remove: async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
