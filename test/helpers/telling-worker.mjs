// A worker as a process of its own, which has nothing to do but to tell people what waits for them.
// Usage: node telling-worker.mjs LIBRARY PROJECT AHEAD_MS

const [library, projectDir, aheadMs] = process.argv.slice(2);
const { openRunLedger } = await import(library);

const now = () => new Date(Date.now() + Number(aheadMs)).toISOString();
const app = await openRunLedger({ projectDir, now });
await app
  .worker({
    maxRuns: 1,
    onTrouble: (_runId, error) => {
      throw error;
    },
  })
  .drain(new AbortController().signal);
await app.close();
