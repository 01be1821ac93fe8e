# Looks whether the daemons are still those that activate.sh has left.
#   KPLB_TXN  the change

begin
for name in haproxy keepalived; do
	[ -e $base/pending/$name ] || continue
	look $name
	[ "$seen" = "$(cat $base/pending/$name)" ] || refuse "$name died a moment after it had taken its new file:
$(last_words $name)"
done
record done
