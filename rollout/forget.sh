# Removes what kplb keeps on a node, after its files are gone.
one_at_a_time 20 || {
	record refused "another step of kplb does not end on this node"
	exit 1
}
[ -e $base/pending ] && {
	record refused "a change that is not confirmed yet is in place"
	exit 1
}
rm -rf $base /run/kplb /run/kplb.owner /run/kplb.token
for dir in /etc/systemd/system/haproxy.service.d /etc/systemd/system/keepalived.service.d /etc/systemd/system/timers.target.d /etc/kubernetes/patches; do
	rmdir "$dir" 2>/dev/null
done
record done
