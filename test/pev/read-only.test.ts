import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openCleanRoom } from "../../src/pev/clean-room.js";
import type { Git } from "../../src/pev/git.js";
import type { OwnedRoom } from "../../src/pev/room-frame.js";
import { NO_SANDBOX } from "../helpers/isolation.js";
import { cleanRoomOptions, removeTemp, storeWithCommits, tempFolder } from "./room-fixtures.js";

const folder = tempFolder();
const rooms: OwnedRoom[] = [];
let store: Git;
let commit = "";

beforeAll(async () => {
  const files = {
    Makefile: "all:\n",
    "app/conftest.py": "",
    "docs/plan.md": "",
    "Cargo.lock": "",
    "a.txt": "",
  };
  const made = await storeWithCommits(folder, [files]);
  store = made.store;
  commit = made.commits[0] ?? "";
});
afterAll(async () => {
  for (const room of rooms) await room.dispose();
  removeTemp(folder);
});

const open = async (more: { watched: boolean; setup?: readonly (readonly string[])[] }) => {
  const options = await cleanRoomOptions(folder, store, commit);
  const room = await openCleanRoom({ ...options, protect: ["docs/**"], ...more });
  rooms.push(room);
  return room;
};

/** Which of these files a command could write to, replace or remove. */
const touched = async (room: OwnedRoom): Promise<readonly string[]> => {
  const script = `for at in Makefile app/conftest.py docs/plan.md Cargo.lock a.txt; do
    (echo x > $at || echo x > new && mv -f new $at || rm -f $at) 2>/dev/null && echo $at; done; true`;
  const { stdout } = await room.exec(["sh", "-c", script], { stdoutBytesMax: 1_000 });
  return stdout.split("\n").filter(Boolean);
};

describe.skipIf(NO_SANDBOX)(`what tests are judged by (${NO_SANDBOX || "bubblewrap"})`, () => {
  it("can be neither written nor replaced nor removed while they run; lockfiles can", async () => {
    expect(await touched(await open({ watched: true }))).toEqual(["Cargo.lock", "a.txt"]);
  });

  it("can be written by builds and commands, which generate and format", async () => {
    expect(await touched(await open({ watched: false }))).toHaveLength(5);
  });

  it("can be made by set-up, and what that put in its place is not shown instead", async () => {
    const room = await open({
      watched: true,
      setup: [["sh", "-c", "echo made > Makefile; rm -r docs; ln -s /etc docs; touch /tmp/plan.md"]],
    });
    expect((await room.provision()).map(({ outcome }) => outcome)).toEqual(["done"]);
    const { stdout } = await room.exec(["sh", "-c", "cat Makefile; echo x > Makefile || echo closed"], {
      stdoutBytesMax: 100,
    });
    expect(stdout).toBe("made\nclosed\n");
  });
});
