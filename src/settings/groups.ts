/** In the order they are shown; what is in an object is in the group of its name. */
export const settingGroups = {
  runLedger: "RunLedger",
  run: "Run",
  durable: "Durable",
  budget: "Budget",
  schedules: "Schedules",
  notify: "Notify",
  gate: "Gate",
  agents: "Agents",
  workspace: "Workspace",
  isolation: "Isolation",
  limits: "Limits",
  retention: "Retention",
  secrets: "Secrets",
  rollout: "Rollout",
} as const;

/** Of which there may be any number, each with a name and the same keys. */
export const namedGroups = ["agents", "schedules", "notify"] as const;
