import { git } from "./families/git.js";
import { holdAgainst } from "./hold.js";

holdAgainst(git);
