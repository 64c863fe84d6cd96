# Read by the shell in which complete.zsh presses Tab: what completion would offer is printed.
autoload -U compinit
compinit -u -D
source $1
compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-[OAD]\ * || ${@[1,(i)(-|--)]} == *-[OAD][a-z]* ]]; then
    builtin compadd "$@"
    return
  fi
  local -a hits
  builtin compadd -A hits "$@"
  builtin compadd "$@"
  local answer=$?
  print
  (( $#hits )) && print -rl -- "HIT:"${^hits}
  return answer
}
done-completing() { print; print DONE }
comppostfuncs=(done-completing)
bindkey '^I' complete-word
