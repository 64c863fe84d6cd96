// A PostgreSQL server of this machine for as long as the benchmark takes, in a folder of its own, with the durability it comes with.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const DEBIANS = "/usr/lib/postgresql";

/** Throws a sentence that says why there is none. `traced`: its syncs are counted by strace, into that file. */
export const startPostgres = async (traced) => {
  const programs = programsOf();
  const who = userOf();
  const folder = mkdtempSync(join(tmpdir(), "runledger-bench-pg-"));
  if (who.uid !== undefined) chownSync(folder, who.uid, who.gid);
  const data = join(folder, "data");
  const options = { ...who, cwd: folder, env: { PATH: process.env.PATH, LC_ALL: "C" } };
  execFileSync(join(programs, "initdb"), ["-D", data, "-A", "trust", "-U", "bench", "--no-instructions"], {
    ...options,
    stdio: "ignore",
  });
  const port = await freePort();
  const argv = [
    join(programs, "postgres"),
    ...["-D", data, "-p", String(port), "-c", "listen_addresses=127.0.0.1"],
    ...["-c", `unix_socket_directories=${folder}`, "-c", "max_connections=200"],
  ];
  const [command, ...args] =
    traced === undefined
      ? argv
      : ["strace", "-f", "-e", "trace=fsync,fdatasync", "-o", join(folder, "strace"), ...argv];
  const server = spawn(command, args, { ...options, stdio: "ignore" });
  const psql = (database, sql) =>
    execFileSync(
      join(programs, "psql"),
      ["-h", "127.0.0.1", "-p", String(port), "-U", "bench", "-d", database, "-Atc", sql],
      { ...options, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
    ).trim();
  await answering(() => psql("postgres", "SELECT 1"));
  let made = 0;
  const nameOf = (url) => new URL(url).pathname.slice(1);
  return {
    database: () => {
      made += 1;
      psql("postgres", `CREATE DATABASE bench_${made}`);
      return `postgresql://bench@127.0.0.1:${port}/bench_${made}`;
    },
    bytesOf: (url) => Number(psql("postgres", `SELECT pg_database_size('${nameOf(url)}')`)),
    syncs: () => syncsIn(join(folder, "strace")),
    stop: async () => {
      const ended = once(server, "exit");
      // The server itself, also below strace, which hands no signal on.
      process.kill(Number(readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[0]), "SIGINT");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

export const syncsIn = (log) =>
  readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => /\b(fsync|fdatasync)\(/.test(line)).length;

const programsOf = () => {
  try {
    const [newest] = readdirSync(DEBIANS).sort((a, b) => Number(b) - Number(a));
    return join(DEBIANS, newest, "bin");
  } catch {
    throw new Error("there is no PostgreSQL here (Debian: apt-get install postgresql)");
  }
};

/** The server refuses to be root; Debian's package makes a user for it. */
const userOf = () => {
  if (process.getuid() !== 0) return {};
  const id = (flag) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
};

const freePort = async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
};

const answering = async (ask) => {
  for (let tries = 0; tries < 100; tries += 1) {
    try {
      return ask();
    } catch {
      await sleep(100);
    }
  }
  throw new Error("PostgreSQL did not start");
};
