# Gives the lock back that lock.sh has taken in this shell.

kplb_silence=
trap - EXIT TERM
kplb_let_go
record done
