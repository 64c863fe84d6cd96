import { openCleanRoom } from "../../src/pev/clean-room.js";
import { isolationOf } from "../helpers/isolation.js";
import { cleanRoomOptions, storeWithCommits } from "./room-fixtures.js";

// Started by reclaim.test.ts as a process of its own, to be killed while a command runs in its room.
const [folder = "", cleaned] = process.argv.slice(2);
const { store, commits } = await storeWithCommits(folder, [{ file: "x" }]);
const options = await cleanRoomOptions(folder, store, commits[0] ?? "");
// A sandbox would have died with us.
const room = await openCleanRoom({ ...options, isolation: isolationOf(folder, { maximum: 1 }) });
const daemon = `setsid sh -c 'cd /; echo $$ > ${folder}/daemon; exec sleep 1000' &`;
// Only control groups find it.
const clean = `setsid env -i sh -c 'cd /; setsid sh -c "echo \\$\\$ > ${folder}/cleaned; exec sleep 1000" &' &`;
const daemons = cleaned === undefined ? daemon : `${daemon} ${clean}`;
await room.exec(["sh", "-c", `${daemons} echo $$ > ${folder}/command; sleep 1000; true`]);
