# Makes a change that is in place the node's new generation.
#   KPLB_TXN    the change; empty: whichever is waiting
#   KPLB_TOKEN  of the lock that its operator holds
#   KPLB_RESTARTED  how the apiserver has restarted, and the seconds that it took; empty: it has not
#   KPLB_KEEP   how many generations stay, beside the one from before kplb

# half a confirmation is none: it is short, and goes on to its end
trap '' TERM
take_turn 20
if [ -n "$KPLB_TXN" ] && [ ! -d $base/pending ] && about=$(grep -lsxF "txn=$KPLB_TXN" $generations/*/about); then
	sweep "" # confirmed already: the answer was lost
	disarm
	record confirmed "$(sed -n 's/^number=//p' "$about")"
	record done
	exit 0
fi
[ -d $base/pending ] || refuse "no change is awaiting confirmation$(sed -n 's/^reason=/: it was taken back, /p' $base/restored 2>/dev/null)"
txn=$(cat $base/pending/txn)
[ "${KPLB_TXN:-$txn}" = "$txn" ] || refuse "another change is waiting: $(cat $base/pending/about)"

# a confirmation that was killed after its first rename goes on from there
half=$(grep -lsxF "txn=$txn" $generations/[0-9]*/about)
if [ -n "$half" ]; then
	number=${half%/about}
	number=${number##*/}
	echo "$number" >$base/current.new
else
	grep -qsxF "txn=$txn" $generations/.next/about && [ -s $base/current.new ] || write_generation $base/pending || refuse "no room for a generation in $base"
	number=$(cat $base/current.new)
	mv -T $generations/.next "$generations/$number"
fi && mv -f $base/current.new $base/current && rm -f $base/restored ||
	refuse "$base cannot be written"
[ -z "$KPLB_RESTARTED" ] || echo "$KPLB_RESTARTED" >$base/restarted # for the next plan
disarm # its first rename confirms the change
[ ! -d $base/pending ] || refuse "$base cannot be written"
prune
record confirmed "$number"
record done
