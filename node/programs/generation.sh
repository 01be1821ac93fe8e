# The generation that a confirmation makes, for precommit.sh and confirm.sh.
#   KPLB_PATHS  every path whose state belongs to a generation

generations=$base/generations

# Writes what is there now down, and what was there before kplb if this is the
# first: to names that do not count yet.
write_generation() {
	mkdir -p $generations && rm -rf $generations/.next || return 1
	[ -d $generations/0 ] || { rm -rf $generations/.0 && cp -a $base/pending/old $generations/.0 && mv -T $generations/.0 $generations/0; } || return 1
	last=$(cd $generations && printf '%s\n' [0-9]* | sort -n | tail -n 1)
	save_state $generations/.next "$KPLB_PATHS" && whose=$(cat $base/pending/about) && which=$(cat $base/pending/txn) &&
		printf '%s\n' "number=$((last + 1))" "time=$(date -u +%Y-%m-%dT%H:%M:%SZ)" "about=$whose" "txn=$which" >$generations/.next/about &&
		echo "$((last + 1))" >$base/current.new && sync $generations/.next/about $base/current.new
}
