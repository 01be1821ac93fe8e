# Takes a change back now.
#   KPLB_TXN     the change; empty: whichever is waiting
#   KPLB_TOKEN   of the lock that its operator holds
#   KPLB_PATHS   every path whose state belongs to a generation
#   KPLB_REASON  for whoever asks later

# a step that is still at work is waited for; one that has yet to begin is
# refused from now on
take_turn 60
if [ -n "$KPLB_TXN" ] && [ "$holder" = "$KPLB_TOKEN" ] && [ -n "$holder" ]; then echo "over" >>/run/kplb.token; fi
# nobody has it: its shell was killed
[ ! -e /run/kplb.owner ] || flock -n /run/kplb.holder rm -f /run/kplb.owner /run/kplb.token
if [ -n "$KPLB_TXN" ] && [ ! -d $base/pending ]; then
	if grep -qsxF "txn=$KPLB_TXN" $base/generations/*/about; then
		record confirmed
	elif [ -e $base/stage/armed ] && [ ! -e $base/stage/pending ] && ! grep -qsxF "txn=$KPLB_TXN" $base/restored; then
		record lost # it was armed, and somebody has removed the way back
	else # it was never in place, or is back already
		sweep "$KPLB_PATHS"
		disarm
		rmdir $base 2>/dev/null
	fi
	record done
	exit 0
fi
exec 9>&-
[ -d $base/pending ] || refuse "no change is awaiting confirmation$(sed -n 's/^reason=/: it was taken back already, /p' $base/restored 2>/dev/null)"
[ -z "$KPLB_TXN" ] || [ "$(cat $base/pending/txn 2>/dev/null || echo "$KPLB_TXN")" = "$KPLB_TXN" ] || refuse "another change is waiting: $(cat $base/pending/about)"
damaged=
is_intact || damaged=1
said=$(sh $base/restore "$KPLB_REASON" 2>&1) && [ ! -d $base/pending ] || {
	record broken "the way back did not work, it is tried again at its time and at boot: $said"
	exit 1
}
[ -z "$damaged" ] || record lost
record done
