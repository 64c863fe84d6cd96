import { gaming } from "./families/gaming.js";
import { holdAgainst } from "./hold.js";

holdAgainst(gaming, 1);
