# Gives a change that is in place its whole window again.
#   KPLB_TXN    the change
#   KPLB_TOKEN  of the lock that its operator holds

take_turn 20
[ "$(cat $base/pending/txn 2>/dev/null)" = "$KPLB_TXN" ] || refuse "the change was taken back$(sed -n 's/^reason=/: /p' $base/restored 2>/dev/null)"
systemctl restart kplb-restore.timer && record done
