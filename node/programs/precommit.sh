# The last thing before a change is confirmed: looks whether the daemons are
# still those that activate.sh has left, and writes the generation down, so that
# nothing but renames is left to do.
#   KPLB_TXN    the change
#   KPLB_TOKEN  of the lock that its operator holds

continue_change
for name in haproxy keepalived "${kubelet_unit%.service}"; do
	[ -e $base/pending/"$name" ] || continue
	look "$name"
	[ "$seen" = "$(cat $base/pending/"$name")" ] || refuse "$name exited soon after it had loaded its new configuration:
$(last_words "$name")"
done
write_generation $base/pending || refuse "no room for a generation in $base"
record done
