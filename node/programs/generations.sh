# What is known of the node's generations.
#   KPLB_GENERATION  the one whose files are wanted; empty: only the list
#   KPLB_RECORDS     1: the records of the cluster's generations, too

# edited DIR: the first file of a generation that is not as it was confirmed. One of an
# older kplb has neither sums nor a record.
edited() {
	[ -e "$1/sums" ] || {
		[ ! -e "$1/record" ] || echo sums
		return 0
	}
	(
		cd "$1" || exit
		sha256sum -c sums 2>/dev/null | sed -n 's/: FAILED.*//p'
		{ find . -type f ! -name sums && sed 's/^[0-9a-f]*[ *]*//' sums; } | sort | uniq -u
	) | sed 's,^\./\(files\)*,,;q'
}

for about in "$base"/generations/*/about "$base/generations/0/index"; do
	[ -e "$about" ] || continue
	number=${about%/*}
	number=${number##*/}
	case $about in
	*/index) record generation 0 "" "as it was before kplb" "" ;;
	*) record generation "$number" "$(sed -n 's/^time=//p' "$about")" "$(sed -n 's/^about=//p' "$about")" "$(sed -n 's/^txn=//p' "$about")" ;;
	esac
	[ -z "$KPLB_RECORDS" ] || [ ! -s "${about%/*}/record" ] || record_data record "$number" <"${about%/*}/record"
done
record current "$(cat $base/current 2>/dev/null)"
if [ -n "$KPLB_GENERATION" ]; then
	dir=$base/generations/$KPLB_GENERATION
	[ -f "$dir/$index" ] || refuse "there is no generation $KPLB_GENERATION"
	said=$(edited "$dir")
	[ -z "$said" ] || refuse "generation $KPLB_GENERATION was edited since it was confirmed: $said"
	[ ! -e "$dir/own" ] || record own
	record_data index <"$dir/$index"
	record_data units <"$dir/units"
	record nonlocal_bind "$(cat "$dir/nonlocal_bind")"
	[ ! -e "$dir/nonlocal_bind6" ] || record nonlocal_bind6 "$(cat "$dir/nonlocal_bind6")"
	kept= # without the key; not every tar of busybox leaves something out
	while read -r kind path; do
		[ "$kind" = absent ] || [ "$path" = "$certificate_key" ] || kept="$kept .$path"
	done <"$dir/$index"
	[ -z "$kept" ] || tar -C "$dir/files" -cf - --numeric-owner -- $kept | record_data files
fi
record done
