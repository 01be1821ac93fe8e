# What the programs share that answer to the operator.

# refuse WHAT: says what is in the way, and ends the program.
refuse() {
	record refused "$1"
	exit 1
}

# take_turn: waits until no other program of kplb is at work on this node.
take_turn() {
	one_at_a_time 20 || refuse "another step of kplb does not end on this node"
}

# begin_change: takes the turn for the operator who holds the lock, KPLB_TOKEN.
begin_change() {
	take_turn
	held=$(cat /run/kplb.token 2>/dev/null)
	[ "$held" = "$KPLB_TOKEN" ] && return
	# unlock, and revert for a step that comes too late
	[ -n "$held" ] || refuse "the lock was removed meanwhile"
	refuse "the lock belongs to another operator now: $(cat /run/kplb.owner 2>/dev/null)"
}

# continue_change: takes the turn for the change KPLB_TXN, which is in place and
# not confirmed.
continue_change() {
	take_turn
	[ "$(cat $base/pending/txn 2>/dev/null)" = "$KPLB_TXN" ] || refuse "the change was taken back, because it was not confirmed in time"
}
