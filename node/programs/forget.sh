# Removes what kplb keeps on a node, after its files are gone. The lock stays, for
# its holder to release.
#   KPLB_TOKEN  of the lock that the operator holds
#   KPLB_DIRS   which go where they are empty: nobody but kplb may have made them

take_turn 20
[ -e $base/pending ] && refuse "a change that is not confirmed yet is in place"
rm -rf $base /run/kplb
[ ! -e /run/kplb.owner ] || flock -n /run/kplb.holder rm -f /run/kplb.owner /run/kplb.token
for dir in $KPLB_DIRS; do
	rmdir "$dir" 2>/dev/null
done
record done
