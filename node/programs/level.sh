# Gives the node the cluster's generation, where the change of the others changes
# nothing: what is there now is kept under its number. No daemon is touched.
#   KPLB_TXN     names the change
#   KPLB_TOKEN   of the lock that its operator holds
#   KPLB_ABOUT   whose change it is, in one line
#   KPLB_NUMBER  of the generation
#   KPLB_PATHS   every path whose state belongs to a generation
#   KPLB_KEEP    how many generations stay, beside the one from before kplb
# The data "record" is the cluster's record of the generation.

new=$base/level.new

# half of it is none: it is short, and goes on to its end
trap '' TERM
[ -L $base ] && refuse "$base is a symbolic link"
mkdir -p $base && chmod 700 $base || refuse "$base cannot be made"
begin_change
[ ! -e $base/pending ] || refuse "a change that is not confirmed yet is in place: $(cat $base/pending/about)"
sweep "$KPLB_PATHS"
if [ "$(cat $base/current 2>/dev/null)" = "$KPLB_NUMBER" ] && grep -qsxF "txn=$KPLB_TXN" "$generations/$KPLB_NUMBER/about"; then
	record done # the answer was lost
	exit 0
fi
is_next
mkdir $new && printf '%s\n' "$KPLB_TXN" >$new/txn && printf '%s\n' "$KPLB_ABOUT" >$new/about && echo "$KPLB_NUMBER" >$new/number &&
	kplb_file record >$new/record && { [ -d $generations/0 ] || save_state $new/old "$KPLB_PATHS"; } && write_generation $new &&
	mv -T $generations/.next "$generations/$KPLB_NUMBER" && mv -f $base/current.new $base/current || {
	sweep "$KPLB_PATHS"
	rmdir $base 2>/dev/null
	refuse "no room for a generation in $base"
}
remove $new $base/restored
prune
record done
