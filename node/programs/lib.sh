# What the programs share that answer to the operator.

# refuse WHAT: says what is in the way, and ends the program.
refuse() {
	record refused "$1"
	exit 1
}

# is_locked: somebody holds the lock. What an operator who was killed has left in
# /run does not count: the lock has ended with the shell that held it.
is_locked() {
	[ -e /run/kplb.holder ] && ! flock -n -s /run/kplb.holder true
}

# refuse_others: ends the program where another operator holds the lock than the one
# of KPLB_TOKEN, and says who does. Where nobody does, it is for everybody.
refuse_others() {
	holder=
	IFS= read -r holder 2>/dev/null </run/kplb.token
	if [ -n "$KPLB_TOKEN" ] && [ "$holder" = "$KPLB_TOKEN" ]; then return; fi
	if is_locked; then
		record held "$(cat /run/kplb.owner 2>/dev/null)"
		exit 1
	fi
}

# take_turn SECONDS: waits until no other program of kplb is at work on this node. Whoever
# takes the lock from then on waits for this program.
take_turn() {
	one_at_a_time "$1" || refuse "another step of kplb does not end on this node"
	refuse_others
}

# begin_change: takes the turn for the operator who holds the lock, KPLB_TOKEN.
begin_change() {
	take_turn 20
	held=$(cat /run/kplb.token 2>/dev/null)
	[ "$held" = "$KPLB_TOKEN" ] && return
	# by unlock; and revert writes a second line, for a step that comes too late
	case $held in '' | "$KPLB_TOKEN"*) refuse "the lock was removed meanwhile" ;; esac
	refuse "the lock belongs to another operator now: $(cat /run/kplb.owner 2>/dev/null)"
}

# is_next: the generation KPLB_NUMBER comes after those of the node. One after its current
# one has no confirmation to its end: it goes.
is_next() {
	confirmed=0
	IFS= read -r confirmed 2>/dev/null <$base/current
	[ "$KPLB_NUMBER" -gt "${confirmed:-0}" ] || refuse "generation $KPLB_NUMBER cannot be made: the node has generation $confirmed"
	for unfinished in "$base"/generations/[1-9]*; do
		[ -d "$unfinished" ] && [ "${unfinished##*/}" -gt "${confirmed:-0}" ] || continue
		remove "$unfinished"
	done
}

# continue_change: takes the turn for the change KPLB_TXN, which is in place and
# not confirmed.
continue_change() {
	take_turn 20
	[ "$(cat $base/pending/txn 2>/dev/null)" = "$KPLB_TXN" ] && return
	if grep -qsxF "txn=$KPLB_TXN" $base/generations/*/about; then refuse "the change was confirmed meanwhile"; fi
	why=
	if grep -qsxF "txn=$KPLB_TXN" $base/restored; then why=$(sed -n 's/^reason=//p' $base/restored); fi
	case $why in '' | timer | boot) why="because it was not confirmed in time" ;; esac
	refuse "the change was taken back, $why"
}
