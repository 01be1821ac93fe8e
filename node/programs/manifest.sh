# Puts the apiserver's manifest in place: kubelet restarts it.
#   KPLB_TXN     the change that it belongs to
#   KPLB_TOKEN   of the lock that its operator holds
#   KPLB_BEFORE  sha256 of what must be there
#   KPLB_MODE    of the new file
#   KPLB_PORT    of the apiserver
# Says with which socket the apiserver listens until now, and, where the manifest
# came in two steps, when the second one was: in hundredths of a second since the boot.

continue_change
[ "$(sha256sum <$manifest | cut -c 1-64)" = "$KPLB_BEFORE" ] || refuse "$manifest has changed since the plan was made"
dir=${manifest%/*}
[ "$(stat -c %d "${dir%/*}")" = "$(stat -c %d "$dir")" ] || refuse "$dir is a file system of its own: a manifest cannot be put there in one step"
record socket "$(ss -Hltnpe "sport = :$KPLB_PORT" | sed -n "/\"$apiserver_process\"/s/.* ino:\([0-9]*\) .*/\1/p")"
kplb_file manifest >$base/pending/manifest &&
	replace_manifest $base/pending/manifest "$KPLB_MODE" "$(stat -c %u:%g $manifest)" "$(cat $base/pending/quick 2>/dev/null)" ||
	refuse "$manifest could not be written"
record placed "$placed"
record done
