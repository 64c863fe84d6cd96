/** Of the business keys of all runs; no run and no session can be called so. Apart from effects, whose schemas no store needs. */
export const EFFECT_SCOPE = "effect:";
