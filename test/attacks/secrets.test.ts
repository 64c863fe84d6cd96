import { secrets } from "./families/secrets.js";
import { holdAgainst } from "./hold.js";

holdAgainst(secrets);
