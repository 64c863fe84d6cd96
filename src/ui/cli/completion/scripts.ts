import { EXIT } from "../exit-codes.js";
import { type Output, printJson } from "../output.js";
import { ANSWER } from "../tree.js";

export type Shell = "bash" | "zsh" | "fish";

export const printScript = (output: Output, shell: Shell): number => {
  if (output.json) printJson(output, { shell, script: scripts[shell] });
  else output.out.write(scripts[shell]);
  return EXIT.done;
};

// A script knows how its shell completes and nothing of our commands: those it asks for. What is typed goes to us as
// words, never through eval, so that nothing of it can be carried out. The first line of an answer says whether files or
// folders fit, each other line is a word and, behind a tab, what it is.

const bash = `# Tab for runledger in bash: source <(runledger completion bash)
_runledger() {
  local words=() at=-1 i word glued=0
  # bash ends words at = and :, we do not.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((at >= 0)) && { ((glued)) || [[ $word == [=:]* ]]; }; then
      words[at]+=$word
    else
      at=$((at + 1))
      words[at]=$word
    fi
    [[ $word == [=:] ]] && glued=1 || glued=0
  done
  local typed=\${words[at]} kind="" line
  local before=\${typed%"\${typed##*[=:]}"}
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ -z $kind ]]; then
      kind=$line
      continue
    fi
    line=\${line%%$'\\t'*}
    printf -v line %q "\${line#"$before"}"
    COMPREPLY+=("$line")
  done < <(runledger ${ANSWER} "\${words[@]}" 2> /dev/null)
  local flag=""
  [[ $kind == files ]] && flag=-f
  [[ $kind == folders ]] && flag=-d
  [[ -z $flag ]] && return
  compopt -o filenames 2> /dev/null
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen $flag -- "\${typed#"$before"}")
}
complete -F _runledger runledger
`;

const zsh = `#compdef runledger
# Tab for runledger in zsh: source <(runledger completion zsh), after compinit
_runledger() {
  local -a lines pairs
  local line kind
  lines=("\${(@f)$(runledger ${ANSWER} "\${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2> /dev/null)}")
  kind=$lines[1]
  for line in "\${(@)lines[2,-1]}"; do
    [[ -n $line ]] && pairs+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  (( $#pairs )) && _describe -V 'runledger' pairs
  [[ $kind == files || $kind == folders ]] || return
  [[ $PREFIX == -*=* ]] && compset -P '*='
  [[ $kind == files ]] && _files || _files -/
}
if [[ $funcstack[1] == _runledger ]]; then _runledger "$@"; else compdef _runledger runledger; fi
`;

const fish = `# Tab for runledger in fish: runledger completion fish | source
function __runledger_words
    set -l before (commandline -opc)
    set -l typed (commandline -ct)
    set -l lines (runledger ${ANSWER} $before[2..-1] "$typed" 2> /dev/null)
    switch "$lines[1]"
        case files
            __fish_complete_path (string replace -r -- '^-[^=]*=' '' "$typed")
        case folders
            __fish_complete_directories (string replace -r -- '^-[^=]*=' '' "$typed")
    end
    test (count $lines) -gt 1; and printf '%s\\n' $lines[2..-1]
end
complete -c runledger -f -a '(__runledger_words)'
`;

const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };
