// The floor: the driver alone, a commit for each event, all of them synced.
import { join } from "node:path";
import Database from "better-sqlite3";

export const open = async (place, watch) => {
  const db = new Database(join(place, "bare.db"));
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.exec(`CREATE TABLE IF NOT EXISTS events (position INTEGER PRIMARY KEY, seq INTEGER, payload TEXT) STRICT;
    CREATE TABLE IF NOT EXISTS runs (id TEXT PRIMARY KEY, state TEXT) STRICT`);
  const insert = db.prepare("INSERT INTO events (seq, payload) VALUES (?, ?)");
  const state = db.prepare("INSERT INTO runs VALUES (?, ?) ON CONFLICT DO UPDATE SET state = excluded.state");
  const steps = async (id, from, count) => {
    await watch.begin(id);
    for (let at = from; at < count; at += 1) {
      const value = await watch.effect(at);
      insert.run(at, JSON.stringify({ id, at, value }));
    }
    watch.end(id);
    state.run(id, "completed");
  };
  // The floor of many runs at once is another: all that is ready goes into one commit.
  const group = db.transaction((rows) => {
    for (const row of rows) insert.run(row.at, JSON.stringify(row));
  });
  return {
    grouped: async (ids, each) => {
      for (const id of ids) await watch.begin(id);
      for (let at = 0; at < each; at += 1) group(ids.map((id) => ({ id, at, value: watch.effect(at) })));
      for (const id of ids) watch.end(id);
    },
    run: async (id, count) => {
      state.run(id, "running");
      await steps(id, 0, count);
    },
    resume: async (id, count) => {
      let known = 0;
      for (const [text] of db.prepare("SELECT payload FROM events ORDER BY position").raw().iterate())
        known += JSON.parse(text).id === id ? 1 : 0;
      await steps(id, known, count);
    },
    close: async () => db.close(),
  };
};
