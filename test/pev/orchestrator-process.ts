import { openCleanRoom } from "../../src/pev/clean-room.js";
import { cleanRoomOptions, storeWithCommits } from "./room-fixtures.js";

// Started by reclaim.test.ts as a process of its own, to be killed while a command runs in its room.
const [folder = ""] = process.argv.slice(2);
const { store, commits } = await storeWithCommits(folder, [{ file: "x" }]);
const room = await openCleanRoom(await cleanRoomOptions(folder, store, commits[0] ?? ""));
const daemon = `setsid sh -c 'cd /; echo $$ > ${folder}/daemon; exec sleep 1000' &`;
await room.exec(["sh", "-c", `${daemon} echo $$ > ${folder}/command; sleep 1000; true`]);
