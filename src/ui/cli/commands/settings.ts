import { findProject, openSettingsDraft, type SettingsTarget } from "../../../index.js";
import { requireTty, showScreen } from "../../tui/kit/terminal.js";
import { paletteOf, type ThemeName } from "../../tui/kit/theme.js";
import { settingsShow } from "../../tui/settings/show.js";
import { EXIT } from "../exit-codes.js";
import type { Bench } from "../program.js";

export type EditOptions = { readonly user: boolean; readonly theme: ThemeName; readonly altScreen: boolean };

export const editSettings = async (
  bench: Bench,
  { user, theme, altScreen }: EditOptions,
): Promise<number> => {
  const { terminal, output } = bench;
  const tty = requireTty(terminal.tty, "runledger config list, runledger config set KEY VALUE");
  const projectDir = await findProject(bench.directory);
  const target: SettingsTarget = user ? "user" : "project";
  const reopen = () => openSettingsDraft({ projectDir, env: terminal.env, target });
  await showScreen(
    {
      tty,
      palette: paletteOf(theme, terminal.env, output.colour),
      altScreen,
      interrupted: terminal.interrupted,
    },
    settingsShow({ draft: await reopen(), reopen }),
  );
  return EXIT.done;
};
