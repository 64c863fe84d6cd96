import { killEach, operations } from "./killed.js";

// Each place where a process can end, with one of the operations; the sweep takes them all.
killEach((blow) => operations.slice(blow % operations.length, (blow % operations.length) + 1));
