import { roles } from "./families/roles.js";
import { holdAgainst } from "./hold.js";

holdAgainst(roles);
