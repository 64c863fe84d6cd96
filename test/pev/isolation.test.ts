import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createSocket } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { isolationFinding } from "../../src/engine/isolation-finding.js";
import { bubblewrapArgv, type Mount } from "../../src/pev/isolation/bubblewrap.js";
import type { Confinement } from "../../src/pev/isolation/isolation.js";
import { layered } from "../../src/pev/isolation/layers.js";
import { endOfSandboxed, readStatus } from "../../src/pev/isolation/status.js";
import { openPlaces, type Places } from "../../src/pev/places.js";
import { roomEnvironment } from "../../src/pev/room-environment.js";
import { type ProcessCall, runProcess } from "../../src/pev/sandbox.js";
import { openWalls } from "../../src/pev/walls/walls.js";
import { isolationOf, NO_SANDBOX } from "../helpers/isolation.js";
import { NO_SECRETS } from "../helpers/no-secrets.js";
import { WIDE, wideWalls } from "../helpers/walls.js";
import { isAlive, mentioning, removeTemp, tempFolder, writeText } from "./room-fixtures.js";

const folder = tempFolder();
const [room, home, checkout] = ["room", "home", "checkout"].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
const environment = { ...process.env, HOME: process.env.HOME };
let places: Places;
let confinement: Confinement;

beforeAll(async () => {
  for (const path of ["room/home", "room/tmp", "home", "checkout/.runledger"])
    mkdirSync(join(folder, path), { recursive: true });
  writeText(join(checkout, ".runledger/journal"), "secret");
  writeText(join(home, "notes"), "secret");
  places = await openPlaces(join(folder, "places"));
  confinement = await isolation().confine({ environment: roomEnv(), folders: [room], reads: [] });
});
afterAll(() => removeTemp(folder));

const isolation = (more: Parameters<typeof isolationOf>[1] = {}) =>
  isolationOf(folder, { environment, checkout, dataDir: join(checkout, ".runledger"), ...more });
const roomEnv = () => roomEnvironment({ outer: environment, scratch: room, passEnv: [], online: false });
const run = (argv: readonly string[], more: Partial<ProcessCall> = {}) =>
  runProcess({
    argv,
    cwd: room,
    env: roomEnv(),
    timeoutMs: 20_000,
    walls: wideWalls,
    redactor: NO_SECRETS,
    place: { places, folder: room, runId: "run-1" },
    confinement,
    ...more,
  });
const sh = (script: string, more: Partial<ProcessCall> = {}) => run(["sh", "-c", script], more);
const node = (script: string) => run([process.execPath, "-e", script]);

describe("the level of rooms", () => {
  it("is 0 in the user's folder, and 1 where the settings want no more", async () => {
    expect(await isolation().level(false)).toBe(0);
    expect(await isolation({ maximum: 1 }).level(true)).toBe(1);
    expect(await isolation({ maximum: 2 }).level(true)).toBeLessThan(3);
    const walled = (gap: string | null) => isolation({ maximum: 2, walls: { gap: async () => gap } });
    expect([await walled(null).level(true), await walled("none").level(true)]).toEqual([2, 1]);
    expect(await isolation({ maximum: 1 }).confine({ environment: {}, folders: [], reads: [] })).toEqual({
      sandbox: null,
    });
  });

  it("is at most 2 where there is no bubblewrap, which is told together with what mends it", async () => {
    const bare = isolation({ environment: { ...environment, PATH: room } });
    expect(await bare.level(true)).toBeLessThan(3);
    expect(await bare.lacks()).toMatchObject({ fix: expect.stringContaining("bubblewrap") });
  });

  it("is 1 where walls are asked for and groups cannot be made, which is told together with what mends it", async () => {
    const bare = { maximum: 2, walls: { gap: async () => "none" } } as const;
    const lack = { because: expect.stringContaining("none"), fix: expect.stringContaining("systemd-run") };
    expect(await isolation(bare).lacks()).toEqual(lack);
    expect(await isolation({ ...bare, walls: { gap: async () => null } }).lacks()).toBeNull();
    expect(await isolationFinding({ isolated: true, isolation: isolation(bare) })).toMatchObject({
      status: "warn",
      message: expect.stringMatching(/^Level 1: .* none\.$/),
      fix: lack.fix,
    });
    const unmet = (minimum: 2 | 3) => isolation({ ...bare, minimum }).level(true);
    await expect(unmet(2)).rejects.toMatchObject({ code: "isolation_unmet", hint: lack.fix });
    await expect(unmet(3)).rejects.toMatchObject({ hint: expect.stringContaining("isolation.maximum") });
    await expect(isolation({ ...bare, network: ["example.com"] }).level(true)).rejects.toMatchObject({
      hint: expect.stringContaining("isolation.maximum to 3"),
    });
  });

  it("is refused below the minimum, in the user's folder too", async () => {
    const bare = isolation({ minimum: 3, environment: { ...environment, PATH: room } });
    const refusal = { code: "isolation_unmet", hint: expect.stringContaining("bubblewrap") };
    await expect(bare.level(true)).rejects.toMatchObject(refusal);
    await expect(bare.confine({ environment: {}, folders: [], reads: [] })).rejects.toMatchObject(refusal);
    await expect(isolation({ minimum: 1 }).level(false)).rejects.toMatchObject({
      code: "isolation_unmet",
      hint: expect.stringContaining("workspaceIsolation"),
    });
    await expect(isolation({ minimum: 2, maximum: 1 }).level(true)).rejects.toMatchObject({
      hint: expect.stringContaining("isolation.maximum"),
    });
  });
});

describe("the command line of bubblewrap", () => {
  const mounts: readonly Mount[] = [
    { kind: "read", path: "/usr" },
    { kind: "link", path: "/bin", target: "usr/bin" },
    { kind: "scratch", path: "/tmp", bytes: 4096 },
    { kind: "hidden file", path: "/etc/shadow" },
    { kind: "hidden folder", path: "/srv/journal" },
    { kind: "write", path: "/srv/room" },
  ];

  it("drops everything, shows the mounts in their order and closes what is hidden last", () => {
    const argv = bubblewrapArgv(
      { program: "/usr/bin/bwrap", disablesUserns: true, boundsScratch: true },
      mounts,
      "/srv/room",
      ["x", "-y"],
    );
    expect(argv.join(" ")).toMatchInlineSnapshot(
      `"/usr/bin/bwrap --unshare-user --uid 65534 --gid 65534 --disable-userns --cap-drop ALL --unshare-pid --unshare-net --unshare-ipc --unshare-uts --unshare-cgroup-try --hostname room --die-with-parent --new-session --json-status-fd 3 --args 4 --proc /proc --dev /dev --ro-bind /usr /usr --symlink usr/bin /bin --size 4096 --tmpfs /tmp --ro-bind /dev/null /etc/shadow --tmpfs /srv/journal --bind /srv/room /srv/room --remount-ro /srv/journal --remount-ro /dev --remount-ro / --chdir /srv/room -- x -y"`,
    );
  });

  it("has no mount that would change nothing, and outer ones first", () => {
    const read = (path: string, source?: string): Mount =>
      source === undefined ? { kind: "read", path } : { kind: "read", path, source };
    const hidden = (path: string): Mount => ({ kind: "hidden folder", path });
    const laid = layered([
      ...[read("/a/b/c/d"), read("/a"), read("/a/b"), hidden("/a/b/c"), hidden("/x/y"), read("/a/z", "/q")],
      ...[read("/z", "/q"), { kind: "link", path: "/l", target: "a" } as const, read("/l/m"), read("/ab")],
    ]);
    expect(laid).toEqual([
      read("/a"),
      hidden("/a/b/c"),
      read("/a/b/c/d"),
      read("/ab"),
      { kind: "link", path: "/l", target: "a" },
      read("/z", "/q"),
    ]);
  });
});

describe("how a sandboxed program ended", () => {
  const end = (exitCode: number | undefined, tail = "") =>
    endOfSandboxed({ pid: 7, exitCode }, { signal: null, tail });

  it("is read from whole lines", () => {
    expect(readStatus('{ "child-pid": 12, "x": 1 }\n{ "exit-code": 3 }\n')).toEqual({ pid: 12, exitCode: 3 });
    expect(readStatus('{ "child-pid": 12 }\n{ "exit-code": 3')).toEqual({ pid: 12, exitCode: undefined });
    expect(readStatus("nonsense\n[]\n")).toEqual({ pid: undefined, exitCode: undefined });
  });

  it("is its exit code, or the signal behind a code above 128", () => {
    expect(end(0)).toEqual({ code: 0, signal: null });
    expect(end(128)).toEqual({ code: 128, signal: null });
    expect(end(134)).toEqual({ code: null, signal: "SIGABRT" });
    expect(end(137)).toEqual({ code: null, signal: "SIGKILL" });
    expect(end(128 + 17)).toEqual({ code: 145, signal: null });
    expect(end(255)).toEqual({ code: 255, signal: null });
  });

  it("is no end where nothing was started", () => {
    expect(end(undefined, "bwrap: execvp x: No such file or directory\n")).toBe("not found");
    expect(end(undefined, "bwrap: Can't mount proc on /newroot/proc: Operation not permitted\n")).toBe(
      "not started",
    );
    expect(end(1, "bwrap: execvp x: No such file or directory\n")).toEqual({ code: 1, signal: null });
  });
});

describe.skipIf(NO_SANDBOX)(`a sandbox (${NO_SANDBOX || "bubblewrap"})`, () => {
  it("ends as the program does", async () => {
    expect(await sh("echo out; exit 3", { stdoutBytesMax: 9 })).toMatchObject({
      exitCode: 3,
      signal: null,
      notFound: false,
      stdout: "out\n",
      tail: "out\n",
    });
    expect(await sh("kill -9 $$")).toMatchObject({ exitCode: null, signal: "SIGKILL" });
    expect(await sh("kill -TERM $$")).toMatchObject({ exitCode: null, signal: "SIGTERM" });
  });

  it("ends what its first process leads", async () => {
    const program = join(room, "slow-to-end");
    const said = `echo "{\\"child-pid\\": $!}" >&3; echo '{"exit-code": 0}' >&3`;
    const started = "sleep 1000 3>&- &\necho $!\n".repeat(2);
    writeFileSync(program, `#!/bin/sh\n${started}${said}\n`, { mode: 0o755 });
    const sandbox = {
      bubblewrap: { program, disablesUserns: false, boundsScratch: false },
      mounts: [],
      network: [],
    };
    const end = await sh("true", { confinement: { sandbox }, stdoutBytesMax: 100 });
    expect(end).toMatchObject({ exitCode: 0 });
    const left = end.stdout.trim().split("\n").map(Number);
    expect([left.length, left.filter(isAlive)]).toEqual([2, []]);
  });

  it("is believed to have ended as it says, however late that is heard", async () => {
    const program = join(room, "late");
    // Unknown to every sweep, it speaks only when the one that was waited for is no more.
    const ready = join(folder, "ready");
    const late = `cd /; : > ${ready}; while kill -0 $0 2>/dev/null; do :; done; sleep 0.3; echo '{"exit-code": 0}' >&3`;
    writeFileSync(
      program,
      `#!/bin/sh\nsetsid env -i sh -c "$(cat <<'END'\n${late}\nEND\n)" $$ >/dev/null 2>&1 &\nwhile [ ! -e ${ready} ]; do :; done\n`,
      { mode: 0o755 },
    );
    const sandbox = {
      bubblewrap: { program, disablesUserns: false, boundsScratch: false },
      mounts: [],
      network: [],
    };
    const walls = openWalls(WIDE, async () => "nothing keeps them");
    expect(await sh("true", { confinement: { sandbox }, walls })).toMatchObject({ exitCode: 0 });
  });

  it("lets nothing outside obey the program's variables", async () => {
    const told = join(folder, "loader");
    const env = { ...roomEnv(), LD_DEBUG: "files", LD_DEBUG_OUTPUT: told };
    expect(await sh("exit 3", { env })).toMatchObject({ exitCode: 3 });
    expect(readdirSync(folder).filter((name) => name.startsWith("loader"))).toEqual([]);
  });

  it("keeps no more in memory than a command may hold", async () => {
    const small = await isolation({ memoryBytes: 1024 ** 2 }).confine({
      environment: roomEnv(),
      folders: [room],
      reads: [],
    });
    const fill =
      "for at in /tmp /var/tmp /dev/shm /dev; do head -c 2000000 /dev/zero > $at/x && echo $at; done";
    const end = await sh(`${fill}; head -c 2000000 /dev/zero > here && echo room`, { confinement: small });
    expect(end.tail.split("\n").filter((line) => /^[/r]/.test(line))).toEqual(["room"]);
    expect(end.tail.match(/No space left/g)).toHaveLength(3);
  });

  it("hands the environment over whole, and nothing that is no environment", async () => {
    const env = { ...roomEnv(), ODD: "a\n'b' $c \u00e9", EMPTY: "", DASHES: "--bind" };
    const end = await run([process.execPath, "-p", "JSON.stringify(process.env)"], { env });
    expect(JSON.parse(end.tail)).toEqual({ ...env, PWD: room, RUNLEDGER_PROCESS: expect.any(String) });
    const smuggled = { ...env, ODD: `a\0--bind\0${home}\0${home}` };
    await expect(sh("true", { env: smuggled })).rejects.toMatchObject({ code: "workspace_unfit" });
  });

  it("names no variable on a command line", async () => {
    const end = await sh("tr '\\0' '\\n' < /proc/1/cmdline", { env: { ...roomEnv(), TOLD: "very-private" } });
    expect(end.tail).toContain("--json-status-fd");
    expect(end.tail).not.toContain("very-private");
  });

  it.each(["no-such-program", "./not-executable", "/nowhere/x", "./folder"])(
    "says that %s was not found",
    async (program) => {
      writeText(join(room, "not-executable"), "hello");
      mkdirSync(join(room, "folder"), { recursive: true });
      expect(await run([program])).toMatchObject({ notFound: true, exitCode: null, tail: "" });
    },
  );

  it("says that it could not be made, instead of judging", async () => {
    const [bubblewrap] = [confinement.sandbox?.bubblewrap];
    if (bubblewrap === undefined) throw new Error("there is one");
    const sandbox = { bubblewrap, mounts: [{ kind: "read", path: "/nowhere" }] as const, network: [] };
    await expect(sh("true", { confinement: { sandbox } })).rejects.toMatchObject({
      code: "workspace_unfit",
      message: expect.stringContaining("/nowhere"),
    });
  });

  it("holds no capability and no user but nobody, and lets nobody become another", async () => {
    const end = await sh("id -u; grep -h ^Cap /proc/self/status; unshare -U true; mount -o remount,rw /usr");
    const [uid, ...rest] = end.tail.trim().split("\n");
    expect(uid).toBe("65534");
    expect(rest.filter((line) => line.startsWith("Cap")).map((line) => line.split("\t")[1])).toEqual(
      new Array(5).fill("0".repeat(16)),
    );
    expect(end.exitCode).not.toBe(0);
  });

  it("writes to its room and to private temporary folders, and to nothing else", async () => {
    const places = ["/", "/usr", "/etc", "/opt", "/run", "/var", "/proc/sys/kernel", "/dev", home, checkout];
    const end =
      await sh(`for at in ${places.join(" ")}; do touch $at/x 2>/dev/null && test $at != /dev && echo $at; done
      touch here ${folder}/x /tmp/runledger-test-private /var/tmp/x /dev/shm/x && echo fine`);
    expect(end.tail).toBe("fine\n");
    expect(existsSync(join(room, "here"))).toBe(true);
    for (const path of [join(folder, "x"), "/tmp/runledger-test-private"])
      expect(existsSync(path)).toBe(false);
  });

  it("shows neither home nor checkout nor journal, no socket and no secret of the machine", async () => {
    const server = createSocket();
    await new Promise<void>((done) => server.listen(join(home, "agent.sock"), done));
    onTestFinished(() => void server.close());
    const files = [join(home, "notes"), join(checkout, ".runledger/journal"), "/etc/shadow", "/etc/gshadow"];
    const ownHome = environment.HOME ?? homedir();
    const look = `for at in ${[checkout, home, join(folder, "places"), ownHome, "/run", "/sys", "/home", "/mnt"].join(" ")}
      do ls -A $at 2>/dev/null; done; cat ${files.join(" ")} 2>/dev/null; true`;
    const seen = /^(notes|\.runledger|agent\.sock|secret.*|kernel|root:.*)$/m;
    expect((await sh(look)).tail).not.toMatch(seen);
    const unsandboxed = await sh(look, { confinement: { sandbox: null }, stdoutBytesMax: 1_000_000 });
    for (const said of ["\nnotes\n", ".runledger\n", "agent.sock\n", "secretsecret", "\nkernel\n"])
      expect(unsandboxed.stdout).toContain(said);
  });

  it("sees no process but its own", async () => {
    const end = await sh(`ls -d /proc/[0-9]* | wc -l; test -e '/proc/1/root${checkout}' && echo out`);
    expect(Number(end.tail.split("\n")[0])).toBeLessThan(6);
    expect(end.tail).not.toContain("out");
  });

  it("reaches itself through the loopback device, and nobody else", async () => {
    const outside = createServer((_, answer) => answer.end("outside"));
    await new Promise<void>((done) => outside.listen(0, "127.0.0.1", done));
    onTestFinished(() => void outside.close());
    const { port } = outside.address() as AddressInfo;
    const end = await node(`
      const http = require("node:http");
      const ask = (port) => new Promise((done) => http.get({ host: "127.0.0.1", port }, (answer) => answer.on("data", (text) => done(String(text)))).on("error", (error) => done(error.code)));
      const server = http.createServer((_, answer) => answer.end("inside")).listen(0, "127.0.0.1", async () => {
        console.log(await ask(server.address().port), await ask(${port}));
        process.exit(0);
      });`);
    expect(end.tail).toBe("inside ECONNREFUSED\n");
  });

  it("reaches no socket outside, of a file or of no file", async () => {
    const files = [join(folder, "socket"), `\0runledger-test-${process.pid}`];
    for (const path of files) {
      const server = createSocket((socket) => socket.end("outside"));
      await new Promise<void>((done) => server.listen(path, done));
      onTestFinished(() => void server.close());
    }
    const end = await node(`
      for (const path of ${JSON.stringify(files)})
        require("node:net").connect(path).on("error", ({ code }) => console.log(code)).on("data", (text) => console.log(String(text)));`);
    expect(end.tail).not.toContain("outside");
    expect(end.tail.trim().split("\n")).toHaveLength(2);
  });

  it("shows what the settings name, but for the journal in it", async () => {
    const shown = await isolation({ visible: [checkout] }).confine({
      environment: roomEnv(),
      folders: [room],
      reads: [],
    });
    writeText(join(checkout, "file"), "seen");
    const end = await sh(`cat ${checkout}/file; cat ${checkout}/.runledger/journal; touch ${checkout}/x`, {
      confinement: shown,
    });
    expect(end.tail).toMatch(/^seen/);
    expect(end.tail).not.toContain("secret");
    expect(existsSync(join(checkout, "x"))).toBe(false);
  });

  it("asks before it kills, and answers with what the program did", async () => {
    const end = await sh("trap 'echo asked > asked; exit 0' TERM; while :; do sleep 0.05; done", {
      timeoutMs: 500,
    });
    expect(end).toMatchObject({ timedOut: true, exitCode: null });
    expect(readFileSync(join(room, "asked"), "utf8")).toBe("asked\n");
  });

  it("leaves no process, whatever it does to be forgotten", async () => {
    const daemon = `setsid env -i sh -c 'cd /; trap "" TERM HUP INT; : > ${room}/ready; while :; do sleep 0.05; done'`;
    const end = await sh(`(${daemon} &) ; while ! test -e ready; do sleep 0.02; done; echo done`);
    expect(end).toMatchObject({ exitCode: 0, tail: "done\n" });
    expect(mentioning(`${room}/ready`)).toEqual([]);
    const stopped = await sh(`(${daemon} &) ; sleep 1000`, { timeoutMs: 300 });
    expect(stopped).toMatchObject({ timedOut: true });
    expect(mentioning(`${room}/ready`)).toEqual([]);
  });
});
