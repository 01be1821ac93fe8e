# Removes what kplb keeps on a node, after its files are gone.
take_turn
[ -e $base/pending ] && refuse "a change that is not confirmed yet is in place"
rm -rf $base /run/kplb /run/kplb.owner /run/kplb.token
for dir in /etc/systemd/system/haproxy.service.d /etc/systemd/system/keepalived.service.d /etc/systemd/system/timers.target.d /etc/kubernetes/patches; do
	rmdir "$dir" 2>/dev/null
done
record done
