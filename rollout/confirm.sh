# Makes a change that is in place the node's new generation.
#   KPLB_TXN    the change; empty: whichever is waiting
#   KPLB_PATHS  every path whose state belongs to a generation
#   KPLB_KEEP   how many generations stay, beside the one from before kplb

refuse() {
	record refused "$1"
	exit 1
}

made_current() {
	echo "$1" >$base/current.new && mv -f $base/current.new $base/current
	rm -f $base/restored
}

# half a confirmation is none: it is short, and goes on to its end
trap '' TERM
one_at_a_time 20 || refuse "another step of kplb does not end on this node"
if [ -n "$KPLB_TXN" ] && [ ! -d $base/pending ] && about=$(grep -lsxF "txn=$KPLB_TXN" $base/generations/*/about); then
	number=$(sed -n 's/^number=//p' "$about") # confirmed already: the answer was lost
	sweep ""
	disarm
	made_current "$number"
	record confirmed "$number"
	record done
	exit 0
fi
[ -d $base/pending ] || refuse "nothing is waiting to be confirmed$(sed -n 's/^reason=/: it was taken back, /p' $base/restored 2>/dev/null)"
[ -z "$KPLB_TXN" ] || [ "$(cat $base/pending/txn)" = "$KPLB_TXN" ] || refuse "another change is waiting: $(cat $base/pending/about)"

generations=$base/generations
mkdir -p $generations || refuse "no room in $base"
[ -d $generations/0 ] || {
	rm -rf $generations/.0 && cp -a $base/pending/old $generations/.0 && mv -T $generations/.0 $generations/0
} || refuse "no room to keep what was there before kplb in $base"
last=$(cd $generations && printf '%s\n' [0-9]* | sort -n | tail -n 1)
next=$((last + 1))
rm -rf $generations/.next
save_state $generations/.next "$KPLB_PATHS" && {
	echo "number=$next"
	echo "time=$(date -u +%Y-%m-%dT%H:%M:%SZ)"
	echo "about=$(cat $base/pending/about)"
	echo "txn=$(cat $base/pending/txn)"
} >$generations/.next/about && mv -T $generations/.next $generations/$next || refuse "no room for a generation in $base"
# from here on it is confirmed
disarm || refuse "$base cannot be written"
made_current "$next"
(cd $generations && printf '%s\n' [0-9]* | sort -n | sed 1d | head -n "-$KPLB_KEEP" | while read -r old; do rm -rf "./$old"; done)
record confirmed "$next"
record done
