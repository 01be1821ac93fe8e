# kplb drill: writes down when this node gets the VIP, and when it loses it.
#   $1  the VIP

LC_ALL=C
export LC_ALL
before=
{
	echo
	ip -o monitor address
} | while read -r _; do
	now=lost
	[ -z "$(ip -o address show to "$1")" ] || now=held
	[ "$now" = "$before" ] || echo "$(date +%s.%N) $now" >>/run/kplb-drill/holder
	before=$now
done
