import { openCleanRoom } from "../../src/pev/clean-room.js";
import { cleanRoomOptions, storeWithCommits } from "./room-fixtures.js";

// Started by killed-orchestrator.test.ts as a process of its own, to be killed while a daemon hides in its room.
const [folder = "", mark = ""] = process.argv.slice(2);
const { store, commits } = await storeWithCommits(folder, [{ file: "x" }]);
const room = await openCleanRoom(await cleanRoomOptions(folder, store, commits[0] ?? ""));
const loop = `trap "" TERM HUP INT; : > ${room.scratch}/ready; while :; do sleep 0.1; done`;
const daemon = `setsid env -i sh -c 'cd /; ${loop}' ${mark} &`;
console.log(room.scratch);
await room.exec(["sh", "-c", `${daemon} sleep 1000; true`, mark]);
