import { processes } from "./families/processes.js";
import { holdAgainst } from "./hold.js";

holdAgainst(processes);
