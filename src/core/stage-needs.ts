/** Stages of a rollout that cannot stand alone, by their settings key; whoever reads or writes the keys holds to it. */
export const stageNeeds = [
  {
    stage: "authoritativeRead",
    needs: "writeThrough",
    because: "what is not written to the ledger first cannot be read from it alone",
  },
  {
    stage: "projectionRetired",
    needs: "authoritativeRead",
    because: "a projection that is still read cannot be retired",
  },
] as const;
