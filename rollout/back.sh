# Takes a change back now.
#   KPLB_TXN     the change; empty: whichever is waiting
#   KPLB_REASON  for whoever asks later

[ -d $base/pending ] || {
	record refused "nothing is waiting to be confirmed$(sed -n 's/^reason=/: it was taken back already, /p' $base/restored 2>/dev/null)"
	exit 1
}
[ -z "$KPLB_TXN" ] || [ "$(cat $base/pending/txn)" = "$KPLB_TXN" ] || {
	record refused "another change is waiting: $(cat $base/pending/about)"
	exit 1
}
said=$(sh $base/restore "$KPLB_REASON" 2>&1) && [ ! -d $base/pending ] || {
	record broken "the way back did not work, it is tried again at its time and at boot: $said"
	exit 1
}
record done
