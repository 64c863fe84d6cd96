# What zsh offers for a line: zsh complete.zsh SCRIPT LINE. A shell of its own, at a terminal of its own, presses Tab.
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PROMPT= RPROMPT=; source ${(q)0:A:h}/inner.zsh ${(q)1}; print REA''DY"
zpty -r -m shell said '*READY*'
zpty -w -n shell "$2"$'\t'
zpty -r -m shell said '*DONE*'
print -r -- "$said" | tr -d '\r' | grep -a '^HIT:' | sed 's/^HIT://'
zpty -d shell
