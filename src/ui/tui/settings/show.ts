import { isLedgerError, type SettingsDraft } from "../../../index.js";
import type { Size } from "../kit/line.js";
import type { Show } from "../kit/screen.js";
import type { Stage } from "../kit/terminal.js";
import { drawEditor, listRows } from "./draw.js";
import { type Editor, failedEditor, openEditor, press, savedEditor } from "./state.js";

export type SettingsShowOptions = {
  readonly draft: SettingsDraft;
  /** The same file as it is now. */
  readonly reopen: () => Promise<SettingsDraft>;
};

/** The settings editor as something a terminal can show. */
export const settingsShow =
  ({ draft, reopen }: SettingsShowOptions) =>
  (stage: Stage): Show => {
    let editor: Editor = openEditor(draft);
    let size: Size = { columns: 0, rows: 0 };
    // One save at a time, and none of it is lost to a key in between.
    let saving = false;
    // What nobody expected ends the show where the terminal can be given back: while it is drawn.
    let broken: { readonly error: unknown } | undefined;
    const save = async (andLeave: boolean): Promise<void> => {
      saving = true;
      try {
        await editor.draft.save(editor.edits);
        editor = savedEditor(editor, await reopen());
        if (andLeave) stage.end();
      } catch (error) {
        if (isLedgerError(error)) editor = failedEditor(editor, error);
        else broken = { error };
      } finally {
        saving = false;
        stage.redraw();
      }
    };
    return {
      draw: (now) => {
        if (broken !== undefined) throw broken.error;
        size = now;
        return drawEditor(editor, now);
      },
      press: (key) => {
        if (saving) return;
        const step = press(editor, key, listRows(editor, size));
        editor = step.editor;
        if (step.wish === "leave") stage.end();
        else if (step.wish !== undefined) void save(step.wish === "save and leave");
        stage.redraw();
      },
      typing: () => editor.mode.kind === "typing" || editor.mode.kind === "naming",
      // A terminal that is gone asks nobody; what was not saved was never promised.
      stop: () => stage.end(),
    };
  };
