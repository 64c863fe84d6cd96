import { openCleanRoom } from "../../src/pev/clean-room.js";
import { isolationOf } from "../helpers/isolation.js";
import { cleanRoomOptions, storeWithCommits } from "./room-fixtures.js";

// Started by reclaim.test.ts as a process of its own, to be killed while a command runs in its room.
const [folder = ""] = process.argv.slice(2);
const { store, commits } = await storeWithCommits(folder, [{ file: "x" }]);
const options = await cleanRoomOptions(folder, store, commits[0] ?? "");
// A sandbox would have died with us.
const room = await openCleanRoom({ ...options, isolation: isolationOf(folder, { maximum: 1 }) });
const daemon = `setsid sh -c 'cd /; echo $$ > ${folder}/daemon; exec sleep 1000' &`;
await room.exec(["sh", "-c", `${daemon} echo $$ > ${folder}/command; sleep 1000; true`]);
