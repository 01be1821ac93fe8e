# Removes what kplb keeps on a node, after its files are gone. The lock stays, for
# its holder to release.
#   KPLB_TOKEN  of the lock that the operator holds

take_turn 20
[ -e $base/pending ] && refuse "a change that is not confirmed yet is in place"
rm -rf $base /run/kplb
[ ! -e /run/kplb.owner ] || flock -n /run/kplb.holder rm -f /run/kplb.owner /run/kplb.token
for dir in /etc/systemd/system/haproxy.service.d /etc/systemd/system/keepalived.service.d /etc/systemd/system/timers.target.d /etc/kubernetes/patches; do
	rmdir "$dir" 2>/dev/null
done
record done
