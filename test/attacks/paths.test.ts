import { paths } from "./families/paths.js";
import { holdAgainst } from "./hold.js";

holdAgainst(paths);
